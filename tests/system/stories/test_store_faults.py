"""The API server and its objects misbehave; nobody may lead twice, and somebody leads again."""
import signal
import time

import pytest

from bed import holds, wait

now = time.monotonic


def wait_for_writes(writer, moment, timeout_s=30):
    return wait(lambda: writer.first_after(moment), "a write after the fault", timeout_s)


def test_api_server_frozen_longer_than_the_ttl(make_ready, watch):
    cluster, leader = make_ready()
    writer = watch(cluster)
    cluster.kube.pause()
    wait(lambda: leader.postmaster() is None, "the leader stops before its lease runs out", 10)
    silent = now()
    assert not writer.first_after(silent)
    cluster.kube.resume()
    wait_for_writes(writer, silent)
    cluster.wait_ready()


def margin_s(ttl):
    return 1 + ttl / 10


@pytest.mark.parametrize("ttl, outage_s", [(5, 60), (20, 70)])
def test_an_outage_with_failsafe_mode_hurts_nobody(make_ready, watch, note, ttl, outage_s):
    cluster, leader = make_ready(ttl=ttl, failsafe_mode=True)
    wait(lambda: all(m.rest("/failsafe")[0] == 200 for m in cluster.members), "everybody knows whom to ask", 30)
    writer = watch(cluster)
    record, postmaster = cluster.leader_object(), leader.postmaster()
    stand_back = [m for m in cluster.members if m is not leader]
    began = now()
    cluster.kube.pause()
    wait(lambda: all(m.status().get("failsafe_mode_is_active") for m in stand_back), "the leader asks the others, and they stand back", ttl)
    holds(lambda: leader.rest("/primary")[0] == 200, outage_s - (now() - began), "it is the primary")
    assert now() - began >= outage_s > 3 * ttl
    cluster.kube.resume()
    resumed = now()
    wait(lambda: not any(m.status().get("failsafe_mode_is_active", False) for m in stand_back), "nobody is asked any more", ttl + 30)
    assert cluster.wait_ready() is leader
    wait(lambda: writer.first_after(resumed + 1), "writes go on")
    writer.stop()
    note("gap_s", round(writer.gap_around(began), 3))
    assert writer.gap_around(began) < 1 and {c.member for c in writer.snapshot()} == {leader.name}
    assert leader.postmaster() == postmaster and len({c.timeline for c in writer.snapshot()}) == 1
    after = cluster.leader_object()
    assert all(after[key] == record[key] for key in ("leader", "transitions", "acquireTime"))


def test_a_leader_that_goes_soon_after_an_outage_is_followed_at_once(make_ready, watch, note):
    """The others stand back for it still; that it released the lock tells them that it counts on nobody any more."""
    ttl = 20
    cluster, leader = make_ready(ttl=ttl, failsafe_mode=True)
    wait(lambda: all(m.rest("/failsafe")[0] == 200 for m in cluster.members), "everybody knows whom to ask", 30)
    writer = watch(cluster)
    stand_back = [m for m in cluster.members if m is not leader]
    before = cluster.leader_object()["renewTime"]
    cluster.kube.pause()
    wait(lambda: all(m.status().get("failsafe_mode_is_active") for m in stand_back), "the leader asks the others, and they stand back", ttl)
    cluster.kube.resume()
    wait(lambda: cluster.leader_object()["renewTime"] != before, "the store has its renewal", ttl)
    assert all(m.status().get("failsafe_mode_is_active") for m in stand_back)
    went = now()
    leader.supervisor.send_signal(signal.SIGTERM)
    first = wait(lambda: writer.first_after(went, leader.name), "a row taken by another member", ttl + 20)
    note("gap_s", round(first.acknowledged - went, 3))
    assert first.acknowledged - went < ttl - 8, "nobody waited for what was agreed to"
    assert leader.supervisor.wait(timeout=20) == 0


@pytest.mark.parametrize("ttl, outage_s", [(5, 20)])
def test_an_outage_without_failsafe_mode_ends_writing_in_time(make_ready, watch, note, ttl, outage_s):
    cluster, leader = make_ready(ttl=ttl)
    writer = watch(cluster)
    began = now()
    cluster.kube.pause()
    wait(lambda: all(m.rest("/primary")[0] == 503 for m in cluster.members), "nobody is a primary", ttl)
    silent = now()
    holds(lambda: not writer.first_after(silent), outage_s - (silent - began), "nobody takes writes")
    note("last_write_s", round(writer.last_by(leader.name) - began, 3))
    assert writer.last_by(leader.name) - began <= ttl - margin_s(ttl), "after its deadline"
    cluster.kube.resume()
    resumed = now()
    first = wait(lambda: writer.first_after(silent), "somebody takes writes again")
    note("first_write_after_outage_s", round(first.acknowledged - resumed, 3))
    assert cluster.wait_ready().name == first.member
    writer.stop()
    writer.check_nothing_lost(cluster[first.member])


def test_api_server_restarted_quickly(make_ready, watch, note):
    cluster, leader = make_ready(ttl=20)
    writer = watch(cluster)
    began = now()
    cluster.kube.kill()
    cluster.kube.start()
    wait_for_writes(writer, now() + 2)
    note("gap_s", round(writer.gap_around(began), 3))
    assert cluster.wait_ready() is leader and writer.gap_around(began) < 1
    cluster.may_be_forbidden = True  # a starting API server answers 403 until it has read its roles


def test_leader_object_deleted(make_ready, watch):
    cluster, leader = make_ready()
    writer = watch(cluster)
    cluster.kube.admin.delete("configmaps", cluster.namespace, "shop-leader")
    deleted = now()
    wait(lambda: cluster.leader_object().get("leader") == leader.name, "the holder writes it again")
    wait_for_writes(writer, deleted + 6)
    assert {c.member for c in writer.snapshot()} == {leader.name}


def test_leader_object_deleted_while_the_leader_is_cut_off(make_ready, watch):
    cluster, leader = make_ready()
    writer = watch(cluster)
    cluster.net.cut(leader.machine, "api")
    cluster.kube.admin.delete("configmaps", cluster.namespace, "shop-leader")
    deleted = now()
    first = wait(lambda: writer.first_after(deleted, leader.name), "somebody else leads", 30)
    assert writer.last_by(leader.name) < first.started
    cluster.net.heal(leader.machine, "api")
    cluster.wait_ready()


def test_store_restored_from_an_older_state(make_ready, watch):
    cluster, leader = make_ready()
    backup = cluster.kube.backup()
    writer = watch(cluster)
    leader.agent.send_signal(signal.SIGSTOP)
    first = wait(lambda: writer.first_after(now() - 1, leader.name), "another leads", 30)
    leader.agent.send_signal(signal.SIGCONT)
    second = cluster.wait_ready()
    assert second.name == first.member
    cluster.kube.restore(backup)
    restored = now()
    wait_for_writes(writer, restored, 60)
    cluster.wait_ready(90)
    cluster.may_be_forbidden = True
