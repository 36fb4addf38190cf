"""The tour of docs/tour.md: each command typed in a terminal against real nodes. With TOUR=docs what was shown is kept there."""
import os
import pathlib
import time

import pytest
import yaml

import images
import release as releaselib
from chart import ROOT
from server import wait
from terminal import Terminal

HEADING = """# A tour

What a person sees who installs howdah and works with it: typed on three nodes (kubelet, containerd) by `make tour`, nothing changed but
that waiting is left out. With the times it took, waits cut at two seconds: `asciinema play docs/tour.cast`. `kubectl howdah` is
`howdahctl` as a plug-in on a laptop (`make install-plugin`).
"""


@pytest.fixture
def shop(bed):
    bed.make_volumes()
    made = releaselib.Release(bed, releaselib.new_namespace(bed))
    bed.releases = [made]
    yield made
    bed.releases = []
    bed.remove_namespace(made.namespace)


@pytest.fixture
def terminal(bed, shop, tmp_path):
    """On a laptop: kubectl and helm, a kubeconfig whose context has a namespace, the plug-in, the repository."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").write_text(f'#!/bin/sh\nexec {bed.program} kubectl "$@"\n', encoding="ascii")
    (programs / "kubectl").chmod(0o755)
    (programs / "helm").symlink_to(bed.helm.program)
    (programs / "kubectl-howdah").symlink_to(pathlib.Path(os.environ.get("BUILD", "build")).resolve() / "howdahctl")
    (tmp_path / "charts").symlink_to(ROOT / "charts")
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(values(), sort_keys=False), encoding="ascii")
    config = tmp_path / "kubeconfig"
    config.write_text(pathlib.Path(bed.kubeconfig).read_text(encoding="ascii"), encoding="ascii")
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path), "KUBECONFIG": str(config), "LANG": "C.UTF-8",
                   "TERM": "xterm-256color", "NO_PROXY": "*", "no_proxy": "*"}
    shown = Terminal(environment, tmp_path)
    bed.kubectl("config", "--kubeconfig", str(config), "set-context", "--current", f"--namespace={shop.namespace}")
    return shown


def values():
    """Everything but the images is what a person would have."""
    sidecar, postgres = (name.rpartition(":")[::2] for name in (images.SIDECAR, images.postgres_name()))
    return {"fullnameOverride": "shop", "image": {"repository": sidecar[0], "tag": sidecar[1]},
            "postgres": {"image": {"repository": postgres[0], "tag": postgres[1]}},
            "auth": {"username": "app", "database": "app"}, "persistence": {"size": "1Gi"}}


def roles(shown):
    """Of `kubectl get pods -L role`."""
    return {line.split()[0]: line.split()[-1] for line in shown.splitlines()[1:]}


def test_what_a_person_types(bed, shop, terminal, tmp_path):
    install(shop, terminal)
    hand_over(shop, terminal)
    scale(shop, terminal)
    upgrade(bed, shop, terminal)
    leave(shop, terminal)
    place = pathlib.Path(os.environ["TOUR"]) if "TOUR" in os.environ else tmp_path
    terminal.save(place / "tour.md", place / "tour.cast", HEADING)
    assert "\x1b" not in (place / "tour.md").read_text(encoding="utf-8")


def install(shop, terminal):
    terminal.say("Three members, from two images:")
    terminal.run("cat values.yaml")
    assert "shop" in terminal.run("helm install shop charts/howdah --values values.yaml")
    shop.wait_ready(3)
    assert sorted(roles(terminal.run("kubectl get pods -L role")).values()) == ["primary", "replica", "replica"]
    terminal.say("Who leads, how far the others are, and who could take over:")
    assert "can take over" in terminal.run("kubectl howdah list")
    terminal.say("PostgreSQL is where one expects it:")
    leader = shop.leader().name
    assert "15" in terminal.run(f"kubectl exec {leader} -- psql -c 'show server_version'")


def hand_over(shop, terminal):
    old = shop.leader().name
    terminal.say("Another member is to lead:")
    terminal.run("kubectl howdah switchover --force")
    leader = shop.wait_ready(3).name
    assert leader != old
    terminal.say("The leader's pod is deleted; before it ends it hands over:")
    uid = shop[int(leader.rpartition("-")[2])].uid
    terminal.run(f"kubectl delete pod {leader} --wait=false")
    successor = shop.wait_leader_other_than(leader).name
    assert roles(terminal.run("kubectl get pods -L role"))[successor] == "primary"
    wait(lambda: shop[int(leader.rpartition("-")[2])].uid != uid, "another pod has its name", 60)
    shop.wait_ready(3)
    assert "Promoted" in terminal.run(f"kubectl events --for pod/{successor} | tail -4")
    assert terminal.run("kubectl howdah history").count("shop-") >= 2


def scale(shop, terminal):
    terminal.say("A fourth member clones and streams; it leaves no replication slot behind when it goes:")
    terminal.run("kubectl scale statefulset shop --replicas=4")
    leader = shop.wait_ready(4)
    terminal.run("kubectl howdah list")
    terminal.run("kubectl scale statefulset shop --replicas=3")
    wait(lambda: "shop_3" not in leader.psql("select slot_name from pg_replication_slots"), "its slot is gone", 60)
    shop.wait_ready(3)
    assert "shop_3" not in terminal.run(f"kubectl exec {leader.name} -- psql -c 'select slot_name, active from pg_replication_slots'")


def upgrade(bed, shop, terminal):
    repository, tag = images.postgres_name().rpartition(":")[::2]
    bed.tag(images.postgres_name(), f"{repository}:{tag}-tour")
    old = shop.wait_ready(3).name
    terminal.say("Another image of PostgreSQL. The members see to it: replicas first, each streaming again before the next, "
                 "then a hand-over, the old leader last:")
    terminal.run(f"helm upgrade shop charts/howdah --values values.yaml --set postgres.image.tag={tag}-tour | head -5")
    wait(lambda: any(image(pod).endswith("-tour") for pod in shop.pods()), "a first pod has the image", 120)
    terminal.run("kubectl howdah rollout status")
    wait(lambda: all(image(pod).endswith("-tour") for pod in shop.pods()), "every pod has the image", 180)
    assert shop.wait_ready(3, 180).name != old
    wait(lambda: "No roll-out is under way" in shop.leader().howdahctl("rollout", "status"), "the roll-out is over", 60)
    assert "No roll-out is under way" in terminal.run("kubectl howdah rollout status")
    terminal.run("kubectl howdah list")


def image(pod):
    return pod.object["spec"]["containers"][0]["image"]


def leave(shop, terminal):
    terminal.say("Volumes, the Secret and the cluster's state stay when the release goes:")
    terminal.run("helm uninstall shop")
    begun = time.monotonic()
    wait(lambda: not shop.pods(), "no pod is left", 60)
    assert time.monotonic() - begun < 60
    terminal.run("kubectl get persistentvolumeclaims,secrets,configmaps -l cluster-name=shop")
