"""The API server and its objects misbehave; nobody may lead twice, and somebody leads again."""
import signal
import time

from bed import wait

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
