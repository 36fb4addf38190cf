"""What the chart renders, and what it refuses."""
import hashlib
import json
import re
import subprocess
import sys

import pytest
import yaml

import chart
import kube as kubelib

FULL = {
    "auth": {"username": "app", "database": "shop"}, "initSQL": "CREATE EXTENSION pg_trgm",
    "persistence": {"expandTo": "20Gi", "wal": {"enabled": True}, "retentionPolicy": {"whenDeleted": "Delete"}},
    "networkPolicy": {"enabled": True, "monitoring": [{"namespaceSelector": {}}]}, "rbac": {"bypassApiService": True},
    "metrics": {"podMonitor": {"enabled": True, "labels": {"team": "a"}}, "rules": {"enabled": True, "labels": {"team": "a"}},
                "dashboard": {"enabled": True}},
    "imagePullSecrets": ["one", {"name": "two"}], "priorityClassName": "high", "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"operator": "Exists"}], "commonLabels": {"team": "a"}, "commonAnnotations": {"note": "x"},
    "podAnnotations": {"p": "quiet"}, "podLabels": {"tier": "db"}, "resources": {"requests": {"cpu": "2"}},
    "extraEnv": [{"name": "A", "value": "b"}], "extraVolumes": [{"name": "e", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "e", "mountPath": "/e"}], "extraContainers": [{"name": "c", "image": "c"}],
    "extraInitContainers": [{"name": "i", "image": "i"}], "service": {"type": "LoadBalancer", "annotations": {"lb": "internal"}},
    "postgres": {"parameters": {"max_connections": 77, "work_mem": "8MB"}, "pgHba": ["host a a samehost trust"], "shmSize": "1Gi"},
}
TLS = {"tls": {"existingSecret": "certificates"}}
COMBINATIONS = {
    "defaults": {}, "full": FULL, "full-endpoints": {**FULL, "mode": "endpoints"}, "tls": {**FULL, **TLS},
    "slice": {"route": "slice"}, "full-slice": {**FULL, "route": "slice"},
    "own-secret": {"auth": {"existingSecret": "mine", "secretKeys": {"superuser": "pw"}}},
    "platform-uid": {"postgres": {"uid": None, "passwd": True}}, "one": {"replicas": 1}, "no-volume": {"persistence": {"enabled": False}},
    "bare": {"podDisruptionBudget": {"enabled": False}, "serviceReplicas": {"enabled": False}, "rbac": {"create": False},
             "serviceAccount": {"create": False, "name": "theirs"}},
}


@pytest.mark.parametrize("values", COMBINATIONS.values(), ids=COMBINATIONS)
def test_lint_is_clean(helm, values):
    said = helm.run("lint", "--strict", chart.CHART, "--kube-version", chart.KUBE_VERSION, values=values)
    assert "[WARNING]" not in said and "[ERROR]" not in said


@pytest.mark.parametrize("values", COMBINATIONS.values(), ids=COMBINATIONS)
def test_the_agent_accepts_the_configuration(helm, tmp_path, values):
    """As strictly as howdah --validate-config is."""
    objects = helm.render(values)
    directory = tmp_path / "config"
    directory.mkdir()
    secrets = {s["metadata"]["name"]: chart.decoded(s) for s in objects if s["kind"] == "Secret"}
    secrets["mine"] = {"pw": "a", "replication-password": "b", "restapi-password": "c"}
    configs = {c["metadata"]["name"]: c["data"] for c in objects if c["kind"] == "ConfigMap"}
    for name, text in chart.mounted_config(objects.pod(), lambda kind, name: (secrets if kind == "secrets" else configs)[name]).items():
        (directory / name).write_text(text)
    env = {"POD_NAME": "shop-howdah-0", "POD_NAMESPACE": "apps", "POD_IP": "10.1.2.3"}
    done = subprocess.run([chart.BUILD / "howdah", "--validate-config", directory], capture_output=True, text=True, env=env)
    said = [line for line in done.stderr.splitlines() if "/etc/howdah-tls/" not in line]  # not here
    assert not said


