"""What happens to clients when a leader goes, in every way it can; the writer judges."""
import os
import pathlib
import shutil
import signal
import time

import pytest

from api import ApiError
from bed import BUILD, wait

now = time.monotonic
TTL_S = 20


def kill_postmaster(member):
    pid = member.postmaster()
    os.kill(pid, signal.SIGKILL)
    return now()


def wait_for_writes(writer, moment, not_by=None, timeout_s=30):
    return wait(lambda: writer.first_after(moment, not_by), f"a write after the fault, not by {not_by}", timeout_s)


def wait_rejoined(cluster, timeout_s=60):
    return cluster.wait_ready(timeout_s)


@pytest.mark.parametrize("mode", ["configmaps", "endpoints"])
def test_three_members_begin_from_empty_volumes(make_ready, watch, mode):
    cluster, leader = make_ready(mode=mode)
    writer = watch(cluster)
    config = cluster.kube.annotations("endpoints" if mode == "endpoints" else "configmaps", cluster.namespace, "shop-config")
    assert config["initialize"].isdigit() and '"ttl":5' in config["config"]
    assert sorted(cluster.labelled("replica")) == sorted(m.name for m in cluster.members if m is not leader)
    for member in cluster.members:
        expected = 200 if member is leader else 503
        assert [member.rest(p)[0] for p in ("/", "/primary", "/leader", "/read-write")] == [expected] * 4
        assert member.rest("/replica")[0] == (503 if member is leader else 200)
        assert [member.rest(p)[0] for p in ("/health", "/liveness", "/patroni", "/cluster")] == [200] * 4
        wait(lambda m=member: m.rest("/readiness")[0] == 200, f"{member.name} is ready, its lag small")
    if mode == "endpoints":
        subsets = cluster.kube.admin.get("endpoints", cluster.namespace, "shop")["subsets"]
        assert [a["ip"] for a in subsets[0]["addresses"]] == [leader.address]
    writer.stop()
    assert {c.member for c in writer.snapshot()} == {leader.name}


def test_postmaster_killed_another_takes_over(make_ready, watch, note):
    cluster, leader = make_ready()
    writer = watch(cluster)
    killed = kill_postmaster(leader)
    wait_for_writes(writer, killed, leader.name)
    note("gap_s", round(writer.gap_around(killed), 3))
    successor = wait_rejoined(cluster)
    assert successor is not leader and not writer.acknowledged_by(leader.name, after=killed + 0.5)
    assert cluster.labelled() == [successor.name]


def test_postmaster_killed_restart_in_place(make_ready, watch, note):
    cluster, leader = make_ready(primary_start_timeout=300)
    writer = watch(cluster)
    killed = kill_postmaster(leader)
    wait_for_writes(writer, killed)
    note("gap_s", round(writer.gap_around(killed), 3))
    assert wait_rejoined(cluster) is leader
    writer.stop()
    assert {c.timeline for c in writer.snapshot()} == {1}


def test_agent_killed_and_back_clients_notice_nothing(make_ready, watch, note):
    cluster, leader = make_ready(ttl=20)
    writer = watch(cluster)
    session = leader.psql("select pg_backend_pid()")
    killed, postmaster = now(), leader.postmaster()
    leader.kill_agent()
    leader.start_agent()
    wait(lambda: leader.rest("/primary")[0] == 200, "the agent leads again")
    wait_for_writes(writer, now() + 1)
    note("gap_s", round(writer.gap_around(killed), 3))
    assert leader.postmaster() == postmaster and session
    assert writer.gap_around(killed) < 1 and {c.member for c in writer.snapshot()} == {leader.name}


def test_agent_replaced_by_another_binary(make_ready, watch):
    cluster, leader = make_ready(ttl=20)
    writer = watch(cluster)
    there = pathlib.Path(cluster.home, "next")
    there.mkdir()
    for program in ("howdah", "howdah-supervisor"):
        shutil.copy(BUILD / program, there / program)
        os.chmod(there / program, 0o755)
    (there / "howdah-supervisor").open("ab").write(b"of the next version")
    other, placed = str(there / "howdah"), leader.run / "bin" / "howdah-supervisor"
    assert placed.read_bytes() == (BUILD / "howdah-supervisor").read_bytes()
    began, postmaster = now(), leader.postmaster()
    leader.kill_agent(signal.SIGTERM)
    leader.start_agent(binary=other)
    wait(lambda: leader.rest("/primary")[0] == 200, "the new agent leads")
    wait_for_writes(writer, now() + 1)
    assert os.readlink(f"/proc/{leader.agent.pid}/exe") == other
    assert placed.read_bytes() == (there / "howdah-supervisor").read_bytes() and os.access(placed, os.X_OK)
    assert f":{os.stat(leader.data).st_uid}:" in (leader.run / "passwd").read_text()
    assert leader.postmaster() == postmaster and writer.gap_around(began) < 1


def test_agent_killed_for_good_postgres_is_fenced_in_time(make_ready, watch, note):
    cluster, leader = make_ready()
    writer = watch(cluster)
    leader.kill_agent()
    killed = now()
    first = wait_for_writes(writer, killed, leader.name)
    last = writer.last_by(leader.name)
    note("last_write_of_old_s", round(last - killed, 3))
    note("first_write_of_new_s", round(first.acknowledged - killed, 3))
    assert last < first.started
    wait(lambda: leader.postmaster() is None, "the old primary is gone")


def test_agent_frozen(make_ready, watch, note):
    cluster, leader = make_ready()
    writer = watch(cluster)
    leader.agent.send_signal(signal.SIGSTOP)
    frozen = now()
    first = wait_for_writes(writer, frozen, leader.name)
    assert writer.last_by(leader.name) < first.started
    note("first_write_of_new_s", round(first.acknowledged - frozen, 3))
    leader.agent.send_signal(signal.SIGCONT)
    wait_rejoined(cluster)


