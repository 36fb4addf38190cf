"""A pod as its node has it: processes, cgroup, network. Faults are put there from outside, and each proves that it took effect.

It stands for the pod object that was there when this was made, not for the next one of the name.
"""
import contextlib
import glob
import os
import pathlib
import signal

import bed as bedlib
from net import inside_namespace, state
from server import wait


class OnNode:
    def __init__(self, bed, pod):
        self.name, self.uid, self.address = pod.name, pod.uid, pod.address
        self.node = bed[pod.node]
        self._containers = {name: pod.container(name)["containerID"].rpartition("/")[2] for name in ("howdah", "postgres")}

    def inside(self):
        """The calling thread is in the pod's network: as a client it sees PostgreSQL whatever is cut outside."""
        return inside_namespace(self._network)

    def __enter__(self):
        self._network = os.open(f"/proc/{self.processes('howdah')[0]}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        return self

    def __exit__(self, *_):
        os.close(self._network)

    # processes

    def processes(self, container):
        """As this machine numbers them; none when the container is gone."""
        found = glob.glob(f"{self._cgroup('pids')}/{self._containers[container]}/cgroup.procs")
        return [int(pid) for pid in pathlib.Path(found[0]).read_text(encoding="ascii").split()] if found else []

    def process(self, container, program):
        """The only one of this program whose parent is not one of it: the agent, the supervisor, the postmaster."""
        named = {pid: parent(pid) for pid in self.processes(container) if program_of(pid) == program}
        found = [pid for pid, above in named.items() if above not in named]
        assert len(found) == 1, f"{self.name}: {program}: {named}"
        return found[0]

    def kill(self, container, program):
        pid = self.process(container, program)
        os.kill(pid, signal.SIGKILL)
        wait(lambda: state(pid) in ("", "Z"), f"{program} of {self.name} is dead")

    def stop_worker(self, title):
        """A process of PostgreSQL, by what it calls itself: only SIGKILL ends it now."""
        found = [pid for pid in self.processes("postgres") if title in command_of(pid)]
        assert len(found) == 1, f"{self.name}: {title}: {found}"
        os.kill(found[0], signal.SIGSTOP)
        wait(lambda: state(found[0]) == "T", f"{title} of {self.name} is stopped")

    @contextlib.contextmanager
    def stopped(self, container, program):
        """SIGSTOP; it goes on afterwards, if it is still there."""
        pid = self.process(container, program)
        os.kill(pid, signal.SIGSTOP)
        wait(lambda: state(pid) == "T", f"{program} of {self.name} is stopped")
        try:
            yield
            assert state(pid) == "T", f"{program} of {self.name} went on by itself"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    @contextlib.contextmanager
    def frozen(self):
        """Every process of the pod; the node's kernel goes on and accepts connections for it."""
        freezer = pathlib.Path(self._cgroup("freezer"), "freezer.state")
        self._freeze(freezer, "FROZEN")
        try:
            yield
            assert freezer.read_text(encoding="ascii").strip() == "FROZEN"
        finally:
            self._freeze(freezer, "THAWED")

    # network

    @contextlib.contextmanager
    def off_network(self):
        """Whatever it sends or should get vanishes on its node."""
        rules = [("PREROUTING", "-s"), ("POSTROUTING", "-d")]
        for chain, way in rules:
            self._iptables("-I", chain, way, self.address, "-j", "DROP")
        try:
            yield
            listing = self._iptables("-vnxL", "PREROUTING") + self._iptables("-vnxL", "POSTROUTING")
            dropped = [int(line.split()[0]) for line in listing.splitlines() if self.address in line.split()]
            assert len(dropped) == 2 and all(dropped), listing
        finally:
            for chain, way in rules:
                self._iptables("-D", chain, way, self.address, "-j", "DROP")

    # within

    def _iptables(self, *arguments):
        return self.node.enter("iptables", "-w", "-t", "mangle", *arguments)

    def _cgroup(self, hierarchy):
        found = glob.glob(f"{bedlib.CGROUPS}/{hierarchy}{self.node.cgroup}/kubepods/**/pod{self.uid}", recursive=True)
        return found[0] if found else "/nonexistent"

    @staticmethod
    def _freeze(freezer, wanted):
        freezer.write_text(wanted, encoding="ascii")
        wait(lambda: freezer.read_text(encoding="ascii").strip() == wanted, f"the pod is {wanted}")


def program_of(pid):
    with contextlib.suppress(OSError):
        return os.path.basename(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)"))
    return None


def command_of(pid):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
    return ""


def parent(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])
    return None


def cpu_s(pid):
    """Of all its threads, in the kernel's nanoseconds: clock ticks are too coarse for a program that hardly runs."""
    ran = [pathlib.Path(task).read_text(encoding="ascii").split()[0] for task in glob.glob(f"/proc/{pid}/task/*/schedstat")]
    return sum(map(int, ran)) / 1e9


def pss_mb(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as smaps:
        return next(int(line.split()[1]) for line in smaps if line.startswith("Pss:")) / 1024


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))
