"""A cluster of howdah in the bed, as a person sees it: installed, asked by kubectl, watched by a client on its Service."""
import contextlib
import itertools
import json
import subprocess
import sys
import uuid

import images
from chart import CHART
from server import wait

RESTRICTED = {f"pod-security.kubernetes.io/{what}": "restricted" for what in ("enforce", "warn", "audit")}
READY_S = 90
PASSWORD = "super-secret"


def new_namespace(bed):
    """Pods that want more than the restricted profile allows are refused there."""
    name = "e2e-" + uuid.uuid4().hex[:8]
    bed.control.admin.create("namespaces", None, {"metadata": {"name": name, "labels": RESTRICTED}})
    return name


class Pod:
    """A member by its name; what is asked about is whoever has the name now."""

    def __init__(self, release, name):
        self.release, self.name = release, name

    @property
    def object(self):
        return self.release.api.get("pods", self.release.namespace, self.name)

    @property
    def uid(self):
        return self.object["metadata"]["uid"]

    @property
    def node(self):
        return self.object["spec"].get("nodeName")

    @property
    def address(self):
        return self.object["status"].get("podIP")

    def container(self, name):
        """Its status: containerID, restartCount ..."""
        status = self.object["status"]
        found = [c for c in status.get("initContainerStatuses", []) + status.get("containerStatuses", []) if c["name"] == name]
        return found[0] if found else {}

    def is_ready(self):
        conditions = {c["type"]: c["status"] for c in self.object["status"].get("conditions", [])}
        return conditions.get("Ready") == "True"

    def psql(self, sql, timeout=20):
        """As the superuser inside PostgreSQL's container."""
        ask = ("psql", "-d", "postgres", "-XAtqc", sql)
        return self.release.kubectl("exec", self.name, "-c", "postgres", "--", *ask, timeout=timeout).strip()

    def howdahctl(self, *arguments):
        return self.release.kubectl("exec", self.name, "-c", "howdah", "--", "howdahctl", *arguments)

    def log(self, container="howdah", *options):
        return self.release.kubectl("logs", self.name, "-c", container, *options)


