"""What happens to nodes, and what clients on the Service see of it. Times are those of the defaults, ttl 30.

One cluster for all; each test begins with three healthy members. The verdict on two writable members is the client's: a
timeline belongs to one member, and no older one takes a write after a newer one did.
"""
import time

import pytest

import client as clientlib
import onnode
from server import wait

now = time.monotonic
TTL_S = 30
NOTICED_S = TTL_S + 3
LOST_AT_MOST = 20  # rows of the last moment that no replica had: replication is asynchronous


ONE_A_NODE = ("topologySpread[0].maxSkew=1", "topologySpread[0].topologyKey=kubernetes.io/hostname",
              "topologySpread[0].whenUnsatisfiable=DoNotSchedule")


@pytest.fixture(scope="module")
def shop(make_release):
    return make_release(settings=ONE_A_NODE)


@pytest.fixture
def leader(bed, shop):
    bed.heal()
    found = shop.wait_ready(3, 180)
    shop.wait_routed(found)
    found.psql(clientlib.writer.CREATE)
    return found


def node_without(bed, *pods):
    return next(node.name for node in bed.nodes if node.name not in {pod.node for pod in pods})


def wait_failover(client, fault, old, timeout_s=60):
    """The first row that another member took; how long nobody took one."""
    client.wait_for_writes(fault)
    first = wait(lambda: next((c for c in client.snapshot() if c.started > fault and c.member != old), None),
                 "a row taken by another member", timeout_s)
    client.wait_for_writes(first.acknowledged + 1)
    return client.gap_between(fault, first.acknowledged + 1)


@pytest.mark.parametrize("checkpoint", ["short", "endless"])
def test_leader_force_deleted_on_a_reachable_node(bed, shop, leader, watch, note, tmp_path, checkpoint):
    """The kubelet kills a container a second after it asked, however long the shutdown of a large database takes."""
    client = watch(shop, node_without(bed, leader))
    if checkpoint == "endless":
        onnode.OnNode(bed, leader).stop_worker("checkpointer")
    with shop.followed(tmp_path):
        address, deleted = leader.address, now()
        shop.kubectl("delete", "pod", leader.name, "--grace-period=0", "--force")
        gap = wait_failover(client, deleted, address)
        note("gap_s", gap)
        assert gap < TTL_S - 8, "nobody waited for the ttl"
    successor = shop.wait_ready(3)
    client.stop()
    note("acknowledged", client.check_nothing_lost(successor))


def test_leader_force_deleted_on_a_node_that_is_cut_off(bed, shop, leader, watch, note):
    """The object is gone, the container runs on: until it is fenced nobody else may write."""
    client = watch(shop, node_without(bed, leader))
    near = watch(shop, leader.node, host=leader.address)
    node, address = leader.node, leader.address
    bed.net.cut(node)
    cut = now()
    shop.kubectl("delete", "pod", leader.name, "--grace-period=0", "--force")
    gap = wait_failover(client, cut, address)
    note("gap_s", gap)
    note("old_wrote_for_s", near.last_by(address) - cut)
    assert gap < NOTICED_S
    bed.net.heal(node)
    near.stop()
    note("lost", len(client.lost(shop.wait_ready(3, 180))))


def test_node_of_the_leader_loses_power(bed, shop, leader, watch, note):
    client = watch(shop, node_without(bed, leader))
    node, address, killed = leader.node, leader.address, now()
    bed[node].power_off()
    gap = wait_failover(client, killed, address)
    note("gap_s", gap)
    lost = len(client.lost(shop.leader()))
    note("lost", lost)
    assert gap < NOTICED_S and lost < LOST_AT_MOST
    bed[node].power_on()
    shop.wait_ready(3, 180)


def test_node_of_the_leader_is_partitioned(bed, shop, leader, watch, note):
    """From everybody: it stops writing before somebody else begins, and follows when it is back."""
    client = watch(shop, node_without(bed, leader))
    near = watch(shop, leader.node, host=leader.address)
    node, address = leader.node, leader.address
    bed.net.cut(node)
    cut = now()
    gap = wait_failover(client, cut, address)
    note("gap_s", gap)
    note("old_wrote_for_s", near.last_by(address) - cut)
    assert gap < NOTICED_S and near.last_by(address) - cut < TTL_S
    bed.net.heal(node)
    near.stop()
    assert shop.wait_ready(3, 180).address != address
    note("lost", len(client.lost(shop.leader())))


def test_node_of_the_leader_loses_only_the_api(bed, shop, leader, watch, note):
    """The other members agree that it goes on (failsafe); the node turns NotReady meanwhile."""
    client = watch(shop, node_without(bed, leader))
    bed.net.cut(leader.node, "api")
    cut = now()
    wait(lambda: not is_node_ready(bed, leader.node), f"{leader.node} is NotReady", 90)
    wait(lambda: now() - cut > 2 * TTL_S, "twice the ttl has passed", 2 * TTL_S)
    gap = client.gap_between(cut, now())
    note("gap_s", gap)
    assert gap < 1 and shop.leader().name == leader.name
    bed.net.heal(leader.node)
    client.stop()
    client.check_nothing_lost(shop.wait_ready(3, 180))


def is_node_ready(bed, name):
    conditions = bed.control.admin.get("nodes", None, name)["status"]["conditions"]
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def test_api_server_is_away_for_a_minute(bed, shop, leader, watch, note):
    client = watch(shop, node_without(bed, leader))
    stopped = now()
    bed.control.kill()
    client.wait_for_writes(stopped + 60, 90)
    bed.control.start()
    note("away_s", now() - stopped)
    gap = client.gap_between(stopped, now())
    note("gap_s", gap)
    assert gap < 1
    assert shop.wait_ready(3).name == leader.name
    client.stop()
    note("acknowledged", client.check_nothing_lost(leader))


def test_nodes_are_drained_one_after_the_other(bed, shop, leader, watch, note):
    """The leader's first. Their volumes are the nodes' own, so each pod waits until its node is back."""
    client = watch(shop, node_without(bed, leader))
    begun = now()
    for pod in sorted(shop.pods(), key=lambda pod: pod.name != leader.name)[:2]:
        node, uid = pod.node, pod.uid
        shop.bed.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=90s", timeout=120)
        wait(lambda p=pod, u=uid: p.uid != u and p.node is None, f"the next {pod.name} waits for its node", 20)
        shop.bed.kubectl("uncordon", node)
        shop.wait_ready(3)
    client.wait_for_writes(now() + 1)
    gap = client.gap_between(begun, now())
    note("gap_s", gap)
    assert gap < 5
    client.stop()
    note("acknowledged", client.check_nothing_lost(shop.leader()))