def test_the_pod_is_what_the_restricted_profile_wants(helm):
    pod = helm.render().pod()["spec"]
    assert pod["securityContext"] == {"runAsNonRoot": True, "runAsUser": 999, "runAsGroup": 999, "fsGroup": 999,
                                      "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"}}
    for container in pod["initContainers"] + pod["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["automountServiceAccountToken"] is False and pod["terminationGracePeriodSeconds"] == 300


def test_the_sidecar_is_native_and_postgres_runs_the_supervisor(helm):
    objects = helm.render()
    sidecar, postgres = objects.container("howdah"), objects.container("postgres")
    assert sidecar["restartPolicy"] == "Always" and sidecar["securityContext"]["readOnlyRootFilesystem"] is True
    assert "cpu" not in sidecar["resources"]["limits"] and "command" not in sidecar
    assert postgres["command"] == ["/run/howdah/bin/howdah-supervisor"] and "startupProbe" not in postgres
    assert {"name": "PGHOST", "value": "/run/howdah/pg"} in postgres["env"]
    shared = [{m["mountPath"] for m in c["volumeMounts"]} for c in (sidecar, postgres)]
    assert {"/run/howdah", "/var/lib/postgresql/data"} <= shared[0] & shared[1] and "/dev/shm" in shared[1]
    assert "/var/run/secrets/kubernetes.io/serviceaccount" not in shared[1]
    assert objects.pod()["metadata"]["annotations"]["kubectl.kubernetes.io/default-container"] == "postgres"
    stateful = objects("StatefulSet")["spec"]
    assert stateful["podManagementPolicy"] == "Parallel" and stateful["updateStrategy"] == {"type": "OnDelete"}


def test_the_platform_may_choose_the_uid(helm):
    objects = helm.render(COMBINATIONS["platform-uid"])
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & set(objects.pod()["spec"]["securityContext"])
    passwd = {"name": "run", "mountPath": "/etc/passwd", "subPath": "passwd", "readOnly": True}
    assert passwd in objects.container("postgres")["volumeMounts"]


ROLES = {"configmaps": {}, "endpoints": {"mode": "endpoints"}, "slices": {"route": "slice"}}


@pytest.mark.parametrize("mode", ROLES)
def test_the_role_is_that_of_the_tests(helm, mode):
    """What agents run under in every other test is what people install."""
    rules = yaml.safe_load((chart.ROOT / "tests" / "kube" / "role.yaml").read_text())["rules"]
    kept = [{**rule, "resources": [r for r in rule["resources"] if r not in kubelib.NOT_IN_MODE[mode]]} for rule in rules]
    kept = [rule for rule in kept if rule["resources"]]
    assert helm.render({**ROLES[mode], "persistence": {"expandTo": "20Gi"}, "rbac": {"resize": True}})("Role")["rules"] == kept
    without = [rule for rule in kept if rule["resources"] not in (["persistentvolumeclaims"], ["pods/resize"])]
    assert helm.render(ROLES[mode])("Role")["rules"] == without


def test_the_label_is_the_route_in_mode_configmaps(helm):
    objects = helm.render()
    primary, replicas = objects("Service", "shop-howdah")["spec"], objects("Service", "shop-howdah-replicas")["spec"]
    assert primary["publishNotReadyAddresses"] is True and primary["selector"]["role"] == "primary"
    assert "publishNotReadyAddresses" not in replicas and replicas["selector"]["howdah.io/replica"] == "true"
    labels = objects.pod()["metadata"]["labels"].items()
    assert {k: v for k, v in primary["selector"].items() if k != "role"}.items() <= labels
    assert objects.config()["kubernetes"]["labels"].items() <= labels
    assert objects.names("Service") == ["shop-howdah", "shop-howdah-headless", "shop-howdah-replicas"]


def test_the_leader_writes_the_route_in_mode_endpoints(helm):
    objects = helm.render({"mode": "endpoints"})
    primary, config = objects("Service", "shop-howdah")["spec"], objects.config()["kubernetes"]
    assert "selector" not in primary and config["use_endpoints"] is True
    assert [p["name"] for p in primary["ports"]] == [p["name"] for p in config["ports"]]
    assert {"shop-howdah-config", "shop-howdah-failover", "shop-howdah-sync"} <= set(objects.names("Service"))


def test_the_leader_writes_the_route_where_slices_are(helm):
    objects = helm.render({"route": "slice"})
    primary, config = objects("Service", "shop-howdah")["spec"], objects.config()
    assert "selector" not in primary and config["howdah"]["route"] == "slice" and config["kubernetes"]["use_endpoints"] is False
    assert config["scope"] == "shop-howdah"  # the slices are of the Service that is named so
    assert [p["name"] for p in primary["ports"]] == [p["name"] for p in config["kubernetes"]["ports"]]
    assert primary["ports"][0]["targetPort"] == config["kubernetes"]["ports"][0]["port"]
    assert "route" not in helm.render()("ConfigMap", "shop-howdah-agent")["data"]["howdah.yaml"]


def test_there_is_one_route(helm):
    with pytest.raises(chart.Refused, match="route: slice goes with mode: configmaps"):
        helm.render({"mode": "endpoints", "route": "slice"})


def test_no_object_of_the_chart_is_taken_for_one_of_the_agents(helm):
    """They select by cluster-name, and name their objects after it."""
    for mode in ("configmaps", "endpoints"):
        objects = helm.render({**FULL, "mode": mode})
        own = [o for o in objects if o["kind"] in ("ConfigMap", "Service", "Secret")]
        assert not [o["metadata"]["name"] for o in own if "cluster-name" in o["metadata"].get("labels", {})]
        maps = set(objects.names("ConfigMap"))
        assert not maps & {f"shop-howdah-{part}" for part in ("leader", "config", "failover", "sync")}


def test_parameters_go_where_they_count(helm):
    config = helm.render(FULL).config()
    assert config["bootstrap"]["dcs"]["postgresql"]["parameters"] == {"max_connections": 77}
    assert config["postgresql"]["parameters"] == {"password_encryption": "scram-sha-256", "work_mem": "8MB"}
    assert config["postgresql"]["pg_hba"][0] == "host a a samehost trust"
    assert config["bootstrap"]["dcs"]["failsafe_mode"] is True


def test_raw_settings_win(helm):
    config = helm.render({"howdah": {"ttl": 20, "config": {"bootstrap": {"dcs": {"ttl": 15}}, "tags": {"clonefrom": True}}}}).config()
    assert config["bootstrap"]["dcs"]["ttl"] == 15 and config["tags"] == {"clonefrom": True}
    assert config["bootstrap"]["dcs"]["loop_wait"] == 10


def test_tls_is_for_everybody(helm):
    objects = helm.render(TLS)
    config = objects.config()
    assert config["restapi"]["certfile"] == config["postgresql"]["parameters"]["ssl_cert_file"] == "/etc/howdah-tls/tls.crt"
    assert config["postgresql"]["authentication"]["replication"]["sslmode"] == "verify-ca"
    assert all(line.startswith("hostssl") for line in config["postgresql"]["pg_hba"] if not line.startswith("local"))
    assert objects.container("howdah")["livenessProbe"]["httpGet"]["scheme"] == "HTTPS"
    for name in ("howdah", "postgres"):
        assert "/etc/howdah-tls" in [m["mountPath"] for m in objects.container(name)["volumeMounts"]]


def test_no_secret_is_in_the_configuration(helm):
    passwords = {k: f"geheim-{k}" for k in ("superuser", "replication", "application", "restApi")}
    values = {**FULL, "auth": {"username": "app", "passwords": passwords}}
    objects = helm.render(values)
    assert sum(text.startswith("geheim") for s in objects if s["kind"] == "Secret" for text in chart.decoded(s).values()) == 4
    assert "geheim" not in yaml.safe_dump([o for o in objects if o["kind"] != "Secret"])


def test_two_releases_share_no_name(helm):
    names = [{(o["kind"], o["metadata"]["name"]) for o in helm.render({**FULL, "mode": mode}, release)}
             for release in ("shop", "shop-2") for mode in ("configmaps", "endpoints")]
    assert not (names[0] | names[1]) & (names[2] | names[3])


def test_long_names_fit(helm):
    objects = helm.render(release="r" * 53)
    name = objects("StatefulSet")["metadata"]["name"]
    assert len(f"{name}-{'0' * 10}") <= 63 and max(map(len, objects.names("Service"))) <= 63


def test_it_is_usable_as_a_sub_chart(helm, tmp_path):
    """Twice, by alias, with a condition, a shared value, and a wrong value named with its place."""
    parent = tmp_path / "shop"
    (parent / "charts").mkdir(parents=True)
    (parent / "charts" / "howdah").symlink_to(chart.CHART)
    parts = [{"name": "howdah", "version": ">=0.1.0", "alias": alias, "condition": f"{alias}.enabled"}
             for alias in ("orders", "users", "off")]
    (parent / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "shop", "version": "1.0.0", "dependencies": parts}))
    values = {"global": {"a": 1}, "orders": {"replicas": 2}, "users": {"mode": "endpoints"}, "off": {"enabled": False}}
    objects = helm.render(values, "r", parent)
    assert objects.names("StatefulSet") == ["r-orders", "r-users"]
    assert objects("StatefulSet", "r-orders")["spec"]["replicas"] == 2
    with pytest.raises(chart.Refused, match=r"orders:\n- at '/howdah/ttl'"):
        helm.render({**values, "orders": {"howdah": {"ttl": "soon"}}}, "r", parent)


