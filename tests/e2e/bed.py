"""A Kubernetes of several nodes on one machine, made and taken down completely within a test run.

Each node is a machine of tests/kube/net.py with an init process (init.py) in mount, pid and uts namespaces of its own, and a
cgroup in every hierarchy; containerd, kubelet and kube-proxy run under it. Faults are put from outside: cuts in the router,
the cgroup's freezer, SIGKILL to the init process.
"""
import contextlib
import glob
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path += [str(HERE.parent / folder) for folder in ("kube", "chart", "system/stories")]
import chart  # noqa: E402
import images  # noqa: E402
import net as netlib  # noqa: E402
from control import ControlPlane  # noqa: E402
from credentials import make_certificate  # noqa: E402
from server import Unavailable, wait  # noqa: E402

PROGRAMS = ("containerd", "runc", "ctr", "iptables", "conntrack", "nsenter", "unshare")
CNI = "/usr/lib/cni"
CGROUPS = "/sys/fs/cgroup"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
VOLUMES_PER_NODE = 6
VOLUME_SIZE = "1Gi"
STORAGE_CLASS = "local"
READY_S = 120
CONTAINERD = """version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{cni}"
    conf_dir = "{home}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


def unsupported():
    """Why there can be no nodes here, in one line; None when there can."""
    lacking = [program for program in PROGRAMS if not shutil.which(program)]
    if not os.path.isdir(CNI):
        lacking.append(f"CNI plug-ins in {CNI}")
    if lacking:
        return "nodes: no " + ", ".join(lacking)
    if not glob.glob(f"{CGROUPS}/memory/cgroup.procs"):
        return f"nodes: no cgroup v1 hierarchies in {CGROUPS}"
    return images.missing() or netlib.unsupported()


class Node:
    """A machine with a kubelet. It is on from start() to power_off()."""

    def __init__(self, bed, number):
        self.bed, self.name, self.number = bed, f"n{number}", number
        self.home = pathlib.Path(bed.home, self.name)
        self.pod_subnet = f"10.98.{number}.0/24"
        self.cgroup = f"/{bed.name}/{self.name}"
        self.address = bed.net.add(self.name)
        bed.net.route(self.name, self.pod_subnet)
        for place in ("cni", "var-lib", "log", "volumes"):
            (self.home / place).mkdir(parents=True)
        self._write_files()
        self._init = None

    def start(self):
        self._make_cgroups()
        log = open(self.home / "init.log", "ab")
        argv = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", sys.executable, str(HERE / "init.py"),
                str(self.home / "init.json")]
        process = self.bed.net.run(self.name, argv, stdout=log, stderr=log, cwd="/")
        self.bed.net.guard.process(process.pid)
        self._init = (process, wait(lambda: self._child_of(process), f"{self.name} starts, see {self.home}/init.log", 10))
        wait(lambda: self._exists("/run/ready"), f"{self.name}'s file system, see {self.home}/init.log", 10)

    def power_off(self):
        """The cable first, then process 1 and with it all others; volumes stay."""
        self.thaw()
        self.bed.net.power_off(self.name)
        self._wait_dead()

    def power_on(self):
        self.bed.net.heal(self.name)
        self.start()

    def freeze(self):
        self._set_freezer("FROZEN")

    def thaw(self):
        self._set_freezer("THAWED")

    def processes(self):
        """All of the machine, pods included, as this machine numbers them."""
        found = set()
        for tasks in glob.glob(f"{CGROUPS}/pids{self.cgroup}/**/cgroup.procs", recursive=True):
            with contextlib.suppress(OSError):
                found |= set(map(int, pathlib.Path(tasks).read_text(encoding="ascii").split()))
        return found

    def enter(self, *argv, **options):
        """Runs a program in the machine's namespaces."""
        return subprocess.run(["nsenter", "-t", str(self._init[1]), "-m", "-p", "-n", "-u", *map(str, argv)], check=True,
                              capture_output=True, text=True, **options).stdout

    def import_image(self, archive):
        wait(lambda: self._exists(CONTAINERD_SOCKET), f"{self.name}'s containerd", 20)
        return subprocess.Popen(["nsenter", "-t", str(self._init[1]), "-m", "-p", "-n", "ctr", "-n", "k8s.io", "image", "import", archive],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def close(self):
        if self._init:
            self.thaw()
            os.kill(self._init[1], signal.SIGKILL)
            self._wait_dead()
        for hierarchy in glob.glob(f"{CGROUPS}/*{self.cgroup}"):
            for place, _, _ in os.walk(hierarchy, topdown=False):
                os.rmdir(place)

    # within

    def _wait_dead(self):
        self._init[0].wait()
        wait(lambda: not self.processes(), f"{self.name} is dead", 20)
        self._init = None

    def _exists(self, path):
        return os.path.exists(f"/proc/{self._init[1]}/root{path}")

    def _child_of(self, process):
        if process.poll() is not None:
            raise RuntimeError(f"{self.name} did not start, see {self.home}/init.log")
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        return int(children[0]) if children else None

    def _set_freezer(self, state):
        freezer = pathlib.Path(f"{CGROUPS}/freezer{self.cgroup}/freezer.state")
        if freezer.exists():
            freezer.write_text(state, encoding="ascii")
            wait(lambda: freezer.read_text(encoding="ascii").strip() == state, f"{self.name} is {state}", 10)

    def _make_cgroups(self):
        for procs in glob.glob(f"{CGROUPS}/*/cgroup.procs"):
            hierarchy = pathlib.Path(procs).parent
            bed = hierarchy / self.bed.name
            bed.mkdir(exist_ok=True)
            if hierarchy.name == "cpuset":  # a fresh one takes no process until it has cpus and mems
                (bed / "cgroup.clone_children").write_text("1", encoding="ascii")
                for name in ("cpuset.cpus", "cpuset.mems"):
                    (bed / name).write_text((hierarchy / name).read_text(encoding="ascii"), encoding="ascii")
            (bed / self.name / "sys").mkdir(parents=True, exist_ok=True)

    def _write_files(self):
        control, home = self.bed.control, self.home
        (home / "containerd.toml").write_text(CONTAINERD.format(pause=images.PAUSE, cni=CNI, home=home), encoding="ascii")
        ranges = [[{"subnet": self.pod_subnet}]]
        # no ipMasq: it would hide the address of a pod from pods of other nodes
        (home / "cni" / "10.conflist").write_text(json.dumps({"cniVersion": "0.4.0", "name": "bed", "plugins": [
            {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": False, "hairpinMode": True,
             "ipam": {"type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]}}]}), encoding="ascii")
        make_certificate(control.home, f"{self.name}-serving", f"/CN={self.name}", f"subjectAltName=IP:{self.address},DNS:{self.name}")
        node = control.user_config(f"{self.name}-node", f"/O=system:nodes/CN=system:node:{self.name}")
        proxy = control.user_config(f"{self.name}-proxy", "/CN=system:kube-proxy")
        (home / "kubelet.json").write_text(json.dumps(self._kubelet_settings()), encoding="ascii")
        hyper = self.bed.program
        programs = [
            {"name": "containerd", "argv": ["containerd", "-c", str(home / "containerd.toml")]},
            {"name": "kubelet", "after": CONTAINERD_SOCKET,
             "argv": [hyper, "kubelet", f"--config={home}/kubelet.json", f"--kubeconfig={node}", f"--hostname-override={self.name}",
                      f"--node-ip={self.address}", "--cert-dir=/var/lib/kubelet/pki"]},
            {"name": "kube-proxy",
             "argv": [hyper, "kube-proxy", f"--kubeconfig={proxy}", f"--hostname-override={self.name}", "--proxy-mode=iptables",
                      "--cluster-cidr=10.98.0.0/16", "--conntrack-max-per-core=0", "--conntrack-tcp-timeout-established=0",
                      "--conntrack-tcp-timeout-close-wait=0"]},
        ]
        (home / "init.json").write_text(json.dumps({
            "name": self.name, "cgroup": self.cgroup + "/sys", "logs": str(home / "log"), "programs": programs,
            "binds": [[str(home / "var-lib"), "/var/lib"], [str(home / "log"), "/var/log"]],
            "switches": {"net/ipv4/ip_forward": "1", "net/bridge/bridge-nf-call-iptables": "1"}}), encoding="ascii")

    def _kubelet_settings(self):
        keys = f"{self.bed.control.home}/{self.name}-serving"
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
            "cgroupDriver": "cgroupfs", "cgroupRoot": self.cgroup, "failSwapOn": False, "enforceNodeAllocatable": [],
            "containerRuntimeEndpoint": "unix://" + CONTAINERD_SOCKET,
            "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": False},
                               "x509": {"clientCAFile": f"{self.bed.control.home}/ca.crt"}},
            # with Webhook, exec and logs of a node stop working when its kubelet is cut from the API server
            "authorization": {"mode": "AlwaysAllow"},
            "tlsCertFile": keys + ".crt", "tlsPrivateKeyFile": keys + ".key", "resolvConf": "",
            "clusterDNS": ["10.96.0.10"], "clusterDomain": "cluster.local",
            "volumePluginDir": "/var/lib/kubelet/volumeplugins", "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "100Mi"}, "registerNode": True,
        }


class Bed:
    """Nodes n1 ... under one control plane, with images and free volumes."""

    def __init__(self, program, helm, archives, workers=3):
        self.program, self._archives = program, archives
        self.releases = []  # of the tests that run now
        self._remove_leftovers()
        self.home = tempfile.mkdtemp(prefix="howdah-e2e-")
        self.name = os.path.basename(self.home)
        self.net = netlib.Net()
        self.net.guard.directory(self.home)
        self._open = contextlib.ExitStack()
        self._open.callback(shutil.rmtree, self.home, ignore_errors=True)
        self._open.enter_context(self.net)
        self.control = self._open.enter_context(ControlPlane(self.net, program))
        self._open.callback(self._remove_cgroups)
        self.nodes = [Node(self, number) for number in range(1, workers + 1)]
        self._open.callback(self._close_nodes)
        self.kubeconfig = self.control.write_kubeconfig(os.path.join(self.home, "admin.conf"))
        self.helm = chart.Helm(helm, self.home, self.kubeconfig)

    def __enter__(self):
        try:
            for node in self.nodes:
                node.start()
            self.load(*self._archives)
            self._make_storage_class()
            wait(self._all_ready, f"all nodes ready, see {self.home}/n*/log", READY_S)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._open.close()

    def __getitem__(self, name):
        return next(node for node in self.nodes if node.name == name)

    def load(self, *archives):
        """Images into every node."""
        for archive in archives:
            imports = [(node, node.import_image(str(archive))) for node in self.nodes]
            for node, process in imports:
                output = process.communicate()[0]
                if process.returncode:
                    raise RuntimeError(f"{node.name}: {archive}: {output}")

    def tag(self, image, name):
        """The same image under another name, on every node."""
        for node in self.nodes:
            node.enter("ctr", "-n", "k8s.io", "image", "tag", "--force", image, name)

    def kubectl(self, *arguments, namespace=None, stdin=None, timeout=60):
        place = ["-n", namespace] if namespace else []
        argv = [self.program, "kubectl", f"--kubeconfig={self.kubeconfig}", *place, *map(str, arguments)]
        done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout)
        if done.returncode:
            raise RuntimeError(f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout

    def heal(self):
        """Every node is on, reachable and runs; the control plane as well."""
        self.net.heal_all()
        for node in self.nodes:
            if node.processes():
                node.thaw()
            else:
                node.power_on()
        self.control.mend()
        wait(self._all_ready, "all nodes ready again", READY_S)

    def remove_namespace(self, name):
        """With everything in it, and the volumes that it used are new again. Pods first: a leader whose account went before it
        cannot give the lock back, and waits."""
        self.kubectl("delete", "statefulsets", "--all", "--cascade=foreground", "--ignore-not-found", namespace=name, timeout=180)
        self.kubectl("delete", "namespace", name, "--ignore-not-found", timeout=180)
        self.make_volumes()

    def volume_of(self, namespace, claim):
        """The directory behind a claim, as this machine sees it."""
        name = self.control.admin.get("persistentvolumeclaims", namespace, claim)["spec"]["volumeName"]
        return self[name.rpartition("-")[0]].home / "volumes" / name

    def make_volumes(self):
        """Local volumes, as many as can be wanted on one node; those that were used and left are made anew."""
        volumes = self.control.admin.list("persistentvolumes", None)
        there = {volume["metadata"]["name"]: volume["status"].get("phase") for volume in volumes}
        for node in self.nodes:
            for number in range(VOLUMES_PER_NODE):
                name = f"{node.name}-{number}"
                if there.get(name) == "Released":
                    self.control.admin.delete("persistentvolumes", None, name)
                    wait(lambda n=name: not self._has_volume(n), f"volume {name} is deleted", 20)
                    shutil.rmtree(node.home / "volumes" / name)
                if there.get(name) in (None, "Released"):
                    self._make_volume(node, name)

    # within

    def _has_volume(self, name):
        return any(volume["metadata"]["name"] == name for volume in self.control.admin.list("persistentvolumes", None))

    def _make_volume(self, node, name):
        place = node.home / "volumes" / name
        place.mkdir()
        here = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node.name]}]}
        self.control.admin.create("persistentvolumes", None, {"metadata": {"name": name}, "spec": {
            "capacity": {"storage": VOLUME_SIZE}, "accessModes": ["ReadWriteOnce"], "storageClassName": STORAGE_CLASS,
            "persistentVolumeReclaimPolicy": "Retain", "local": {"path": str(place)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [here]}}}})

    def _make_storage_class(self):
        self.control.admin.request("POST", "/apis/storage.k8s.io/v1/storageclasses", {
            "metadata": {"name": STORAGE_CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer"})

    def _all_ready(self):
        nodes = self.control.admin.list("nodes", None)
        ready = [condition for node in nodes for condition in node["status"].get("conditions", [])
                 if condition["type"] == "Ready" and condition["status"] == "True"]
        return len(ready) == len(self.nodes)

    def _close_nodes(self):
        for node in self.nodes:
            node.close()

    def _remove_cgroups(self):
        for place in glob.glob(f"{CGROUPS}/*/{self.name}"):
            os.rmdir(place)

    @staticmethod
    def _remove_leftovers():
        """Empty cgroups of runs that were killed."""
        for place in glob.glob(f"{CGROUPS}/*/howdah-e2e-*"):
            for directory, _, _ in os.walk(place, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(directory)


def _find_helm():
    try:
        return chart.find_helm()
    except chart.Unavailable as why:
        raise Unavailable(str(why)) from why


@contextlib.contextmanager
def started(archives, workers=3):
    """`archives` exist before: in the bed nothing can be downloaded."""
    archives = [images.pause_archive(), *archives]
    program = images.build_program("node")
    helm = _find_helm()
    begun = time.monotonic()
    with Bed(program, helm, archives, workers) as bed:
        bed.start_s = time.monotonic() - begun
        yield bed
