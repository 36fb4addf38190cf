"""New clusters out of a backup: by a script and by programs that are made for it, to a point in time and to the end of the WAL."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from bed import BIN, USER, holds, wait
from backups_page import documented

now = time.monotonic


class Backup:
    """A base backup of a server that is no member of anything, and the WAL behind it: rows 1 and 2 and what lies between them."""

    def __init__(self, home):
        self.home = pathlib.Path(home)
        self.base, self.wal, self.data = self.home / "base", self.home / "wal", self.home / "source"
        for directory in (self.home, self.wal):
            directory.mkdir()
            if USER:
                shutil.chown(directory, USER, USER)

    def run(self, *argv):
        done = subprocess.run([f"{BIN}/{argv[0]}", *argv[1:]], user=USER, cwd="/", capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def sql(self, text):
        return self.run("psql", "-h", str(self.home), "-U", "postgres", "-d", "postgres", "-XAtqc", text)

    def make(self):
        self.run("initdb", "-D", str(self.data), "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C", "-k")
        options = (f"-c listen_addresses='' -c unix_socket_directories={self.home} -c archive_mode=on -c fsync=off "
                   f"-c wal_level=replica -c archive_command='cp %p {self.wal}/.%f && mv {self.wal}/.%f {self.wal}/%f'")
        self.run("pg_ctl", "-D", str(self.data), "-w", "-s", "-l", str(self.home / "log"), "-o", options, "start")
        try:
            self.fill()
        finally:
            self.run("pg_ctl", "-D", str(self.data), "-w", "-s", "-m", "immediate", "stop")
        return self

    def fill(self):
        self.sql("create role app login; alter role postgres password 'of the older cluster'; create table t (id int)")
        self.run("pg_basebackup", "-h", str(self.home), "-U", "postgres", "-D", str(self.base), "-X", "none", "-c", "fast", "--no-sync")
        self.sql("insert into t values (1)")
        self.sql("select pg_create_restore_point('before two')")
        self.time = self.sql("select clock_timestamp()")
        self.sql("insert into t values (2)")
        self.system = self.sql("select system_identifier from pg_control_system()")
        last = self.sql("select pg_walfile_name(pg_switch_wal())")
        wait(lambda: (self.wal / last).exists(), "the last WAL is in the archive")

    def restore_command(self):
        return f"cp {self.wal}/%f %p"

    def script(self, name, text):
        path = self.home / name
        path.write_text("#!/bin/sh\nset -e\n" + text)
        path.chmod(0o755)
        return str(path)


@pytest.fixture
def backup():
    home = pathlib.Path(tempfile.mkdtemp(prefix="howdah-backup-"))
    home.chmod(0o755)
    yield Backup(home / "of").make()
    shutil.rmtree(home, ignore_errors=True)


def copy_script(backup, before="", after=""):
    """Keeps its arguments, and puts the base backup in place."""
    return backup.script("restore", f"""{before}
