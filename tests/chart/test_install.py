"""The chart in a real API server: what it accepts, what an upgrade keeps. Nothing runs: there is no controller and no kubelet."""
import itertools

import pytest

import chart
from test_template import COMBINATIONS, FULL

PLAIN = {key: value for key, value in FULL.items() if key != "metrics"}  # their kinds are another product's
INSTALLABLE = {**COMBINATIONS, "full": PLAIN, "full-endpoints": {**PLAIN, "mode": "endpoints"}, "full-slice": {**PLAIN, "route": "slice"},
               "tls": {**PLAIN, "tls": {"existingSecret": "t"}}}
INSTALLABLE = {name: {**values, "rbac": {**values.get("rbac", {}), "bypassApiService": False}} for name, values in INSTALLABLE.items()}


def make_pods(server, namespace, name):
    """As the StatefulSet's controller would, but they are only tried: the admission of the restricted profile judges."""
    stateful = server.admin.get("statefulsets", namespace, name)
    template = stateful["spec"]["template"]
    claims = [c["metadata"]["name"] for c in stateful["spec"].get("volumeClaimTemplates", [])]
    spec = {**template["spec"], "volumes": template["spec"]["volumes"] + [
        {"name": claim, "persistentVolumeClaim": {"claimName": f"{claim}-{name}-0"}} for claim in claims]}
    body = {"metadata": {"name": f"{name}-0", "labels": template["metadata"]["labels"]}, "spec": spec}
    return server.admin.request("POST", f"/api/v1/namespaces/{namespace}/pods", body, query={"dryRun": "All"})


@pytest.mark.parametrize("values", INSTALLABLE.values(), ids=INSTALLABLE)
def test_everything_is_accepted(installer, server, namespace, values):
    """By a dry run of the server, and really; with pods as restricted as a namespace can want them."""
    values = {**values, "priorityClassName": "", "extraContainers": [], "extraInitContainers": []}
    server.admin.create("serviceaccounts", namespace, {"metadata": {"name": "theirs"}})
    dry = installer.run("install", "shop", chart.CHART, "-n", namespace, "--dry-run=server", values=values)
    assert f"shop-howdah.{namespace}.svc:5432" in dry
    said = installer.run("install", "shop", chart.CHART, "-n", namespace, values=values)
    notes = said[said.index("NOTES:"):]
    assert f"shop-howdah.{namespace}.svc:5432" in notes and "shop-howdah-0 -- psql" in notes
    assert ("database shop" in notes) == (values.get("auth", {}).get("database") == "shop")
    if values.get("postgres", {}).get("uid", 999):  # without one the namespace's own admission gives it, on OpenShift
        assert make_pods(server, namespace, "shop-howdah")["spec"]["initContainers"][0]["restartPolicy"] == "Always"


def secret(server, namespace):
    return chart.decoded(server.admin.get("secrets", namespace, "shop-howdah"))


def test_generated_passwords_are_kept(installer, server, namespace):
    installer.run("install", "shop", chart.CHART, "-n", namespace, values={})
    first = secret(server, namespace)
    assert sorted(first) == ["replication-password", "restapi-password", "superuser-password"] and len(set(first.values())) == 3
    assert all(len(password) >= 32 for password in first.values())
    installer.run("upgrade", "shop", chart.CHART, "-n", namespace, values={"auth": {"username": "app"}})
    second = secret(server, namespace)
    assert first.items() <= second.items() and len(second["password"]) >= 32
    given = {"auth": {"username": "app", "passwords": {"application": "mine"}}}
    installer.run("upgrade", "shop", chart.CHART, "-n", namespace, values=given)
    assert secret(server, namespace) == {**second, "password": "mine"}
    installer.run("uninstall", "shop", "-n", namespace)
    assert secret(server, namespace)["superuser-password"] == first["superuser-password"]
    installer.run("install", "shop", chart.CHART, "-n", namespace, values={})
    assert secret(server, namespace)["superuser-password"] == first["superuser-password"]


def test_two_releases_live_in_one_namespace(installer, server, namespace):
    installer.run("install", "shop", chart.CHART, "-n", namespace, values=PLAIN)
    installer.run("install", "users", chart.CHART, "-n", namespace, values={**PLAIN, "mode": "endpoints"})
    names = [s["metadata"]["name"] for s in server.admin.list("statefulsets", namespace)]
    assert sorted(names) == ["shop-howdah", "users-howdah"]


