"""How each figure of `make bench` is taken. Clusters, faults and the writing client are those of the stories."""
import collections
import concurrent.futures
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid

import psycopg2

import clients
import costs
import products
import report
from products import bed

import writer as writerlib

now = time.monotonic
SHIPPED = {"ttl": 30, "loop_wait": 10, "retry_timeout": 10, "primary_start_timeout": 300}
LISTS = 10
SETTLE_S = 5


def server_version():
    return re.search(r"^version=(\S+)", (bed.ROOT / "tests/kube/build.sh").read_text(), re.M)[1]


class Bench:
    """The API server, its machines, one product, and where figures go."""

    def __init__(self, server, product, options, said):
        self.server, self.product, self.options, self.said = server, product, options, said

    def rounds(self):
        return range(self.options.count())

    def report(self, key, samples, **details):
        self.said.add(self.product.name, key, samples, **details)

    @contextlib.contextmanager
    def members(self, **dynamic):
        """Three members that have not been started, with the shipped times."""
        namespace = "bench-" + uuid.uuid4().hex[:8]
        self.server.namespace(namespace)
        cluster = products.Cluster(self.product, self.server, namespace, **{**SHIPPED, **dynamic})
        try:
            yield cluster
        except Exception:
            with contextlib.suppress(Exception):
                cluster.tell()
            raise
        finally:
            self.server.net.heal_all()
            cluster.close()

    @contextlib.contextmanager
    def ready(self, **dynamic):
        with self.members(**dynamic) as cluster:
            cluster.start()
            leader = cluster.wait_ready(120)
            leader.psql(writerlib.CREATE)
            yield cluster

    def trace(self, cluster, since_wall, seconds):
        if self.options.trace:
            trace(cluster, since_wall, seconds)


def trace(cluster, since_wall, seconds):
    """The log lines of all members from the fault on, by time: where the milliseconds went."""
    lines = []
    for member in cluster.members:
        for name in ("agent.log", "supervisor.log"):
            text = (member.home / name).read_text(errors="replace") if (member.home / name).exists() else ""
            for stamp, ms, rest in re.findall(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)[,.](\d{3}) (.*)$", text, re.M):
                at = time.mktime(time.strptime(stamp, "%Y-%m-%d %H:%M:%S")) + int(ms) / 1000 - since_wall
                if -0.05 <= at <= seconds + 0.1:
                    lines.append((at, member.name, name.split(".", maxsplit=1)[0], rest))
    for at, member, program, rest in sorted(lines):
        print(f"{at * 1000:9.0f} ms  {member} {program:<10} {rest}", file=sys.stderr)


# ---- what all rounds need ----

@contextlib.contextmanager
def writing(cluster):
    with writerlib.Writer(cluster.members) as writer:
        bed.wait(lambda: len(writer.snapshot()) > 20, "the writer's first rows", 10)
        yield writer
    writer.check_one_primary()


def written(writer, after, not_by=None, timeout_s=60):
    return bed.wait(lambda: writer.first_after(after, not_by), "a write after the fault", timeout_s)


def settled(cluster):
    """The leader of a cluster that is whole again: after a fault a member may need several turns."""
    return cluster.wait_ready(180)


def wait_for_phase(bench, cluster, i):
    """A fault comes at any time between two turns, and the gap depends on when: each round takes another part of the period."""
    renewed = cluster.leader_object()["renewTime"]
    bed.wait(lambda: cluster.leader_object()["renewTime"] != renewed, "a renewal", 60)
    time.sleep(cluster.dynamic["loop_wait"] * (i + 0.5) / len(bench.rounds()))


# ---- failures ----

def ask_for_switchover(leader):
    body = json.dumps({"leader": leader.name}).encode()
    with urllib.request.urlopen(f"http://{leader.address}:8008/switchover", data=body, timeout=60) as answer:
        if answer.status != 200:
            raise RuntimeError(f"switchover: {answer.status} {answer.read().decode()}")


def switchover(bench):
    gaps = []
    with bench.ready() as cluster, writing(cluster) as writer:
        for i in bench.rounds():
            leader = settled(cluster)
            wait_for_phase(bench, cluster, i)
            wall, began = time.time(), now()
            ask_for_switchover(leader)
            written(writer, began, leader.name)
            gaps.append(writer.gap_around(began))
            bench.trace(cluster, wall, now() - began)
    bench.report("switchover", gaps)


def kill_postmaster(bench, cluster, i):
    leader = settled(cluster)
    wait_for_phase(bench, cluster, i)
    pid, wall, killed = leader.postmaster(), time.time(), now()
    os.kill(pid, signal.SIGKILL)
    return leader, pid, wall, killed


def takeover_round(bench, cluster, writer, i):
    leader, _, wall, killed = kill_postmaster(bench, cluster, i)
    written(writer, killed, leader.name)
    bench.trace(cluster, wall, now() - killed)
    return writer.gap_around(killed)


