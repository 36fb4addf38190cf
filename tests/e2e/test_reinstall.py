"""Uninstalled and installed again: what was kept decides what comes back."""
import json
import time

import pytest

import client as clientlib
from release import wait_text
from server import wait

now = time.monotonic
GRACE_S = 300
IDENTIFIER = "select system_identifier from pg_control_system()"


@pytest.fixture
def shop(make_release):
    release = make_release()
    leader = release.wait_ready(3)
    leader.psql(f"{clientlib.writer.CREATE}; insert into story(writer) values ('kept')")
    release.identifier = leader.psql(IDENTIFIER)
    return release


def uninstall(release, note):
    """A leader whose ServiceAccount is gone before it gave the lock back may hold its pod for a third of the grace period."""
    begun = now()
    release.uninstall()
    wait(lambda: not release.pods(), "no pod is left", GRACE_S / 3 + 20)
    note("uninstall_s", now() - begun)


def test_installed_again_it_goes_on_with_volumes_secret_and_state(shop, note):
    uninstall(shop, note)
    kept = {kind: shop.kubectl("get", kind, "-o", "name").split() for kind in ("pvc", "secret", "configmap")}
    note("kept", kept)
    assert len(kept["pvc"]) == 3 and "secret/shop" in kept["secret"] and "configmap/shop-config" in kept["configmap"]
    begun = now()
    shop.install()
    leader = shop.wait_ready(3)
    note("ready_s", now() - begun)
    assert leader.psql(IDENTIFIER) == shop.identifier and leader.psql("select writer from story") == "kept"


def test_over_volumes_that_the_state_does_not_know_nothing_is_begun_until_somebody_says_whose_they_are(shop, note):
    uninstall(shop, note)
    shop.kubectl("delete", "configmap", "-l", f"cluster-name={shop.name}")
    shop.install()
    note("list", wait_text(lambda: shop[0].howdahctl("list"), ["not initialised"], "what a member shows"))
    for pod in shop.pods():
        assert not pod.is_ready()
    shop.kubectl("create", "-f", "-", stdin=config_object(shop))
    leader = shop.wait_ready(3)
    assert leader.psql(IDENTIFIER) == shop.identifier and leader.psql("select writer from story") == "kept"


def config_object(shop):
    """As docs/operations.md has it: the cluster's labels and whose the data is."""
    labels = {key: value for key, value in shop[0].object["metadata"]["labels"].items()
              if key in ("app.kubernetes.io/name", "app.kubernetes.io/instance", "cluster-name")}
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": f"{shop.name}-config", "labels": labels, "annotations": {"initialize": shop.identifier}}})


def test_all_thrown_away_the_same_name_is_a_new_cluster(bed, shop, note):
    uninstall(shop, note)
    shop.kubectl("delete", "pvc,configmap,endpoints", "-l", f"cluster-name={shop.name}", timeout=120)
    shop.kubectl("delete", "secret", shop.name)
    bed.make_volumes()
    shop.install()
    leader = shop.wait_ready(3)
    assert leader.psql(IDENTIFIER) != shop.identifier
    assert leader.psql("select to_regclass('story') is null") == "t"
