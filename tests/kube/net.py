"""Machines for tests: a network namespace each, joined by a router in which cables are cut.

The router is a namespace too and each machine hangs on an interface of its own, so a cut is one DROP rule for a pair of
interfaces: packets vanish as on a broken network, no machine sees a refusal or a lost carrier, and the counter of the
rule proves that it worked. The namespaces have no names: nothing collides with another run, and nothing is left in the
system when their last process has gone. The machines "api" and "client" are always there; a test is the client while it
is inside `with net:`. Needs root, iproute2 and iptables; unsupported() says what is missing.
"""
import contextlib
import ctypes
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time

from guard import Guard, kill_all_in, processes_in

GATEWAY = "10.99.0.1"
ADDRESSES = {"api": "10.99.0.2", "client": "10.99.0.3"}
PROGRAMS = ("ip", "iptables", "iptables-restore")
DISCARD_PORT = 9
EFFECT_S = 5
_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def unsupported():
    """Why namespaces cannot be used here, in one line; None when they can."""
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        return "network namespaces: no " + ", ".join(missing)
    try:
        fd = _new_namespace()
    except OSError as error:
        return f"network namespaces: {error.strerror} (root is needed)"
    try:
        _run(fd, ["iptables", "-w", "-S", "FORWARD"])
    except RuntimeError as error:
        return f"network namespaces: {error}"
    finally:
        os.close(fd)
    return None