class Release:
    """`settings` go to Helm as they are, KEY=VALUE, and `values` as they are in a file, beside what every cluster here has. `postgres` is
    another image of it."""

    def __init__(self, bed, namespace, name="shop", settings=(), postgres=None, values=None):
        self.bed, self.namespace, self.name = bed, namespace, name
        self.settings, self.values, self.postgres = settings, values or {}, postgres or images.postgres_name()
        self.api = bed.control.admin
        self.since = bed.control.mark()
        self.user = f"system:serviceaccount:{namespace}:{name}"

    password = PASSWORD

    def kubectl(self, *arguments, **options):
        return self.bed.kubectl(*arguments, namespace=self.namespace, **options)

    def install(self):
        """What Helm says to whoever has installed it."""
        return self.helm("install", self.name, CHART, *self._set(), values=self._values())

    def upgrade(self, *settings):
        """`settings` over, and beside, what it was installed with."""
        self.settings = (*self.settings, *settings)
        return self.helm("upgrade", self.name, CHART, *self._set(), values=self._values())

    def uninstall(self):
        return self.helm("uninstall", self.name)

    def helm(self, *arguments, **options):
        return self.bed.helm.run(*arguments, "--namespace", self.namespace, **options)

    def _set(self):
        return [word for setting in self.settings for word in ("--set", setting)]

    def _values(self):
        sidecar, postgres = (name.rpartition(":")[::2] for name in (images.SIDECAR, self.postgres))
        return {
            "fullnameOverride": self.name, "image": {"repository": sidecar[0], "tag": sidecar[1]},
            "postgres": {"image": {"repository": postgres[0], "tag": postgres[1]},
                         "parameters": {"shared_buffers": "16MB", "max_connections": 50}},
            "auth": {"passwords": {"superuser": PASSWORD}}, "persistence": {"size": "1Gi"}, **self.values,
        }

    def pods(self):
        """By name; those that are being deleted too."""
        selector = {"cluster-name": self.name}
        return [Pod(self, pod["metadata"]["name"]) for pod in self.api.list("pods", self.namespace, selector)]

    def __getitem__(self, ordinal):
        return Pod(self, f"{self.name}-{ordinal}")

    def labelled(self, role="primary"):
        return [pod["metadata"]["name"] for pod in self.api.list("pods", self.namespace, {"cluster-name": self.name, "role": role})]

    def leader(self):
        names = self.labelled()
        return Pod(self, names[0]) if len(names) == 1 else None

    def wait_leader_other_than(self, name, timeout_s=30):
        def another():
            leader = self.leader()
            return leader if leader is not None and leader.name != name else None
        return wait(another, f"a leader other than {name}", timeout_s)

    def wait_ready(self, count, timeout_s=READY_S):
        """So many pods, all ready, one labelled primary and the others streaming from it; returns the leader."""
        def ready():
            pods, leader = self.pods(), self.leader()
            if len(pods) != count or leader is None or not all(pod.is_ready() for pod in pods):
                return None
            streaming = leader.psql("select count(*) from pg_stat_replication where state = 'streaming'")
            return leader if streaming == str(count - 1) else None
        return wait(lambda: _calm(ready), f"{count} members, ready and streaming", timeout_s)

    def scale(self, replicas):
        """Returns when those that are too many are gone."""
        self.kubectl("scale", "statefulset", self.name, f"--replicas={replicas}")
        wait(lambda: len(self.pods()) <= replicas, f"{replicas} pods are left", 60)

    def wait_routed(self, pod, timeout_s=90):
        """A Service made just now leads to the pod from every node: controllers and proxies that lost the API server look for it again
        up to half a minute after it is back."""
        name = "seen-" + uuid.uuid4().hex[:8]
        self.api.create("services", self.namespace, {"metadata": {"name": name}, "spec": {"selector": {name: "yes"},
                                                                                         "ports": [{"port": 5432}]}})
        self.kubectl("label", "pod", pod.name, f"{name}=yes")
        address = (self.api.get("services", self.namespace, name)["spec"]["clusterIP"], 5432)
        for node in self.bed.nodes:
            wait(lambda n=node: self._reaches(n, address), f"{node.name} follows a new Service", timeout_s)
        self.kubectl("label", "pod", pod.name, f"{name}-")
        self.api.delete("services", self.namespace, name)

    def _reaches(self, node, address):
        with contextlib.suppress(OSError):
            self.bed.net.connect(node.name, address, 1).close()
            return True
        return False

    def events(self, pod, reason):
        """What was said of a pod by that name."""
        return [e["message"] for e in self.api.list("events", self.namespace)
                if e["involvedObject"]["name"] == pod.name and e["reason"] == reason]

    def service_address(self, suffix=""):
        return self.api.get("services", self.namespace, self.name + suffix)["spec"]["clusterIP"]

    @contextlib.contextmanager
    def followed(self, home):
        """Its pods' logs into files of this directory meanwhile, also of pods that go; who fails gets them to read."""
        argv = [self.bed.program, "kubectl", f"--kubeconfig={self.bed.kubeconfig}", "-n", self.namespace]
        argv += ["logs", "-f", "--timestamps", "--tail=20"]
        followers = []
        for pod, container in itertools.product(self.pods(), ("howdah", "postgres")):
            with open(home / f"{pod.name}-{container}.log", "wb") as log:
                followers.append(subprocess.Popen([*argv, pod.name, "-c", container], stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        try:
            yield
        except BaseException:
            for log in sorted(home.glob("*.log")):
                print(f"\n===== followed: {log.name}\n{log.read_text(errors='replace')[-6000:]}", file=sys.stderr)
            raise
        finally:
            for follower in followers:
                follower.kill()
                follower.wait()

    def forbidden(self):
        """What the agents asked for and were refused."""
        return self.bed.control.forbidden(self.user, self.since)

    def tell(self):
        """All there is, for whoever must find out what went wrong."""
        out = sys.stderr
        with_errors = [("get", "pods", "-o", "wide", "-L", "role"), ("get", "events", "--sort-by=.lastTimestamp"), ("get", "pvc")]
        for question in with_errors:
            print(f"\n===== kubectl {' '.join(question)}\n{_calm(lambda q=question: self.kubectl(*q))}", file=out)
        for pod in self.pods():
            print(f"\n===== {pod.name}: {json.dumps(pod.object['status'], indent=1)[-3000:]}", file=out)
            for container in ("howdah", "postgres"):
                print(f"----- {pod.name}, {container}\n{_calm(lambda p=pod, c=container: p.log(c, '--tail=60'))}", file=out)


def wait_text(read, words, what, timeout_s=90):
    """Until all of these words are in what is read, wherever lines are broken; complains with what was read last, be it a refusal."""
    seen = ""

    def has_all():
        nonlocal seen
        try:
            seen = " ".join(read().split())
        except RuntimeError as refused:
            seen = str(refused)
            return None
        return seen if all(word in seen for word in words) else None
    try:
        return wait(has_all, f"{what}: {words}", timeout_s)
    except TimeoutError as late:
        raise TimeoutError(f"{late}; it is: {seen[-1500:]}") from late


def _calm(question):
    """A refusal is no answer yet: None."""
    try:
        return question()
    except RuntimeError as refused:
        return None if "tell" not in str(refused) else str(refused)
