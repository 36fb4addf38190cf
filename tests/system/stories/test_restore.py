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
    return member.psql("select string_agg(id::text, ',' order by id) from t")


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
    use(cluster, {"command": copy_script(backup), "repository": "main", "fast": True,
                  "recovery_conf": recovery(backup, **TARGETS[target](backup))})
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
