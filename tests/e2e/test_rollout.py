"""`helm upgrade` to another image of PostgreSQL: nobody but the members brings it into the pods."""
import time

import pytest

import client as clientlib
import images
from server import wait
from test_faults import ONE_A_NODE, node_without
from test_smoke import running_postgres

now = time.monotonic
ROLLED_S = 180
SIZED = ("rbac.resize=true", "resources.requests.cpu=50m", "resources.limits.memory=512Mi")


@pytest.fixture(scope="module")
def shop(make_release):
    return make_release(settings=(*ONE_A_NODE, *SIZED))


@pytest.fixture
def leader(shop):
    found = shop.wait_ready(3, 180)
    found.psql(clientlib.writer.CREATE)
    return found


@pytest.fixture
def next_image(bed, request):
    """A tag that no pod has; what is behind it is the same PostgreSQL."""
    repository, tag = images.postgres_name().rpartition(":")[::2]
    tag = f"{tag}-{request.node.name.rpartition('_')[2]}"
    bed.tag(images.postgres_name(), f"{repository}:{tag}")
    return tag


def image_of(pod):
    return pod.object["spec"]["containers"][0]["image"]


def updated(shop, tag):
    return [pod.name for pod in shop.pods() if image_of(pod).endswith(":" + tag)]


def wait_rolled_out(shop, tag):
    """Returns the names of the pods in the order in which they came to the image."""
    order = []

    def all_are():
        order.extend(name for name in updated(shop, tag) if name not in order)
        return len(order) == 3
    wait(all_are, f"every pod has the image {tag}", ROLLED_S)
    return order


def test_another_image_of_postgresql_reaches_replicas_first_and_the_leader_last(shop, leader, next_image, watch, note, bed):
    client = watch(shop, node_without(bed, leader))
    uids, begun = {pod.name: pod.uid for pod in shop.pods()}, now()
    shop.upgrade(f"postgres.image.tag={next_image}")
    order = wait_rolled_out(shop, next_image)
    successor = shop.wait_ready(3, 180)
    note("rolled_out_s", now() - begun)
    note("gap_s", client.gap_between(begun, now()))
    note("order", " ".join(order))
    assert order[-1] == leader.name and successor.name != leader.name
    assert all(pod.uid != uids[pod.name] for pod in shop.pods())
    assert client.gap_between(begun, now()) < 5
    assert "No roll-out is under way" in successor.howdahctl("rollout", "status")
    client.stop()
    note("acknowledged", client.check_nothing_lost(successor))
    assert shop.forbidden() == []


def test_another_sidecar_reaches_every_pod_under_its_running_postgresql(shop, leader, watch, note, bed):
    """By `helm upgrade` alone: the leader's last, and it leads on."""
    client = watch(shop, node_without(bed, leader))
    before = {pod.name: (pod.uid, running_postgres(pod)) for pod in shop.pods()}
    sessions = [clientlib.Session(bed.net, bed.nodes[0].name, {**client.target, "host": pod.address}) for pod in shop.pods()]
    begun, order = now(), []

    def all_run_it():
        order.extend(pod.name for pod in shop.pods() if pod.name not in order and runs_sidecar(pod, images.SIDECAR_NEXT))
        return len(order) == 3
    shop.upgrade(f"image.tag={images.SIDECAR_NEXT.rpartition(':')[2]}")
    wait(all_run_it, f"every sidecar is {images.SIDECAR_NEXT}", ROLLED_S)
    wait(lambda: "No roll-out is under way" in leader.howdahctl("rollout", "status"), "the roll-out is over", 60)
    note("rolled_out_s", now() - begun)
    note("order", " ".join(order))
    note("gap_s", client.gap_between(begun, now()))
    assert order[-1] == leader.name and shop.wait_ready(3).name == leader.name
    assert before == {pod.name: (pod.uid, running_postgres(pod)) for pod in shop.pods()}
    revision = shop.api.get("statefulsets", shop.namespace, shop.name)["status"]["updateRevision"]
    assert {pod.object["metadata"]["labels"]["controller-revision-hash"] for pod in shop.pods()} == {revision}
    assert all(session.alive() for session in sessions)
    for session in sessions:
        session.close()
    client.stop()
    note("acknowledged", client.check_nothing_lost(leader))
    assert client.gap_between(begun, now()) < 1 and shop.forbidden() == []


def runs_sidecar(pod, image):
    status = pod.container("howdah")
    return status["image"] == image and status["ready"]


def test_a_roll_out_that_is_paused_in_the_middle_stays_there_until_it_is_resumed(shop, leader, next_image, watch, note, bed):
    client = watch(shop, node_without(bed, leader))
    begun = now()
    shop.upgrade(f"postgres.image.tag={next_image}")
    wait(lambda: updated(shop, next_image), "a first pod has the image", ROLLED_S)
    leader.howdahctl("rollout", "pause")
    shop.wait_ready(3)
    shown = wait(lambda: held(leader), "the leader says that it is held", 60)
    note("status", shown.splitlines()[0])
    assert "Roll-outs are paused" in leader.howdahctl("list")
    assert len(updated(shop, next_image)) == 1 and shop.leader().name == leader.name
    leader.howdahctl("rollout", "resume")
    order = wait_rolled_out(shop, next_image)
    successor = shop.wait_ready(3, 180)
    assert order[-1] == leader.name
    note("gap_s", client.gap_between(begun, now()))
    assert client.gap_between(begun, now()) < 5
    client.stop()
    note("acknowledged", client.check_nothing_lost(successor))


LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")  # of cgroup v2, of v1


def memory_limit(pod):
    """As the kernel has it, asked inside PostgreSQL's container."""
    read = " ".join(f"pg_read_file('{path}', 0, 100, true)," for path in LIMITS)
    return int(pod.psql(f"select trim(e'\\n' from coalesce({read.rstrip(',')}))"))


def test_more_memory_reaches_running_servers_the_leader_last_and_without_a_hand_over(shop, leader, watch, note, bed):
    client = watch(shop, node_without(bed, leader))
    before = {pod.name: (pod.uid, pod.container("postgres")["containerID"], pod.psql("select pg_postmaster_start_time()"))
              for pod in shop.pods()}
    assert {memory_limit(pod) for pod in shop.pods()} == {512 << 20}
    begun, order = now(), []
    shop.upgrade("resources.limits.memory=640Mi")

    def all_are():
        order.extend(pod.name for pod in shop.pods() if pod.name not in order and memory_limit(pod) == 640 << 20)
        return len(order) == 3
    wait(all_are, "every container has its new limit", ROLLED_S)
    wait(lambda: "No roll-out is under way" in leader.howdahctl("rollout", "status"), "the roll-out is over", 60)
    note("rolled_out_s", now() - begun)
    note("order", " ".join(order))
    note("gap_s", client.gap_between(begun, now()))
    assert order[-1] == leader.name and shop.wait_ready(3).name == leader.name
    assert before == {pod.name: (pod.uid, pod.container("postgres")["containerID"], pod.psql("select pg_postmaster_start_time()"))
                      for pod in shop.pods()}
    assert all(pod.container("postgres")["restartCount"] == 0 for pod in shop.pods())
    client.stop()
    note("acknowledged", client.check_nothing_lost(leader))
    assert client.gap_between(begun, now()) < 1 and shop.forbidden() == []


def held(pod):
    """Its answer, once it has looked again since the pause."""
    shown = pod.howdahctl("rollout", "status")
    return shown if "1 of 3" in shown and "paused" in shown.splitlines()[0] else None
