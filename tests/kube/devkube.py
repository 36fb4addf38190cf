"""build/devkube in the place of a real API server: there at once, without Go, and with faults on command.

It has one token for everybody and no rights to give or take. Its state dies with it, so it is not restarted; backup() and
restore() go through its own faults.
"""
import os
import secrets
import subprocess

from credentials import Account, write
from server import Server, Unavailable, wait

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FAULTS = "/devkube/faults"


def binary():
    """The program; `make` builds it."""
    path = os.path.abspath(os.path.join(os.environ.get("BUILD", os.path.join(ROOT, "build")), "devkube"))
    if not os.access(path, os.X_OK):
        raise Unavailable(f"no {path}: make devkube builds it")
    return path


class DevKube(Server):
    def __init__(self, net=None):
        self._program = binary()
        super().__init__(net)
        self.token = secrets.token_urlsafe(24)
        write(self.file("token"), self.token + "\n")
        try:
            self._start_program()
        except BaseException:
            self.close()
            raise

    def start(self):
        raise Unavailable("devkube is not started again: its state has died with it")

    # what a test wants to exist

    def account(self, namespace, name="howdah", **_):
        """Everybody may do everything."""
        return _Account(self, namespace, name)

    # faults

    def fault(self, name, **arguments):
        """Arms a fault, or does it at once; {name: {"left", "struck"}} afterwards."""
        return self.admin.request("POST", FAULTS, {"fault": name, **arguments})

    def struck(self, name):
        return self.admin.request("GET", FAULTS)[name]["struck"]

    def backup(self):
        """There is one at a time."""
        self.fault("save")

    def restore(self, _):
        self.fault("restore")

    def forget(self):
        self.fault("forget")

    def mend(self):
        """For the next test."""
        self.resume()
        self.fault("none")

    # what was asked of the server: it keeps no record

    def mark(self):
        return 0

    def forbidden(self, user=None, since=0):
        return []

    # within

    def _start_program(self):
        argv = [self._program, "--token-file", "token", "--cert", "api.crt", "--key", "api.key",
                "--host", "0.0.0.0" if self.net else self.address, "--port", "6443" if self.net else "0"]
        self._launch("kube-apiserver", argv, stdout=subprocess.PIPE)
        first_line = self._processes["kube-apiserver"].stdout.readline()
        self._check_alive()
        if not first_line:
            raise RuntimeError(f"devkube ends at once:\n{self._last_lines('kube-apiserver')}")
        self.port = int(first_line)
        self.admin = self.client(token=self.token)
        wait(lambda: self.admin.request("GET", "/readyz") == "ok", "devkube is ready")


class _Account(Account):
    def new_token(self, lifetime_s=3600):
        return self.kube.token