def test_host_death(make_ready, watch, note):
    cluster, leader = make_ready(ttl=10)
    writer = watch(cluster)
    cluster.net.cut(leader.machine, "all")
    dead = now()
    cluster.net.power_off(leader.machine)
    first = wait_for_writes(writer, dead, leader.name)
    note("gap_s", round(first.acknowledged - dead, 3))
    assert first.acknowledged - dead < 10 + 1 + 2


def test_whole_member_frozen_and_thawed_after_the_ttl(make_ready, watch):
    cluster, leader = make_ready()
    writer = watch(cluster)
    cluster.net.freeze(leader.machine)
    frozen = now()
    first = wait_for_writes(writer, frozen, leader.name)
    thawed = now()
    writer.excuse(leader.name, thawed, thawed + 0.5)  # its processes are thawed one by one, its supervisor may be the last
    cluster.net.thaw(leader.machine)
    wait_rejoined(cluster)
    late = [c for c in writer.acknowledged_by(leader.name, after=first.acknowledged) if c.timeline < first.timeline]
    assert not [c for c in late if c.started > thawed + 0.5], "the old primary took writes after the thaw"


@pytest.mark.parametrize("what", ["api", "peers", "all"])
def test_leader_cut_off(make_ready, watch, what, note):
    cluster, leader = make_ready()
    writer = watch(cluster)
    cluster.net.cut(leader.machine, what)
    cut = now()
    if what == "peers":
        wait_for_writes(writer, cut + 7)
        assert cluster.leader_object()["leader"] == leader.name, "it still holds the lock"
    else:
        first = wait_for_writes(writer, cut, leader.name)
        note("first_write_of_new_s", round(first.acknowledged - cut, 3))
        assert (writer.last_by(leader.name) or 0) < first.started
    cluster.net.heal(leader.machine, what)
    wait_rejoined(cluster)


def test_clean_stop_hands_over_first(make_ready, watch, note):
    cluster, leader = make_ready()
    writer = watch(cluster)
    leader.supervisor.send_signal(signal.SIGTERM)
    stopped = now()
    wait_for_writes(writer, stopped, leader.name)
    note("gap_s", round(writer.gap_around(stopped), 3))
    assert leader.supervisor.wait(timeout=20) == 0
    assert writer.gap_around(stopped) < 3, "nobody waited for the ttl"


@pytest.mark.parametrize("heirs", [True, False])
def test_a_leader_whose_pod_is_gone_gives_the_lock_back_by_mouth(make_ready, watch, note, heirs):
    """As when a pod is deleted by force: the container is told to end, and what it may show to the API server is no longer good."""
    cluster, leader = make_ready(ttl=TTL_S, loop_wait=3, retry_timeout=3)
    token = bind_to_its_pod(cluster, leader)
    writer = watch(cluster)
    if not heirs:
        for member in cluster.members:
            if member is not leader:
                member.kill_all()
    cluster.kube.admin.delete("pods", cluster.namespace, leader.name)
    wait(lambda: status_of(cluster, token) == 401, "the API server refuses the token", 30)
    told = now()
    leader.supervisor.send_signal(signal.SIGTERM)
    assert leader.supervisor.wait(timeout=30) == 0
    note("container_ended_after_s", round(now() - told, 3))
    assert now() - told < TTL_S - 8, "the container ends long before the lock runs out"
    assert "the lock was not written: HTTP 401" in leader.log(), "it could not release the lock"
    if heirs:
        first = wait_for_writes(writer, told, leader.name)
        note("gap_s", round(first.acknowledged - told, 3))
        assert first.acknowledged - told < TTL_S - 8, "nobody waited for the ttl"
        assert any("says that it has given the lock back" in m.log() for m in cluster.members if m is not leader)
        assert writer.last_by(leader.name) < first.started


def test_a_leader_whose_pod_is_gone_is_not_given_time_for_its_checkpoint(make_ready, watch, note):
    """Deleted by force, its containers are killed a second after they were told, and nobody would hear that it has ended."""
    cluster, leader = make_ready(ttl=TTL_S, loop_wait=3, retry_timeout=3)
    token = bind_to_its_pod(cluster, leader)
    writer = watch(cluster)
    checkpointer = int(leader.psql("select pid from pg_stat_activity where backend_type = 'checkpointer'"))
    cluster.kube.admin.delete("pods", cluster.namespace, leader.name)
    wait(lambda: status_of(cluster, token) == 401, "the API server refuses the token", 30)
    os.kill(checkpointer, signal.SIGSTOP)
    told = now()
    leader.supervisor.send_signal(signal.SIGTERM)
    wait(lambda: now() > told + 1, "kubelet's patience is over")
    leader.kill_all()
    first = wait_for_writes(writer, told, leader.name)
    note("gap_s", round(first.acknowledged - told, 3))
    assert "cut-short" in leader.log() and "HTTP 401" in leader.log()
    assert first.acknowledged - told < TTL_S - 8, "nobody waited for the ttl"
    writer.stop()
    writer.check_nothing_lost(cluster.leader())


def status_of(cluster, token):
    try:
        cluster.account.client(token=token).list("configmaps", cluster.namespace)
    except ApiError as error:
        return error.status
    return 200


def bind_to_its_pod(cluster, member):
    """Its token, as a kubelet's: good for as long as the pod is there."""
    token = cluster.account.new_token(pod=cluster.kube.admin.get("pods", cluster.namespace, member.name))
    cluster.account.write_directory(str(member.home / "sa"), token)
    member.kill_agent()
    member.start_agent()
    wait(lambda: member.rest("/primary")[0] == 200, f"{member.name} leads on")
    return token
