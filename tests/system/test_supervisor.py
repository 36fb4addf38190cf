"""howdah-supervisor against a real PostgreSQL: what it starts, what it refuses, and above all what it kills and when.

The binary is taken from $HOWDAH_SUPERVISOR, else from build/. As root everything runs as the user postgres.
"""
import calendar
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import psycopg2
import pytest

from supervisor_client import FAST, PRIMARY, SMART, STANDBY, Client, Gone, clocks, wait_until
import supervisor_client as protocol

ROOT = pathlib.Path(__file__).resolve().parents[2]
SUPERVISOR = pathlib.Path(os.environ.get("HOWDAH_SUPERVISOR", ROOT / "build" / "howdah-supervisor"))
BIN = next(iter(sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: -int(p.parent.name))), None)
USER = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
BECOME = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups"] if os.geteuid() == 0 else []
ENV = {"PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC"}
COMMIT_LOOP = "do $$ begin loop insert into t values (1); commit; end loop; end $$"

OPENAT = 257 if os.uname().machine == "x86_64" else 56
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root sees what system call a process waits in")

pytestmark = pytest.mark.skipif(BIN is None or not SUPERVISOR.exists(), reason="needs PostgreSQL and the supervisor")


def call(*argv, **options):
    return subprocess.run([*BECOME, *map(str, argv)], check=True, capture_output=True, text=True, env=ENV, timeout=60, **options).stdout