def rejoin_round(bench, cluster, i):
    leader, pid, wall, killed = kill_postmaster(bench, cluster, i)
    bed.wait(lambda: leader.postmaster() not in (None, pid) and clients.is_streaming(leader), f"{leader.name} streams", 180)
    bench.trace(cluster, wall, now() - killed)
    return now() - killed


def takeover(bench):
    with bench.ready(primary_start_timeout=0) as cluster:
        with writing(cluster) as writer:
            gaps = [takeover_round(bench, cluster, writer, i) for i in bench.rounds()]
        bench.report("takeover", gaps)
        bench.report("rejoin", [rejoin_round(bench, cluster, i) for i in bench.rounds()])


def restart_round(bench, cluster, writer, i):
    leader, pid, wall, killed = kill_postmaster(bench, cluster, i)
    # a backend may still commit for a moment after its postmaster's death
    bed.wait(lambda: leader.postmaster() not in (None, pid), "another postmaster", 60)
    first = written(writer, now())
    if first.member != leader.name:
        raise RuntimeError(f"{first.member} took over from {leader.name}, which should have restarted")
    bench.trace(cluster, wall, now() - killed)
    return writer.gap_around(killed)


def restart(bench):
    with bench.ready() as cluster, writing(cluster) as writer:
        gaps = [restart_round(bench, cluster, writer, i) for i in bench.rounds()]
    bench.report("restart", gaps)


def host_round(bench, cluster, writer, i):
    leader = settled(cluster)
    wait_for_phase(bench, cluster, i)
    cluster.net.cut(leader.machine, "all")
    wall, dead = time.time(), now()
    cluster.net.power_off(leader.machine)
    first = written(writer, dead, leader.name, 3 * cluster.dynamic["ttl"])
    bench.trace(cluster, wall, first.acknowledged - dead)
    cluster.net.heal(leader.machine, "all")
    leader.wait_dead()
    leader.start()
    return first.acknowledged - dead


def host_death(ttl):
    pause = 10 if ttl >= 30 else ttl // 4
    times = {"ttl": ttl, "loop_wait": pause, "retry_timeout": pause, "primary_start_timeout": 0}

    def measure(bench):
        if ttl < bench.product.ttl_min:
            return
        with bench.ready(**times) as cluster, writing(cluster) as writer:
            gaps = [host_round(bench, cluster, writer, i) for i in bench.rounds()]
        bench.report(f"host-{ttl}", gaps)
    return measure


def agent_round(cluster, writer, kill):
    leader = settled(cluster)
    sessions, newcomers = clients.Sessions(leader), clients.Newcomers(leader)
    newcomers.start()
    bed.wait(lambda: newcomers.tried > 10, "connections before the fault")
    began = now()
    kill(leader)
    leader.start_agent()
    bed.wait(lambda: cluster.leader(), "somebody leads", 120)
    written(writer, now() + 1)
    newcomers.stopping.set()
    newcomers.join()
    return writer.gap_around(began), sessions.lost(), newcomers.failed


def agent(bench):
    with bench.ready() as cluster, writing(cluster) as writer:
        rounds = [agent_round(cluster, writer, lambda m: m.kill_agent()) for _ in bench.rounds()]
    for key, samples in zip(("agent-gap", "agent-sessions", "agent-newcomers"), zip(*rounds)):
        bench.report(key, samples)


def container(bench):
    with bench.members() as cluster:
        for member in cluster.members:
            member.as_container = True
        cluster.start()
        cluster.wait_ready(120).psql(writerlib.CREATE)
        with writing(cluster) as writer:
            rounds = [agent_round(cluster, writer, lambda m: m.kill_main()) for _ in bench.rounds()]
    for key, samples in zip(("container-gap", "container-sessions"), zip(*rounds)):
        bench.report(key, samples)


# ---- what members cost ----

def watch_costs(bench, cluster):
    """Of all rounds: the leader's CPU, the replicas', requests and writes a minute; and each kind of request with its number."""
    leader = settled(cluster)
    time.sleep(SETTLE_S)
    seen, kinds = [], collections.Counter()
    for _ in bench.rounds():
        window = costs.Window(cluster)
        time.sleep(bench.options.window())
        cpu, requests, writes, kinds_seen = window.usage()
        seen.append((cpu.pop(leader.name), statistics.mean(cpu.values()), requests, writes))
        kinds += kinds_seen
    return [list(column) for column in zip(*seen)], kinds


