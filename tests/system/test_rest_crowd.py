"""A crowd of slow and greedy clients at the REST API of a real agent: its memory, its loop, and what others notice.

CLIENTS says how many (1,000; `make soak` takes 10,000).
"""
import collections
import contextlib
import os
import pathlib
import re
import resource
import select
import signal
import socket
import subprocess
import time

import pytest
import yaml

from conftest import BUILD as BUILT
from member import AS_POSTGRES, free_port, sh

BUILD = BUILT.resolve()
CLIENTS = int(os.environ.get("CLIENTS", "1000"))
MORE_MIB = 32           # that the agent may need beyond what it has without them; docs/rest.md
TAKEN = 256 + 129       # connections of the server, and those that the kernel holds for it
LATE_S = 1.0            # that its loop may be late at the most, on a machine that is busy with the crowd itself
PROBE_S = 3.0           # that a probe may take while the crowd comes in: who does not get into the queue tries again after 1 s
now = time.monotonic

BODY = b"POST /config HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"[" * 40000
KINDS = {  # what one sends at first, and then now and again
    "silent": (b"", b""),
    "slow headers": (b"GET /liveness HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"y"),
    "half a body": (BODY, b"["),
    "does not read": (b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
}


@pytest.fixture
def agent():
    """One that finds no API server and no PostgreSQL: its REST API answers all the same."""
    home = pathlib.Path(sh(*AS_POSTGRES, "mktemp", "-d", "/tmp/howdah-crowd-XXXXXX").stdout.strip())
    (home / "sa").mkdir()
    for name in ("token", "ca.crt", "namespace"):
        (home / "sa" / name).write_text("default")
    port = free_port()
    config = {"scope": "crowd", "name": "crowd-0", "restapi": {"listen": f"127.0.0.1:{port}", "connect_address": f"127.0.0.1:{port}"},
              "kubernetes": {"labels": {"application": "howdah"}, "pod_ip": "127.0.0.1"},
              "postgresql": {"listen": "127.0.0.1:5432", "connect_address": "127.0.0.1:5432", "data_dir": str(home / "data"),
                             "authentication": {"superuser": {"username": "postgres"}, "replication": {"username": "replicator"}}},
              "howdah": {"run_dir": str(home / "run"), "service_account_dir": str(home / "sa")}}
    (home / "howdah.yaml").write_text(yaml.safe_dump(config))
    env = {"PATH": os.environ["PATH"], "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(free_port())}
    (home / "run").mkdir(mode=0o777)
    (home / "run").chmod(0o777)
    programs = []
    with open(home / "log", "ab") as log:
        for argv in ([BUILD / "howdah-supervisor", "--dir", home / "run"], [BUILD / "howdah", home / "howdah.yaml"]):
            programs.append(subprocess.Popen([*AS_POSTGRES, *map(str, argv)], env=env, stdout=log, stderr=log, cwd="/"))
    yield programs[1], port
    for program in programs:
        program.send_signal(signal.SIGKILL)
        program.wait()
    print((home / "log").read_text()[-3000:])
    subprocess.run(["rm", "-rf", str(home)], check=True)


def get(port, path, timeout_s):
    """Status and body, over a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout_s) as s:
        s.settimeout(timeout_s)
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: s.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def wait_for(condition, seconds, what):
    end = now() + seconds
    while now() < end:
        with contextlib.suppress(OSError):
            if condition():
                return
        time.sleep(0.05)
    raise TimeoutError(what)


def memory_mib(pid, what):
    return int(re.search(rf"^{what}:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1]) / 1024


class Crowd:
    """One thread for all of them; each keeps its connection for as long as it may."""

    def __init__(self, port, count):
        self.port, self.poll, self.members = port, select.epoll(), {}
        self.kinds = list(KINDS)
        self.arrived, self.ended = collections.Counter(), collections.Counter()
        self.count = count

    def come(self, most):
        """Some more begin to connect."""
        for _ in range(min(most, self.count - len(self.members) - self.ended.total())):
            s = socket.socket()
            s.setblocking(False)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            kind = self.kinds[(len(self.members) + self.ended.total()) % len(self.kinds)]
            s.connect_ex(("127.0.0.1", self.port))
            self.members[s.fileno()] = [s, kind, False]
            self.poll.register(s.fileno(), select.EPOLLOUT | select.EPOLLRDHUP)

    def turn(self):
        for fd, events in self.poll.poll(0.02, 512):
            member = self.members[fd]
            if events & (select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP):
                self.leave(fd)
            elif not member[2]:
                member[2] = True
                self.arrived[member[1]] += 1
                self.send(fd, KINDS[member[1]][0])
                if fd in self.members:
                    self.poll.modify(fd, select.EPOLLRDHUP)

    def send(self, fd, data):
        try:
            self.members[fd][0].send(data)
        except BlockingIOError:
            pass
        except OSError:
            self.leave(fd)

    def go_on(self):
        """Each sends a little more: none is idle."""
        for fd, (_, kind, there) in list(self.members.items()):
            if there:
                self.send(fd, KINDS[kind][1])

    def leave(self, fd):
        s, kind, there = self.members.pop(fd)
        self.ended[kind] += 1
        self.arrived[kind] += not there
        self.poll.unregister(fd)
        s.close()

    def close(self):
        for fd in list(self.members):
            self.leave(fd)
        self.poll.close()


def probe(port, crowd):
    """Seconds that GET /liveness takes while the crowd goes on."""
    began = now()
    s = socket.socket()
    s.setblocking(False)
    s.connect_ex(("127.0.0.1", port))
    answer, asked = b"", False
    ready = select.poll()
    ready.register(s, select.POLLOUT)
    with s:
        while now() - began < 3 * PROBE_S and b" 200 " not in answer:
            crowd.turn()
            if not asked and ready.poll(0):
                asked = s.send(b"GET /liveness HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") > 0
            with contextlib.suppress(BlockingIOError):
                answer += s.recv(4096)
    assert b" 200 " in answer, f"no answer in {now() - began:.1f} s: {answer!r}"
    return now() - began


def test_a_crowd_of_slow_and_greedy_clients(agent, record_property):
    program, port = agent
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < CLIENTS + 100:
        pytest.skip(f"RLIMIT_NOFILE is {hard}, {CLIENTS} clients need more")
    wait_for(lambda: get(port, "/liveness", 2)[0] == 200, 20, "the agent answers")
    before = memory_mib(program.pid, "VmRSS")
    crowd = Crowd(port, CLIENTS)
    times, began, next_drip = [], now(), now() + 1
    try:
        while crowd.arrived.total() < CLIENTS:
            assert now() - began < 120, f"{crowd.arrived} have come"
            crowd.come(500)
            crowd.turn()
            times.append(probe(port, crowd))
            if now() > next_drip:
                crowd.go_on()
                next_drip = now() + 1
        until = now() + 3
        while now() < until or (crowd.ended.total() < CLIENTS - TAKEN and now() - began < 120):
            crowd.go_on()
            times.append(probe(port, crowd))
        gave_way = crowd.ended.total()
    finally:
        crowd.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    peak = memory_mib(program.pid, "VmHWM")
    stall = float(re.search(r"^howdah_loop_stall_seconds_max\S* (\S+)$", get(port, "/metrics", 5)[1], re.M)[1])
    figures = {"clients": CLIENTS, "seconds": round(now() - began, 1), "gave_way": gave_way, "probes": len(times),
               "probe_median_s": round(sorted(times)[len(times) // 2], 4), "probe_max_s": round(max(times), 3),
               "memory_before_mib": round(before, 1), "memory_peak_mib": round(peak, 1), "loop_late_max_s": round(stall, 3)}
    for name, value in figures.items():
        record_property(name, value)
        print(f"{name}: {value}")
    assert program.poll() is None and set(crowd.arrived) == set(KINDS) and gave_way >= CLIENTS - TAKEN, "all have been there, and had to go"
    assert peak < before + MORE_MIB, "memory"
    assert stall < LATE_S and max(times) < PROBE_S
