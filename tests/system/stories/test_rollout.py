"""Roll-outs by the leader alone, on a real API server: the StatefulSet, its revisions and the kubelets are the test's."""
import json
import signal
import threading
import time

import pytest

from bed import LABELS, wait
from test_switchover import others

now = time.monotonic
HASH = "controller-revision-hash"
SIDECARS = [{"name": "howdah", "restartPolicy": "Always"}]


def resources(memory):
    return {"limits": {"memory": memory}, "requests": {"cpu": "100m", "memory": "256Mi"}}


class StatefulSet:
    """The objects, as their controller would make them."""

    def __init__(self, cluster):
        self.cluster, self.admin, self.space, self.number = cluster, cluster.kube.admin, cluster.namespace, 0
        self.labels = {**LABELS, "cluster-name": cluster.scope}
        self.images, self.memory = ("howdah:1", "postgres:1"), "1Gi"
        body = {"metadata": {"name": cluster.scope}, "spec": {
            "serviceName": cluster.scope, "replicas": len(cluster.members), "updateStrategy": {"type": "OnDelete"},
            "selector": {"matchLabels": self.labels}, "template": self.template()}}
        self.uid = self.admin.create("statefulsets", self.space, body)["metadata"]["uid"]
        self._publish()

    def template(self):
        return {"metadata": {"labels": self.labels}, "spec": self.spec()}

    def spec(self):
        return {"initContainers": [{**SIDECARS[0], "image": self.images[0]}], "containers": [
            {"name": "postgres", "image": self.images[1], "resources": resources(self.memory)}]}

    def change(self, sidecar=None, postgres=None, memory=None):
        self.memory = memory or self.memory
        self.images = (sidecar or self.images[0], postgres or self.images[1])
        self.admin.patch("statefulsets", self.space, self.cluster.scope, {"spec": {"template": self.template()}})
        self._publish()

    def scale(self, replicas):
        self.admin.patch("statefulsets", self.space, self.cluster.scope, {"spec": {"replicas": replicas}})
        generation = self.admin.get("statefulsets", self.space, self.cluster.scope)["metadata"]["generation"]
        status = {"observedGeneration": generation, "replicas": replicas}
        self.admin.patch("statefulsets", self.space, self.cluster.scope, {"status": status}, subresource="status")

    @property
    def revision(self):
        return f"{self.cluster.scope}-r{self.number}"

    def _publish(self):
        self.number += 1
        template = self.admin.get("statefulsets", self.space, self.cluster.scope)["spec"]["template"]
        self.admin.create("controllerrevisions", self.space, {
            "metadata": {"name": self.revision}, "revision": self.number,
            "data": {"spec": {"template": {**template, "$patch": "replace"}}}})
        generation = self.admin.get("statefulsets", self.space, self.cluster.scope)["metadata"]["generation"]
        status = {"observedGeneration": generation, "updateRevision": self.revision, "replicas": len(self.cluster.members)}
        self.admin.patch("statefulsets", self.space, self.cluster.scope, {"status": status}, subresource="status")

    def labels_of_pods(self):
        return {p["metadata"]["name"]: p["metadata"]["labels"][HASH] for p in self.admin.list("pods", self.space)}

    def is_rolled_out(self):
        return len(self.cluster.members) == list(self.labels_of_pods().values()).count(self.revision)


