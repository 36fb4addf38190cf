"""What faults cost clients of the Service on real nodes, and what members cost: the table of docs/benchmarks.md.

No gap is read without the rows lost and the seconds of two writable members beside it. The client lives on another node than
the leader; a second one lives in the leader's own pod and sees what it acknowledges when nobody else can reach it.
ROUNDS=n takes each figure n times. Figures are compared with their aims by who reads the table; what is asserted is what would
be a fault of another kind.
"""
import datetime
import os
import pathlib
import tempfile
import time

import psycopg2
import pytest

import client as clientlib
import figures
import onnode
from release import new_namespace
from server import wait
from test_faults import ONE_A_NODE, node_without

now = time.monotonic
ROUNDS = int(os.environ.get("ROUNDS", "1"))
SETTLED_S = 4      # no second interruption follows after that
IDLE_S = int(os.environ.get("IDLE_S", "60"))
LEASE_S = 33
LOST_AT_MOST = 20  # rows of the last moment that no replica had: replication is asynchronous


class Round:
    """One fault against a healthy cluster. What its pods log, those that are gone afterwards too, is kept with what clients saw."""

    def __init__(self, bed, shop, leader, what):
        self.bed, self.shop, self.leader, self.here = bed, shop, leader, onnode.OnNode(bed, leader)
        self.logs = pathlib.Path(tempfile.mkdtemp(prefix=what + "-", dir=figures.log_home()))

    def __enter__(self):
        self.here.__enter__()
        self.followed = self.shop.followed(self.logs)
        self.followed.__enter__()
        node = node_without(self.bed, self.leader)
        self.client = clientlib.Client(self.shop, lambda: self.bed.net.inside(node)).__enter__()
        self.near = clientlib.Client(self.shop, self.here.inside, host=self.leader.address).__enter__()
        self.begun = now()
        return self

    def __exit__(self, *why):
        self.client.stop()
        self.near.stop()
        self.here.__exit__()
        self._keep_rows()
        self.followed.__exit__(*why)

    def pass_s(self, seconds):
        wait(lambda: now() > self.begun + seconds, f"{seconds} s pass", seconds + 1)

    def gap(self):
        """The longest wait since the fault, once clients are served again."""
        self.client.wait_for_writes(max(now(), self.begun + SETTLED_S), 90)
        return self.client.gap_between(self.begun, now())

    def verdict(self):
        """With the members healthy again: seconds of two writable members, acknowledged rows lost."""
        successor = self.shop.wait_ready(3, 240)
        self.client.stop()
        self.near.stop()
        together = clientlib.writer.Writer([])
        together.commits = self.client.commits + self.near.commits
        return two_writable_s(together.snapshot()), len(self.client.lost(successor))

    def _keep_rows(self):
        """In the clock of the logs: when the fault began, what was acknowledged by whom, what was refused."""
        wall = time.time() - now()
        said = [(self.begun, f"the fault, at {self.leader.name} {self.here.address}")]
        for name, client in (("client", self.client), ("near", self.near)):
            said += [(c.acknowledged, f"{name}: {c.row} on timeline {c.timeline} by {c.member}") for c in client.snapshot()]
            said += [(at, f"{name}: {why}") for at, why in client.failures]
        lines = [f"{datetime.datetime.utcfromtimestamp(wall + at).isoformat()}Z {what}\n" for at, what in sorted(said)]
        (self.logs / "clients.log").write_text("".join(lines), encoding="utf-8")


def two_writable_s(commits):
    """How long after the first row of a newer timeline an older one took rows."""
    first = {}
    for commit in commits:
        first.setdefault(commit.timeline, commit.acknowledged)
    return max([commit.acknowledged - first[newer] for commit in commits for newer in first
                if newer > commit.timeline and commit.started > first[newer]], default=0.0)


def test_two_writable_members_are_seen():
    """The checker itself."""
    def row(member, timeline, at):
        return clientlib.writer.Commit(member, timeline, "", at, at + 0.1)
    alternate = [row("a", 1, 1.0), row("b", 2, 2.0)]
    assert two_writable_s(alternate) == 0
    assert two_writable_s([*alternate, row("a", 1, 5.0)]) == pytest.approx(3.0)


# ---- the faults: each returns what clients waited ----

def switch_over(taken):
    taken.leader.howdahctl("switchover", "--force")
    return taken.gap()


def kill_postmaster(taken):
    taken.here.kill("postgres", "postgres")
    return taken.gap()


def delete_pod(taken):
    taken.shop.api.delete("pods", taken.shop.namespace, taken.leader.name)
    return taken.gap()


def force_delete_pod(taken):
    taken.shop.kubectl("delete", "pod", taken.leader.name, "--grace-period=0", "--force")
    return taken.gap()


def kill_agent(taken):
    taken.here.kill("howdah", "howdah")
    wait_sidecar(taken.leader, 1)
    return taken.gap()


def kill_agent_again(taken):
    """As soon as it runs again: now the kubelet lets it wait for ten seconds."""
    taken.here.kill("howdah", "howdah")
    wait_sidecar(taken.leader, 1)
    onnode.OnNode(taken.bed, taken.leader).kill("howdah", "howdah")
    taken.begun = now()
    wait_sidecar(taken.leader, 2)
    return taken.gap()


def wait_sidecar(pod, restarts):
    def runs():
        status = pod.container("howdah")
        return status["restartCount"] == restarts and status.get("ready")
    wait(runs, f"the sidecar of {pod.name} runs again", 60)


