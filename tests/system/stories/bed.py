"""Clusters of real members for stories: real PostgreSQL, an API server, each member on a machine of its own.

A member is a supervisor and an agent as separate processes, a bare Pod object, and a directory. Nothing here judges; see writer.py.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "kube"))
import choice  # noqa: E402
import kube as kubelib  # noqa: E402
import net as netlib  # noqa: E402

ROOT = pathlib.Path(__file__).parents[3]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()
BIN = "/usr/lib/postgresql/15/bin"
USER = "postgres" if os.getuid() == 0 else None
LABELS = {"application": "howdah"}
UNVERIFIED = ssl._create_unverified_context()
wait = kubelib.wait


def holds(condition, seconds, what):
    """It is so all the time; for what must not happen."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition(), f"not any more: {what}"
        time.sleep(0.05)


@contextlib.contextmanager
def bed(machines, kind=None, default="real"):
    """An API server, by choice or as KUBE says, and machines; raises kubelib.Unavailable."""
    chosen = choice.choose(kind, default)
    chosen.find()
    why = netlib.unsupported() or (None if os.path.isdir(BIN) else f"no PostgreSQL in {BIN}")
    if why:
        raise kubelib.Unavailable(why)
    with netlib.Net(*machines) as net, chosen.start(net) as server:
        yield server


class Member:
    def __init__(self, cluster, machine, name, home=None, labels=True):
        self.cluster, self.machine, self.name = cluster, machine, name
        self.address = cluster.net.address(machine)
        self.home = pathlib.Path(home or tempfile.mkdtemp(prefix=f"howdah-{name}-", dir=cluster.home))
        self.run = self.home / "run"
        self.data = self.home / "volume" / "data"
        for directory in (self.home, self.run, self.home / "volume", self.home / "sa"):
            directory.mkdir(exist_ok=True)
        cluster.account.write_directory(str(self.home / "sa"))
        self.config = self.home / "howdah.yaml"
        self.agent = self.supervisor = None
        self.overrides = {}
        self.tls = False  # of the REST API; the certificate comes with the overrides
        if labels:
            self.make_pod()

    @property
    def rest_url(self):
        return f"http://{self.address}:8008/patroni"

    def make_pod(self):
        labels = {**LABELS, "cluster-name": self.cluster.scope}
        spec = {"serviceAccountName": self.cluster.account.name}
        self.cluster.kube.pod(self.cluster.namespace, self.name, labels, ip=self.address, spec=spec)

    def settings(self):
        c = self.cluster
        own = {
            "scope": c.scope, "name": self.name,
            "restapi": {"listen": "0.0.0.0:8008", "connect_address": f"{self.address}:8008"},
            "kubernetes": {"labels": LABELS, "namespace": c.namespace, "pod_ip": self.address, "use_endpoints": c.mode == "endpoints"},
            "bootstrap": {"dcs": c.dynamic, "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums", "no-sync"]},
            "postgresql": {
                "listen": "0.0.0.0:5432", "connect_address": f"{self.address}:5432", "data_dir": str(self.data), "bin_dir": BIN,
                "pgpass": str(self.run / "pgpass"), "remove_data_directory_on_diverged_timelines": True,
                "pg_hba": ["local all all trust", "host all all all scram-sha-256", "host replication replicator all scram-sha-256"],
                "authentication": {"superuser": {"username": "postgres", "password": "super-secret"},
                                   "replication": {"username": "replicator", "password": "rep-secret"}},
                "parameters": {"unix_socket_directories": str(self.run / "pg")}},
            "howdah": {"run_dir": str(self.run), "laboratory": True, "service_account_dir": str(self.home / "sa"),
                       "route": "slice" if c.mode == "slices" else "label"},
        }
        return merge(own, self.overrides)

    def write_config(self):
        self.config.write_text(yaml.safe_dump(self.settings(), sort_keys=False))
        for path in (self.home, *self.home.glob("*"), *(self.home / "sa").glob("*")):
            if USER:
                shutil.chown(path, USER, USER)

    def start_supervisor(self):
        self.write_config()
        log = open(self.home / "supervisor.log", "ab")
        self.supervisor = self.cluster.net.run(self.machine, [str(BUILD / "howdah-supervisor"), "--dir", str(self.run)], user=USER,
                                               stdout=log, stderr=log, cwd="/", env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})

    def start_agent(self, binary=None):
        self.write_config()
        log = open(self.home / "agent.log", "ab")
        env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **self.cluster.account.environment(), **self.environment()}
        self.agent = self.cluster.net.run(self.machine, [str(binary or BUILD / "howdah"), str(self.config)], user=USER, stdout=log,
                                          stderr=log, cwd="/", env=env)

    def environment(self):
        return {}

    def start(self):
        self.start_supervisor()
        wait(lambda: (self.run / "supervisor.sock").exists(), f"{self.name}'s supervisor listens")
        self.start_agent()

    def kill_agent(self, sig=signal.SIGKILL):
        self.agent.send_signal(sig)
        self.agent.wait(timeout=10)

    def kill_all(self):
        """Everything on its machine at once, and what that still begins."""
        def nothing_left():
            pids = self.cluster.net.pids(self.machine)
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not pids
        wait(nothing_left, f"{self.machine} is empty", 10)
        for process in (self.agent, self.supervisor):
            if process:
                process.wait()

    def postmaster(self):
        """The postmaster's pid, None when there is none."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n")[0])
            os.kill(pid, 0)
            return pid
        except (OSError, ValueError):
            return None

    def rest(self, path, timeout=2, method="GET", body=None):
        """Status and text; None and "" when there was no answer. A body that is no text goes as JSON."""
        data = None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
        url = f"{'https' if self.tls else 'http'}://{self.address}:8008{path}"
        request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
        with self.cluster.net.inside(self.machine):
            try:
                with urllib.request.urlopen(request, timeout=timeout, context=UNVERIFIED if self.tls else None) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()
            except OSError:
                return None, ""

    def ask(self, path, body=None, method="POST", timeout=40):
        """An order that waits until it is carried out."""
        return self.rest(path, timeout, method, body)

    def status(self):
        code, text = self.rest("/patroni")
        return json.loads(text) if code == 200 else {}

    def log(self):
        return (self.home / "agent.log").read_text(errors="replace") if (self.home / "agent.log").exists() else ""

    def psql(self, sql, timeout=10):
        """As the superuser on the member's own socket."""
        argv = [f"{BIN}/psql", "-h", str(self.run / "pg"), "-U", "postgres", "-d", "postgres", "-XAtqc", sql]
        with self.cluster.net.inside(self.machine):
            done = subprocess.run(argv, capture_output=True, text=True, timeout=timeout, user=USER, cwd="/")
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {done.stderr.strip()}")
        return done.stdout.strip()

    def psql_or_none(self, sql):
        """None while the server does not answer."""
        try:
            return self.psql(sql)
        except RuntimeError:
            return None

    def is_streaming(self):
        return self.status().get("replication_state") == "streaming"