for argument in "$@"; do case $argument in --datadir=*) datadir=${{argument#--datadir=}};; esac; done
echo "$@" >>{backup.home}/arguments
mkdir -p "$datadir"; cp -R {backup.base}/. "$datadir"; chmod 700 "$datadir"
{after}""")


def use(cluster, method, **more):
    for member in cluster.members:
        member.overrides = {"bootstrap": {"method": "restore", "initdb": None, "restore": method, **more}}


def recovery(backup, **target):
    return {"restore_command": backup.restore_command(), **target}


def rows(member):
    return member.psql_or_none("select string_agg(id::text, ',' order by id) from t")


def initialize(cluster):
    return (cluster.kube.annotations("configmaps", cluster.namespace, f"{cluster.scope}-config") or {}).get("initialize")


def check_restored(cluster, leader, expected):
    """All have it, on the timeline that begins at the target, and write on."""
    assert rows(leader) == expected
    assert leader.psql("select pg_walfile_name(pg_current_wal_lsn())").startswith("00000002")
    leader.psql("insert into t values (10)")
    for member in cluster.members:
        wait(lambda m=member: rows(m) == expected + ",10", f"{member.name} has what was restored, and what came after")
    wait(lambda: cluster.kube.annotations("configmaps", cluster.namespace, "shop-config").get("history"), "the history is in the store")
    history = json.loads(cluster.kube.annotations("configmaps", cluster.namespace, "shop-config")["history"])
    assert [line[0] for line in history] == [1], history
    assert not any((leader.data / name).exists() for name in ("recovery.signal", "standby.signal", "pg_hba.conf.restored"))
    assert "trust" not in "".join(line for line in (leader.data / "pg_hba.conf").read_text().splitlines() if line.startswith("host"))


TARGETS = {"time": lambda backup: {"recovery_target_time": backup.time}, "name": lambda backup: {"recovery_target_name": "before two"}}


@pytest.mark.parametrize("target", TARGETS)
def test_a_backup_becomes_a_cluster_up_to_a_target(make_cluster, backup, target):
    cluster = make_cluster()
    method = documented(3, script=copy_script(backup), wal=str(backup.wal))["bootstrap"]["script"]
    method.update(fast=True, recovery_conf=recovery(backup, **TARGETS[target](backup)))
    use(cluster, method)
    cluster.start()
    leader = cluster.wait_ready()
    assert initialize(cluster) == backup.system
    assert (backup.home / "arguments").read_text() == f"--scope=shop --datadir={leader.data} --repository=main --fast=True\n"
    check_restored(cluster, leader, "1")
    assert leader.psql("select rolcanlogin from pg_roles where rolname = 'app'") == "t"
    assert leader.status().get("pending_restart") is None


def test_without_a_target_all_of_the_wal_is_there(make_cluster, backup):
    """And no parameters, and recovery settings that the program left itself."""
    cluster = make_cluster()
    script = backup.script("mine", f"""[ $# = 0 ]
mkdir -p "$PGDATA"; cp -R {backup.base}/. "$PGDATA"; chmod 700 "$PGDATA"
echo "restore_command = 'cp {backup.wal}/%f %p'" >>"$PGDATA/postgresql.auto.conf"; touch "$PGDATA/recovery.signal"
""")
    use(cluster, {"command": script, "no_params": True, "keep_existing_recovery_conf": True})
    cluster.start()
    check_restored(cluster, cluster.wait_ready(), "1,2")


def test_a_new_cluster_runs_its_post_bootstrap_command(make_cluster):
    """Over the local socket, as the superuser; when it fails nobody gets a cluster without what it makes."""
    cluster = make_cluster(size=2)
    home = pathlib.Path(cluster.home) / "post"
    home.mkdir()
    home.chmod(0o777)
    fails, runs, script = home / "fails", home / "runs", home / "post"
    fails.touch()
    script.write_text(f"""#!/bin/sh
echo "$1" >>{runs}
[ ! -e {fails} ] || {{ echo "ERROR: not yet" >&2; exit 3; }}
exec psql -X -d "$1" -c "create database made_after"
""")
    script.chmod(0o755)
    for member in cluster.members:
        member.overrides = {"bootstrap": {"post_bootstrap": str(script)}}
    cluster.start()
    member = wait_member(cluster, "post_bootstrap ended with 3: ERROR: not yet")
    assert not initialize(cluster) and not cluster.labelled()
    fails.unlink()
    leader = cluster.wait_ready()
    assert leader is member and leader.psql("select count(*) from pg_database where datname = 'made_after'") == "1"
    told = runs.read_text().splitlines()
    leader.kill_agent()
    leader.start_agent()
    cluster.wait_ready()
    assert runs.read_text().splitlines() == told and "dbname=postgres" in told[0]


# ---- what goes wrong ----

def log_has(member, text):
    return text in member.log()


def events(cluster, reason):
    return [e["message"] for e in cluster.kube.admin.list("events", cluster.namespace) if e["reason"] == reason]


def wait_member(cluster, text):
    """The first member whose log says so."""
    return wait(lambda: next((m for m in cluster.members if log_has(m, text)), None), f"somebody's log says: {text}", 30)


def test_a_method_that_fails_says_so_and_the_next_attempt_works(make_cluster, backup):
    """Nothing of the failed one is left, its claim is given back, and nobody makes an empty cluster instead."""
    cluster = make_cluster()
    script = copy_script(backup, after=f'[ -e {backup.home}/repaired ] || {{ echo "ERROR: no repository" >&2; exit 7; }}')
    use(cluster, {"command": script, "recovery_conf": recovery(backup, recovery_target_time=backup.time)})
    cluster.start()
    member = wait_member(cluster, "bootstrap method restore ended with 7: ERROR: no repository")
    wait(lambda: "restore ended with 7: ERROR: no repository" in str(events(cluster, "CannotBootstrap")), "an Event says so")
    wait(lambda: "no repository" in str(member.status().get("howdah")), "its status says so")
    wait(lambda: log_has(member, "the initialization is given back"), "the claim is given back")
    (backup.home / "repaired").touch()
    check_restored(cluster, cluster.wait_ready(), "1")


def test_a_target_that_is_never_reached(make_cluster, backup):
    """What was restored is cleared away after three tries, and the next attempt begins with what is configured then."""
    cluster = make_cluster()
    use(cluster, {"command": copy_script(backup), "recovery_conf": recovery(backup, recovery_target_name="nobody's")})
    cluster.start()
    member = wait_member(cluster, "it ended before its recovery did: PostgreSQL's log says why")
    assert "recovery ended before configured recovery target was reached" in (member.home / "supervisor.log").read_text()
    wait(lambda: log_has(member, "half-done"), "it is given up", 30)
    wait(lambda: log_has(member, "the initialization is given back"), "and the claim with it")
    for other in cluster.members:
        other.kill_agent()
    use(cluster, {"command": copy_script(backup), "recovery_conf": recovery(backup, recovery_target_name="before two")})
    for other in cluster.members:
        other.start_agent()
    check_restored(cluster, cluster.wait_ready(), "1")
    assert not list(member.data.parent.glob("*.failed.*"))


def test_an_agent_that_ends_before_the_claim_is_given_back(make_cluster, backup):
    """The pod that holds the claim is there still: its next agent takes it up, with what is configured then."""
    cluster = make_cluster()
    use(cluster, {"command": copy_script(backup), "recovery_conf": recovery(backup, recovery_target_name="nobody's")})
    cluster.start()
    member = wait_member(cluster, "the initialization is given back")
    for each in cluster.members:
        each.kill_agent()
    pod = cluster.kube.admin.get("pods", cluster.namespace, member.name)["metadata"]
    claim = {"initialize": "", "howdah.io/initializer": pod["uid"]}
    cluster.kube.admin.patch("configmaps", cluster.namespace, f"{cluster.scope}-config", {"metadata": {"annotations": claim}})
    use(cluster, {"command": copy_script(backup), "recovery_conf": recovery(backup, recovery_target_name="before two")})
    for each in cluster.members:
        each.start_agent()
    check_restored(cluster, cluster.wait_ready(), "1")
    assert cluster.leader() is member


def test_settings_of_the_recovery_are_not_left_out(make_cluster, backup):
    cluster = make_cluster(size=1)
    use(cluster, {"command": copy_script(backup), "recovery_conf": recovery(backup, recovery_target_tiem="2020-01-01")})
    cluster.start()
    wait_member(cluster, "bootstrap.restore.recovery_conf.recovery_target_tiem: it is no setting of a recovery that ends")
    assert not (backup.home / "arguments").exists()


def test_an_agent_killed_in_the_midst_of_the_method(make_cluster, backup):
    """What it had begun ends, and is begun anew."""
    cluster = make_cluster(size=1)
    member = cluster.members[0]
    script = copy_script(backup, before=f'if mkdir {backup.home}/first 2>/dev/null; then mkdir -p "$PGDATA/base"; exec sleep 1000; fi')
    use(cluster, {"command": script, "recovery_conf": recovery(backup, recovery_target_time=backup.time)})
    cluster.start()
    wait(lambda: (member.data / "base").exists(), "the method has begun")
    sleeper = wait(lambda: next((p for p in cluster.net.pids(member.machine) if b"sleep" in command_of(p)), None), "and goes on")
    member.kill_agent()
    member.start_agent()
    wait(lambda: not pathlib.Path(f"/proc/{sleeper}").exists(), "the method of the former agent is ended")
    leader = cluster.wait_ready()
    assert rows(leader) == "1" and not list(member.data.parent.glob("*.failed.*"))


def command_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def slow_recovery(backup):
    """A restore_command that waits for a file at the second segment."""
    fetch = backup.script("fetch", f'case $1 in *.history) exit 1;; esac\n[ $1 = 000000010000000000000002 ] || '
                          f'while [ ! -e {backup.home}/go ]; do : >{backup.home}/waits; sleep 0.1; done\ncp {backup.wal}/$1 $2\n')
    return {"restore_command": f"{fetch} %f %p", "recovery_target_name": "before two"}


def test_an_agent_killed_in_the_midst_of_the_recovery(make_cluster, backup, note):
    """The recovery goes on under its deadline, ends by itself, and the next agent makes the cluster."""
    cluster = make_cluster(ttl=20)
    use(cluster, {"command": copy_script(backup), "recovery_conf": slow_recovery(backup)})
    cluster.start()
    wait(lambda: (backup.home / "waits").exists(), "the recovery waits for WAL", 30)
    member = cluster[wait(lambda: cluster.leader_object().get("leader"), "the lock is held before anything is writable")]
    postmaster = member.postmaster()
    assert member.status()["state"] == "starting after custom bootstrap" and member.rest("/primary")[0] == 503
    assert not cluster.labelled() and member.psql_or_none("select 1") is None
    member.kill_agent()
    (backup.home / "go").touch()
    wait(lambda: member.psql_or_none("select pg_is_in_recovery()") == "f", "it has promoted itself")
    assert not initialize(cluster)
    member.start_agent()
    leader = cluster.wait_ready()
    assert leader is member and member.postmaster() == postmaster
    check_restored(cluster, leader, "1")


def test_a_recovery_without_an_agent_ends_at_its_deadline(make_cluster, backup, note):
    """What will promote itself counts as writable from its start; whoever comes back goes on where it was."""
    cluster = make_cluster()
    use(cluster, {"command": copy_script(backup), "recovery_conf": slow_recovery(backup)})
    cluster.start()
    wait(lambda: (backup.home / "waits").exists(), "the recovery waits for WAL", 30)
    member = cluster[wait(lambda: cluster.leader_object().get("leader"), "the lock is held")]
    holds(lambda: member.postmaster() is not None, 6, "it outlasts a ttl while its agent renews")
    member.kill_agent()
    killed = now()
    wait(lambda: member.postmaster() is None, "it is killed", 10)
    note("fenced_after_s", round(now() - killed, 3))
    assert "fence reason=deadline" in (member.home / "supervisor.log").read_text()
    (backup.home / "go").touch()
    member.start_agent()
    leader = cluster.wait_ready()
    assert leader is member and (backup.home / "arguments").read_text().count("\n") == 1
    check_restored(cluster, leader, "1")


# ---- replicas ----

def reread(member, postgresql):
    """The member's own settings, in force."""
    before = member.log().count("the configuration was read again")
    member.overrides = {"postgresql": postgresql}
    member.write_config()
    assert member.ask("/reload", {})[0] in (200, 202)
    wait(lambda: member.log().count("the configuration was read again") > before, f"{member.name} has read its settings")


def find_datadir(rest):
    return f'''for a in "$@"; do case $a in --datadir=*) d=${{a#--datadir=}};; --connstring=*) c=${{a#--connstring=}};; esac; done
{rest}'''


def test_replicas_by_methods_in_their_order(make_ready, backup):
    """One fails and leaves something behind; the next one gets what it needs to make a copy, and nothing secret."""
    cluster, leader = make_ready()
    arguments = backup.home / "arguments"
    good = backup.script("good", find_datadir(f'''echo "$@" >{arguments}; [ ! -e "$d" ]
exec {BIN}/pg_basebackup -D "$d" -X stream -c fast --no-sync --dbname="$c"'''))
    bad = backup.script("bad", 'mkdir -p "$PGDATA"; touch "$PGDATA/litter"; echo "FATAL:  no tape" >&2; exit 3\n')
    first, second = [m for m in cluster.members if m is not leader]
    reread(first, {"create_replica_methods": ["tape", "copy"], "tape": {"command": bad},
                   "copy": {"command": good, "threads": 4, "keep_data": False}})
    reread(second, {"create_replica_methods": ["tape", "basebackup"], "tape": {"command": bad, "no_params": True}})
    for member in (first, second):
        assert member.ask("/reinitialize", {})[0] == 200
        wait(lambda m=member: log_has(m, "tape ended with 3: no tape; the next method is tried"), f"{member.name} says why", 30)
    wait(arguments.exists, "the second method was run")
    for member, way in ((first, "copy"), (second, "basebackup")):
        wait(lambda m=member: log_has(m, "Rejoined: streams from"), f"{member.name} streams", 30)
        assert log_has(member, f"replica by {way} begins") and not (member.data / "litter").exists()
    cluster.wait_ready()
    args = arguments.read_text().split()
    assert args[:5] == ["--threads=4", "--keep_data=False", "--scope=shop", "--role=replica", f"--datadir={first.data}"], args
    assert f"host={leader.address}" in args and "rep-secret" not in arguments.read_text()


def test_data_that_a_method_keeps_is_there_for_the_next(make_ready, backup):
    cluster, leader = make_ready(size=2)
    member = next(m for m in cluster.members if m is not leader)
    first = backup.script("first", find_datadir('mkdir -p "$d"; touch "$d/PART"; exit 1\n'))
    second = backup.script("second", find_datadir(f'''[ -e "$d/PART" ]; rm "$d/PART"
exec {BIN}/pg_basebackup -D "$d" -X stream -c fast --no-sync --dbname="$c"'''))
    reread(member, {"create_replica_methods": ["one", "two"], "one": {"command": first, "keep_data": True},
                    "two": {"command": second, "keep_data": True}})
    assert member.ask("/reinitialize", {})[0] == 200
    wait(lambda: log_has(member, "one ended with 1"), "the first one fails", 30)
    wait(lambda: log_has(member, "Rejoined: streams from"), "the second one goes on with what it left", 30)


def test_a_replica_without_a_leader(make_ready, backup):
    """A copy of a member is all that is left of a cluster: a method that needs no leader brings it back."""
    cluster, leader = make_ready(primary_start_timeout=300)
    leader.psql("create table t as select 7 as id")
    member = next(m for m in cluster.members if m is not leader)
    wait(lambda: rows(member) == "7", "it is everywhere")
    for each in cluster.members:
        each.kill_all()
    kept = backup.home / "kept"
    shutil.move(str(member.data), kept)
    shutil.rmtree(f"{member.data}.howdah")
    copy = backup.script("copy", find_datadir(f'[ -z "$c" ]; cp -a {kept} "$d"\n'))
    member.overrides = {"postgresql": {"create_replica_methods": ["basebackup", "copy"], "copy": {"command": copy, "no_leader": True}}}
    member.start()
    wait(lambda: log_has(member, "cloning without a leader"), "it does not wait for a leader", 30)
    wait(lambda: cluster.leader() is member, "it leads", 60)
    assert rows(member) == "7" and "replica by basebackup begins" not in member.log().split("cloning without a leader")[1]


# ---- pgBackRest ----

class Repository:
    """A repository of pgBackRest in a directory, and what each member says to it."""

    def __init__(self, home):
        self.home = pathlib.Path(home)

    def configure(self, member):
        path = member.home / "pgbackrest.conf"
        path.write_text(f"""[global]
repo1-path={self.home}/repository
lock-path={self.home}/lock
log-level-file=off
log-level-console=warn
[shop]
pg1-path={member.data}
pg1-socket-path={member.run}/pg
pg1-user=postgres
""")
        path.chmod(0o644)
        return f"pgbackrest --config={path} --stanza=shop"

    def run(self, member, *argv):
        command = self.configure(member).split() + list(argv)
        with member.cluster.net.inside(member.machine):
            done = subprocess.run(command, user=USER, cwd="/", capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{command}: {done.stdout} {done.stderr}"
        return done.stdout

    def stopped(self, member):
        """When the last backup ended: it looks for those that ended before the target, in whole seconds."""
        return json.loads(self.run(member, "--output=json", "info"))[0]["backup"][-1]["timestamp"]["stop"]


@pytest.fixture
def repository():
    if not shutil.which("pgbackrest"):
        pytest.skip("pgbackrest is not installed")
    home = tempfile.mkdtemp(prefix="howdah-repository-")
    if USER:
        shutil.chown(home, USER, USER)
    yield Repository(home)
    shutil.rmtree(home, ignore_errors=True)


def test_pgbackrest_from_a_cluster_to_a_new_one(make_cluster, repository):
    cluster = make_cluster(size=2)
    for member in cluster.members:
        member.overrides = documented(1, program=repository.configure(member))
    cluster.start()
    leader = cluster.wait_ready()
    repository.run(leader, "stanza-create")
    leader.psql("create table t as select 1 as id")
    repository.run(leader, "--type=full", "--start-fast", "backup")
    leader.psql("insert into t values (2)")
    wait(lambda: time.time() > repository.stopped(leader) + 1, "the backup lies in the past")
    target = leader.psql("select clock_timestamp()")
    leader.psql("insert into t values (3)")
    last = leader.psql("select pg_walfile_name(pg_switch_wal())")
    wait(lambda: leader.psql("select last_archived_wal from pg_stat_archiver") >= last, "the WAL is in the repository")

    replica = next(m for m in cluster.members if m is not leader)
    before = len(replica.log())
    assert replica.ask("/reinitialize", {})[0] == 200
    wait(lambda: "Rejoined: streams from" in replica.log()[before:], "a replica is made from the repository", 30)
    assert "replica by pgbackrest begins" in replica.log()[before:] and "basebackup" not in replica.log()[before:]
    assert rows(replica) == "1,2,3"
    system = initialize(cluster)
    for each in cluster.members:
        each.kill_all()

    other = make_cluster(scope="copy")
    for member in other.members:
        member.overrides = documented(2, program=repository.configure(member), moment=target)
        member.overrides["bootstrap"]["initdb"] = None
    other.start()
    leader = other.wait_ready()
    assert initialize(other) == system and rows(leader) == "1,2"
    leader.psql("insert into t values (4)")
    for member in other.members:
        wait(lambda m=member: rows(m) == "1,2,4", f"{member.name} has what was restored, and what came after")
    assert leader.psql("select timeline_id from pg_control_checkpoint()") == "2"
