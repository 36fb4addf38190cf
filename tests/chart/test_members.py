"""Agents that run as the chart says: its configuration and Secret, its ServiceAccount, exactly its Role, labels of its pods."""
import uuid

import pytest
import yaml

import api
import bed
import chart
import credentials
import writer as writerlib

MEMBERS = ("m0", "m1", "m2")
VALUES = {"auth": {"username": "app", "database": "shop"}, "initSQL": "CREATE TABLE made AS SELECT 1 AS x",
          "persistence": {"expandTo": "20Gi"}, "postgres": {"initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums", "no-sync"]}}


class Member(bed.Member):
    """The pod's own share (addresses, directories) comes on top of what is mounted."""

    def make_pod(self):
        pod = self.cluster.kube.pod(self.cluster.namespace, self.name, self.cluster.template["metadata"]["labels"], ip=self.address)
        self.uid = pod["metadata"]["uid"]

    def environment(self):
        return {"POD_NAME": self.name, "POD_NAMESPACE": self.cluster.namespace, "POD_IP": self.address, "POD_UID": self.uid}

    def write_config(self):
        """As the kubelet projects it, and one document more."""
        self.config = self.home / "config"
        self.config.mkdir(exist_ok=True)
        for name, text in self.cluster.mounted.items():
            (self.config / name).write_text(text)
        own = {"postgresql": {"data_dir": str(self.data), "bin_dir": bed.BIN},
               "howdah": {"run_dir": str(self.run), "laboratory": True, "service_account_dir": str(self.home / "sa")}}
        (self.config / "laboratory.yaml").write_text(yaml.safe_dump(bed.merge(own, self.overrides)))
        for path in (self.home, *self.home.glob("*"), *self.config.glob("*"), *(self.home / "sa").glob("*")):
            if bed.USER:
                bed.shutil.chown(path, bed.USER, bed.USER)


class Cluster(bed.Cluster):
    member_type = Member

    def __init__(self, server, namespace, scope, mode):
        self.template = server.admin.get("statefulsets", namespace, scope)["spec"]["template"]
        self.mounted = chart.mounted_config(self.template, lambda kind, name: self.read(server, namespace, kind, name))
        account = credentials.Account(server, namespace, self.template["spec"]["serviceAccountName"])
        super().__init__(server, namespace, mode=mode, scope=scope, account=account)

    @staticmethod
    def read(server, namespace, kind, name):
        found = server.admin.get(kind, namespace, name)
        return chart.decoded(found) if kind == "secrets" else found["data"]


@pytest.fixture(scope="module")
def machines():
    try:
        with bed.bed(MEMBERS) as server:
            yield server
    except bed.kubelib.Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture
def make(program, machines, tmp_path, request):
    """Installs a release and starts its members; at the end, nothing may have been forbidden."""
    config = tmp_path / "kubeconfig"
    made = []

    def start(mode, may_refuse=False):
        namespace = "chart-" + uuid.uuid4().hex[:8]
        machines.namespace(namespace)
        credentials.write_kubeconfig(str(config), machines.server, machines.home, namespace)
        helm = chart.Helm(program, tmp_path, config)
        dynamic = {"ttl": 5, "loop_wait": 1, "retry_timeout": 1.5, "primary_start_timeout": 0}
        laboratory = {"howdah": {"config": {"bootstrap": {"dcs": dynamic}}}}
        with machines.net.inside("client"):
            helm.run("install", "shop", chart.CHART, "-n", namespace, values=bed.merge({**VALUES, "mode": mode}, laboratory))
        made.append(Cluster(machines, namespace, "shop-howdah", mode))
        made[-1].may_refuse = may_refuse
        for member in made[-1].members:
            make_claim(made[-1], member)
        made[-1].start()
        return made[-1]

    yield start
    machines.net.heal_all()
    machines.mend()
    for cluster in made:
        forbidden = machines.forbidden(cluster.account.user, cluster.since)
        report = getattr(request.node, "report_call", None)
        if report is None or report.failed:
            cluster.tell()
        cluster.close()
        excused = {"persistentvolumeclaims"} if cluster.may_refuse else set()
        assert {e["objectRef"]["resource"] for e in forbidden} <= excused, forbidden[:3]