def stop_agent(taken):
    with taken.here.stopped("howdah", "howdah"):
        taken.pass_s(60)
    return taken.gap()


def freeze_pod(taken):
    with taken.here.frozen():
        taken.pass_s(45)
    return taken.gap()


def cut_pod(taken):
    with taken.here.off_network():
        taken.pass_s(60)
    return taken.gap()


def stop_api_server(taken):
    taken.bed.control.pause()
    try:
        taken.pass_s(20)
    finally:
        taken.bed.control.resume()
    return taken.gap()


ROUTED = {"switchover": switch_over, "postmaster": kill_postmaster, "deleted": delete_pod, "force-deleted": force_delete_pod}
OTHERS = {"agent-first": kill_agent, "agent-again": kill_agent_again, "agent-stopped": stop_agent, "frozen": freeze_pod,
          "off-network": cut_pod, "api-stopped": stop_api_server}
MAY_LOSE = {"force-deleted", "agent-stopped", "frozen", "off-network"}
# where the kubelet lets an agent wait for longer than the lease allows, PostgreSQL is restarted in place
AT_MOST_S = {"agent-first": 1, "agent-again": 5, "api-stopped": 1}
FRESH_SIDECAR = {"agent-first", "agent-again"}  # the kubelet has not begun to count


@pytest.fixture(scope="module")
def shops(make_release):
    """A cluster of each way, made when it is first asked for."""
    made = {}

    def shop(mode):
        if mode not in made:
            made[mode] = make_release(settings=(*ONE_A_NODE, *figures.WAYS[mode]))
        return made[mode]
    return shop


@pytest.mark.parametrize("mode", figures.WAYS)
@pytest.mark.parametrize("fault", ROUTED)
def test_fault_that_the_route_decides(bed, shops, note, fault, mode):
    for _ in range(ROUNDS):
        take(bed, shops(mode), note, fault, ROUTED[fault], mode)


@pytest.mark.parametrize("fault", OTHERS)
def test_fault(bed, shops, note, fault):
    for _ in range(ROUNDS):
        take(bed, shops("configmaps"), note, fault, OTHERS[fault], "configmaps")


def take(bed, shop, note, fault, do, mode):
    bed.heal()
    leader = shop.wait_ready(3, 240)
    if fault in FRESH_SIDECAR and leader.container("howdah")["restartCount"]:
        leader = with_fresh_sidecar(shop, leader)
    leader.psql(f"{clientlib.writer.CREATE}; truncate story")
    with Round(bed, shop, leader, f"{fault}-{mode}") as taken:
        gap = do(taken)
        two, lost = taken.verdict()
    note(f"{fault}, {mode}", f"{gap:.2f} s, two writable {two:.2f} s, lost {lost}")
    figures.add(fault, mode, gap, two=two, lost=lost)
    assert two == 0
    assert lost <= (LOST_AT_MOST if fault in MAY_LOSE else 0)
    assert gap < AT_MOST_S.get(fault, LEASE_S)


def with_fresh_sidecar(shop, leader):
    """Its pod is made anew, and it leads again or another one does whose sidecar never restarted."""
    for pod in shop.pods():
        if pod.container("howdah")["restartCount"]:
            uid = pod.uid
            shop.api.delete("pods", shop.namespace, pod.name)
            wait(lambda p=pod, u=uid: p.uid != u, f"another {pod.name}", 60)
            leader = shop.wait_ready(3)
    return leader


# ---- what is not a fault ----

def test_apply(bed, make_release, note):
    for _ in range(ROUNDS):
        bed.make_volumes()
        namespace, begun = new_namespace(bed), now()
        release = make_release(namespace)
        wait(lambda r=release: can_write(bed, r), "the first write through the Service", 60)
        first = now() - begun
        release.wait_ready(3)
        stream = now() - begun
        note("apply", f"first write {first:.2f} s, all stream {stream:.2f} s")
        figures.add("first-write", "configmaps", first)
        figures.add("all-stream", "configmaps", stream)
        bed.remove_namespace(namespace)


def can_write(bed, release):
    try:
        with bed.net.inside("n1"):
            connection = psycopg2.connect(host=release.service_address(), dbname="postgres", user="postgres", password=release.password,
                                          connect_timeout=1)
        with connection, connection.cursor() as cursor:
            cursor.execute("create table first_write(id int)")
        connection.close()
        return True
    except psycopg2.Error:
        return False


def test_costs(bed, shops, note):
    """Nobody asks anything meanwhile."""
    bed.heal()
    shop = shops("configmaps")
    leader = shop.wait_ready(3, 240)
    agents = {pod.name: onnode.OnNode(bed, pod).process("howdah", "howdah") for pod in shop.pods()}
    before, begun = {name: onnode.cpu_s(pid) for name, pid in agents.items()}, now()
    wait(lambda: now() - begun > IDLE_S, "the idle time passes", IDLE_S + 1)
    passed = now() - begun
    for name, pid in agents.items():
        hour = (onnode.cpu_s(pid) - before[name]) / passed * 3600
        note(name, f"PSS {onnode.pss_mb(pid):.1f} MB, CPU {hour:.2f} s/hour, {onnode.threads(pid)} threads")
        figures.add("cpu" if name == leader.name else "cpu-replica", "configmaps", hour)
        figures.add("pss", "configmaps", onnode.pss_mb(pid))
        figures.add("threads", "configmaps", onnode.threads(pid))
