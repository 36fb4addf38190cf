"""The plain manifests: a real API server takes them, and they name each other rightly."""
import shutil
import subprocess

import pytest
import yaml

import chart
from test_install import make_pods

DEPLOY = chart.ROOT / "deploy"


def objects(*parts):
    return chart.Objects(yaml.safe_load_all(DEPLOY.joinpath(*parts).read_text()))


def path_of(server, thing, namespace):
    group = "/api/v1" if thing["apiVersion"] == "v1" else f"/apis/{thing['apiVersion']}"
    plural = {"NetworkPolicy": "networkpolicies"}.get(thing["kind"], thing["kind"].lower() + "s")
    return f"{group}/namespaces/{namespace}/{plural}"


def create_all(server, namespace, things):
    for thing in things:
        server.admin.request("POST", path_of(server, thing, namespace), thing)


def overlay(base, patch):
    """A strategic merge as far as ours goes: null removes, containers and their mounts are lists with a key."""
    if isinstance(base, list) and isinstance(patch, list):
        key = "name" if all("mountPath" not in item for item in patch) else "mountPath"
        by_key = {item[key]: item for item in base}
        return list({**by_key, **{item[key]: overlay(by_key.get(item[key], {}), item) for item in patch}}.values())
    if isinstance(base, dict) and isinstance(patch, dict):
        merged = {**base, **{k: overlay(base.get(k), v) for k, v in patch.items()}}
        return {k: v for k, v in merged.items() if v is not None}
    return patch


@pytest.mark.parametrize("folder", ["base", "endpoints", "slice"])
def test_a_real_server_takes_them(server, namespace, folder):
    create_all(server, namespace, objects(folder, "howdah.yaml"))
    assert make_pods(server, namespace, "howdah")["spec"]["initContainers"][0]["restartPolicy"] == "Always"


@pytest.mark.parametrize("folder", ["haproxy", "pgbouncer"])
def test_a_real_server_takes_the_examples(server, namespace, folder):
    things = objects(folder, f"{folder}.yaml")
    create_all(server, namespace, things)
    template = things("Deployment")["spec"]["template"]
    pod = {"metadata": {"name": folder, "labels": template["metadata"]["labels"]}, "spec": template["spec"]}
    server.admin.request("POST", f"/api/v1/namespaces/{namespace}/pods", pod, query={"dryRun": "All"})
    selector = things("Service")["spec"]["selector"]
    assert selector.items() <= template["metadata"]["labels"].items()


def test_the_openshift_overlay_leaves_the_uid_to_the_platform():
    patch, base = objects("openshift", "uid.yaml")[0], objects("base", "howdah.yaml")("StatefulSet")
    merged = overlay(base, patch)["spec"]["template"]["spec"]
    assert merged["securityContext"] == {"runAsNonRoot": True, "fsGroupChangePolicy": "OnRootMismatch",
                                         "seccompProfile": {"type": "RuntimeDefault"}}
    postgres = merged["containers"][0]
    assert {"name": "run", "mountPath": "/etc/passwd", "subPath": "passwd", "readOnly": True} in postgres["volumeMounts"]
    assert postgres["command"] == ["/run/howdah/bin/howdah-supervisor"] and len(postgres["volumeMounts"]) == 4


@pytest.mark.parametrize("folder", ["base", "endpoints", "slice", "resize", "openshift"])
def test_kustomize_builds_them(folder):
    kubectl = shutil.which("kubectl")
    if not kubectl:
        pytest.skip("no kubectl on PATH")
    built = subprocess.run([kubectl, "kustomize", DEPLOY / folder], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    spec = chart.Objects(yaml.safe_load_all(built.stdout)).pod()["spec"]
    assert ("runAsUser" in spec["securityContext"]) == (folder != "openshift")


def test_no_namespace_and_nothing_of_helm_is_in_them():
    for folder in ("base", "endpoints", "slice"):
        text = (DEPLOY / folder / "howdah.yaml").read_text()
        assert "namespace: " not in text.replace("key: namespace", "") and "helm" not in text.lower()