def idle(bench):
    with bench.ready() as cluster:
        (leader, replica, requests, writes), kinds = watch_costs(bench, cluster)
        bench.report("cpu-leader", leader)
        bench.report("cpu-replica", replica)
        bench.report("api-idle", requests, kinds=kinds)
        bench.report("api-idle-writes", writes)
        memory = [costs.memory_mb(member.keepers()) for member in cluster.members]
        bench.report("rss", [resident for resident, _ in memory])
        bench.report("private", [private for _, private in memory])
        bench.report("threads", [costs.threads(member.keepers()) for member in cluster.members])
        with clients.Inserts(settled(cluster)) as inserts:
            (_, _, requests, writes), kinds = watch_costs(bench, cluster)
        if inserts.done < 50 * bench.options.window() * len(bench.rounds()):
            raise RuntimeError(f"only {inserts.done} inserts were done")
        bench.report("api-busy", requests, kinds=kinds)
        bench.report("api-busy-writes", writes)


def idle_fast(bench):
    with bench.ready(loop_wait=1) as cluster:
        (leader, replica, _, _), _ = watch_costs(bench, cluster)
    bench.report("fast-leader", leader)
    bench.report("fast-replica", replica)


# ---- questions ----

def rest(bench):
    with bench.ready() as cluster:
        leader = settled(cluster)
        for key, keep_alive in (("rest-kept", True), ("rest-new", False)):
            rates = [clients.load_rest(leader, "/primary", keep_alive) for _ in bench.rounds()]
            bench.report(key, [rate for rate, _ in rates])
            bench.report(key + "-p99", [slowest for _, slowest in rates])


def rest_while_moving(bench):
    """/liveness of the leader, which answers 200 while PostgreSQL stops and starts again under it."""
    slowest = []
    with bench.ready() as cluster, concurrent.futures.ThreadPoolExecutor() as pool:
        for _ in bench.rounds():
            leader = settled(cluster)
            load = [pool.submit(clients.ask_steadily, leader, "/liveness") for _ in range(4)]
            ask_for_switchover(leader)
            if any(asking.done() for asking in load):
                raise RuntimeError("the questions ended before the switchover did")
            waits = sorted(ms for asking in load for ms in asking.result())
            slowest.append(waits[len(waits) * 99 // 100])
    bench.report("rest-moving-p99", slowest)


def list_once(cluster):
    argv, env = cluster.members[0].cli("list")
    began = now()
    done = subprocess.run(argv, capture_output=True, text=True, env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **env}, cwd="/",
                          user=bed.USER)
    took = now() - began
    if done.returncode or not all(member.name in done.stdout for member in cluster.members):
        raise RuntimeError(f"{argv}: {done.returncode} {done.stdout}{done.stderr}")
    return took


def list_members(bench):
    with bench.ready() as cluster:
        settled(cluster)
        list_once(cluster)
        bench.report("list", [list_once(cluster) for _ in range(LISTS)])


def first_answer(member):
    with member.cluster.net.inside(member.machine):
        began = now()
        member.start_agent()
        while True:
            with contextlib.suppress(OSError), socket.socket() as s:
                s.connect((member.address, 8008))
                s.sendall(b"GET /liveness HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                if re.match(rb"HTTP/1\.[01] ", s.recv(64)):
                    return now() - began
            if now() - began > 60:
                raise TimeoutError("the agent does not answer")
            time.sleep(0.0005)


def answers(bench):
    samples = []
    with bench.ready() as cluster:
        for i in bench.rounds():
            leader = settled(cluster)
            member = [m for m in cluster.members if m is not leader][i % 2]
            member.kill_agent()
            samples.append(first_answer(member))
    bench.report("first-answer", samples)


# ---- beginnings ----

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


def start_round(bench):
    with bench.members() as cluster:
        bench.product.wait_prepared(cluster)
        wall, began = time.time(), now()
        for member in cluster.members:
            member.start_agent()
        leader = bed.wait(lambda: next((m for m in cluster.members if clients.ask(m, writerlib.CREATE)), None), "a write", 60)
        write = now() - began
        bed.wait(lambda: all(m is leader or clients.is_streaming(m) for m in cluster.members), "all stream", 120)
        streaming = now() - began
        bench.trace(cluster, wall, streaming)
        return write, streaming


def start(bench):
    if bench.product.name == "howdah":
        bench.said.add(report.ALONE, "bare", [bare_first_write() for _ in bench.rounds()])
    rounds = [start_round(bench) for _ in bench.rounds()]
    bench.report("start-write", [write for write, _ in rounds])
    bench.report("start-streaming", [streaming for _, streaming in rounds])


MEASUREMENTS = {
    "switchover": switchover,
    "takeover": takeover,
    "restart": restart,
    "agent": agent,
    "container": container,
    "start": start,
    "answers": answers,
    "list": list_members,
    "rest": rest,
    "rest-moving": rest_while_moving,
    "idle": idle,
    "idle-fast": idle_fast,
    "host-10": host_death(10),
    "host-20": host_death(20),
    "host-30": host_death(30),
}