@pytest.mark.parametrize("place, value, said", [
    ("/howdah/ttl", 3, "want 8"), ("/howdah/loopWait", "soon", "does not match"), ("/replicas", "x", "want integer"),
    ("/mode", "zookeeper", "one of 'configmaps', 'endpoints'"), ("/postgres/uid", 0, "minimum"), ("/howdah/failsafe", "maybe", "one of"),
    ("/howdah/config/bootstrap/dcs/primary_start_timeout", 100000, "maximum"), ("/howdah/config/restapi/verify_client", "often", "one of"),
    ("/howdah/config/postgresql/pg_hba", {"a": "b"}, "want array"), ("/howdah/config/howdah/run_dri", "/x", "run_dri"),
    ("/replcas", 3, "replcas"), ("/persistence/accessModes", ["Once"], "one of"), ("/postgres/dataDir", "relative", "does not match"),
    ("/service/annotations/internal", True, "want string"), ("/fullnameOverride", "Shop_1", "does not match")])
def test_a_wrong_value_is_named(helm, place, value, said):
    values = value
    for key in reversed(place.strip("/").split("/")):
        values = {key: values}
    with pytest.raises(chart.Refused) as refused:
        helm.render(values)
    text = str(refused.value)
    assert said in text and (place in text or place.rsplit("/", 1)[0] in text)


