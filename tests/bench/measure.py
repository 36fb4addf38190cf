"""How each figure of `make bench` is taken. Clusters, faults and the writing client are those of the stories."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import psycopg2

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system" / "stories"))
import bed  # noqa: E402
import writer as writerlib  # noqa: E402

now = time.monotonic
SHIPPED = {"ttl": 30, "loop_wait": 10, "retry_timeout": 10}
PASSWORD = "super-secret"


class Bench:
    """The API server, its machines, and what was measured."""

    def __init__(self, server, options):
        self.server, self.options, self.results = server, options, []

    def rounds(self, usual):
        return self.options.rounds or (1 if self.options.quick else usual)

    def idle_s(self):
        return 10 if self.options.quick else 60

    @contextlib.contextmanager
    def members(self, **dynamic):
        """Three members that have not been started, with the shipped times."""
        namespace = "bench-" + uuid.uuid4().hex[:8]
        self.server.namespace(namespace)
        cluster = bed.Cluster(self.server, namespace, **{**SHIPPED, **dynamic})
        if self.options.trace:
            for member in cluster.members:
                member.overrides = {"log": {"level": "DEBUG"}}
        try:
            yield cluster
        except Exception:
            tell(cluster)
            raise
        finally:
            self.server.net.heal_all()
            cluster.close()

    @contextlib.contextmanager
    def ready(self, **dynamic):
        with self.members(**dynamic) as cluster:
            cluster.start()
            leader = cluster.wait_ready()
            leader.psql(writerlib.CREATE)
            yield cluster

    def report(self, name, unit, samples, reach, digits=3):
        result = {"name": name, "unit": unit, "median": round(statistics.median(samples), digits),
                  "samples": [round(s, digits) for s in samples], "reach": reach, "load": round(os.getloadavg()[0], 1)}
        self.results.append(result)
        print(json.dumps(result), flush=True)


# ---- clients ----

@contextlib.contextmanager
def writing(cluster):
    with writerlib.Writer(cluster.members) as writer:
        bed.wait(lambda: len(writer.snapshot()) > 20, "the writer's first rows", 10)
        yield writer
    writer.check_one_primary()


def written(writer, after, not_by=None, timeout_s=60):
    return bed.wait(lambda: writer.first_after(after, not_by), "a write after the fault", timeout_s)


class Newcomers(threading.Thread):
    """A new connection and a query every 20 ms, by a client that does not try twice."""

    def __init__(self, member):
        super().__init__(daemon=True)
        self.member, self.stopping, self.tried, self.failed = member, threading.Event(), 0, 0

    def run(self):
        with self.member.cluster.net.inside("client"):
            while not self.stopping.wait(0.02):
                self.tried += 1
                try:
                    connection = psycopg2.connect(host=self.member.address, dbname="postgres", user="postgres", password=PASSWORD,
                                                  connect_timeout=2)
                    connection.cursor().execute("select 1")
                    connection.close()
                except psycopg2.Error:
                    self.failed += 1


# ---- failures ----

def tell(cluster):
    for member in cluster.members:
        print(f"===== {member.name}\n{member.log()[-4000:]}", file=sys.stderr)
    print(f"===== leader object: {cluster.leader_object()}", file=sys.stderr)


def trace(cluster, since_wall, fault):
    """The log lines of all members from the fault on, by time: where the milliseconds went."""
    lines = []
    for member in cluster.members:
        for name in ("agent.log", "supervisor.log"):
            text = (member.home / name).read_text(errors="replace") if (member.home / name).exists() else ""
            for stamp, ms, rest in re.findall(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)[,.](\d{3}) (.*)$", text, re.M):
                at = time.mktime(time.strptime(stamp, "%Y-%m-%d %H:%M:%S")) + int(ms) / 1000 - since_wall
                if -0.05 <= at <= fault + 0.1:
                    lines.append((at, member.name, name.split(".", maxsplit=1)[0], rest))
    for at, member, program, rest in sorted(lines):
        print(f"{at * 1000:9.0f} ms  {member} {program:<10} {rest}", file=sys.stderr)


def kill_postmaster(bench, cluster, writer, elsewhere):
    leader = cluster.wait_ready()
    pid, wall, killed = leader.postmaster(), time.time(), now()
    os.kill(pid, signal.SIGKILL)
    if elsewhere:
        written(writer, killed, leader.name, 20)
    else:  # a backend may still commit for a moment after its postmaster's death
        bed.wait(lambda: leader.postmaster() not in (None, pid), "another postmaster", 60)
        written(writer, now())
    gap = writer.gap_around(killed)
    if bench.options.trace:
        trace(cluster, wall, gap)
    cluster.wait_ready()
    return gap


def failover(bench):
    with bench.ready(primary_start_timeout=0) as cluster, writing(cluster) as writer:
        gaps = [kill_postmaster(bench, cluster, writer, True) for _ in range(bench.rounds(5))]
    bench.report("postmaster killed, another takes over: client gap", "s", gaps, "<= 0.7")


def restart(bench):
    with bench.ready(primary_start_timeout=300) as cluster, writing(cluster) as writer:
        gaps = [kill_postmaster(bench, cluster, writer, False) for _ in range(bench.rounds(5))]
    bench.report("postmaster killed, restart in place: client gap", "s", gaps, "<= 1.2")


def wait_for_phase(cluster, after_s):
    """A host dies at any time between two renewals, and the gap depends on when: each round takes another part of the period."""
    renewed = cluster.leader_object()["renewTime"]
    bed.wait(lambda: cluster.leader_object()["renewTime"] != renewed, "a renewal", 60)
    time.sleep(after_s)


def host_death(ttl, usual, reach):
    pause = 10 if ttl >= 30 else ttl // 4
    times = {"ttl": ttl, "loop_wait": pause, "retry_timeout": pause}

    def measure(bench):
        gaps = []
        with bench.ready(primary_start_timeout=0, **times) as cluster, writing(cluster) as writer:
            count = bench.rounds(usual)
            for i in range(count):
                leader = cluster.wait_ready()
                wait_for_phase(cluster, times["loop_wait"] * (i + 0.5) / count)
                cluster.net.cut(leader.machine, "all")
                wall, dead = time.time(), now()
                cluster.net.power_off(leader.machine)
                first = written(writer, dead, leader.name, 2 * ttl)
                gaps.append(first.acknowledged - dead)
                if bench.options.trace:
                    trace(cluster, wall, gaps[-1])
                cluster.net.heal(leader.machine, "all")
                leader.supervisor.wait()
                leader.agent.wait()
                leader.start()
                cluster.wait_ready(90)
        bench.report(f"host death, ttl {ttl}: client gap", "s", gaps, reach)
    return measure


def agent_round(cluster, writer, go_away):
    leader = cluster.wait_ready()
    postmaster, newcomers = leader.postmaster(), Newcomers(leader)
    newcomers.start()
    bed.wait(lambda: newcomers.tried > 10, "connections before the fault")
    began = now()
    go_away(leader)
    leader.start_agent()
    bed.wait(lambda: leader.rest("/primary")[0] == 200, "the agent leads again")
    written(writer, now() + 1)
    newcomers.stopping.set()
    newcomers.join()
    if leader.postmaster() != postmaster:
        raise RuntimeError("PostgreSQL was restarted")
    return writer.gap_around(began), newcomers.failed


def agent(bench):
    ways = {"killed": lambda m: m.kill_agent(), "replaced": lambda m: m.kill_agent(signal.SIGTERM)}
    with bench.ready() as cluster, writing(cluster) as writer:
        for name, way in ways.items():
            rounds = [agent_round(cluster, writer, way) for _ in range(bench.rounds(3))]
            bench.report(f"agent {name}: longest client gap", "s", [gap for gap, _ in rounds], "nothing")
            bench.report(f"agent {name}: failed new connections", "", [failed for _, failed in rounds], "0")


# ---- what an idle member costs ----

def cpu_s(pid):
    """The scheduler's own count, in ns; /proc/PID/stat counts ticks."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9


