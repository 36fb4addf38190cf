"""A real kube-apiserver with its etcd, for one test run.

There is no scheduler, controller or kubelet: nothing happens that a test did not do. Pods are objects that a test
creates; one without a node is deleted at once, one with a node stays in Terminating until deleted with grace_s=0.
With a Net the server lives on its machine "api" and members reach it from theirs; without one it listens on 127.0.0.1.
"""
import contextlib
import functools
import json
import os
import shutil
import socket
import subprocess
import tempfile

from api import path
from credentials import Account, write
from server import Server, Unavailable, wait

HERE = os.path.dirname(os.path.abspath(__file__))
START_S = 60
ADMIN = ("admin.crt", "admin.key")
AUDIT_POLICY = """apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: ["system:apiserver"]
- level: Metadata
"""
BYPASS = [{"apiGroups": [""], "resources": ["endpoints"], "resourceNames": ["kubernetes"], "verbs": ["get"]}]
# the resources of role.yaml that the other kind of state does without
NOT_IN_MODE = {"configmaps": {"endpoints", "services", "endpointslices"}, "endpoints": {"configmaps", "endpointslices"},
               "slices": {"endpoints", "services"}}  # the last one: configmaps, and the route in EndpointSlices


def binary():
    """The program. Its first build takes minutes and may download: not on a machine of a Net."""
    built = subprocess.run([os.path.join(HERE, "build.sh")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if built.returncode == 3:
        raise Unavailable(built.stderr.strip().splitlines()[-1])
    if built.returncode:
        raise RuntimeError(built.stderr)
    return built.stdout.strip()


class Kube(Server):
    def __init__(self, net=None, program=None):
        self._hyper = program or binary()
        super().__init__(net)
        self.port, self._etcd_port, self._peer_port = _free_ports(3) if not net else (6443, 2379, 2380)
        self.audit_log = self.file("audit.log")
        write(self.file("audit.yaml"), AUDIT_POLICY)
        self.admin = self.client(ADMIN)
        self._start_all()

    # the processes

    def start(self):
        """After kill(): the same server again. Returns when it is ready."""
        if "etcd" not in self._processes:
            self._start_etcd()
        if "kube-apiserver" not in self._processes:
            self._start_apiserver()
        self._wait_ready()

    def restart(self):
        self.kill()
        self.start()

    def forget(self):
        """A watch from a resourceVersion of before is told 410: the server's cache begins anew."""
        self.restart()

    def mend(self):
        """Resumes what is paused and starts what was killed, for the next test."""
        for name in self._processes:
            self.resume(name)
        self.start()

    def memory_kib(self, name="kube-apiserver"):
        with open(f"/proc/{self.pid(name)}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))

    def backup(self):
        """A copy of the state as it is now, for restore(). etcd stands still for the moment that the copy takes."""
        copy = tempfile.mkdtemp(prefix="backup-", dir=self.home)
        self.pause("etcd")
        try:
            shutil.copytree(self.file("etcd"), copy, dirs_exist_ok=True)
        finally:
            self.resume("etcd")
        return copy

    def restore(self, copy):
        """The cluster's state of the time of the backup, resourceVersions included: what came after never was."""
        for name in list(self._processes):
            self.kill(name)
        shutil.rmtree(self.file("etcd"))
        shutil.copytree(copy, self.file("etcd"))
        self.start()

    # what a test wants to exist

    def account(self, namespace, mode="configmaps", without=(), rules=None, extra=(), bypass=False, name="howdah"):
        """A ServiceAccount that may do what role.yaml says for state in `mode`, less the resources in `without`, plus
        the rules in `extra`; or just `rules`. `bypass` adds reading the addresses of the API server itself."""
        rules = self._rules_without(NOT_IN_MODE[mode] | set(without)) if rules is None else rules
        self.admin.create("serviceaccounts", namespace, {"metadata": {"name": name}})
        self._grant(namespace, name, namespace, [*rules, *extra])
        if bypass:
            self._grant("default", f"{name}-{namespace}", namespace, BYPASS, name)
        return Account(self, namespace, name)

    def set_rules(self, namespace, rules, name="howdah"):
        """Changes the rights of an account; the server follows a moment later."""
        self.admin.patch("roles", namespace, name, {"rules": list(rules)}, patch="merge")

    def rules(self, namespace, name="howdah"):
        return self.admin.get("roles", namespace, name)["rules"]

    # what was asked of the server

    def mark(self):
        """Now, as a place in the audit log: give it to requests() as `since`. A line that is being written is after it."""
        with open(self.audit_log, "rb") as log:
            return log.read().rfind(b"\n") + 1

    def requests(self, since=0, **wanted):
        """The audit events of the requests answered since; a watch counts as soon as it is open. Filters: user, verb,
        resource, name, code, source (the address it came from). A request shows a moment after its answer."""
        with open(self.audit_log, encoding="utf-8") as log:
            log.seek(since)
            events = [json.loads(line) for line in log if line.endswith("\n")]
        latest = {event["auditID"]: event for event in events}
        return [event for event in latest.values() if wanted.items() <= _audited(event).items()]

    def forbidden(self, user=None, since=0):
        return self.requests(since=since, code=403, **({"user": user} if user else {}))

    # within

    def _rules_without(self, without):
        kept = [(rule, [name for name in rule["resources"] if name not in without]) for rule in self._role]
        return [{**rule, "resources": resources} for rule, resources in kept if resources]

    @functools.cached_property
    def _role(self):
        """The rules of role.yaml, read by the one who can read YAML here: the server."""
        with open(os.path.join(HERE, "role.yaml"), encoding="utf-8") as text:
            role = self.admin.request("POST", path("roles", "kube-system"), text.read(), query={"dryRun": "All"},
                                      content_type="application/yaml")
        return role["rules"]

    def _grant(self, namespace, role, account_namespace, rules, account=None):
        self.admin.create("roles", namespace, {"metadata": {"name": role}, "rules": rules})
        self.admin.create("rolebindings", namespace, {
            "metadata": {"name": role},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": account or role, "namespace": account_namespace}],
        })

    def _start_all(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def _start_etcd(self):
        url = f"http://127.0.0.1:{self._etcd_port}"
        peer = f"http://127.0.0.1:{self._peer_port}"
        self._launch_part("etcd", {
            "data-dir": self.file("etcd"), "listen-client-urls": url, "advertise-client-urls": url,
            "listen-peer-urls": peer, "initial-advertise-peer-urls": peer, "initial-cluster": f"default={peer}",
            "unsafe-no-fsync": "true", "log-level": "warn",
        })

    def _start_apiserver(self):
        self._launch_part("kube-apiserver", self.apiserver_options())

    def apiserver_options(self):
        return {
            "etcd-servers": f"http://127.0.0.1:{self._etcd_port}",
            "bind-address": "0.0.0.0" if self.net else "127.0.0.1", "secure-port": self.port,
            "advertise-address": self.address,
            # an Endpoints object does not take a loopback address
            **({} if self.net else {"endpoint-reconciler-type": "none"}),
            "tls-cert-file": "api.crt", "tls-private-key-file": "api.key", "client-ca-file": "ca.crt",
            "service-account-key-file": "sa.pub", "service-account-signing-key-file": "sa.key",
            "service-account-issuer": "https://kubernetes.default.svc", "service-cluster-ip-range": "10.96.0.0/16",
            # pods come without a service account of their own
            "authorization-mode": "RBAC", "disable-admission-plugins": "ServiceAccount",
            "audit-log-path": self.audit_log, "audit-policy-file": "audit.yaml",
        }

    def _launch_part(self, name, options):
        self._launch(name, [self._hyper, name, *(f"--{key}={value}" for key, value in options.items())])

    def _wait_ready(self):
        wait(self._is_ready, "kube-apiserver is ready, see " + self.home, START_S)

    def _is_ready(self):
        self._check_alive()
        if self.admin.request("GET", "/readyz") != "ok":
            return False
        return not self.net or self.admin.get("endpoints", "default", "kubernetes").get("subsets")

def _free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [sock.getsockname()[1] for sock in sockets]


def _audited(event):
    target = event.get("objectRef", {})
    return {
        "user": event["user"].get("username"), "verb": event["verb"], "resource": target.get("resource"),
        "name": target.get("name"), "code": event.get("responseStatus", {}).get("code"),
        "source": (event.get("sourceIPs") or [None])[0],
    }