def ends(text, size):
    """The beginning and the end of a long one."""
    return text if len(text) <= 2 * size else f"{text[:size]}\n[...]\n{text[-size:]}"


def merge(into, patch):
    out = dict(into)
    for key, value in patch.items():
        if isinstance(value, dict) and isinstance(out.get(key), dict):
            out[key] = merge(out[key], value)
        elif value is None:
            out.pop(key, None)
        else:
            out[key] = value
    return out


class Cluster:
    """Members on the machines of a bed; scope and namespace of its own."""

    member_type = Member

    def __init__(self, kube, namespace, mode="configmaps", ttl=5, size=3, scope="shop", account=None, without=(), **dynamic):
        self.kube, self.net, self.namespace, self.mode, self.scope = kube, kube.net, namespace, mode, scope
        lab = {"ttl": ttl, "loop_wait": 1, "retry_timeout": 1.5} if ttl < 10 else {"ttl": ttl, "loop_wait": 5, "retry_timeout": 5}
        self.dynamic = {**lab, "primary_start_timeout": 0, "postgresql": {"parameters": {"max_connections": 50, "shared_buffers": "16MB",
                        "fsync": "off", "wal_keep_size": "128MB"}}, **dynamic}
        self.home = tempfile.mkdtemp(prefix="howdah-")
        os.chmod(self.home, 0o755)
        self.account = account or kube.account(namespace, mode=mode, without=without)
        machines = [m for m in self.net.members][:size]
        self.members = [self.member_type(self, machine, f"{scope}-{i}") for i, machine in enumerate(machines)]
        self.since = kube.mark()

    def __getitem__(self, name):
        return next(m for m in self.members if m.name == name)

    def start(self):
        for member in self.members:
            member.start()

    def wait_ready(self, timeout_s=60):
        """All stream from one leader and are labelled; returns the leader."""
        def ready():
            leader = self.leader()
            others = [m for m in self.members if m is not leader]
            return leader if leader and all(m.is_streaming() for m in others) and self.labelled() == [leader.name] else None
        return wait(ready, "one leader, the others streaming", timeout_s)

    def leader_object(self):
        name = self.scope if self.mode == "endpoints" else self.scope + "-leader"
        return self.kube.annotations("endpoints" if self.mode == "endpoints" else "configmaps", self.namespace, name) or {}

    def leader(self):
        """The member that holds the lock and says that it is a running primary."""
        name = self.leader_object().get("leader")
        member = next((m for m in self.members if m.name == name), None)
        return member if member and member.rest("/primary")[0] == 200 else None

    def labelled(self, role="primary"):
        pods = self.kube.admin.list("pods", self.namespace)
        return [p["metadata"]["name"] for p in pods if p["metadata"].get("labels", {}).get("role") == role]

    def tell(self):
        """Everybody's logs, for whoever must find out what went wrong."""
        for member in self.members:
            log = member.home / "supervisor.log"
            sys.stderr.write(f"\n===== {member.name}\n{ends(member.log(), 6000)}\n----- its supervisor and PostgreSQL\n")
            sys.stderr.write(ends(log.read_text(errors="replace"), 3000) if log.exists() else "")
        kind = "endpoints" if self.mode == "endpoints" else "configmaps"
        sys.stderr.write(f"\nleader object: {self.leader_object()}\n")
        sys.stderr.write(f"config object: {self.kube.annotations(kind, self.namespace, self.scope + '-config')}\n")

    def close(self):
        for member in self.members:
            member.kill_all()
            remove_shared_memory(member)
        for pod in self.kube.admin.list("pods", self.namespace):
            self.kube.admin.delete("pods", self.namespace, pod["metadata"]["name"], grace_s=0)
        shutil.rmtree(self.home, ignore_errors=True)


def remove_shared_memory(member):
    """The next PostgreSQL on a data directory removes the segment of one that was killed; here none comes, and the kernel has only 4096."""
    with contextlib.suppress(OSError, IndexError):
        segment = (member.data / "postmaster.pid").read_text().splitlines()[6].split()[1]
        subprocess.run(["ipcrm", "-m", segment], check=False, stderr=subprocess.DEVNULL)
