"""Data directories, names and secrets that are not what they should be."""
import os
import shutil
import signal
import subprocess
import threading
import time

import psycopg2

from bed import BIN, USER, Member, wait

now = time.monotonic


def test_orphaned_backend_in_a_commit_loop(make_ready, watch):
    cluster, leader = make_ready()
    leader.psql("create table orphan(n bigint); create procedure spin() language plpgsql as "
                "$$ begin loop insert into orphan values (1); commit; end loop; end $$")
    busy = threading.Thread(target=call_and_forget, args=(cluster, leader), daemon=True)
    busy.start()
    wait(lambda: int(leader.psql("select count(*) from orphan")) > 0, "the loop commits")
    writer = watch(cluster)
    os.kill(leader.postmaster(), signal.SIGKILL)
    killed = now()
    wait(lambda: writer.first_after(killed, leader.name), "another takes over", 30)
    for pid in cluster.net.pids(leader.machine):
        assert b"spin" not in command_line(pid), "the orphan lives"
    cluster.wait_ready()


def call_and_forget(cluster, leader):
    with cluster.net.inside("client"):
        try:
            connection = psycopg2.connect(host=leader.address, dbname="postgres", user="postgres", password="super-secret")
            connection.autocommit = True
            connection.cursor().execute("call spin()")
        except psycopg2.Error:
            pass


def command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def test_two_incarnations_of_one_name(make_ready, watch):
    cluster, leader = make_ready()
    writer = watch(cluster)
    kube, space = cluster.kube, cluster.namespace
    cluster.net.cut(leader.machine, "peers")
    kube.admin.delete("pods", space, leader.name, grace_s=0)
    twin = Member(cluster, "m3", leader.name)
    cluster.members.append(twin)
    twin.start()
    writer.watch(twin)
    settled = now()
    wait(lambda: writer.first_after(settled + 8), "writes go on", 40)
    writer.check_one_primary()
    cluster.net.heal(leader.machine, "peers")


def test_two_supervisors_on_one_data_directory(make_ready, watch):
    cluster, leader = make_ready()
    writer = watch(cluster)
    twin = Member(cluster, leader.machine, leader.name, labels=False)
    twin.data = leader.data
    twin.overrides = {"postgresql": {"data_dir": str(leader.data), "listen": "0.0.0.0:5433"}, "restapi": {"listen": "0.0.0.0:8018"}}
    before = leader.postmaster()
    twin.start()
    wait(lambda: "volume" in twin.log(), "the second says that the volume is taken")
    moment = now()
    wait(lambda: writer.first_after(moment + 3), "writes go on")
    assert leader.postmaster() == before
    twin.agent.kill()
    twin.supervisor.kill()
    twin.agent.wait()
    twin.supervisor.wait()


def test_two_promotions_to_the_same_timeline_number(make_ready, watch):
    """B promotes, nobody hears of it, C promotes to the same number: B must never stream from C as it is."""
    cluster, leader = make_ready()
    writer = watch(cluster)
    b, c = [m for m in cluster.members if m is not leader]
    cluster.net.cut(leader.machine, "all")
    cluster.net.power_off(leader.machine)
    first = wait(lambda: writer.first_after(now() - 1, leader.name), "the second leader writes", 30)
    second = cluster[first.member]
    third = c if second is b else b
    before = set(second.psql("select id from story").split())
    cluster.net.cut(second.machine, "all")
    cluster.net.freeze(second.machine)
    moment = now()
    wait(lambda: writer.first_after(moment, second.name), "the third leader writes", 40)
    cluster.net.thaw(second.machine)
    cluster.net.heal(second.machine, "all")
    wait(second.is_streaming, "the second leader is a replica", 90)
    theirs = set(third.psql("select id || writer from story").split())
    wait(lambda: theirs <= set(second.psql("select id || writer from story").split()), "the same rows", 30)
    assert set(second.psql("select id || writer from story where at < now() - interval '5 s'").split()) <= \
        set(third.psql("select id || writer from story").split()), "rows that the leader never had"
    assert before


def test_failed_initdb_leaves_the_cluster_free(make_cluster):
    cluster = make_cluster(size=2)
    bad, good = cluster.members
    bad.overrides = {"bootstrap": {"initdb": [{"locale": "no_SUCH"}]}}
    bad.start()
    wait(lambda: "initialization is given back" in bad.log(), "it gives the initialization back", 20)
    good.start()
    wait(lambda: cluster.leader() is good, "the other one begins the cluster", 40)


def test_foreign_data_directory_is_left_alone(make_ready):
    cluster, _ = make_ready(size=2)
    stranger = Member(cluster, "m2", "shop-9")
    cluster.members.append(stranger)
    stranger.write_config()
    subprocess.run([f"{BIN}/initdb", "-D", str(stranger.data), "-N"], user=USER, check=True, capture_output=True, cwd="/")
    before = (stranger.data / "global" / "pg_control").read_bytes()
    stranger.start()
    wait(lambda: "another cluster" in stranger.log(), "it says so", 20)
    assert (stranger.data / "global" / "pg_control").read_bytes() == before and stranger.postmaster() is None


def test_wrong_password_is_said_and_mended(make_ready):
    cluster, leader = make_ready(size=2)
    newcomer = Member(cluster, "m2", "shop-9")
    cluster.members.append(newcomer)
    newcomer.overrides = {"postgresql": {"authentication": {"replication": {"password": "wrong"}}}}
    newcomer.start()
    wait(lambda: "password authentication failed" in newcomer.log(), "it says why the clone fails", 30)
    newcomer.kill_agent(signal.SIGTERM)
    newcomer.overrides = {}
    newcomer.start_agent()
    wait(newcomer.is_streaming, "it joins with the right one", 60)


def test_unreadable_token_is_said_and_mended(make_ready):
    cluster, leader = make_ready(size=2)
    newcomer = Member(cluster, "m2", "shop-9")
    cluster.members.append(newcomer)
    token = newcomer.home / "sa" / "token"
    hidden = newcomer.home / "token-hidden"
    shutil.move(token, hidden)
    newcomer.start()
    wait(lambda: "token" in newcomer.log(), "it names the file", 20)
    shutil.move(hidden, token)
    if newcomer.agent.poll() is not None:
        newcomer.start_agent()
    wait(newcomer.is_streaming, "it joins once it can be read", 60)
