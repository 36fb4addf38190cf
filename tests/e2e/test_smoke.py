"""What the people who run it type, on a real kubelet: install, look, delete the leader, change the sidecar, scale, uninstall.

One cluster for all; each test begins with three healthy members and leaves them.
"""
import time

import pytest

import client as clientlib
import images
from server import wait

now = time.monotonic


@pytest.fixture(scope="module")
def shop(make_release):
    return make_release()


@pytest.fixture
def leader(shop):
    found = shop.wait_ready(3)
    found.psql(clientlib.writer.CREATE)
    return found


def other_node(bed, *pods):
    """One where none of these is; a client there outlives their node."""
    return next(node.name for node in bed.nodes if node.name not in {pod.node for pod in pods})


def wait_replaced(pod, uid, timeout_s=60):
    """Another pod has the name."""
    wait(lambda: pod.uid != uid and pod.is_ready(), f"{pod.name} is another pod, and ready", timeout_s)


def test_a_release_comes_up_under_the_restricted_profile(shop, note):
    begun = now()
    leader = shop.wait_ready(3)
    note("ready_s", now() - begun)
    shown = shop.kubectl("get", "pods", "-L", "role").splitlines()
    roles = [line.split()[-1] for line in shown[1:]]
    assert sorted(roles) == ["primary", "replica", "replica"], shown
    assert [line.split()[1] for line in shown[1:]] == ["2/2"] * 3, shown
    assert leader.psql("select count(*) from pg_replication_slots where active") == "2"
    assert "can take over" in leader.howdahctl("list")
    assert shop.forbidden() == []


def test_the_leader_is_deleted_and_clients_wait_a_moment(bed, shop, leader, watch, note):
    uid, before = leader.uid, leader.name
    client = watch(shop, other_node(bed, leader))
    deleted = now()
    shop.api.delete("pods", shop.namespace, leader.name)
    shop.wait_leader_other_than(before)
    client.wait_for_writes(now() + 1)
    gap = client.gap_between(deleted, now())
    note("gap_s", gap)
    wait_replaced(leader, uid)
    successor = shop.wait_ready(3)
    client.stop()
    note("acknowledged", client.check_nothing_lost(successor))
    assert gap < 5
    assert successor.name != before


def test_the_sidecar_is_replaced_under_a_running_postgresql(bed, shop, leader, watch, note):
    """In each pod, the leader's last."""
    client = watch(shop, bed.nodes[0].name)
    pods = sorted(shop.pods(), key=lambda pod: pod.name == leader.name)
    sessions = {pod.name: clientlib.Session(bed.net, bed.nodes[0].name, {**client.target, "host": pod.address}) for pod in pods}
    before = {pod.name: running_postgres(pod) for pod in pods}
    begun = now()
    for pod in pods:
        replace_sidecar(shop, pod, images.SIDECAR_NEXT)
    client.wait_for_writes(now() + 1)
    note("gap_s", client.gap_between(begun, now()))
    assert {pod.name: running_postgres(pod) for pod in pods} == before
    assert all(session.alive() for session in sessions.values())
    assert shop.leader().name == leader.name
    assert client.gap_between(begun, now()) < 1
    client.check_nothing_lost(leader)
    for session in sessions.values():
        session.close()


def running_postgres(pod):
    status = pod.container("postgres")
    return status["containerID"], status["restartCount"], pod.psql("select pg_postmaster_start_time()")


def replace_sidecar(release, pod, image):
    """As a person does it; returns when another container of that image runs and is ready."""
    before = pod.container("howdah")
    change = f'[{{"op": "replace", "path": "/spec/initContainers/0/image", "value": "{image}"}}]'
    release.kubectl("patch", "pod", pod.name, "--type=json", "-p", change)

    def replaced():
        status = pod.container("howdah")
        return status["containerID"] != before["containerID"] and status["ready"] and status["image"] == image
    wait(replaced, f"the sidecar of {pod.name} is {image}", 60)
    assert pod.container("howdah")["restartCount"] == before["restartCount"] + 1


def test_scaled_up_and_down_nothing_is_left_of_the_fourth(bed, shop, leader, watch, note):
    client = watch(shop, bed.nodes[0].name)
    begun = now()
    shop.kubectl("scale", "statefulset", shop.name, "--replicas=4")
    assert shop.wait_ready(4).name == leader.name
    note("fourth_streams_s", now() - begun)
    assert slots(leader) == sorted(pod.name.replace("-", "_") for pod in shop.pods() if pod.name != leader.name)
    scaled = now()
    shop.kubectl("scale", "statefulset", shop.name, "--replicas=3")
    assert shop.wait_ready(3).name == leader.name
    wait(lambda: f"{shop.name}_3" not in slots(leader), "the slot of the member that left is gone", 60)
    note("slot_gone_s", now() - scaled)
    note("gap_s", client.gap_between(begun, now()))
    assert len(slots(leader)) == 2
    assert client.gap_between(begun, now()) < 1


def slots(pod):
    return sorted(pod.psql("select slot_name from pg_replication_slots").split())


def test_uninstalled_every_pod_ends_in_time(shop, leader, note):
    begun = now()
    shop.uninstall()
    wait(lambda: not shop.pods(), "no pod is left", 60)
    note("uninstall_s", now() - begun)
