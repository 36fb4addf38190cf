"""How the primary's Service is led to the leader: by EndpointSlices that only the leader writes, by a label that goes in time."""
import socket
import threading
import time

from bed import holds, wait
from test_events import wait_told

now = time.monotonic
SLICE = "shop-ipv4"


def others(cluster, leader):
    return [m for m in cluster.members if m is not leader]


def routed(slice_):
    """Names of the pods that a slice leads to, with their addresses."""
    return [(e["targetRef"]["name"], e["addresses"]) for e in slice_.get("endpoints") or []]


def read_slice(cluster):
    return next((s for s in cluster.kube.admin.list("endpointslices", cluster.namespace) if s["metadata"]["name"] == SLICE), {})


def leads_to(cluster, member):
    return routed(read_slice(cluster)) == [(member.name, [member.address])]


def written(watch):
    """Whom the slice led to, write by write, repeats left out."""
    names = [name for event in watch.events if event["type"] != "DELETED" for name, _ in routed(event["object"])]
    return [name for i, name in enumerate(names) if i == 0 or name != names[i - 1]]


def first_seen(watch, condition):
    """When a watch first showed an object that meets the condition; a watch is a moment behind."""
    return wait(lambda: next((e["seen"] for e in watch.events if condition(e["object"])), None), "the watch shows it")


def switch(cluster, leader):
    candidate = others(cluster, leader)[0]
    assert leader.ask("/switchover", {"leader": leader.name, "candidate": candidate.name})[0] == 200
    return candidate


def test_the_slice_follows_a_switchover_and_a_failover(make_ready, note):
    cluster, first = make_ready(mode="slices")
    wait(lambda: leads_to(cluster, first), "the slice leads to the leader")
    watch = cluster.kube.admin.watch("endpointslices", cluster.namespace)
    slice_ = read_slice(cluster)
    meta = slice_["metadata"]
    assert meta["labels"]["kubernetes.io/service-name"] == "shop" and meta["labels"]["cluster-name"] == "shop"
    assert meta["labels"]["endpointslice.kubernetes.io/managed-by"] == "howdah.io"
    assert slice_["addressType"] == "IPv4" and [p["port"] for p in slice_["ports"]] == [5432]
    second = switch(cluster, first)
    wait(lambda: leads_to(cluster, second), "the slice leads to the candidate")
    assert cluster.wait_ready() is second
    locks = cluster.kube.admin.watch("configmaps", cluster.namespace)
    cluster.net.power_off(second.machine)
    third = wait(lambda: next((m for m in others(cluster, second) if cluster.leader() is m), None), "another leads", 30)
    wait(lambda: leads_to(cluster, third), "the slice leads to the new leader")
    taken = first_seen(locks, lambda o: o["metadata"].get("annotations", {}).get("leader") == third.name)
    led = first_seen(watch, lambda o: routed(o)[:1] == [(third.name, [third.address])])
    note("slice_after_lock_s", round(led - taken, 3))
    assert written(watch) == [first.name, second.name, third.name] and led - taken < 1
    assert all(len(routed(event["object"])) == 1 for event in watch.events), "in one write, never to nobody"
    wait(lambda: cluster.labelled() == [third.name], "the label is the new leader's, too")


def test_a_leader_that_was_frozen_does_not_take_the_slice_back(make_ready):
    cluster, leader = make_ready(mode="slices")
    wait(lambda: leads_to(cluster, leader), "the slice leads to the leader")
    watch = cluster.kube.admin.watch("endpointslices", cluster.namespace)
    cluster.net.freeze(leader.machine)
    successor = wait(lambda: next((m for m in others(cluster, leader) if cluster.leader() is m), None), "another leads", 30)
    wait(lambda: leads_to(cluster, successor), "the slice leads to the new leader")
    cluster.net.thaw(leader.machine)
    holds(lambda: leads_to(cluster, successor), 2, "the slice leads to the new leader")
    assert cluster.wait_ready() is successor
    assert written(watch) == [leader.name, successor.name]


def test_a_slice_that_was_deleted_comes_back(make_ready):
    cluster, leader = make_ready(mode="slices")
    wait(lambda: leads_to(cluster, leader), "the slice leads to the leader")
    cluster.kube.admin.delete("endpointslices", cluster.namespace, SLICE)
    assert not read_slice(cluster)
    wait(lambda: leads_to(cluster, leader), "the slice is there again", 40)


def test_without_the_right_the_cluster_works_and_says_so(server, make_ready):
    cluster, leader = make_ready(mode="slices", without=("endpointslices",))
    cluster.may_be_forbidden = True
    wait_told(cluster, leader, "Forbidden", "not allowed to get endpointslices")
    assert "the Service shop does not follow the leader" in leader.log()
    second = switch(cluster, leader)
    assert cluster.wait_ready() is second and cluster.labelled() == [second.name] and not read_slice(cluster)
    rights = {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "create", "patch"]}
    server.set_rules(cluster.namespace, [*server.rules(cluster.namespace), rights])
    wait(lambda: not forbidden_to_list(cluster), "the right is in force")
    third = switch(cluster, second)
    wait(lambda: leads_to(cluster, third), "the slice leads to the leader")


def forbidden_to_list(cluster):
    return cluster.account.client().request(
        "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {"resourceAttributes": {
            "namespace": cluster.namespace, "verb": "patch", "group": "discovery.k8s.io", "resource": "endpointslices"}}}
    )["status"]["allowed"] is False


class Port(threading.Thread):
    """Whether a member's PostgreSQL takes connections, every 10 ms, from a client's machine."""

    def __init__(self, cluster, member):
        super().__init__(daemon=True)
        self.cluster, self.address = cluster, (member.address, 5432)
        self.looks, self.stopping = [], threading.Event()
        self.start()

    def run(self):
        with self.cluster.net.inside("client"):
            while not self.stopping.wait(0.01):
                self.looks.append((self._is_open(), now()))

    def _is_open(self):
        try:
            socket.create_connection(self.address, 0.2).close()
            return True
        except OSError:
            return False

    def reopened(self):
        """When it was open after it had been closed; None: it was not yet."""
        looks = self.looks[:]
        closed = next((i for i, (is_open, _) in enumerate(looks) if not is_open), len(looks))
        return next((when for is_open, when in looks[closed:] if is_open), None)


def test_a_former_leaders_port_stays_closed_while_its_label_may_lead_there(make_ready, note):
    cluster, leader = make_ready()
    assert cluster.labelled() == [leader.name]
    watch = cluster.kube.admin.watch("pods", cluster.namespace)
    port = Port(cluster, leader)
    switch(cluster, leader)
    opened = wait(port.reopened, "the former leader is back")
    port.stopping.set()
    gone = first_seen(watch, lambda o: o["metadata"]["name"] == leader.name and o["metadata"]["labels"].get("role") != "primary")
    note("closed_after_label_s", round(opened - gone, 3))
    assert 1.15 < opened - gone < 3
    cluster.wait_ready()
