"""Members that come back with other data than the cluster's, with half a copy, or without room for one."""
import os
import signal
import subprocess
import time

import pytest

from bed import BIN, holds, wait
from test_switchover import others
from writer import CREATE

now = time.monotonic
SUM = "select count(*), md5(string_agg(id || writer, ',' order by id)) from story"


def ready(cluster, **postgresql):
    for member in cluster.members:
        member.overrides = {"postgresql": postgresql}
    cluster.start()
    leader = cluster.wait_ready(90)
    leader.psql(CREATE)
    return leader


def same_table(leader, member):
    return wait(lambda: leader.psql(SUM) == member.psql(SUM), f"{member.name} has the table of {leader.name}")


def test_a_diverged_leader_is_rewound(make_cluster, watch, note):
    cluster = make_cluster()
    leader = ready(cluster, use_pg_rewind=True, remove_data_directory_on_diverged_timelines=False)
    writer = watch(cluster)
    cluster.net.cut(leader.machine, "peers")
    cut = now()
    wait(lambda: len(writer.acknowledged_by(leader.name, after=cut + 0.2)) > 10, "rows that nobody else has")
    leader.kill_all()
    killed = now()
    wait(lambda: writer.first_after(killed, leader.name), "another takes over", 30)
    files = (leader.data / "PG_VERSION").stat().st_ino
    cluster.net.heal(leader.machine, "peers")
    leader.start()
    started = now()
    wait(lambda: '"rewind" done' in leader.log(), "it is rewound", 60)
    successor = cluster.wait_ready(60)
    note("back_after_s", round(now() - started, 3))
    assert successor is not leader and "rewinding" in leader.log() and "cloning from" not in leader.log().split("rewinding")[-1]
    assert (leader.data / "PG_VERSION").stat().st_ino == files, "it is the same directory"
    writer.stop()
    same_table(successor, leader)
    have = {int(i) for i in successor.psql("select id from story where writer = '%s'" % leader.name).split()}
    lost = [c for c in writer.acknowledged_by(leader.name) if c.row not in have]
    note("rows_only_on_the_old_leader", len(lost))
    assert lost, "it had diverged"


def clones(cluster, member):
    return [pid for pid in cluster.net.pids(member.machine) if program(pid) == "pg_basebackup"]


def program(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""


@pytest.mark.parametrize("what", ["agent", "member"])
def test_a_reinitialize_that_is_killed_half_way(make_cluster, watch, what):
    cluster = make_cluster()
    leader = ready(cluster, basebackup=[{"max-rate": "8M"}])
    writer = watch(cluster)
    member = others(cluster, leader)[0]
    assert leader.ask("/reinitialize", {}) == (503, "I am the leader, can not reinitialize")
    assert member.ask("/reinitialize", {}) == (200, "reinitialize started")
    wait(lambda: clones(cluster, member) and (member.data / "base").exists(), "the clone is under way", 20)
    if what == "agent":
        member.kill_agent()
        assert not (member.data / "postmaster.pid").exists()
        member.start_agent()
    else:
        member.kill_all()
        member.start()
    assert cluster.wait_ready(90) is leader
    writer.stop()
    same_table(leader, member)


def test_no_room_for_a_clone(make_cluster, watch):
    cluster = make_cluster(size=3)
    member = cluster.members[2]
    mount(member.home / "volume", "size=16m")
    try:
        for other in cluster.members[:2]:
            other.start()
        leader = wait(cluster.leader, "a leader", 60)
        wait(lambda: all(m.is_streaming() for m in cluster.members[:2] if m is not leader), "the second streams", 60)
        leader.psql(CREATE)
        member.start()
        writer = watch(cluster)
        wait(lambda: "No space left" in member.log(), "it says why it cannot clone", 40)
        began, tries = now(), member.log().count('"clone" begins')
        holds(lambda: cluster.leader() is leader and member.log().count('"clone" begins') - tries < 8, 6, "nothing else is harmed")
        assert writer.gap_around(began) < 1
        mount(member.home / "volume", "remount,size=512m")
        assert cluster.wait_ready(90) is leader
        writer.stop()
        same_table(leader, member)
    finally:
        member.kill_all()
        subprocess.run(["umount", str(member.home / "volume")], check=True)


def mount(where, options):
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(where)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip("no tmpfs can be mounted here: " + done.stderr.strip())
