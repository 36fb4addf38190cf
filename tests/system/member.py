"""One PostgreSQL under the real supervisor, driven through the postgres layer by tests/system/driver.c."""
import json
import os
import pathlib
import queue
import shutil
import signal
import socket
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
AS_POSTGRES = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.getuid() == 0 else []


def sh(*args, **kwargs):
    return subprocess.run([str(a) for a in args], check=True, text=True, capture_output=True, timeout=300, **kwargs)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def is_alive(pid):
    """One that only waits for process 1 to reap it is not."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def read(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""


def parent(proc):
    return int((read(proc / "stat").rpartition(b")")[2].split() or [0, 0])[1])


class Member:
    def __init__(self, name, base, programs, settings):
        self.name, self.programs, self.settings = name, programs, settings
        self.home = base / name
        self.data_dir, self.run = self.home / "data", self.home / "run"
        self.data = self.data_dir  # as we see it, who may be in another mount namespace
        self.enter = []  # a command before the agent's: into another mount namespace
        self.home.mkdir()
        if AS_POSTGRES:
            shutil.chown(self.home, "postgres", "postgres")
        self.port = free_port()
        self.state, self.agent = None, None

    def attach(self):
        """Starts an agent. The supervisor and PostgreSQL outlive it."""
        driver, supervisor = self.programs
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "KUBERNETES"))}
        self.log = open(self.home / "agent.log", "a")
        self.agent = subprocess.Popen([*self.enter, *AS_POSTGRES, driver, self.name, self.data_dir, self.run,
                                       str(self.port), supervisor, json.dumps(self.settings)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=env,
                                      cwd="/")
        self.lines, self.state = queue.Queue(), None
        threading.Thread(target=self._read, args=(self.agent, self.lines), daemon=True).start()
        self.wait(lambda s: s["attached"])
        return self

    @staticmethod
    def _read(agent, lines):
        for line in agent.stdout:
            lines.put(json.loads(line))

    def say(self, *words):
        """The driver answers each line with its state: what was known before does not count any more."""
        while not self.lines.empty():
            self.lines.get()
        self.state = None
        self.agent.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.agent.stdin.flush()

    def wait(self, condition, seconds=30):
        """The present or the next state that meets the condition."""
        deadline = time.monotonic() + seconds
        while self.state is None or not condition(self.state):
            try:
                self.state = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{self.name}: waited {seconds} s; last {self.state}\n{self.tail()}") from None
        return self.state

    def do(self, *words, seconds=60):
        """One job, from its beginning to its success."""
        self.say(*words)
        self.wait(lambda s: s["job"] != "none")
        state = self.wait(lambda s: s["job"] == "none", seconds)
        assert state["failed_job"] == "none", f"{words}: {state['failure']}\n{self.tail()}"
        return state

    def rules(self):
        """What our table says of the parameters of the version that runs."""
        self.say("rules")
        state = self.wait(lambda s: "work_mem" in s)
        self.state = None
        return state

    def fails(self, *words):
        self.say(*words)
        self.wait(lambda s: s["job"] != "none")
        self.wait(lambda s: s["job"] == "none")
        assert self.state["failed_job"] != "none", f"{words} succeeded"
        return self.state

    def bootstrap(self):
        """From an empty directory to a primary."""
        self.wait(lambda s: s["data"] == "empty")
        self.do("initdb")
        self.say("deadline", 10000)
        self.wait(lambda s: s["deadline"])
        self.do("primary")
        self.do("post_bootstrap")
        self.say("bootstrap_done")
        self.wait(lambda s: s["job"] == "none")
        return self

    def join(self, primary):
        """From an empty directory to a standby that streams."""
        self.do("clone", *primary.upstream())
        slot = self.name.replace("-", "_")
        primary.say("slots", slot)
        primary.wait(lambda s: f'"{slot}"' in s["slots"])
        self.do("standby", *primary.upstream())
        self.wait(lambda s: s["streaming"])
        return self

    def upstream(self):
        return "127.0.0.1", self.port, self.name

    def sql(self, text, database="postgres"):
        args = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.run / "pg", "-p", self.port, "-U", "postgres", "-c", text]
        return sh(*AS_POSTGRES, *args, database, cwd="/").stdout.strip()

    def wait_sql(self, text, expected, seconds=20):
        deadline = time.monotonic() + seconds
        while (got := self.sql(text)) != expected:
            assert time.monotonic() < deadline, f"{text}: {got}, not {expected}"
            threading.Event().wait(0.05)

    def detach(self):
        self.agent.stdin.close()
        self.agent.wait(10)
        self.agent = None

    def supervisor_pid(self):
        for proc in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                words, name = (proc / "cmdline").read_bytes().split(b"\0"), (proc / "comm").read_text().strip()
            except OSError:
                continue
            if name == "howdah-superv" and str(self.run).encode() in words:
                return int(proc.name)
        return None

    def postmaster_pid(self):
        return int((self.data / "postmaster.pid").read_text().split("\n")[0])

    def shown(self):
        """What anybody on the machine may see of the supervisor, the agent and all that they started: words and environments."""
        above = {int(p.name): parent(p) for p in pathlib.Path("/proc").glob("[0-9]*")}
        ours = {self.supervisor_pid(), self.agent.pid}
        while more := {pid for pid, its in above.items() if its in ours} - ours:
            ours |= more
        texts = [read(f"/proc/{pid}/cmdline") + read(f"/proc/{pid}/environ") for pid in ours]
        assert any(b"postgres" in text for text in texts)
        return b"\n".join(texts).decode(errors="replace")

    def tail(self):
        self.log.flush()
        return (self.home / "agent.log").read_text()[-4000:]

    def end(self):
        if self.agent is not None:
            self.detach()
        pid = self.supervisor_pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + 20
            while is_alive(pid) and time.monotonic() < deadline:
                threading.Event().wait(0.02)
        self.log.close()
        said = (self.home / "agent.log").read_text()
        assert "Sanitizer" not in said and "runtime error" not in said, said[-4000:]
