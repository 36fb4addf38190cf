"""Data directories, names and secrets that are not what they should be."""
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import psycopg2
import pytest

from bed import BIN, BUILD, USER, Member, wait
from test_rejoin import program

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


def servers(member):
    return [pid for pid in member.cluster.net.pids(member.machine) if program(pid) == "postgres"]


def told_url(cluster, name, url=None):
    """The address in the pod's status; put there when one is given."""
    status = json.loads(cluster.kube.annotations("pods", cluster.namespace, name)["status"])
    if url:
        status["api_url"] = url
        cluster.kube.admin.patch("pods", cluster.namespace, name, {"metadata": {"annotations": {"status": json.dumps(status)}}})
    return status["api_url"]


def test_a_second_member_of_a_living_ones_name_does_not_start(make_ready, watch):
    cluster, leader = make_ready(size=2)
    writer = watch(cluster)
    for original in list(cluster.members):
        twin = Member(cluster, "m3", original.name, labels=False)
        cluster.members.append(twin)
        before = cluster.kube.annotations("pods", cluster.namespace, original.name)
        twin.start()
        assert twin.agent.wait(timeout=20) == 1
        assert f"Can't start; there is already a node named '{original.name}' running" in twin.log()
        assert not twin.data.exists() and f"{original.address}:8008" in twin.log()
        assert f"{original.address}:8008" in told_url(cluster, original.name) and before["status"]
        twin.supervisor.kill()
        twin.supervisor.wait()
        cluster.members.remove(twin)
    moment = now()
    wait(lambda: writer.first_after(moment), "writes go on")
    assert cluster.wait_ready() is leader


def test_an_old_address_that_somebody_else_has_now_keeps_nobody_from_starting(make_ready):
    cluster, leader = make_ready()
    member, other = [m for m in cluster.members if m is not leader]
    for url in (other.rest_url, member.rest_url.replace(member.address, "127.0.0.1"), "http://10.99.250.250:8008/patroni"):
        member.kill_agent()
        assert told_url(cluster, member.name, url) == url
        member.start_agent()
        wait(member.is_streaming, f"it starts, though its pod says {url}", 20)
        wait(lambda: told_url(cluster, member.name) == member.rest_url, "its pod says where it is")


def annotate(cluster, objects, changes):
    """What kubectl annotate does: KEY=VALUE sets, KEY- removes."""
    pairs = {change.rstrip("-"): None for change in changes if change.endswith("-")}
    pairs.update(change.split("=") for change in changes if "=" in change)
    for name in objects:
        cluster.kube.admin.patch("configmaps", cluster.namespace, name, {"metadata": {"annotations": pairs}})


def test_data_of_another_cluster_is_named_and_one_command_repairs_it(make_cluster, make_ready):
    cluster, leader = make_ready(size=2)
    attic = make_cluster(size=0, scope="attic")
    attic.members.append(Member(attic, "m3", "attic-0"))
    attic.start()
    source = wait(attic.leader, "the other cluster's leader", 60)
    wait(lambda: source.psql("select 1 from pg_roles where rolname = 'replicator'") == "1", "its roles are made", 60)
    source.psql("create table heirloom as select 1 as n")
    source.psql("checkpoint")
    attic_id, shop_id = (m.status()["database_system_identifier"] for m in (source, leader))
    for member in (source, *cluster.members):
        member.kill_all()
        shutil.rmtree(f"{member.data}.howdah")
    shutil.rmtree(cluster.members[1].data)
    shutil.rmtree(cluster.members[0].data)
    shutil.move(source.data, cluster.members[0].data)
    first, second = cluster.members
    first.start()
    told = wait(lambda: first.status().get("howdah", {}).get("trouble"), "the status says so", 20)
    assert attic_id in told and shop_id in told and told in first.log()
    listed = subprocess.run([str(BUILD / "howdahctl"), "-c", str(first.config), "list"], capture_output=True, text=True, timeout=20,
                            env={"PATH": os.environ["PATH"], **cluster.account.environment()})
    assert attic_id in listed.stdout and "kubectl" in listed.stdout, listed
    assert not servers(first)
    command = told[told.index("kubectl "):].split()
    assert command[:8] == ["kubectl", "-n", cluster.namespace, "annotate", "--overwrite", "configmap", "shop-config", "shop-leader"]
    assert command[8] == f"initialize={attic_id}"
    annotate(cluster, command[6:8], command[8:])
    wait(lambda: cluster.leader() is first, "it leads with its data", 60)
    assert first.psql("select n from heirloom") == "1" and "trouble" not in first.status().get("howdah", {})
    second.start()
    wait(second.is_streaming, "the other one is cloned from it", 60)


RIGHTS = {
    "another owner": lambda data: os.chown(data, 0, 0),
    "no access": lambda data: os.chmod(data, 0o000),
    "a directory above": lambda data: os.chmod(data.parent, 0o600),
}


@pytest.mark.skipif(USER is None, reason="rights do not bind root, and only root can take them away")
@pytest.mark.parametrize("what", RIGHTS)
def test_a_data_directory_without_the_right_to_it(make_ready, what):
    cluster, leader = make_ready(size=2)
    member = next(m for m in cluster.members if m is not leader)
    member.kill_all()
    before = member.data.stat(), member.data.parent.stat()
    RIGHTS[what](member.data)
    member.start()
    told = wait(lambda: member.status().get("howdah", {}).get("trouble"), "the status says so", 20)
    place = member.data.parent if what == "a directory above" else member.data
    st = place.stat()
    assert f'"{place}" belongs to uid {st.st_uid}, mode {st.st_mode & 0o7777:04o}' in told and "uid here: " in told and told in member.log()
    assert not servers(member)
    for path, st in zip((member.data, member.data.parent), before):
        os.chown(path, st.st_uid, st.st_gid)
        os.chmod(path, st.st_mode & 0o7777)
    if what != "a directory above":
        member.kill_agent()
        member.start_agent()
    wait(member.is_streaming, "it streams once it may", 40)


def test_a_lock_file_that_cannot_be_opened(make_ready):
    cluster, leader = make_ready(size=2)
    member = next(m for m in cluster.members if m is not leader)
    member.kill_all()
    lock = member.data.with_name(member.data.name + ".howdah") / "lock"
    lock.rename(lock.with_name("lock.away"))
    lock.mkdir()
    member.start()
    told = wait(lambda: member.status().get("howdah", {}).get("trouble"), "the status says so", 30)
    assert f"the lock file {lock} cannot be had: Is a directory" in told and told in member.log()
    assert not servers(member)
    lock.rmdir()
    wait(member.is_streaming, "it streams once it can", 40)


def test_a_volume_of_another_major_version(make_ready):
    cluster, leader = make_ready(size=2)
    member = next(m for m in cluster.members if m is not leader)
    member.kill_all()
    (member.data / "PG_VERSION").write_text("14\n")
    member.start()
    said = "no PostgreSQL 14 for the data directory: /usr/lib/postgresql/15/bin/postgres"
    wait(lambda: said in member.status().get("howdah", {}).get("failure", ""), "it names both versions", 20)
    assert "no PostgreSQL 14 for the data directory" in member.log() and not servers(member)
    (member.data / "PG_VERSION").write_text("15\n")
    wait(member.is_streaming, "it streams with its own", 40)


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
    assert newcomer.agent.wait(timeout=10) == 1, "it ends, and is started again by whoever keeps it"
    newcomer.start_agent()
    wait(newcomer.is_streaming, "it joins once it can be read", 60)
