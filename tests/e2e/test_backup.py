"""Backups by pgBackRest in PostgreSQL's image, with what docs/operations.md says, and a new release that is restored to a moment."""
import json
import time

import pytest

import images
from backups_page import documented
from bed import VOLUME_SIZE
from release import new_namespace
from server import wait

STANZA = ("pgbackrest", "--stanza=shop")
ROWS = "select string_agg(id::text, ',' order by id) from t"
# members of one node, where the repository's volume is
CONFIG = """[global]
repo1-path=/backup/repository
lock-path=/backup/lock
log-level-file=off
log-level-console=warn
[shop]
pg1-path=/var/lib/postgresql/data/pgdata
pg1-socket-path=/run/howdah/pg
pg1-user=postgres
"""
MOUNTED = {
    "extraVolumes": [{"name": "backup", "persistentVolumeClaim": {"claimName": "backup"}},
                     {"name": "pgbackrest", "configMap": {"name": "pgbackrest"}}],
    "extraVolumeMounts": [{"name": "backup", "mountPath": "/backup"}, {"name": "pgbackrest", "mountPath": "/etc/pgbackrest"}],
}


@pytest.fixture
def namespace(bed):
    """With a repository's volume, and the program's configuration."""
    bed.load(images.backup_archive())
    bed.make_volumes()
    name, admin = new_namespace(bed), bed.control.admin
    admin.create("persistentvolumeclaims", name, {"metadata": {"name": "backup"}, "spec": {
        "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": VOLUME_SIZE}}}})
    admin.create("configmaps", name, {"metadata": {"name": "pgbackrest"}, "data": {"pgbackrest.conf": CONFIG}})
    return name


def pgbackrest(pod, *words):
    return pod.release.kubectl("exec", pod.name, "-c", "postgres", "--", *STANZA, *words)


def stopped(pod):
    """When the last backup ended: a restore looks for those that ended before the target, in whole seconds."""
    return json.loads(pgbackrest(pod, "--output=json", "info"))[0]["backup"][-1]["timestamp"]["stop"]


def test_a_new_release_begins_with_a_moment_of_another_one(make_release, namespace, note):
    shop = make_release(namespace, settings=["replicas=1"], postgres=images.BACKUP, values={**MOUNTED, "howdah": {"config": documented(1)}})
    leader = shop.wait_ready(1)
    pgbackrest(leader, "stanza-create")
    leader.psql("create table t as select 1 as id")
    pgbackrest(leader, "--type=full", "--start-fast", "backup")
    leader.psql("insert into t values (2)")
    wait(lambda: time.time() > stopped(leader) + 1, "the backup lies in the past", 30)
    target = leader.psql("select clock_timestamp()")
    leader.psql("insert into t values (3)")
    last = leader.psql("select pg_walfile_name(pg_switch_wal())")
    wait(lambda: leader.psql("select last_archived_wal from pg_stat_archiver") >= last, "the WAL is in the repository", 30)
    begun = time.monotonic()
    restored = {**MOUNTED, "howdah": {"config": documented(2, moment=target)}}
    copy = make_release(namespace, name="copy", settings=["replicas=1"], postgres=images.BACKUP, values=restored)
    other = copy.wait_ready(1, 120)
    note("restored_s", time.monotonic() - begun)
    assert other.psql(ROWS) == "1,2" and leader.psql(ROWS) == "1,2,3"
    other.psql("insert into t values (4)")
    system = "select system_identifier from pg_control_system()"
    assert other.psql(system) == leader.psql(system) and other.psql(ROWS) == "1,2,4"
    assert shop.forbidden() == [] and copy.forbidden() == []