def test_an_old_cluster_is_refused(helm):
    with pytest.raises(chart.Refused, match="kubeVersion"):
        helm.run("template", "shop", chart.CHART, "--kube-version", "1.28.9")


def test_generated_files_are_current(helm):
    program = [sys.executable, chart.ROOT / "charts" / "generate.py", chart.BUILD / "howdah", "--helm", helm.program, "--check"]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_dashboard_and_rules_know_only_what_the_agent_prints(helm):
    source = (chart.ROOT / "src" / "rest" / "metrics.c").read_text()
    printed = set(re.findall(r'"((?:patroni|howdah)_[a-z_]+)"', source))
    objects = helm.render(FULL)
    text = json.dumps(objects("PrometheusRule")) + objects("ConfigMap", "shop-howdah-dashboard")["data"]["howdah.json"]
    used = set(re.findall(r"\b(?:patroni|howdah)_[a-z_]+", text))
    assert used and used <= printed, used - printed
    json.loads(objects("ConfigMap", "shop-howdah-dashboard")["data"]["howdah.json"])


@pytest.mark.parametrize("word", ["no", "12e3"])
def test_a_name_that_yaml_takes_for_something_else_stays_a_name(helm, word):
    values = {"fullnameOverride": "on", "priorityClassName": word, "schedulerName": word, "imagePullSecrets": [word, {"name": word}],
              "persistence": {"storageClass": word, "wal": {"enabled": True, "storageClass": word}}, "auth": {"existingSecret": word},
              "serviceAccount": {"name": word}, "tls": {"existingSecret": word}, "metrics": FULL["metrics"]}
    text = helm.run("template", word, chart.CHART, "--namespace", word, "--kube-version", chart.KUBE_VERSION, values=values)
    bare = re.findall(rf"^.*[:-] +(?:{word}|on)$", text, re.M)
    assert not bare
    objects = chart.Objects(yaml.safe_load_all(text))
    assert objects("StatefulSet")["metadata"]["name"] == objects.config()["scope"] == "on"
    assert objects("StatefulSet")["metadata"]["namespace"] == objects.config()["kubernetes"]["labels"]["app.kubernetes.io/instance"] == word


MONITORING = {"podMonitor": "PodMonitor", "rules": "PrometheusRule", "dashboard": "ConfigMap"}


@pytest.mark.parametrize("part", MONITORING)
def test_labels_stay_labels_beside_common_annotations(helm, part):
    values = {"commonLabels": {"team": "a", "tier": "db"}, "commonAnnotations": {"note": "x"},
              "metrics": {part: {"enabled": True, "labels": {"team": "b"}}}}
    found = [o["metadata"] for o in helm.render(values) if o["kind"] == MONITORING[part] and not o["metadata"]["name"].endswith("-agent")]
    assert len(found) == 1 and found[0]["annotations"] == {"note": "x"}
    assert found[0]["labels"]["team"] == "b" and found[0]["labels"]["tier"] == "db"


