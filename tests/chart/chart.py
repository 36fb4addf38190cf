"""The chart through helm: rendered objects, refusals, and the configuration as a pod would see it."""
import base64
import json
import os
import pathlib
import subprocess

import yaml

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CHART = ROOT / "charts" / "howdah"
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build")).resolve()
KUBE_VERSION = "1.34"


class Unavailable(Exception):
    """There is no helm to be had here; the text says why."""


class Refused(Exception):
    """helm did not accept the values, or the chart; the text is what it said."""


def find_helm():
    built = subprocess.run([HERE / "helm.sh"], capture_output=True, text=True)
    if built.returncode == 3:
        raise Unavailable(built.stderr.strip().splitlines()[-1])
    if built.returncode:
        raise RuntimeError(built.stderr)
    return built.stdout.strip()


class Helm:
    def __init__(self, program, home, kubeconfig="/dev/null"):
        self.program, self.home, self.kubeconfig = program, pathlib.Path(home), kubeconfig

    def run(self, *arguments, values=None):
        """What it printed; raises Refused with what it complained of."""
        if values is not None:
            file = self.home / "values.yaml"
            file.write_text(json.dumps(values))  # PyYAML would write "12e3" as a number
            arguments = (*arguments, "--values", str(file))
        env = {**{k: v for k, v in os.environ.items() if not k.startswith(("HELM_", "KUBE"))},
               "HOME": str(self.home), "KUBECONFIG": str(self.kubeconfig), "NO_PROXY": "*", "no_proxy": "*"}
        done = subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True, env=env, timeout=120)
        if done.returncode:
            raise Refused(done.stderr)
        return done.stdout

    def render(self, values=None, release="shop", chart=CHART, namespace="apps"):
        """The objects, without a cluster to ask."""
        text = self.run("template", release, chart, "--namespace", namespace, "--kube-version", KUBE_VERSION, values=values or {})
        return Objects(yaml.safe_load_all(text))


class Objects(list):
    def __init__(self, documents):
        super().__init__(document for document in documents if document)

    def __call__(self, kind, name=None):
        """The only object of a kind, or the one of that name."""
        found = [o for o in self if o["kind"] == kind and name in (None, o["metadata"]["name"])]
        assert len(found) == 1, f"{kind} {name}: {[o['metadata']['name'] for o in self if o['kind'] == kind]}"
        return found[0]

    def names(self, kind):
        return sorted(o["metadata"]["name"] for o in self if o["kind"] == kind)

    def config(self):
        """The agents' configuration."""
        maps = [o for o in self if o["kind"] == "ConfigMap" and "howdah.yaml" in o["data"]]
        return yaml.safe_load(maps[0]["data"]["howdah.yaml"])

    def pod(self):
        return self("StatefulSet")["spec"]["template"]

    def container(self, name):
        spec = self.pod()["spec"]
        return next(c for c in spec["initContainers"] + spec["containers"] if c["name"] == name)


def mounted_config(pod_template, read):
    """{file: text} of the sidecar's configuration directory; read(kind, name) is the data of an object as texts."""
    volume = next(v for v in pod_template["spec"]["volumes"] if v["name"] == "config")
    files = {}
    for source in volume["projected"]["sources"]:
        kind, what = next(iter(source.items()))
        data = read("secrets" if kind == "secret" else "configmaps", what["name"])
        items = what.get("items") or [{"key": key, "path": key} for key in data]
        files.update({item["path"]: data[item["key"]] for item in items})
    return files


def decoded(secret):
    return {key: base64.b64decode(text).decode() for key, text in secret.get("data", {}).items()}
