"""A thin client of the Kubernetes API: JSON over a connection that is kept, and watches that are recorded."""
import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
import urllib.parse

GROUPS = {
    "roles": "/apis/rbac.authorization.k8s.io/v1",
    "rolebindings": "/apis/rbac.authorization.k8s.io/v1",
    "statefulsets": "/apis/apps/v1",
    "controllerrevisions": "/apis/apps/v1",
    "poddisruptionbudgets": "/apis/policy/v1",
    "storageclasses": "/apis/storage.k8s.io/v1",
    "endpointslices": "/apis/discovery.k8s.io/v1",
}
PATCHES = {
    "strategic": "application/strategic-merge-patch+json",
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
}
TIMEOUT_S = 10


class ApiError(Exception):
    def __init__(self, status, body):
        self.status = status
        self.body = body
        super().__init__(f"{status} {body.get('reason', '')}: {body.get('message', '')}")


class Client:
    """Safe to share between threads: each has a connection of its own, made by `dial(address, timeout)`."""

    def __init__(self, host, port, tls, token=None, dial=socket.create_connection):
        self.host = host
        self.port = port
        self.tls = tls
        self.token = token
        self.dial = dial
        self.timeout_s = TIMEOUT_S
        self._kept = threading.local()

    def get(self, kind, namespace, name):
        return self.request("GET", path(kind, namespace, name))

    def list(self, kind, namespace, selector=None):
        return self.request("GET", path(kind, namespace), query=_selected(selector))["items"]

    def create(self, kind, namespace, body):
        return self.request("POST", path(kind, namespace), body)

    def patch(self, kind, namespace, name, body, subresource=None, patch="strategic"):
        return self.request("PATCH", path(kind, namespace, name, subresource), body, content_type=PATCHES[patch])

    def delete(self, kind, namespace, name, grace_s=None):
        body = {} if grace_s is None else {"gracePeriodSeconds": grace_s}
        return self.request("DELETE", path(kind, namespace, name), body)

    def watch(self, kind, namespace, selector=None, since=None):
        """Records the changes after resourceVersion `since`; without it first what there is, as ADDED, then changes."""
        start = {"resourceVersion": since} if since else {}
        return Watch(self, path(kind, namespace), {**_selected(selector), **start})

    def request(self, method, target, body=None, query=None, content_type="application/json"):
        """`body` is sent as JSON, or as it is when it is text. An answer that is not JSON comes back as text."""
        if query:
            target += "?" + urllib.parse.urlencode(query)
        sent = body if body is None or isinstance(body, str) else json.dumps(body)
        status, kind, received = self._exchange(method, target, sent, content_type)
        text = received.decode()
        answer = json.loads(text) if kind.startswith("application/json") else text
        if status >= 300:
            raise ApiError(status, answer if isinstance(answer, dict) else {"message": answer})
        return answer

    def close(self):
        """Ends the connection of the calling thread."""
        connection = getattr(self._kept, "connection", None)
        if connection:
            connection.close()
        self._kept.connection = None

    def connection(self):
        return _Connection(self)

    def headers(self, content_type="application/json"):
        token = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return {"Accept": "application/json", "Content-Type": content_type, "User-Agent": "howdah-tests", **token}

    def _exchange(self, method, target, body, content_type):
        """A kept connection may have been closed meanwhile: only then, before any answer, is a request sent twice."""
        connection = getattr(self._kept, "connection", None)
        if connection:
            try:
                return self._send(connection, method, target, body, content_type)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                self.close()
        self._kept.connection = connection = self.connection()
        return self._send(connection, method, target, body, content_type)

    def _send(self, connection, method, target, body, content_type):
        try:
            connection.request(method, target, body, self.headers(content_type))
            response = connection.getresponse()
            return response.status, response.headers.get("Content-Type", ""), response.read()
        except BaseException:
            self.close()
            raise


class _Connection(http.client.HTTPSConnection):
    def __init__(self, client):
        super().__init__(client.host, client.port, timeout=client.timeout_s, context=client.tls)
        self._client = client

    def connect(self):
        plain = self._client.dial((self.host, self.port), self.timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = self._client.tls.wrap_socket(plain, server_hostname=self.host)


class Watch:
    """The events of a watch, in order, each with `seen`, its monotonic time. At the end `ended` says why."""

    def __init__(self, client, target, query):
        self.events = []
        self.ended = None
        self._news = threading.Condition()
        self._connection = client.connection()
        self._connection.request("GET", f"{target}?{urllib.parse.urlencode({**query, 'watch': 'true'})}",
                                 headers=client.headers())
        response = self._connection.getresponse()
        if response.status != 200:
            raise ApiError(response.status, json.loads(response.read()))
        self._connection.sock.settimeout(None)
        threading.Thread(target=self._record, args=[response], daemon=True).start()

    def wait(self, matches, timeout_s=10):
        """The first event, seen already or yet to come, for which matches(event) holds."""
        deadline = time.monotonic() + timeout_s
        with self._news:
            checked = 0
            while True:
                for event in self.events[checked:]:
                    if matches(event):
                        return event
                checked = len(self.events)
                left = deadline - time.monotonic()
                if self.ended or left <= 0:
                    raise TimeoutError(f"no such event in {checked}; ended: {self.ended}")
                self._news.wait(left)

    def close(self):
        sock = self._connection.sock
        with contextlib.suppress(OSError):
            if sock:
                sock.shutdown(socket.SHUT_RDWR)

    def _record(self, response):
        reason = "end of stream"
        try:
            for line in response:
                event = {**json.loads(line), "seen": time.monotonic()}
                with self._news:
                    self.events.append(event)
                    self._news.notify_all()
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = repr(error)
        with self._news:
            self.ended = reason
            self._news.notify_all()
        self._connection.close()


def path(kind, namespace, name=None, subresource=None):
    parts = [GROUPS.get(kind, "/api/v1"), f"namespaces/{namespace}" if namespace else None, kind, name, subresource]
    return "/".join(part for part in parts if part)


def _selected(selector):
    """A selector is text, or the labels as a dict."""
    if isinstance(selector, dict):
        selector = ",".join(f"{key}={value}" for key, value in selector.items())
    return {"labelSelector": selector} if selector else {}