def test_no_label_comes_twice(helm):
    own = {"team": "b", "app.kubernetes.io/name": "mine"}
    values = {**FULL, "commonLabels": {**own, "team": "a"}, "podLabels": own,
              "metrics": {part: {"enabled": True, "labels": own} for part in MONITORING}}
    text = helm.run("template", "shop", chart.CHART, "--kube-version", chart.KUBE_VERSION, values=values)
    for labels in re.findall(r"^( *)labels:\n((?:\1  .*\n)+)", text, re.M):
        keys = re.findall(rf"^{labels[0]}  (\S+):", labels[1], re.M)
        assert len(keys) == len(set(keys)), labels[1]
    objects = chart.Objects(yaml.safe_load_all(text))
    assert objects("StatefulSet")["spec"]["selector"]["matchLabels"].items() <= objects.pod()["metadata"]["labels"].items()


def names_in_parent(helm, directory, release, aliases):
    """Of the clusters in a parent chart that has the chart once for each alias."""
    parent = directory / release
    (parent / "charts").mkdir(parents=True)
    (parent / "charts" / "howdah").symlink_to(chart.CHART)
    parts = [{"name": "howdah", "version": ">=0.1.0", "alias": alias} for alias in aliases]
    (parent / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "parent", "version": "1.0.0", "dependencies": parts}))
    return helm.render({}, release, parent).names("StatefulSet")


@pytest.mark.parametrize("release, aliases", [
    ("orders-and-users", ["orders", "users"]), ("r" * 53, ["orders", "users"]), ("howdah-users", ["howdah", "users"]),
    ("r", ["a" * 50 + "1", "a" * 50 + "2"])])
def test_two_clusters_of_a_parent_share_no_name(helm, tmp_path, release, aliases):
    names = names_in_parent(helm, tmp_path, release, aliases)
    assert len(set(names)) == 2 and max(map(len, names)) <= 40


def test_a_name_is_cut_only_where_it_is_too_long(helm):
    fits = helm.render(release="r" * 33)("StatefulSet")["metadata"]["name"]
    assert fits == "r" * 33 + "-howdah"
    cut = helm.render(release="r" * 34)("StatefulSet")["metadata"]["name"]
    assert cut == "r" * 31 + "-" + hashlib.sha256(b"r" * 34 + b"-howdah").hexdigest()[:8]


def test_howdahctl_asks_members_whose_certificates_do_not_name_their_addresses(helm):
    assert helm.render(TLS).config()["ctl"] == {"insecure": True}
    assert "ctl" not in helm.render().config()
    stricter = {**TLS, "howdah": {"config": {"ctl": {"insecure": False}}}}
    assert helm.render(stricter).config()["ctl"] == {"insecure": False}


def test_alerts_speak_when_there_is_no_series(helm):
    """A sum or a count of nothing is nothing, and nothing is neither 0 nor less than 3."""
    rules = helm.render(FULL)("PrometheusRule")["spec"]["groups"][0]["rules"]
    said = {rule["alert"]: rule["expr"] for rule in rules}
    of = '{scope="shop-howdah",namespace="apps"}'
    assert said["HowdahNoPrimary"] == (f"(sum(patroni_primary{of}) or vector(0))"
                                       f" + (sum(patroni_standby_leader{of}) or vector(0)) == 0")
    assert said["HowdahMembersMissing"] == f"(count(howdah_info{of}) or vector(0)) < 3"


@pytest.mark.parametrize("none", [[], None])
def test_the_wal_volume_goes_with_no_options_of_initdb(helm, none):
    config = helm.render({"postgres": {"initdb": none}, "persistence": {"wal": {"enabled": True}}}).config()
    assert config["bootstrap"]["initdb"] == [{"waldir": "/var/lib/postgresql/wal/pg_wal"}]
    config = helm.render({"persistence": {"wal": {"enabled": True}}}).config()
    assert config["bootstrap"]["initdb"][-2:] == ["data-checksums", {"waldir": "/var/lib/postgresql/wal/pg_wal"}]


def test_a_configuration_that_is_no_yaml_is_refused(helm):
    with pytest.raises(chart.Refused, match="the agents' configuration cannot be read"):
        helm.render({"postgres": {"dataDir": "/a: b"}})