def make_claim(cluster, member):
    """As the StatefulSet's controller and the storage do: bound; a class that does not let grow is for one of them where a test says so."""
    admin, name = cluster.kube.admin, f"data-{member.name}"
    kind = "stays" if cluster.may_refuse and member.machine == "m2" else "grows"
    try:
        body = {"metadata": {"name": kind}, "provisioner": "tests", "allowVolumeExpansion": kind == "grows"}
        admin.request("POST", "/apis/storage.k8s.io/v1/storageclasses", body)
    except api.ApiError as there:
        assert there.status == 409
    claim = next(c for c in admin.get("statefulsets", cluster.namespace, cluster.scope)["spec"]["volumeClaimTemplates"])
    admin.create("persistentvolumeclaims", cluster.namespace, {
        "metadata": {"name": name}, "spec": {**claim["spec"], "storageClassName": kind, "volumeName": f"pv-{name}"}})
    status = {"status": {"phase": "Bound", "capacity": {"storage": "10Gi"}}}
    admin.patch("persistentvolumeclaims", cluster.namespace, name, status, subresource="status")


def sizes(cluster):
    claims = cluster.kube.admin.list("persistentvolumeclaims", cluster.namespace)
    return [c["spec"]["resources"]["requests"]["storage"] for c in sorted(claims, key=lambda c: c["metadata"]["name"])]


def events(cluster, member, reason):
    found = cluster.kube.admin.list("events", cluster.namespace)
    return [e["message"] for e in found if e["reason"] == reason and e["involvedObject"]["name"] == member.name]


def test_volumes_grow_and_a_refusal_is_told(make):
    """A StorageClass that does not let volumes grow answers 403 with its reason: that is no missing right."""
    cluster = make("configmaps", may_refuse=True)
    leader = cluster.wait_ready()
    bed.wait(lambda: sizes(cluster) == ["20Gi", "20Gi", "10Gi"], "the claims have grown", 20)
    grown = bed.wait(lambda: sorted(events(cluster, leader, "VolumeGrown")), "that is told")
    assert [text.split(";")[0] for text in grown] == [f"data-{m.name}: 10Gi -> 20Gi" for m in cluster.members[:2]]
    said = bed.wait(lambda: events(cluster, leader, "CannotGrowVolume"), "the refusal is told")
    assert len(said) == 1 and said[0].startswith(f"data-{cluster.members[2].name}: HTTP 403") and "resize" in said[0]
    assert "CannotGrowVolume: data-" in leader.log()


def ask_as_app(cluster, member, sql):
    """What the application's role gets with the Secret's password; None when it is not let in."""
    words = f"host={member.address} dbname=shop user=app password={cluster.mounted['howdah.application_password']}"
    with cluster.net.inside(member.machine):
        done = bed.subprocess.run([f"{bed.BIN}/psql", "-XAtqc", sql, words], capture_output=True, text=True, timeout=20)
    return done.stdout.strip() if done.returncode == 0 else None


def test_a_changed_secret_changes_the_applications_password(make):
    cluster = make("configmaps")
    leader = cluster.wait_ready()
    cluster.mounted["howdah.application_password"] = "another$word"
    assert ask_as_app(cluster, leader, "SELECT 1") is None
    for member in cluster.members:
        member.write_config()
        member.agent.send_signal(bed.signal.SIGHUP)
    bed.wait(lambda: ask_as_app(cluster, leader, "SELECT 1") == "1", "the new password is let in", 20)


@pytest.mark.parametrize("mode", ["configmaps", "endpoints"])
def test_a_release_fails_over_under_the_charts_role(make, mode):
    cluster = make(mode)
    leader = cluster.wait_ready()
    service = cluster.kube.admin.get("services", cluster.namespace, "shop-howdah")["spec"].get("selector")
    routed = [p["metadata"]["name"] for p in cluster.kube.admin.list("pods", cluster.namespace, service)] if service else None
    assert routed in (None, [leader.name])
    assert ask_as_app(cluster, leader, "SELECT current_user, count(*) FROM pg_tables WHERE tablename = 'made'") == "app|1"
    assert leader.rest("/restart", method="POST", body={})[0] == 401  # the REST API wants the Secret's password
    leader.psql(writerlib.CREATE)
    leader.kill_agent()
    bed.os.kill(leader.postmaster(), 9)
    bed.wait(lambda: cluster.leader() not in (None, leader), "somebody else leads", 20)
    leader.start_agent()
    cluster.wait_ready()
    secrets = [text for name, text in cluster.mounted.items() if name.endswith("password")]
    assert len(secrets) == 4 and not any(text in member.log() for text in secrets for member in cluster.members)
