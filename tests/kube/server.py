"""What all API servers of the tests have in common: a directory, keys, processes, clients, and objects to begin with."""
import http.client
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

from api import ApiError, Client
from credentials import make_keys, write_kubeconfig
from guard import Guard
from net import state


SERVICE_ADDRESS = "10.96.0.1"  # of the Service `kubernetes`, as pods know the server


class Unavailable(Exception):
    """There is no API server to be had here; the text says why, for the line that says what is skipped."""


def wait(condition, what, timeout_s=10):
    """The first true value of condition(); exceptions of the API and of the network count as not yet."""
    deadline = time.monotonic() + timeout_s
    last = None
    while time.monotonic() < deadline:
        try:
            value = condition()
            if value:
                return value
        except (ApiError, OSError, http.client.HTTPException) as error:
            last = error
        time.sleep(0.02)
    raise TimeoutError(f"not in {timeout_s} s: {what}" + (f" ({last!r})" if last else ""))


class Server:
    """With a Net it lives on the machine "api" and members reach it from theirs; without one it listens on 127.0.0.1."""
    def __init__(self, net=None):
        self.net = net
        self.guard = net.guard if net else Guard()
        self.home = tempfile.mkdtemp(prefix="howdah-kube-")
        os.chmod(self.home, 0o755)
        self.guard.directory(self.home)
        self.address = net.address("api") if net else "127.0.0.1"
        self.port = None
        self._processes = {}
        make_keys(self.home, self.address, SERVICE_ADDRESS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def file(self, *name):
        return os.path.join(self.home, *name)

    def close(self):
        for name in list(self._processes):
            self.kill(name)
        if not self.net:
            self.guard.close()
        shutil.rmtree(self.home, ignore_errors=True)

    # the processes

    def pause(self, name="kube-apiserver"):
        """Stops it as it is: connections are still accepted, by the kernel, and nothing is answered."""
        self._processes[name].send_signal(signal.SIGSTOP)
        wait(lambda: state(self._processes[name].pid) == "T", f"{name} is stopped")

    def resume(self, name="kube-apiserver"):
        self._processes[name].send_signal(signal.SIGCONT)

    def kill(self, name="kube-apiserver"):
        process = self._processes[name]
        process.kill()
        process.wait()
        del self._processes[name]

    def pid(self, name="kube-apiserver"):
        return self._processes[name].pid

    # what a test wants to exist

    def namespace(self, name):
        return self.admin.create("namespaces", None, {"metadata": {"name": name}})

    def pod(self, namespace, name, labels=None, ip=None, node=None, annotations=None, spec=None):
        """A pod object, running and with an address when `ip` is given. With a `node` it outlives its deletion."""
        body = {
            "metadata": {"name": name, "labels": labels or {}, "annotations": annotations or {}},
            "spec": {
                "initContainers": [{"name": "howdah", "image": "howdah:test", "restartPolicy": "Always"}],
                "containers": [{"name": "postgres", "image": "postgres:test"}],
                **({"nodeName": node} if node else {}),
                **(spec or {}),
            },
        }
        pod = self.admin.create("pods", namespace, body)
        return self.set_pod_ip(namespace, name, ip) if ip else pod

    def set_pod_ip(self, namespace, name, ip):
        status = {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}],
                  "conditions": [{"type": kind, "status": "True"} for kind in ("Ready", "ContainersReady")]}
        return self.admin.patch("pods", namespace, name, {"status": status}, subresource="status")

    def annotations(self, kind, namespace, name):
        return self.admin.get(kind, namespace, name)["metadata"].get("annotations", {})

    # credentials

    def write_kubeconfig(self, filename, namespace="default"):
        """The administrator's."""
        return write_kubeconfig(filename, self.server, self.home, namespace)

    def client(self, certificate=None, token=None, machine="client"):
        tls = ssl.create_default_context(cafile=self.file("ca.crt"))
        if certificate:
            tls.load_cert_chain(*map(self.file, certificate))
        dial = socket.create_connection
        if self.net:
            def dial(address, timeout):
                return self.net.connect(machine, address, timeout)
        return Client(self.address, self.port, tls, token, dial)

    @property
    def server(self):
        return f"https://{self.address}:{self.port}"

    # within

    def _launch(self, name, argv, **streams):
        with open(self.file(f"{name}.log"), "ab") as log:
            streams = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log, "cwd": self.home, **streams}
            if self.net:
                process = self.net.run("api", argv, **streams)
            else:
                process = subprocess.Popen(argv, start_new_session=True, **streams)
        self.guard.process(process.pid)
        self._processes[name] = process

    def _check_alive(self):
        for name, process in self._processes.items():
            if process.poll() is not None:
                raise RuntimeError(f"{name} has ended with {process.returncode}:\n{self._last_lines(name)}")

    def _last_lines(self, name):
        with open(self.file(f"{name}.log"), encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-10:])