class Net:
    def __init__(self, *members, guard=None):
        self.guard = guard or Guard()
        self._owns_guard = guard is None
        self._home = None
        self._fds = {}
        self._links = {}
        self._addresses = {}
        self._cuts = set()
        self._numbers = itertools.count(1)
        self._held = []
        self._router = self._namespace()
        _in_namespace(self._router, _forward)
        _run(self._router, ["ip", "-batch", "-"], f"link set lo up\naddress add {GATEWAY}/32 dev lo\n")
        for machine in ("api", "client", *members):
            self.add(machine)

    def __enter__(self):
        self._home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        _enter(self._fds["client"])
        return self

    def __exit__(self, *_):
        _enter(self._home)
        os.close(self._home)
        self._home = None
        self.close()

    def close(self):
        """Ends everything that still lives on the machines."""
        if self._owns_guard:
            self.guard.close()
        while self._held:
            os.close(self._held.pop())

    def add(self, machine):
        """A new machine, reachable from all; not while a cut stands, which would not be one for the newcomer."""
        if self._cuts:
            raise RuntimeError("heal the cuts before a machine is added")
        number = next(self._numbers)
        address = ADDRESSES.get(machine) or f"10.99.1.{number}"
        fd = self._namespace()
        self._fds[machine], self._links[machine], self._addresses[machine] = fd, f"port{number}", address
        _run(fd, ["ip", "-batch", "-"],
             f"link set lo up\n"
             f"link add eth0 type veth peer name port{number} netns {_path(self._router)}\n"
             f"address add {address}/32 dev eth0\nlink set eth0 up\n"
             f"route add {GATEWAY} dev eth0\nroute add default via {GATEWAY}\n")
        _run(self._router, ["ip", "-batch", "-"],
             f"link set port{number} up\nroute add {address} dev port{number}\n")
        return address

    def route(self, machine, subnet):
        """These addresses, of pods, are behind that machine."""
        link, address = self._links[machine], self._addresses[machine]
        _run(self._router, ["ip", "route", "add", subnet, "via", address, "dev", link, "onlink"])

    def address(self, machine):
        return self._addresses[machine]

    @property
    def members(self):
        return [machine for machine in self._fds if machine not in ADDRESSES]

    def run(self, machine, argv, user=None, **popen):
        """A Popen of the program itself, in a session of its own so that Ctrl-C is ours alone."""
        if user:
            group = pwd.getpwnam(user).pw_gid
            popen.update(user=user, group=group, extra_groups=os.getgrouplist(user, group))
        options = {"stdin": subprocess.DEVNULL, "start_new_session": True, **popen}
        return _in_namespace(self._fds[machine], lambda: subprocess.Popen(argv, **options))

    @contextlib.contextmanager
    def inside(self, machine):
        """The calling thread, and programs it starts, are on this machine; threads that exist already are not."""
        with inside_namespace(self._fds[machine]):
            yield

    def connect(self, machine, address, timeout=None):
        """A TCP connection from this machine to (host, port)."""
        return _in_namespace(self._fds[machine], lambda: socket.create_connection(address, timeout))

    def pids(self, machine):
        return processes_in(self._fds[machine], os.getpid())

    def freeze(self, machine):
        """Stops every process there. The machine's kernel goes on: it still accepts connections and answers a ping."""
        _until(lambda: self._all_stopped(machine), f"{machine} is not frozen")

    def thaw(self, machine):
        for pid in self.pids(machine):
            _signal(pid, signal.SIGCONT)

    def power_off(self, machine):
        """First nothing gets out any more, not even the FIN of a dying socket, then all processes die.
        heal() is power on."""
        self.cut(machine, "all")
        if not kill_all_in(self._fds[machine], os.getpid()):
            raise RuntimeError(f"{machine} does not die")

    def cut(self, machine, *what, way="both"):
        """what: "api", "peers" (the other members), "client", "all" of these, or machines by name.
        way: "out" loses only what the machine sends, "in" only what it gets: its requests arrive, answers do not.
        Returns when probes have been seen to vanish."""
        pairs = self._pairs(machine, what or ("all",), way) - self._cuts
        self._change("-I", pairs)
        self._cuts |= pairs
        for pair in sorted(pairs):
            self._prove_cut(*pair)

    def heal(self, machine, *what):
        """Takes away what cut() has put between these; returns when probes come through."""
        pairs = self._pairs(machine, what or ("all",), "both") & self._cuts
        self._change("-D", pairs)
        self._cuts -= pairs
        for source, target in sorted(pairs):
            if (source, target) not in self._cuts and (target, source) not in self._cuts:
                self._prove_open(source, target)

    def heal_all(self):
        for machine in list(self._fds):
            self.heal(machine)

    def drops(self):
        """Packets lost so far in each standing cut: {(source, target): packets}."""
        names = {link: machine for machine, link in self._links.items()}
        listing = _run(self._router, ["iptables", "-w", "-vnxL", "FORWARD"]).splitlines()[2:]
        rules = [line.split() for line in listing]
        return {(names[rule[5]], names[rule[6]]): int(rule[0]) for rule in rules if rule[2] == "DROP"}

    def _namespace(self):
        fd = _new_namespace()
        self._held.append(fd)
        self.guard.namespace(fd)
        return fd

    def _pairs(self, machine, what, way):
        others = set()
        for word in what:
            others |= {"all": set(self._fds), "peers": set(self.members)}.get(word, {word})
        others.discard(machine)
        out = {(machine, other) for other in others}
        into = {(other, machine) for other in others}
        return {"out": out, "in": into, "both": out | into}[way]

    def _change(self, flag, pairs):
        rules = [f"{flag} FORWARD -i {self._links[a]} -o {self._links[b]} -j DROP" for a, b in sorted(pairs)]
        _run(self._router, ["iptables-restore", "-w", "--noflush"], "\n".join(["*filter", *rules, "COMMIT", ""]))

    def _prove_cut(self, source, target):
        before = self.drops().get((source, target), 0)
        with self._probe(source, target) as probe:
            _until(lambda: self.drops().get((source, target), 0) > before,
                   f"no packet of {source} to {target} was dropped")
            if probe.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise RuntimeError(f"the cut from {source} to {target} answers, it should be silent")

    def _prove_open(self, source, target):
        """The port is closed, so a refusal is the sign of life: it has crossed the router twice."""
        with self._probe(source, target) as probe:
            _until(lambda: probe.connect_ex((self.address(target), DISCARD_PORT)) not in (115, 114),
                   f"{source} does not reach {target}")

    def _probe(self, source, target):
        probe = _in_namespace(self._fds[source], lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        probe.setblocking(False)
        probe.connect_ex((self.address(target), DISCARD_PORT))
        return probe

    def _all_stopped(self, machine):
        """Also stops those who are not: one that was forked meanwhile needs another round."""
        running = [pid for pid in self.pids(machine) if state(pid) not in ("T", "Z", "")]
        for pid in running:
            _signal(pid, signal.SIGSTOP)
        return not running


@contextlib.contextmanager
def inside_namespace(namespace_fd):
    """The calling thread is in this network namespace."""
    back = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    _enter(namespace_fd)
    try:
        yield
    finally:
        _enter(back)
        os.close(back)


def _until(condition, complaint):
    deadline = time.monotonic() + EFFECT_S
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(complaint)
        time.sleep(0.005)


def _signal(pid, sig):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sig)


def state(pid):
    """The letter of /proc/PID/stat, T for stopped; empty when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _path(namespace_fd):
    return f"/proc/{os.getpid()}/fd/{namespace_fd}"


def _run(namespace_fd, argv, text=""):
    done = _in_namespace(namespace_fd, lambda: subprocess.run(argv, input=text, text=True, capture_output=True))
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def _forward():
    with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as switch:
        switch.write("1")


def _check(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _enter(namespace_fd):
    _check(_libc.setns(namespace_fd, _CLONE_NEWNET))


def _new_namespace():
    def make():
        _check(_libc.unshare(_CLONE_NEWNET))
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    return _in_thread(make)


def _in_namespace(namespace_fd, function):
    def enter_and_call():
        _enter(namespace_fd)
        return function()
    return _in_thread(enter_and_call)


def _in_thread(function):
    """A namespace is a property of the thread: one that ends right after cannot be left in the wrong one."""
    outcome = []

    def call():
        try:
            outcome.append((function(), None))
        except BaseException as error:  # pylint: disable=broad-except
            outcome.append((None, error))
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    result, error = outcome[0]
    if error:
        raise error
    return result