@pytest.fixture(scope="session")
def base():
    """A directory of our own that the user may enter, and in it one initialised cluster to copy."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="howdah-supervisor-"))
    os.chown(path, pwd.getpwnam(USER).pw_uid, -1)
    path.chmod(0o755)
    call(BIN / "initdb", "-D", path / "template", "-U", "postgres", "-A", "trust", "-N", cwd="/")
    with open(path / "template" / "postgresql.conf", "a") as conf:
        conf.write("listen_addresses = ''\nfsync = off\nshared_buffers = 16MB\n")
    yield path
    shutil.rmtree(path, ignore_errors=True)


class Member:
    """One data directory and the supervisors that serve it."""

    def __init__(self, path):
        self.path, self.data, self.run = path, path / "data", path / "run"
        self.processes, self.clients, self.sessions = [], [], []

    def supervisor(self, run=None, wrap=(), env=ENV):
        run = run or self.run
        log = open(self.path / "log", "a")
        process = subprocess.Popen([*wrap, *BECOME, str(SUPERVISOR), "--dir", str(run)], env=env, stderr=log, stdout=log,
                                   stdin=subprocess.DEVNULL, cwd="/")
        log.close()
        self.processes.append(process)
        wait_until(lambda: self.serves(run), what="the socket")
        return process

    def serves(self, run):
        with contextlib.suppress(OSError):
            Client(run / "supervisor.sock", self.data, hello=False).close()
            return True
        return False

    def client(self, run=None, **options):
        client = Client((run or self.run) / "supervisor.sock", self.data, **options)
        self.clients.append(client)
        return client

    def argv(self):
        return [str(BIN / "postgres"), "-D", str(self.data), "-k", str(self.path)]

    def be_standby(self):
        call("touch", self.data / "standby.signal")

    def primary(self, client, seconds=60):
        assert client.deadline(seconds) == "ok"
        assert client.start(PRIMARY, self.argv(), ENV) == "ok"
        client.wait_tree("primary")

    def standby(self, client):
        self.be_standby()
        assert client.start(STANDBY, self.argv(), ENV) == "ok"
        client.wait_tree("standby")

    def psql(self, sql):
        return call(BIN / "psql", "-XAtqh", self.path, "-U", "postgres", "-c", sql).strip()

    def commit_for_ever(self):
        """A session that commits without ever waiting for anything: it notices neither a client nor a postmaster that is gone.

        Returns its backend's pid."""
        self.psql("create table if not exists t (i int)")
        argv = [*BECOME, str(BIN / "psql"), "-Xqh", str(self.path), "-U", "postgres", "-c", COMMIT_LOOP]
        self.sessions.append(subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        running = "select pid from pg_stat_activity where query like 'do $$%' and backend_type = 'client backend'"
        pid = int(wait_until(lambda: self.psql(running)))
        wait_until(lambda: self.psql("select count(*) > 100 from t") == "t")
        return pid

    def last_commit(self):
        """Wall time of the last commit record that reached the WAL."""
        for segment in sorted((p for p in (self.data / "pg_wal").iterdir() if len(p.name) == 24), reverse=True):
            argv = [*BECOME, str(BIN / "pg_waldump"), "--rmgr=Transaction", str(segment)]
            out = subprocess.run(argv, env=ENV, text=True, capture_output=True, timeout=120).stdout
            commits = [line for line in out.splitlines() if " COMMIT " in line]
            if commits:  # later segments are recycled ones
                break
        stamp = commits[-1].split(" COMMIT ")[1].split(" UTC")[0]
        seconds, fraction = stamp.split(".")
        return calendar.timegm(time.strptime(seconds, "%Y-%m-%d %H:%M:%S")) + float("0." + fraction)

    def finish(self):
        for client in self.clients:
            client.close()
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for session in self.sessions:
            session.kill()
            session.wait()


@pytest.fixture
def member(base):
    path = pathlib.Path(tempfile.mkdtemp(dir=base))
    os.chown(path, pwd.getpwnam(USER).pw_uid, -1)
    call("cp", "-a", base / "template", path / "data")
    member = Member(path)
    yield member
    member.finish()
    print((path / "log").read_text())


@pytest.fixture
def agent(member):
    member.supervisor()
    return member.client()


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def freeze(process):
    process.send_signal(signal.SIGSTOP)
    wait_until(lambda: pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T")


def children(pid):
    return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


# --- starting, promoting, stopping


def test_a_standby_is_started_promoted_and_stopped(member, agent):
    assert agent.tree == "down" and agent.status.volume_locked and not agent.status.left
    member.standby(agent)
    assert not agent.status.writable and agent.status.postmaster_count == 1 and agent.status.left == 1
    assert member.psql("select pg_is_in_recovery()") == "t"
    assert agent.ask(protocol.PROMOTE) == "not_answered"
    agent.deadline(30, answered=False)
    assert agent.ask(protocol.PROMOTE) == "not_answered"
    agent.deadline(0.9)
    assert agent.ask(protocol.PROMOTE) == "no_deadline"
    agent.deadline(30, token=b"lease-7")
    assert agent.ask(protocol.PROMOTE) == "ok"
    agent.wait_tree("primary")
    assert agent.status.writable and agent.status.token.rstrip(b"\0") == b"lease-7"
    assert member.psql("select pg_is_in_recovery()") == "f"
    assert agent.ask(protocol.RELOAD) == "ok"
    assert agent.deadline(None) == "busy", "a deadline is not taken off what may commit"
    postmaster = agent.status.postmaster
    assert agent.stop() == "ok"
    agent.wait_tree("down")
    assert (agent.status.left, agent.status.writable, agent.status.fenced, agent.status.exit_status) == (0, 0, 0, 0)
    assert not is_alive(postmaster)
    assert agent.deadline(None) == "ok"


def test_a_start_is_refused_where_it_is_not_safe(member, agent):
    assert agent.start(STANDBY, member.argv(), ENV) == "signal_file"
    assert agent.start(PRIMARY, member.argv(), ENV) == "not_answered"
    agent.deadline(0.5)
    assert agent.start(PRIMARY, member.argv(), ENV) == "no_deadline"
    assert agent.deadline(601) == "bad_deadline"
    assert agent.deadline(30, number=1) == "bad_deadline"
    assert agent.deadline(30, number=10) == "ok"
    member.be_standby()
    assert agent.start(PRIMARY, member.argv(), ENV) == "signal_file"
    call("touch", f"{member.data}.howdah/changing")
    assert agent.start(STANDBY, member.argv(), ENV) == "marked"
    call("rm", f"{member.data}.howdah/changing")
    assert agent.start(STANDBY, ["/no/such/postgres"], ENV) == "failed"
    assert agent.run(1, ["/bin/sleep", "60"], exclusive=True) == "ok"
    assert agent.start(STANDBY, member.argv(), ENV) == "busy"
    assert agent.kill(1) == "ok"
    agent.wait_exited(1)
    member.standby(agent)
    assert agent.start(STANDBY, member.argv(), ENV) == "busy"
    assert agent.run(2, ["/bin/true"], exclusive=True) == "busy"


def test_a_stale_pid_file_is_removed_before_a_start(member, agent):
    assert agent.run(1, ["/bin/sh", "-c", "echo $$; exec sleep 60"]) == "ok"
    agent.pump(lambda: agent.output[1][1])
    live = int(agent.output[1][1])  # alive, of the same user and not PostgreSQL: PostgreSQL by itself would refuse
    call("sh", "-c", f"printf '{live}\\n{member.data}\\n1\\n5432\\n{member.path}\\n\\n\\nready   \\n' > {member.data}/postmaster.pid")
    member.standby(agent)


def test_a_postgres_that_cannot_start_ends_as_down(member, agent):
    member.be_standby()
    call("sh", "-c", f"echo 'nonsense = 1' >> {member.data}/postgresql.conf")
    assert agent.start(STANDBY, member.argv(), ENV) == "ok"
    agent.pump(lambda: agent.tree == "down" and agent.status.fenced)
    assert agent.reason == "orphans" and os.waitstatus_to_exitcode(agent.status.exit_status) == 1


def test_a_stop_that_takes_too_long_is_escalated(member, agent):
    member.primary(agent)
    os.kill(agent.status.postmaster, signal.SIGSTOP)
    assert agent.stop(FAST, escalate_ms=200) == "ok"
    agent.wait_tree("stopping")
    assert agent.status.writable
    agent.wait_tree("down", seconds=5)
    assert agent.status.fenced and agent.reason == "stop_escalated"


def test_a_stop_leaves_running_jobs_alone(member, agent):
    member.primary(agent)
    assert agent.run(6, ["/bin/sh", "-c", "sleep 60 & echo $!; wait"]) == "ok"
    agent.pump(lambda: agent.output[6][1])
    assert agent.stop() == "ok"
    agent.wait_tree("down")
    assert agent.status.left == 0 and is_alive(int(agent.output[6][1]))
    assert agent.kill(6) == "ok"
    assert agent.wait_exited(6)[:2] == (signal.SIGKILL, True)


# --- the deadline


def test_the_deadline_kills_a_primary_in_the_middle_of_its_commits(member, agent):
    member.primary(agent)
    member.commit_for_ever()
    assert agent.deadline(1.5) == "ok"
    due = agent.deadline_wall
    agent.wait_tree("down")
    assert agent.status.fenced and agent.reason == "deadline" and agent.status.left == 0
    assert (agent.status.deadline_boot, agent.status.writable) == (0, 0)
    after = member.last_commit() - due
    print(f"last commit {after * 1000:+.1f} ms after T")
    assert -0.2 < after < 0.1
    assert agent.start(PRIMARY, member.argv(), ENV) == "no_deadline", "the old deadline does not count after a fence"
    member.primary(agent)
    assert not agent.status.fenced and agent.reason == "none"


def test_the_deadline_holds_when_the_agent_is_gone(member, agent):
    member.primary(agent)
    postmaster, tree = agent.status.postmaster, children(agent.status.postmaster)
    agent.deadline(1.0)
    due = agent.deadline_wall
    agent.close()
    wait_until(lambda: not any(map(is_alive, [postmaster, *tree])), 5)
    assert -0.05 < time.time() - due < 0.5
    again = member.client()
    assert again.tree == "down" and again.status.fenced and again.reason == "deadline"
    assert again.status.nonce == agent.status.nonce


def test_a_renewed_deadline_keeps_it_alive(member, agent):
    member.primary(agent)
    postmaster, end = agent.status.postmaster, time.monotonic() + 2.5
    while time.monotonic() < end:
        assert agent.deadline(0.6) == "ok"
        agent.receive(0.1)
    assert agent.refresh().postmaster == postmaster and agent.tree == "primary"
    agent.deadline(-1)
    agent.wait_tree("down", seconds=2)
    assert agent.reason == "deadline", "a deadline in the past fences at once"


def test_a_fence_is_not_talked_out_of(member, agent):
    member.primary(agent)
    freeze(member.processes[0])  # all of these are heard in one turn
    frames = [agent.send(protocol.FENCE), agent.send_deadline(60), agent.send(protocol.STOP, b"\x01" + b"\0" * 7)]
    member.processes[0].send_signal(signal.SIGCONT)
    agent.pump(lambda: frames[-1] in agent.replies)
    assert [agent.replies[frame] for frame in frames] == ["ok", "fencing", "fencing"]
    agent.wait_tree("down")
    assert agent.status.fenced and agent.reason == "asked"


def test_a_standby_needs_no_deadline(member, agent):
    agent.deadline(0.2)
    member.standby(agent)
    postmaster = agent.status.postmaster
    wait_until(lambda: clocks()[0] > agent.status.deadline_boot + 1000000, what="T is a second ago")
    assert agent.refresh().postmaster == postmaster and agent.tree == "standby"


@pytest.mark.parametrize("renewed", [True, False])
def test_a_frozen_supervisor_hears_its_socket_before_it_checks_the_deadline(member, agent, renewed):
    member.primary(agent)
    supervisor, postmaster = member.processes[0], agent.status.postmaster
    agent.deadline(0.5)
    freeze(supervisor)
    due = time.monotonic() + 0.7
    if renewed:
        frame = agent.send_deadline(60)
    wait_until(lambda: time.monotonic() > due, what="T is past")
    assert is_alive(postmaster)
    supervisor.send_signal(signal.SIGCONT)
    if renewed:
        agent.pump(lambda: frame in agent.replies)
        assert agent.refresh().postmaster == postmaster and agent.tree == "primary"
    else:
        agent.wait_tree("down", seconds=2)
        assert agent.reason == "deadline"


def test_a_dead_postmaster_is_reported_when_its_orphans_are_dead(member, agent):
    member.primary(agent)
    backend = member.commit_for_ever()
    os.kill(agent.status.postmaster, signal.SIGKILL)
    agent.wait_tree("down")
    reported = time.time()
    assert agent.status.fenced and agent.reason == "orphans" and agent.status.left == 0
    assert not is_alive(backend)
    assert member.last_commit() <= reported


def test_the_agent_can_ask_for_a_fence(member, agent):
    member.primary(agent)
    assert agent.run(3, ["/bin/sleep", "60"]) == "ok"
    assert agent.ask(protocol.FENCE) == "ok"
    agent.wait_tree("down")
    assert agent.reason == "asked"
    assert agent.wait_exited(3)[:2] == (signal.SIGKILL, True)


def test_a_promotion_by_hand_is_fenced(member, agent):
    member.standby(agent)
    started = time.monotonic()
    with contextlib.suppress(subprocess.CalledProcessError):
        member.psql("select pg_promote(wait => false)")
    agent.wait_tree("down")
    print(f"fenced {time.monotonic() - started:.2f} s after pg_promote()")
    assert time.monotonic() - started < 2.5
    assert agent.status.fenced and agent.reason == "unasked"


def test_a_promotion_by_hand_under_a_deadline_counts_as_writable(member, agent):
    member.standby(agent)
    agent.deadline(30)
    member.psql("select pg_promote(wait => false)")
    agent.pump(lambda: agent.status.writable, 3)
    agent.deadline(-1)
    agent.wait_tree("down")
    assert agent.reason == "deadline"


# --- storage that hangs


def hanging(member, name):
    """The children of the supervisor that wait in open() of a file in the data directory, by their system call."""
    found = []
    for pid in children(member.processes[0].pid):
        with contextlib.suppress(OSError):
            call = pathlib.Path(f"/proc/{pid}/syscall").read_text().split()
            if call[0] == str(OPENAT) and name in pathlib.Path(f"/proc/{pid}/comm").read_text():
                found.append(pid)
    return found


def put_fifo(directory, name):
    """Whoever opens it waits for another end that never comes."""
    os.mkfifo(directory / name, 0o600)
    shutil.chown(directory / name, USER)


def hang_for_the_supervisor_only(member, name):
    """Another directory in the data directory's place, with a FIFO for one file: PostgreSQL goes on in the old one, where it stands.

    Returns that."""
    real = member.path / "real"
    member.data.rename(real)
    call("mkdir", member.data)
    for entry in real.iterdir():
        if entry.name != name:
            (member.data / entry.name).symlink_to(entry)
    put_fifo(member.data, name)
    return real


def commits_once_it_may(member):
    """A session of the standby that commits as soon as the server is promoted; it never connects again."""
    session = psycopg2.connect(host=str(member.path), user="postgres", dbname="postgres")
    session.autocommit = True
    commits = []

    def run():
        cursor = session.cursor()
        with contextlib.suppress(psycopg2.OperationalError, psycopg2.InterfaceError):
            while True:
                with contextlib.suppress(psycopg2.errors.ReadOnlySqlTransaction):
                    cursor.execute("insert into t values (1)")
                    commits.append(time.time())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, commits


def standby_with_table(member, client):
    member.primary(client)
    member.psql("create table t (i int)")
    client.stop()
    client.wait_tree("down")
    member.standby(client)


@needs_root
def test_the_deadline_is_kept_while_reads_of_the_volume_hang(member, agent):
    """What says whether the promotion is done cannot be read, and an open session commits all the same."""
    standby_with_table(member, agent)
    thread, commits = commits_once_it_may(member)
    call("touch", hang_for_the_supervisor_only(member, "postmaster.pid") / "promote")
    wait_until(lambda: hanging(member, "howdah-look"), what="a read that hangs")
    reader = hanging(member, "howdah-look")
    agent.deadline(2)
    assert agent.ask(protocol.PROMOTE) == "ok"
    wait_until(lambda: commits, what="the session commits")
    assert agent.refresh().writable and agent.tree == "promoting"
    assert hanging(member, "howdah-look") == reader, "one that hangs is not asked again"
    thread.join(10)
    assert commits[-1] <= agent.deadline_wall + 0.1
    assert agent.deadline_wall - commits[-1] < 0.5, "it did commit until the deadline"
    agent.wait_tree("down", seconds=3)
    assert agent.reason == "deadline" and not is_alive(reader[0])
    print(f"last commit {1000 * (agent.deadline_wall - commits[-1]):.0f} ms before T")


@needs_root
def test_a_promotion_whose_file_hangs_counts_as_writable(member, agent):
    """PostgreSQL finds the file by itself at its next look, whatever became of the one who makes it."""
    standby_with_table(member, agent)
    thread, commits = commits_once_it_may(member)
    put_fifo(member.data, "promote")
    agent.deadline(2)
    assert agent.ask(protocol.PROMOTE, seconds=1) == "ok"
    assert hanging(member, "howdah-look")
    assert agent.refresh().writable
    wait_until(lambda: commits, what="it is promoted and the session commits")
    thread.join(10)
    assert commits[-1] <= agent.deadline_wall + 0.1
    agent.wait_tree("down", seconds=3)
    assert agent.reason == "deadline"


@pytest.fixture
def frozen_volume(base):
    """A member on a file system of its own that can be frozen: whoever writes there waits as for a dead disk, deaf to signals."""
    path = pathlib.Path(tempfile.mkdtemp(dir=base))
    os.chown(path, pwd.getpwnam(USER).pw_uid, -1)
    script = (f"truncate -s 200M {path}/disk && mkfs.ext4 -q {path}/disk && mkdir {path}/volume && mount -o loop {path}/disk {path}/volume"
              f" && chown {USER} {path}/volume && cp -a {base}/template {path}/volume/data && echo ready && exec sleep 1000")
    holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", script], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    enter = ["nsenter", f"--target={holder.pid}", "--mount", "--"]

    def freeze_volume(flag):
        subprocess.run([*enter, "fsfreeze", flag, path / "volume"], check=flag == "-f", capture_output=True, timeout=20)

    member = Member(path)
    try:
        if holder.stdout.readline().strip() != "ready":
            pytest.skip(f"no file system can be mounted here: {holder.stderr.read().strip()}")
        member.data = path / "volume" / "data"
        member.enter, member.freeze = enter, freeze_volume
        yield member
    finally:
        freeze_volume("-u")
        member.finish()
        holder.kill()
        holder.wait()


@needs_root
def test_a_promotion_on_a_dead_disk_is_fenced_at_its_deadline(frozen_volume):
    member = frozen_volume
    member.supervisor(wrap=member.enter)
    agent = member.client()
    subprocess.run([*member.enter, "touch", member.data / "standby.signal"], check=True, timeout=20)
    assert agent.start(STANDBY, member.argv(), ENV) == "ok"
    agent.wait_tree("standby")
    member.freeze("-f")
    agent.deadline(2)
    assert agent.ask(protocol.PROMOTE, seconds=1) == "ok"
    child, = hanging(member, "howdah-look")
    assert pathlib.Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0] == "D"
    assert agent.refresh().writable and agent.tree == "promoting"
    agent.wait_tree("fencing", seconds=5)
    late = time.time() - agent.deadline_wall
    assert agent.reason == "deadline" and -0.1 < late < 0.5
    assert is_alive(child), "it does not even hear SIGKILL"
    assert agent.refresh().tree == protocol.TREES.index("fencing"), "not down while anything is left"
    member.freeze("-u")
    agent.wait_tree("down", seconds=5)
    assert not is_alive(child)
    print(f"fenced {1000 * late:.0f} ms after T")


# --- one data directory, one owner


def test_two_supervisors_do_not_share_a_data_directory(member, agent):
    member.supervisor(member.path / "run2")
    other = member.client(member.path / "run2")
    member.be_standby()
    assert not other.status.volume_locked and other.status.volume_errno == 11
    assert other.start(STANDBY, member.argv(), ENV) == "no_lock"
    assert other.run(1, ["/bin/true"], exclusive=True) == "no_lock"
    assert other.run(2, ["/bin/true"]) == "ok"
    agent.close()
    member.processes[0].terminate()
    assert member.processes[0].wait(5) == 0
    other.pump(lambda: other.status.volume_locked, 5)
    member.standby(other)


def test_orphans_keep_the_volume_locked(member, agent):
    member.primary(agent)
    postmaster, backend = agent.status.postmaster, member.commit_for_ever()
    member.processes[0].kill()
    member.processes[0].wait()
    wait_until(lambda: not is_alive(postmaster), what="the postmaster dies with its supervisor")
    assert is_alive(backend)
    member.supervisor()
    again = member.client()
    assert not again.status.volume_locked
    assert again.deadline(30) == "ok"
    assert again.start(PRIMARY, member.argv(), ENV) == "no_lock"
    os.kill(backend, signal.SIGKILL)
    again.pump(lambda: again.status.volume_locked, 5)
    (member.path / ".s.PGSQL.5432.lock").unlink()  # its postmaster may be a zombie here, which PostgreSQL takes for alive
    member.primary(again)


def test_a_missing_parent_directory_is_waited_for(member):
    member.supervisor()
    member.data = member.path / "mount" / "data"
    late = member.client()
    assert (late.status.volume_locked, late.status.volume_errno) == (0, 2)
    call("mkdir", member.path / "mount")
    late.pump(lambda: late.status.volume_locked, 5)


# --- jobs


def test_a_job_has_its_environment_input_output_and_end(agent):
    script = 'echo "$WORD"; cat; echo oops >&2; exit 7'
    assert agent.run(1, ["/bin/sh", "-c", script], {"WORD": "out"}, stdin=b"in\n") == "ok"
    status, killed, out, err = agent.wait_exited(1)
    assert (os.waitstatus_to_exitcode(status), killed, out, err) == (7, False, b"out\nin\n", b"oops\n")
    assert agent.run(1, ["/bin/true"]) == "busy", "not yet forgotten"
    assert agent.forget(1) == "ok"
    assert agent.forget(1) == "busy"
    assert agent.run(1, ["/bin/true"]) == "ok"
    assert agent.run(2, ["true"]) == "failed"
    assert agent.run(2, ["/no/such"]) == "failed" and agent.detail == 2


def test_a_job_ends_at_its_limit_with_all_it_started(agent):
    script = "setsid sleep 61 & sleep 62 & echo $! ; wait"
    started = time.monotonic()
    assert agent.run(1, ["/bin/sh", "-c", script], limit_ms=400) == "ok"
    agent.pump(lambda: agent.output[1][1])
    status, killed, out, _ = agent.wait_exited(1)
    assert 0.3 < time.monotonic() - started < 2 and (status, killed) == (signal.SIGKILL, True)
    assert not is_alive(int(out))


def test_the_end_of_a_job_is_told_until_it_is_forgotten(member, agent):
    assert agent.run(9, ["/bin/sh", "-c", "exit 3"]) == "ok"
    agent.wait_exited(9)
    agent.close()
    again = member.client()
    assert 9 not in again.exited and again.wait_exited(9)[0] == 3 << 8, "the STATUS that lists it comes first"
    assert again.status.j0 == 9
    assert again.forget(9) == "ok"
    again.pump(lambda: again.status.j0 == 0)


def test_output_that_nobody_reads_is_counted(member, agent):
    size = 3000000
    assert agent.run(1, ["/usr/bin/head", "-c", str(size), "/dev/zero"]) == "ok"
    agent.close()  # before it has written all
    wait_until(lambda: not children(member.processes[0].pid), what="the job's end")
    again = member.client()
    again.wait_exited(1)
    received = len(agent.output[1][1]) + len(again.output[1][1])
    assert 0 < again.lost[1, 1] <= size - received


def test_all_output_arrives_at_an_agent_that_reads(agent):
    size = 3000000
    assert agent.run(1, ["/usr/bin/head", "-c", str(size), "/dev/zero"]) == "ok"
    assert len(agent.wait_exited(1)[2]) == size


def test_programs_are_found(member, agent):
    for name in "a-15", "b":
        call("mkdir", "-p", member.path / name / "bin")
    call("touch", member.path / "a-15/bin/tool", member.path / "b/bin/tool", member.path / "b/bin/plain")
    call("chmod", "755", member.path / "a-15/bin/tool", member.path / "b/bin/tool")
    paths, truncated = agent.find(["tool", "plain"], [f"{member.path}/a-*/bin", f"{member.path}/*/bin"])
    assert paths == [f"{member.path}/a-15/bin/tool", f"{member.path}/b/bin/tool"] and not truncated
    paths, _ = agent.find(["postgres", "sh"])
    assert str(BIN / "postgres") in paths and any(p.endswith("bin/sh") for p in paths)
    assert agent.find(["nothing-of-this-name"]) == ([], False)


# --- the end of the container


def test_a_term_is_held_until_the_agent_lets_go(member, agent):
    member.primary(agent)
    assert agent.ask(protocol.TERM_GO) == "busy"
    member.processes[0].terminate()
    agent.pump(lambda: agent.status.term_pending)
    assert agent.deadline(30) == "ok"
    assert agent.stop() == "ok"
    agent.wait_tree("down")
    assert member.processes[0].poll() is None
    assert agent.ask(protocol.TERM_GO) == "ok"
    assert member.processes[0].wait(5) == 0


@pytest.mark.parametrize("hold", [dict(term_hold_ms=500), dict(silence_ms=500)])
def test_a_term_is_not_held_for_ever(member, hold):
    member.supervisor()
    agent = member.client(**hold)
    member.primary(agent)
    started = time.monotonic()
    member.processes[0].terminate()
    agent.pump(lambda: agent.status.term_pending)
    agent.wait_tree("stopping")
    assert time.monotonic() - started > 0.4
    assert member.processes[0].wait(10) == 0
    assert not (member.data / "postmaster.pid").exists(), "an orderly stop"


def test_a_term_without_an_agent_stops_at_once(member, agent):
    member.primary(agent)
    agent.run(1, ["/bin/sleep", "60"])
    job = next(p for p in children(member.processes[0].pid) if p != agent.status.postmaster)
    agent.close()
    member.processes[0].send_signal(signal.SIGINT)
    assert member.processes[0].wait(10) == 0
    assert not is_alive(job) and not (member.data / "postmaster.pid").exists()


# --- the socket


def test_one_agent_at_a_time(member, agent):
    with pytest.raises(Gone, match="busy"):
        member.client()
    assert agent.refresh().volume_locked
    agent.close()
    with pytest.raises(Gone, match="busy"):
        member.client(generation=agent.generation - 1)
    member.client(generation=agent.generation + 1)


@pytest.mark.parametrize("offset", [(-1000000, -1000000), (1000000, 0), (0, 1000000), (0, -1000000), (-(2**62), 0)])
def test_other_clocks_are_refused(member, offset):
    member.supervisor()
    with pytest.raises(Gone, match="clocks"):
        member.client(clock_offset_us=offset, attempts=1)


@pytest.mark.parametrize("kind, body", [
    (99, b""), (0, b""), (protocol.HELLO, b""), (protocol.STOP, b""), (protocol.STOP, b"\0" * 9), (protocol.PROMOTE, b"x"),
    (protocol.STOP, b"\xff" * 8), (protocol.DEADLINE, b"\x01" * 128), (protocol.START, b"\0\0\0\0\x02\0\0\0one\0two"),
    (protocol.START, b"\0\0\0\0\xff\xff\0\0"), (protocol.RUN, b"\0" * 20), (protocol.FIND, b"\xff" * 8 + b"x\0"), (protocol.ASK, b"x"),
])
def test_rubbish_ends_the_connection_and_nothing_else(member, agent, kind, body):
    member.standby(agent)
    assert agent.ask(kind, body) == "bad_frame"
    with pytest.raises(Gone):
        agent.pump(lambda: False, 5)
    assert member.client().tree == "standby"


def test_a_frame_that_is_too_long_or_lies_about_its_length_ends_the_connection(member, agent):
    agent.socket.send(b"\x01" * 9000)
    with pytest.raises(Gone):
        agent.pump(lambda: False, 5)
    again = member.client()
    again.socket.send(protocol.HEADER.pack(1, protocol.ASK, 0, 1, 5, 0))
    with pytest.raises(Gone):
        again.pump(lambda: False, 5)
    member.client()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another uid")
def test_another_uid_is_not_the_agent(member):
    member.supervisor()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.connect(str(member.run / "supervisor.sock"))
        stranger.settimeout(5)
        assert stranger.recv(1) == b""


def test_a_second_supervisor_does_not_take_the_socket(member, agent):
    second = subprocess.run([*BECOME, str(SUPERVISOR), "--dir", str(member.run)], capture_output=True, text=True, timeout=10)
    assert second.returncode == 1 and "another supervisor" in second.stderr
    assert agent.refresh()


@pytest.mark.parametrize("argv", [["--dir"], ["--nonsense"], ["--dir", "relative"], ["--dir", "/" + "x" * 120]])
def test_bad_arguments_are_said_and_exit_2(argv):
    run = subprocess.run([str(SUPERVISOR), *argv], capture_output=True, text=True, timeout=10)
    assert run.returncode == 2 and run.stderr.startswith("howdah-supervisor: ")


def test_it_says_its_version():
    run = subprocess.run([str(SUPERVISOR), "--version"], capture_output=True, text=True, timeout=10)
    assert run.stdout.startswith("howdah-supervisor ")


# --- as process 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a pid namespace")
def test_process_1_fences_its_container_and_hears_only_other_containers(member):
    member.supervisor(wrap=["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"])
    agent = member.client()
    assert agent.status.in_pod
    member.primary(agent)
    member.commit_for_ever()
    assert agent.run(1, ["/bin/sh", "-c", "setsid sleep 60 & sleep 60"]) == "ok"
    init = children(member.processes[0].pid)[0]
    agent.deadline(1.0)
    due = agent.deadline_wall
    agent.wait_tree("down")
    assert agent.reason == "deadline" and agent.status.left == 0
    assert children(init) == []
    print(f"process 1: last commit {(member.last_commit() - due) * 1000:+.1f} ms after T")
    assert member.last_commit() - due < 0.1
    assert agent.wait_exited(1)[:2] == (signal.SIGKILL, True)
    agent.close()
    script = "import sys; from supervisor_client import Client; Client(sys.argv[1], sys.argv[2])"
    argv = [sys.executable, "-c", script, str(member.run / "supervisor.sock"), str(member.data)]
    inside = subprocess.run(["nsenter", f"--target={init}", "--pid", *argv], cwd=ROOT / "tests" / "system",
                            capture_output=True, text=True, timeout=20)
    assert "Gone" in inside.stderr or "ConnectionReset" in inside.stderr or "BrokenPipe" in inside.stderr, inside
    again = member.client()
    member.primary(again)
    again.close()
    os.kill(init, signal.SIGTERM)
    assert member.processes[0].wait(10) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a pid namespace")
def test_process_1_makes_the_directories_above_a_data_directory(member):
    member.supervisor(wrap=["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"])
    member.data = member.path / "volume" / "18" / "docker"  # as in the official images from 18 on
    member.client().pump(member.data.parent.is_dir, 5)