ROUTES = [{"mode": "configmaps", "route": "label"}, {"mode": "configmaps", "route": "slice"}, {"mode": "endpoints", "route": "label"}]


@pytest.mark.parametrize("first, second", itertools.permutations(ROUTES, 2))
def test_the_route_stays_what_it_is_until_an_uninstall(installer, server, namespace, first, second):
    """Kubernetes leaves the addresses of a selector that was taken away, and those of a leader where one was added."""
    installer.run("install", "shop", chart.CHART, "-n", namespace, values=first)
    with pytest.raises(chart.Refused, match="the Service shop-howdah is there, and finds the leader another way"):
        installer.run("upgrade", "shop", chart.CHART, "-n", namespace, values=second)
    installer.run("upgrade", "shop", chart.CHART, "-n", namespace, values={**first, "replicas": 2})
    installer.run("uninstall", "shop", "-n", namespace)
    installer.run("install", "shop", chart.CHART, "-n", namespace, values=second)


def test_an_upgrade_changes_what_a_statefulset_lets_change(installer, server, namespace):
    installer.run("install", "shop", chart.CHART, "-n", namespace, values={})
    values = {**PLAIN, "replicas": 5, "image": {"tag": "9.9"}, "persistence": {"expandTo": "30Gi"}}
    installer.run("upgrade", "shop", chart.CHART, "-n", namespace, values=values)
    stateful = server.admin.get("statefulsets", namespace, "shop-howdah")["spec"]
    assert stateful["replicas"] == 5 and stateful["template"]["spec"]["initContainers"][0]["image"] == "howdah:9.9"
    with pytest.raises(chart.Refused, match="Forbidden: updates to statefulset"):
        installer.run("upgrade", "shop", chart.CHART, "-n", namespace, values={"persistence": {"size": "99Gi"}})


def test_two_releases_of_one_name_are_refused_by_helm(installer, namespace):
    values = {"fullnameOverride": "db"}
    installer.run("install", "shop", chart.CHART, "-n", namespace, values=values)
    with pytest.raises(chart.Refused, match="cannot be imported into the current release"):
        installer.run("install", "again", chart.CHART, "-n", namespace, values=values)


def test_a_changed_selector_is_refused_before_anything_changes(installer, server, namespace):
    values = {"fullnameOverride": "db"}
    installer.run("install", "shop", chart.CHART, "-n", namespace, values=values)
    with pytest.raises(chart.Refused, match="nameOverride cannot be changed"):
        installer.run("upgrade", "shop", chart.CHART, "-n", namespace, values={**values, "nameOverride": "other"})
    assert server.admin.get("services", namespace, "db")["spec"]["selector"]["app.kubernetes.io/name"] == "howdah"
    installer.run("upgrade", "shop", chart.CHART, "-n", namespace, values={**values, "nameOverride": "howdah"})


TLS, NO_TLS = {"tls": {"existingSecret": "t"}}, {"tls": {"existingSecret": ""}}


@pytest.mark.parametrize("first, second", [(NO_TLS, TLS), (TLS, NO_TLS)], ids=["on", "off"])
def test_tls_stays_on_or_off(installer, namespace, first, second):
    """Running pods would read a configuration that their mounts and probes do not fit."""
    installer.run("install", "shop", chart.CHART, "-n", namespace, values=first)
    with pytest.raises(chart.Refused, match="tls.existingSecret cannot be switched .* new release"):
        installer.run("upgrade", "shop", chart.CHART, "-n", namespace, values=second)
    theirs = {"extraVolumes": [] if first == TLS else [{"name": "tls", "emptyDir": {}}]}
    for _ in range(2):
        installer.run("upgrade", "shop", chart.CHART, "-n", namespace, values={**first, **theirs})


def test_another_secret_with_certificates_is_let_in(installer, namespace):
    installer.run("install", "shop", chart.CHART, "-n", namespace, values=TLS)
    installer.run("upgrade", "shop", chart.CHART, "-n", namespace, values={"tls": {"existingSecret": "other"}})
