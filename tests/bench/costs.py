"""What processes and the API server say that a member costs."""
import collections
import pathlib
import re
import time

WRITES = {"create", "update", "patch", "delete", "deletecollection"}
CPU_CLOCK_SCHEDULED = 2


def cpu_s(pids):
    """The kernel's clock of each process in ns, of threads that have ended too; /proc/PID/stat counts ticks."""
    return sum(time.clock_gettime((~pid << 3) | CPU_CLOCK_SCHEDULED) for pid in pids)


def memory_mb(pids):
    """Resident and private memory of these processes together."""
    resident = private = 0
    for pid in pids:
        kb = dict(re.findall(r"^(\w+):\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M))
        resident += int(kb["Rss"])
        private += int(kb["Private_Clean"]) + int(kb["Private_Dirty"])
    return resident / 1024, private / 1024


def threads(pids):
    return sum(len(list(pathlib.Path(f"/proc/{pid}/task").iterdir())) for pid in pids)


class Window:
    """From its making to usage(): CPU seconds an hour of each member, the requests and writes a minute of all of them, and which."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.pids = {member.name: member.keepers() for member in cluster.members}
        self.mark, self.began = cluster.kube.mark(), time.monotonic()
        self.before = {name: cpu_s(pids) for name, pids in self.pids.items()}

    def usage(self):
        span = time.monotonic() - self.began
        cpu = {name: (cpu_s(pids) - self.before[name]) * 3600 / span for name, pids in self.pids.items()}
        asked = self.cluster.kube.requests(since=self.mark, user=self.cluster.account.user)
        writes = sum(event["verb"] in WRITES for event in asked)
        kinds = collections.Counter(f"{event['verb']} {event['objectRef']['resource']}" for event in asked)
        return cpu, len(asked) * 60 / span, writes * 60 / span, kinds