def memory_mb(pid):
    kb = dict(re.findall(r"^(\w+):\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M))
    return int(kb["Rss"]) / 1024, (int(kb["Private_Clean"]) + int(kb["Private_Dirty"])) / 1024


def threads(pid):
    return len(list(pathlib.Path(f"/proc/{pid}/task").iterdir()))


def processors(cluster, seconds):
    """CPU seconds an hour while nobody asks anything: of the leader's agent, the other agents, the leader's supervisor."""
    leader = cluster.wait_ready()
    pids = [leader.agent.pid, *(m.agent.pid for m in cluster.members if m is not leader), leader.supervisor.pid]
    time.sleep(3)
    before, began = [cpu_s(pid) for pid in pids], now()
    time.sleep(seconds)
    span = now() - began
    return [(cpu_s(pid) - b) * 3600 / span for pid, b in zip(pids, before)]


def report_processors(bench, cluster, loop_wait, reach):
    used = processors(cluster, bench.idle_s())
    bench.report(f"idle CPU, loop_wait {loop_wait}: leader's agent", "s/h", used[:1], reach)
    bench.report(f"idle CPU, loop_wait {loop_wait}: replicas' agents", "s/h", used[1:-1], reach)
    bench.report(f"idle CPU, loop_wait {loop_wait}: leader's supervisor", "s/h", used[-1:], "-")


def idle(bench):
    with bench.ready() as cluster:
        report_processors(bench, cluster, 10, "<= 0.6")
        memory = [memory_mb(m.agent.pid) for m in cluster.members]
        bench.report("agent: RSS", "MB", [rss for rss, _ in memory], "<= 16", 1)
        bench.report("agent: private", "MB", [private for _, private in memory], "<= 7", 1)
        bench.report("agent: threads", "", [threads(m.agent.pid) for m in cluster.members], "1")
        bench.report("supervisor: RSS", "MB", [memory_mb(m.supervisor.pid)[0] for m in cluster.members], "-", 2)


def idle_fast(bench):
    with bench.ready(loop_wait=1, retry_timeout=10) as cluster:
        report_processors(bench, cluster, 1, "<= 2")


# ---- beginnings ----

def first_answer(member):
    with member.cluster.net.inside(member.machine):
        member.start_agent()
        began = now()
        while True:
            with socket.socket() as s:
                try:
                    s.connect((member.address, 8008))
                    s.sendall(b"GET /liveness HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    if s.recv(64).startswith(b"HTTP/1.1 "):
                        return now() - began
                except OSError:
                    pass
            if now() - began > 20:
                raise TimeoutError("the agent does not answer")
            time.sleep(0.0005)


def rest(bench):
    samples = []
    with bench.ready() as cluster:
        for i in range(bench.rounds(5)):
            member = cluster.members[i % len(cluster.members)]
            member.kill_agent(signal.SIGTERM)
            samples.append(first_answer(member))
    bench.report("agent: exec to first REST answer", "s", samples, "<= 0.05")


def bare_first_write():
    """initdb and a start with the same options, by nobody but a shell: to the first acknowledged write."""
    with tempfile.TemporaryDirectory(prefix="howdah-bare-") as home:
        if bed.USER:
            shutil.chown(home, bed.USER, bed.USER)
        data, began = home + "/data", now()
        run = {"user": bed.USER, "cwd": "/", "check": True, "stdout": subprocess.DEVNULL}
        subprocess.run([f"{bed.BIN}/initdb", "-D", data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C", "-k", "-N"], **run)
        settings = f"-c listen_addresses= -k {home} -c fsync=off -c shared_buffers=16MB"
        subprocess.run([f"{bed.BIN}/pg_ctl", "-D", data, "-s", "-w", "-o", settings, "-l", home + "/log", "start"], **run)
        with psycopg2.connect(host=home, dbname="postgres", user="postgres") as connection:
            connection.cursor().execute(writerlib.CREATE)
        took = now() - began
        subprocess.run([f"{bed.BIN}/pg_ctl", "-D", data, "-s", "-w", "-m", "immediate", "stop"], **run)
    return took


def can_write(member):
    try:
        connection = psycopg2.connect(host=member.address, dbname="postgres", user="postgres", password=PASSWORD, connect_timeout=1)
        with connection, connection.cursor() as cursor:
            cursor.execute(writerlib.CREATE)
        connection.close()
        return True
    except psycopg2.Error:
        return False


def bootstrap_round(bench):
    with bench.members() as cluster:
        for member in cluster.members:
            member.start_supervisor()
        for member in cluster.members:
            bed.wait((member.run / "supervisor.sock").exists, "the supervisor listens")
        wall, began = time.time(), now()
        for member in cluster.members:
            member.start_agent()
        bed.wait(lambda: any(can_write(m) for m in cluster.members), "a write", 60)
        write = now() - began
        cluster.wait_ready()
        ready = now() - began
        if bench.options.trace:
            trace(cluster, wall, ready)
        return write, ready


def bootstrap(bench):
    bare, write, ready = [], [], []
    for _ in range(bench.rounds(3)):
        bare.append(bare_first_write())
        first, all_three = bootstrap_round(bench)
        write.append(first)
        ready.append(all_three)
    own = statistics.median(bare)
    bench.report("bare initdb, start, first write", "s", bare, "-")
    bench.report("three empty volumes: first write, over the bare one", "s", [w - own for w in write], "<= 0.5")
    bench.report("three empty volumes: all three streaming, over the bare one", "s", [r - own for r in ready], "<= 3")
