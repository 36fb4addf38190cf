"""The container of a leader ends while its archiver hangs: another one leads meanwhile."""
import os
import signal
import time

from bed import wait
from test_rejoin import program
from test_switchover import others

now = time.monotonic


def blocked_archivers(cluster, member, block):
    found = []
    for pid in cluster.net.pids(member.machine):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if str(block).encode() in file.read() and program(pid) not in ("howdah", "postgres"):
                    found.append(pid)
        except OSError:
            pass
    return found


def test_another_leads_while_the_archiver_hangs(make_cluster, watch, note, tmp_path):
    block = f"/tmp/howdah-block-{os.getpid()}-{time.monotonic_ns()}"
    command = f"while test -e {block}; do sleep 0.1; done"
    cluster = make_cluster(postgresql={"parameters": {"archive_mode": "on", "archive_command": command, "fsync": "off",
                                                      "max_connections": 50, "shared_buffers": "16MB", "wal_keep_size": "128MB"}})
    try:
        cluster.start()
        leader = cluster.wait_ready(60)
        leader.psql("create table if not exists story(id bigserial primary key, at timestamptz default now(), writer text)")
        writer = watch(cluster)
        open(block, "w").close()
        leader.psql("select pg_switch_wal()")
        wait(lambda: blocked_archivers(cluster, leader, block), "the archiver hangs", 20)
        hanging = blocked_archivers(cluster, leader, block)
        leader.supervisor.send_signal(signal.SIGTERM)
        stopped = now()
        first = wait(lambda: writer.first_after(stopped, leader.name), "another leads", 60)
        note("first_write_of_new_s", round(first.acknowledged - stopped, 3))
        assert [p for p in hanging if os.path.exists(f"/proc/{p}")], "the archiver still hangs"
        assert leader.supervisor.poll() is None, "the container waits for it"
        os.unlink(block)
        assert leader.supervisor.wait(timeout=30) == 0
        note("container_ended_s", round(now() - stopped, 3))
        successor = next(m for m in others(cluster, leader) if m.name == first.member)
        writer.stop()
        note("rows", writer.check_nothing_lost(successor))
    finally:
        if os.path.exists(block):
            os.unlink(block)