class Kubelets:
    """One for all members: restarts a sidecar whose image changed, gives a container the resources that it is to have unless there is
    no room on its node, ends an evicted pod and makes it anew."""

    def __init__(self, stateful):
        self.set, self.cluster, self.kube = stateful, stateful.cluster, stateful.cluster.kube
        self.images, self.memory, self.containers, self.happened, self.failure = {}, {}, {}, [], None
        self.too_small = set()  # names of members on nodes that can never give more
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def make(self, member):
        self.kube.admin.create("pods", self.set.space, {
            "metadata": {"name": member.name, "labels": {**self.set.labels, HASH: self.set.revision}, "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "StatefulSet", "name": self.cluster.scope, "uid": self.set.uid, "controller": True}]},
            "spec": {**self.set.spec(), "nodeName": "node-1"}})
        self.kube.set_pod_ip(self.set.space, member.name, member.address)
        self.images[member.name], self.memory[member.name] = self.set.images[0], self.set.memory
        self._report(member)
        self._report_resources(self.kube.admin.get("pods", self.set.space, member.name))

    def _report(self, member, ended=None):
        before = self.containers.get(member.name)
        self.containers[member.name] = f"test://{member.name}-{len(self.happened)}-{time.monotonic_ns()}"
        stamp = lambda at: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))  # noqa: E731
        last = {"terminated": {"containerID": before, "exitCode": 0, "finishedAt": stamp(ended)}} if ended else {}
        state = {"name": "howdah", "image": self.images[member.name], "imageID": "", "ready": True, "restartCount": 0, "lastState": last,
                 "containerID": self.containers[member.name], "state": {"running": {"startedAt": stamp(time.time())}}}
        self.kube.admin.patch("pods", self.set.space, member.name, {"status": {"initContainerStatuses": [state]}}, subresource="status")

    def _report_resources(self, pod, condition=None):
        name, container = pod["metadata"]["name"], pod["spec"]["containers"][0]
        state = {"name": "postgres", "image": container["image"], "imageID": "", "ready": True, "restartCount": 0,
                 "resources": resources(self.memory[name]), "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
        status = {"containerStatuses": [state], "observedGeneration": pod["metadata"]["generation"]}
        if condition:
            status["conditions"] = [{"type": "PodResizePending", "status": "True", "reason": condition, "message": "no room"}]
        self.kube.admin.patch("pods", self.set.space, name, {"status": status}, subresource="status")

    def tell_no_resources(self, member):
        pod = self.kube.admin.get("pods", self.set.space, member.name)
        state = [{**status, "resources": None} for status in pod["status"]["containerStatuses"]]
        self.kube.admin.patch("pods", self.set.space, member.name, {"status": {"containerStatuses": state}}, subresource="status")

    def _resize(self, pod, memory):
        name = pod["metadata"]["name"]
        if name in self.too_small:
            self._report_resources(pod, "Infeasible")
            return
        self.happened.append(("resources", name))
        self.memory[name] = memory
        self._report_resources(pod)

    def _replace(self, member, image):
        self.happened.append(("sidecar", member.name))
        member.kill_agent(signal.SIGTERM)
        ended, self.images[member.name] = time.time(), image
        member.start_agent()
        self._report(member, ended)

    def _end(self, member):
        self.happened.append(("pod", member.name))
        member.supervisor.send_signal(signal.SIGTERM)
        member.supervisor.wait(timeout=60)
        member.kill_agent()
        self.kube.admin.delete("pods", self.set.space, member.name, grace_s=0)
        self.make(member)
        member.start()

    def _look(self):
        for pod in self.kube.admin.list("pods", self.set.space):
            member = self.cluster[pod["metadata"]["name"]]
            image = pod["spec"]["initContainers"][0]["image"]
            if "deletionTimestamp" in pod["metadata"]:
                self._end(member)
            elif image != self.images[member.name]:
                self._replace(member, image)
            elif pod["spec"]["containers"][0]["resources"] != resources(self.memory[member.name]):
                self._resize(pod, pod["spec"]["containers"][0]["resources"]["limits"]["memory"])

    def _run(self):
        while not self.stopped.wait(0.1):
            try:
                self._look()
            except Exception as failure:  # pylint: disable=broad-except
                self.failure = failure
                return

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.thread.join(timeout=90)
        assert not self.thread.is_alive()
        assert self.failure is None, self.failure


@pytest.fixture
def rolling(make_cluster):
    """A running cluster whose pods belong to a StatefulSet, its leader, and its kubelets."""
    made = []

    def make(**options):
        cluster = make_cluster(ttl=15, **options)
        for member in cluster.members:
            cluster.kube.admin.delete("pods", cluster.namespace, member.name, grace_s=0)
        kubelets = Kubelets(StatefulSet(cluster))
        for member in cluster.members:
            kubelets.make(member)
        cluster.start()
        leader = cluster.wait_ready(90)
        leader.psql("create table if not exists story(id bigserial primary key, at timestamptz default now(), writer text)")
        made.append(kubelets.__enter__())
        return cluster, leader, kubelets

    yield make
    for kubelets in made:
        kubelets.__exit__()


def shown(member):
    return json.loads(member.rest("/cluster")[1]).get("rollout", {})


def evictions(cluster, code):
    return [r for r in cluster.kube.requests(since=cluster.since, verb="create", resource="pods", code=code)
            if r["objectRef"].get("subresource") == "eviction"]


def test_a_new_sidecar_image_changes_under_running_servers(rolling, watch, note):
    cluster, leader, kubelets = rolling()
    writer = watch(cluster)
    before = {m.name: m.postmaster() for m in cluster.members}
    config = lambda value: cluster.kube.admin.patch(  # noqa: E731
        "configmaps", cluster.namespace, "shop-config", {"metadata": {"annotations": {"howdah.io/rollout": value}}})
    config("paused")
    kubelets.set.change(sidecar="howdah:2")
    began = now()
    wait(lambda: shown(leader).get("state") == "paused", "the leader says that it is paused", 60)
    assert shown(others(cluster, leader)[0])["updated"] == 0 and kubelets.happened == []
    config(None)
    resumed = now()
    wait(kubelets.set.is_rolled_out, "every pod has the new revision", 120)
    note("rolled_out_s", round(now() - resumed, 1))
    assert [kind for kind, _ in kubelets.happened] == ["sidecar"] * 3 and kubelets.happened[-1][1] == leader.name
    wait(lambda: shown(leader) == {}, "nothing is left to say", 30)
    assert cluster.wait_ready() is leader
    assert {m.name: m.postmaster() for m in cluster.members} == before, "no PostgreSQL was restarted"
    assert evictions(cluster, 201) == []
    writer.stop()
    note("rows", writer.check_nothing_lost(leader))
    note("gap_s", round(writer.gap_between(began, now()), 3))
    assert len({c.timeline for c in writer.snapshot()}) == 1


def test_anything_else_takes_pods_replicas_first_and_the_old_leader_last(rolling, watch, note):
    cluster, leader, kubelets = rolling()
    writer = watch(cluster)
    budget = {"metadata": {"name": "shop"}, "spec": {"maxUnavailable": 1, "selector": {"matchLabels": kubelets.set.labels}}}
    cluster.kube.admin.create("poddisruptionbudgets", cluster.namespace, budget)  # nobody computes its status: it allows nothing
    kubelets.set.change(postgres="postgres:2")
    wait(lambda: evictions(cluster, 429), "an eviction is refused", 60)
    wait(lambda: shown(leader).get("state") == "refused" and "429" in shown(leader)["reason"], "the reason is told", 20)
    assert kubelets.happened == []
    cluster.kube.admin.delete("poddisruptionbudgets", cluster.namespace, "shop")
    began = now()
    wait(kubelets.set.is_rolled_out, "every pod has the new revision", 180)
    note("rolled_out_s", round(now() - began, 1))
    assert [kind for kind, _ in kubelets.happened] == ["pod"] * 3 and kubelets.happened[-1][1] == leader.name
    assert len(evictions(cluster, 201)) == 3
    successor = cluster.wait_ready(60)
    assert successor is not leader
    writer.stop()
    note("rows", writer.check_nothing_lost(successor))
    note("gap_s", round(writer.gap_between(began, now()), 3))
    assert len({c.timeline for c in writer.snapshot()}) == 2, "one change of leadership"


def resizes(cluster, code):
    return [r for r in cluster.kube.requests(since=cluster.since, verb="patch", resource="pods", code=code)
            if r["objectRef"].get("subresource") == "resize"]


def test_other_resources_reach_running_servers_the_leader_last(rolling, watch, note):
    cluster, leader, kubelets = rolling()
    writer = watch(cluster)
    before = {m.name: m.postmaster() for m in cluster.members}
    kubelets.set.change(memory="2Gi")
    began = now()
    wait(kubelets.set.is_rolled_out, "every pod has the new revision", 120)
    note("rolled_out_s", round(now() - began, 1))
    assert [kind for kind, _ in kubelets.happened] == ["resources"] * 3 and kubelets.happened[-1][1] == leader.name
    assert set(kubelets.memory.values()) == {"2Gi"} and len(resizes(cluster, 200)) == 3
    assert cluster.wait_ready() is leader and evictions(cluster, 201) == []
    assert {m.name: m.postmaster() for m in cluster.members} == before, "no PostgreSQL was restarted"
    writer.stop()
    note("rows", writer.check_nothing_lost(leader))
    note("gap_s", round(writer.gap_between(began, now()), 3))
    assert len({c.timeline for c in writer.snapshot()}) == 1


def test_a_pod_whose_node_has_no_room_for_its_resources_is_replaced(rolling):
    cluster, leader, kubelets = rolling()
    small = others(cluster, leader)[1]
    kubelets.too_small.add(small.name)
    kubelets.set.change(memory="2Gi")
    wait(lambda: "Infeasible" in shown(leader).get("resources", ""), "the reason is told", 60)
    wait(kubelets.set.is_rolled_out, "every pod has the new revision", 120)
    assert sorted(kind for kind, _ in kubelets.happened) == ["pod", "resources", "resources"]
    assert ("pod", small.name) in kubelets.happened and cluster.wait_ready() is leader


def test_what_the_api_refuses_to_a_running_pod_is_told_and_replaces_it(rolling, note):
    cluster, leader, kubelets = rolling(size=1)
    kubelets.tell_no_resources(leader)  # as one before Kubernetes 1.33
    kubelets.set.change(memory="2Gi")
    told = wait(lambda: shown(leader).get("resources"), "the reason is told", 60)
    note("told", told)
    assert "HTTP 422" in told and "without support for resize" in told
    wait(kubelets.set.is_rolled_out, "its pod is new", 90)
    assert kubelets.happened == [("pod", leader.name)] and len(resizes(cluster, 422)) == 1


def test_without_rights_there_is_no_rollout_until_they_are_given(rolling):
    cluster, leader, kubelets = rolling()
    cluster.may_be_forbidden = True
    rules = cluster.kube.rules(cluster.namespace)
    cluster.kube.set_rules(cluster.namespace, [r for r in rules if "statefulsets" not in r["resources"]])
    kubelets.set.change(sidecar="howdah:2")
    wait(lambda: shown(leader).get("state") == "forbidden", "the leader says that it may not", 60)
    assert leader.log().count("no roll-out: not allowed to get statefulsets") == 1
    cluster.kube.set_rules(cluster.namespace, rules)
    wait(kubelets.set.is_rolled_out, "every pod has the new revision", 150)
    assert cluster.wait_ready() is leader


def test_a_single_pod_is_updated_where_it_stands(rolling):
    cluster, leader, kubelets = rolling(size=1)
    server = leader.postmaster()
    kubelets.set.change(sidecar="howdah:2")
    wait(kubelets.set.is_rolled_out, "its sidecar is new", 60)
    assert leader.postmaster() == server and evictions(cluster, 201) == []
    leader.psql("insert into story(writer) values ('kept')")
    kubelets.set.change(postgres="postgres:2")
    wait(kubelets.set.is_rolled_out, "its pod is new", 90)
    assert kubelets.happened == [("sidecar", leader.name), ("pod", leader.name)]
    wait(lambda: cluster.leader() is leader, "it leads again", 60)
    assert leader.psql("select count(*) from story") == "1" and len(evictions(cluster, 201)) == 1


def slots(leader):
    return set(leader.psql("select slot_name from pg_replication_slots").split())


def test_a_member_that_is_away_keeps_its_slot_and_one_that_was_scaled_away_does_not(rolling, watch):
    cluster, leader, kubelets = rolling()
    watch(cluster)
    last = cluster["shop-2"]
    if leader is last:
        leader.ask("/switchover", {"leader": leader.name, "candidate": "shop-0"})
        leader = wait(lambda: cluster.wait_ready() if cluster.leader() is cluster["shop-0"] else None, "shop-0 leads", 60)
    assert slots(leader) == {m.name.replace("-", "_") for m in others(cluster, leader)}
    kubelets.__exit__()
    last.supervisor.send_signal(signal.SIGTERM)
    last.supervisor.wait(timeout=60)
    last.kill_agent()
    cluster.kube.admin.delete("pods", cluster.namespace, last.name, grace_s=0)
    wait(lambda: len(json.loads(leader.rest("/cluster")[1])["members"]) == 2, "the pod is gone for the leader")
    assert "shop_2" in slots(leader), "it may come back"
    kubelets.set.scale(2)
    wait(lambda: "shop_2" not in slots(leader), "it is not wanted any more, and its slot is gone", 60)
    wait(lambda: "the slot shop_2 is not kept any more" in leader.log(), "the leader has heard that it is, and says so")
