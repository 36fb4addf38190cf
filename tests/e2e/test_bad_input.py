"""What is said when something is not as it must be: by the log, by an Event and by `list`. The pod stays up to be looked at, nothing
is deleted, and what was wrong is put right by what was said."""
import os
import subprocess
import time

import pytest

import client as clientlib
import images
from chart import Refused
from release import PASSWORD, new_namespace, wait_text
from server import wait

now = time.monotonic
SAID_S = 90
ROWS = "select count(*) from story"


@pytest.fixture(scope="module")
def shop(make_release):
    return make_release(settings=["replicas=1"])


@pytest.fixture
def pod(shop):
    """Of a healthy cluster with a row."""
    leader = shop.wait_ready(1)
    leader.psql(f"{clientlib.writer.CREATE}; truncate story; insert into story(writer) values ('kept')")
    return leader


def check_said(release, pod, reason, *words, in_list=True):
    """Everywhere where people look; the pod runs meanwhile, as one that is looked at must."""
    wait_text(pod.log, words, f"the log of {pod.name}", SAID_S)
    wait_text(lambda: "\n".join(release.events(pod, reason)), words, f"an Event {reason} of {pod.name}", SAID_S)
    if in_list:
        wait_text(lambda: pod.howdahctl("list"), words, f"list in {pod.name}", SAID_S)
    assert pod.container("howdah")["restartCount"] == 0 and "running" in pod.container("howdah")["state"]


class Volume:
    """The volume of the only member, while no pod has it."""

    def __init__(self, shop):
        self.shop = shop
        self.data = shop.bed.volume_of(shop.namespace, f"data-{shop.name}-0") / "pgdata"

    def __enter__(self):
        self.shop.scale(0)
        return self.data

    def __exit__(self, *_):
        self.shop.scale(1)


def owner(path):
    status = os.stat(path)
    return f"{status.st_uid}:{status.st_gid}"


def test_a_volume_of_another_user(shop, pod):
    with Volume(shop) as data:
        before = owner(data)
        subprocess.run(["chown", "-R", "4711:4711", data], check=True)
    try:
        check_said(shop, pod, "CannotStart", "belongs to uid 4711")
    finally:
        with Volume(shop) as data:
            subprocess.run(["chown", "-R", before, data], check=True)
    assert shop.wait_ready(1).psql(ROWS) == "1"


def test_a_volume_of_another_major_version(shop, pod):
    with Volume(shop) as data:
        version = (data / "PG_VERSION").read_text(encoding="ascii")
        (data / "PG_VERSION").write_text("12\n", encoding="ascii")
    try:
        check_said(shop, pod, "CannotStart", "no PostgreSQL 12 for the data directory")
    finally:
        with Volume(shop) as data:
            (data / "PG_VERSION").write_text(version, encoding="ascii")
    assert shop.wait_ready(1).psql(ROWS) == "1"


def test_an_empty_volume_under_a_state_that_has_data(shop, pod):
    identifier = pod.psql("select system_identifier from pg_control_system()")
    with Volume(shop) as data:
        data.rename(data.with_name("elsewhere"))
    try:
        check_said(shop, pod, "CannotStart", "the store says that the cluster has data", identifier)
    finally:
        with Volume(shop) as data:
            assert not data.exists() or not list(data.iterdir())
            subprocess.run(["rm", "-rf", data], check=True)
            data.with_name("elsewhere").rename(data)
    assert shop.wait_ready(1).psql(ROWS) == "1"


def test_a_state_of_another_cluster(shop, pod):
    """The `initialize` of a former cluster: what is printed puts it right."""
    identifier = pod.psql("select system_identifier from pg_control_system()")
    with Volume(shop):
        shop.kubectl("annotate", "configmap", f"{shop.name}-config", "--overwrite", "initialize=7000000000000000001")
    try:
        check_said(shop, pod, "CannotStart", "system ID mismatch", identifier)
    finally:
        command = next(line for line in pod.log().splitlines() if "kubectl -n" in line)
        shop.bed.kubectl(*command[command.index("-n "):].split())
    assert shop.wait_ready(1).psql(ROWS) == "1"


def test_an_image_without_postgresql(make_release, shop):
    release = make_release(shop.namespace, name="nothing", settings=["replicas=1"], postgres=images.PAUSE)
    wait(lambda: release.pods(), "its pod", 20)
    check_said(release, release[0], "CannotBootstrap", 'no program "postgres" in PostgreSQL\'s container')
    release.uninstall()


def test_an_object_of_the_state_that_is_somebody_elses(make_release, shop):
    """Nothing is begun over it; without it the cluster comes up."""
    shop.kubectl("create", "configmap", "taken-config", "--from-literal=whose=somebody")
    release = make_release(shop.namespace, name="taken", settings=["replicas=1"])
    wait(lambda: release.pods(), "its pod", 20)
    check_said(release, release[0], "ScopeTaken", 'another cluster with the scope "taken"')
    assert shop.api.get("configmaps", shop.namespace, "taken-config")["data"] == {"whose": "somebody"}
    shop.kubectl("delete", "configmap", "taken-config")
    release.wait_ready(1, 120)


def test_two_releases_of_one_name_are_refused_by_helm(make_release, shop, pod):
    with pytest.raises(Refused, match="cannot be imported into the current release"):
        make_release(shop.namespace, name="again", settings=[f"fullnameOverride={shop.name}"])
    assert shop.leader().uid == pod.uid


def test_a_secret_without_one_of_its_keys(bed, make_release):
    """The kubelet says it: no container starts. With the key there the cluster comes up."""
    namespace = new_namespace(bed)
    bed.control.admin.create("secrets", namespace, {"metadata": {"name": "mine"}, "stringData": {"superuser-password": PASSWORD}})
    release = make_release(namespace, settings=["replicas=1", "auth.existingSecret=mine"])
    lacks = "references non-existent secret key: replication-password"
    wait(lambda: any(lacks in text for text in release.events(release[0], "FailedMount")), "the kubelet names the key", SAID_S)
    bed.control.admin.patch("secrets", namespace, "mine", {"stringData": {"replication-password": "a", "restapi-password": "b"}},
                            patch="merge")
    release.wait_ready(1, 240)


NEEDED = {"configmaps": "patch", "pods": "patch"}


@pytest.mark.parametrize("resource", NEEDED)
def test_a_role_without_a_verb(bed, make_release, resource):
    """Named with resource and verb, and mended without a restart. Who may not write its pod has no address there for `list`."""
    namespace = new_namespace(bed)
    release = make_release(namespace, settings=["replicas=1"])
    rules = bed.control.rules(namespace, release.name)
    less = [{**rule, "verbs": [verb for verb in rule["verbs"] if resource not in rule["resources"] or verb != NEEDED[resource]]}
            for rule in rules]
    bed.control.set_rules(namespace, less, release.name)
    wait(lambda: release.pods(), "its pod", 20)
    check_said(release, release[0], "Forbidden", f"not allowed to {NEEDED[resource]} ", in_list=resource != "pods")
    bed.control.set_rules(namespace, rules, release.name)
    release.wait_ready(1, 120)
