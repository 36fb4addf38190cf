"""The two products behind one interface: howdah as the stories run it, and Patroni from PyPI on the same bed.

A product makes clusters whose members have the same names, addresses, pods, PostgreSQL and settings. Of a member a measurement asks only
what both have: start(), start_agent(), kill_agent(), keepers(), cli(), and what bed.Member knows by REST and SQL.
"""
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system" / "stories"))
import bed  # noqa: E402

VENV = bed.BUILD / "patroni-venv"
PYTHON = "/usr/bin/python3"
PACKAGES = ("patroni[kubernetes]==4.1.*", "psycopg2-binary")
CONTEXT = "test"  # of the kubeconfig that an account writes
VERBS = ["create", "get", "list", "patch", "update", "watch", "delete"]
PATRONI_RULES = [
    {"apiGroups": [""], "resources": ["configmaps"], "verbs": [*VERBS, "deletecollection"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": VERBS[1:-1]},
]


class Unavailable(Exception):
    """A product that cannot be had here; the text says why."""


def first_line(argv):
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip().splitlines()[0]


# ---- howdah ----

class HowdahMember(bed.Member):
    def keepers(self):
        """The processes that keep PostgreSQL: not PostgreSQL's own."""
        return [self.agent.pid, self.supervisor.pid]

    def cli(self, *words):
        return [str(bed.BUILD / "howdahctl"), "-c", str(self.config), *words], self.cluster.account.environment()

    def wait_dead(self):
        self.agent.wait()
        self.supervisor.wait()

    def kill_main(self):
        """The agent's container has the agent alone in it."""
        self.kill_agent()


class Howdah:
    name = "howdah"
    member = HowdahMember
    ttl_min = 10

    def prepare(self):
        self.version = first_line([str(bed.BUILD / "howdahctl"), "version"])

    def account(self, cluster):
        """role.yaml, which is what the cluster came with."""

    def wait_prepared(self, cluster):
        """PostgreSQL's container is there before the agent's."""
        for member in cluster.members:
            member.start_supervisor()
        for member in cluster.members:
            bed.wait((member.run / "supervisor.sock").exists, "the supervisor listens")


# ---- Patroni ----

class PatroniMember(bed.Member):
    as_container = False

    def settings(self):
        own = super().settings()
        del own["howdah"]
        own["kubernetes"]["context"] = CONTEXT
        return own

    def start(self):
        self.start_agent()

    def start_agent(self, binary=None):
        sockets = self.run / "pg"
        sockets.mkdir(exist_ok=True)
        self.cluster.account.write_kubeconfig(str(self.home / "kubeconfig"))
        self.write_config()
        if bed.USER:
            shutil.chown(sockets, bed.USER, bed.USER)
        argv = [str(VENV / "bin/python"), str(binary or VENV / "bin/patroni"), str(self.config)]
        log = open(self.home / "agent.log", "ab")
        if self.as_container:
            argv = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc",
                    "setpriv", f"--reuid={bed.USER}", f"--regid={bed.USER}", "--init-groups", *argv]
        self.agent = self.cluster.net.run(self.machine, argv, user=None if self.as_container else bed.USER, stdout=log, stderr=log,
                                          cwd="/", env=self.everything())

    def everything(self):
        return {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **self.environment()}

    def environment(self):
        return {"KUBECONFIG": str(self.home / "kubeconfig"), "PYTHONDONTWRITEBYTECODE": "1"}

    def keepers(self):
        return [self.agent.pid]

    def cli(self, *words):
        return [str(VENV / "bin/patronictl"), "-c", str(self.config), *words], self.environment()

    def wait_dead(self):
        self.agent.wait()

    def kill_main(self):
        """Patroni proper, below the first process of its container, which then goes and takes the container along."""
        first = children(self.agent.pid)[0]
        os.kill(children(first)[0], signal.SIGKILL)
        self.agent.wait(timeout=20)


def children(pid):
    return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Patroni:
    name = "Patroni"
    member = PatroniMember
    ttl_min = 20

    def prepare(self):
        VENV.parent.mkdir(parents=True, exist_ok=True)
        with open(VENV.with_suffix(".lock"), "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # several workers of one run
            if not (VENV / "bin/patroni").exists():
                self.install()
        self.version = first_line([str(VENV / "bin/patroni"), "--version"])

    def install(self):
        print(f"installing {' '.join(PACKAGES)} into {VENV.name}", file=sys.stderr)
        for argv in ([PYTHON, "-m", "venv", str(VENV)], [str(VENV / "bin/pip"), "install", "--quiet", *PACKAGES]):
            done = subprocess.run(argv, capture_output=True, text=True)
            if done.returncode:
                raise Unavailable(f"Patroni: {' '.join(argv)}: {(done.stderr or done.stdout).strip()[-500:]}")
        subprocess.run([str(VENV / "bin/python"), "-m", "compileall", "-q", str(VENV / "lib")], check=False)

    def account(self, cluster):
        """Beside howdah's own rights, so that both may be in one cluster."""
        cluster.kube.set_rules(cluster.namespace, [*cluster.kube.rules(cluster.namespace), *PATRONI_RULES])

        def granted():
            return cluster.account.client().request("DELETE", f"/api/v1/namespaces/{cluster.namespace}/configmaps")
        bed.wait(granted, "the rights of Patroni's account")

    def wait_prepared(self, cluster):
        """Patroni starts PostgreSQL itself."""


# ---- clusters ----

class Cluster(bed.Cluster):
    def __init__(self, product, server, namespace, **dynamic):
        super().__init__(server, namespace, size=0, **dynamic)
        self.product = product
        self.dynamic["postgresql"]["use_pg_rewind"] = True
        product.account(self)
        self.members = [product.member(self, machine, f"{self.scope}-{i}") for i, machine in enumerate(self.net.members[:3])]


PRODUCTS = {"howdah": Howdah, "patroni": Patroni}
