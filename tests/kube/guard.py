"""Ends what a test bed has started, in whatever way the test run ends.

The guard is a process of its own. It is told of each process, network namespace and directory of the bed over a pipe.
When the pipe closes, by close() or because the run died, it kills those processes and all that live in those
namespaces, and removes the directories. A namespace and its interfaces vanish by themselves once nobody holds them.
"""
import atexit
import os
import shutil
import signal
import subprocess
import sys
import time

PATIENCE_S = 10


class Guard:
    def __init__(self):
        self._process = subprocess.Popen([sys.executable, os.path.abspath(__file__), str(os.getpid())],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, cwd="/")
        atexit.register(self.close)

    def process(self, pid):
        """Must be called before the process is waited for: until then its number cannot belong to another one."""
        self._tell("process", pid)

    def namespace(self, fd):
        """Everything that lives in this network namespace, the caller alone excepted."""
        self._tell("namespace", fd)

    def directory(self, path):
        self._tell("directory", path)

    def _tell(self, kind, what):
        self._process.stdin.write(f"{kind} {what}\n".encode())
        self._process.stdin.flush()
        if not self._process.stdout.readline():
            raise RuntimeError("the guard of the test bed has died")

    def close(self):
        if self._process.stdin.closed:
            return
        self._process.stdin.close()
        status = self._process.wait()
        self._process.stdout.close()
        atexit.unregister(self.close)
        if status:
            raise RuntimeError("the test bed left something behind, see above")


def processes_in(namespace_fd, except_pid=None):
    """The processes whose network namespace this is; zombies are in none."""
    wanted = os.fstat(namespace_fd)
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
            if pid != except_pid and _is_in(pid, wanted)]


def _is_in(pid, wanted):
    try:
        found = os.stat(f"/proc/{pid}/ns/net")
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino)


def kill_all_in(namespace_fd, except_pid=None, sig=signal.SIGKILL):
    """Signals everybody there, again and again until nobody is left; False when somebody is after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        left = processes_in(namespace_fd, except_pid)
        if not left:
            return True
        for pid in left:
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                pass
        time.sleep(0.01)
    return False


def _keep_watch(owner):
    kept = {"process": [], "namespace": [], "directory": []}
    opened = {
        "process": lambda pid: os.pidfd_open(int(pid)),
        "namespace": lambda fd: os.open(f"/proc/{owner}/fd/{fd}", os.O_RDONLY),
        "directory": lambda path: path,
    }
    for line in sys.stdin:
        kind, what = line.rstrip("\n").split(" ", 1)
        kept[kind].append(opened[kind](what))
        print("kept", flush=True)
    return kept


def _end(kept, owner):
    for pidfd in kept["process"]:
        try:
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        except ProcessLookupError:
            pass
    clean = all([kill_all_in(fd, owner) for fd in kept["namespace"]])
    for path in kept["directory"]:
        _remove(path)
        clean = clean and not os.path.exists(path)
    if not clean:
        print("test bed: could not end or remove all of", kept, file=sys.stderr)
    return clean


def _remove(path):
    """A process killed a moment ago may still finish a write, so one pass is not always enough."""
    deadline = time.monotonic() + PATIENCE_S
    while os.path.exists(path) and time.monotonic() < deadline:
        shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    owner_pid = int(sys.argv[1])
    sys.exit(0 if _end(_keep_watch(owner_pid), owner_pid) else 1)
