"""Keys, certificates and kubeconfigs of a test's API server, and what a pod has to identify itself."""
import base64
import os
import subprocess

from api import path

CURVE = "ec_paramgen_curve:prime256v1"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", CURVE, "-nodes")
KUBECONFIG = """apiVersion: v1
kind: Config
current-context: test
clusters:
- name: test
  cluster:
    server: {server}
    certificate-authority-data: {ca}
users:
- name: test
  user:
{user}
contexts:
- name: test
  context:
    cluster: test
    user: test
    namespace: {namespace}
"""


class Account:
    """A ServiceAccount and its credentials."""

    def __init__(self, kube, namespace, name):
        self.kube = kube
        self.namespace = namespace
        self.name = name
        self.user = f"system:serviceaccount:{namespace}:{name}"
        self.token = self.new_token()

    def new_token(self, lifetime_s=3600, pod=None):
        """The server takes 600 seconds or more. Deleting the ServiceAccount, or the pod that it is for, revokes it."""
        target = path("serviceaccounts", self.namespace, self.name, "token")
        spec = {"expirationSeconds": lifetime_s}
        if pod:
            spec["boundObjectRef"] = {"kind": "Pod", "apiVersion": "v1", "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}
        answer = self.kube.admin.request("POST", target, {"spec": spec})
        return answer["status"]["token"]

    def client(self, machine="client", token=None):
        """A client with this account's rights, on a machine of the Net."""
        return self.kube.client(token=token or self.token, machine=machine)

    def write_directory(self, directory, token=None):
        """What a pod finds in /var/run/secrets/kubernetes.io/serviceaccount. A later call replaces the files."""
        os.makedirs(directory, exist_ok=True)
        with open(self.kube.file("ca.crt"), encoding="ascii") as ca:
            contents = {"ca.crt": ca.read(), "namespace": self.namespace, "token": token or self.token}
        for name, text in contents.items():
            new = os.path.join(directory, "." + name)
            os.replace(write(new, text), os.path.join(directory, name))
        return directory

    def write_kubeconfig(self, filename):
        return write_kubeconfig(filename, self.kube.server, self.kube.home, self.namespace, self.token)

    def environment(self):
        """What a pod has in its environment to find the server."""
        return {"KUBERNETES_SERVICE_HOST": self.kube.address, "KUBERNETES_SERVICE_PORT": str(self.kube.port)}


def make_keys(home, *addresses):
    """In `home`: ca.*, api.* (the server's), admin.* (the administrator's) and sa.* (it signs tokens)."""
    _openssl(home, "req", "-x509", "-subj", "/CN=test-ca", "-days", "30", "-out", "ca.crt",
             "-keyout", "ca.key", *NEW_KEY)
    names = ",".join(["DNS:kubernetes", *(f"IP:{address}" for address in addresses)])
    make_certificate(home, "api", "/CN=kube-apiserver", "subjectAltName=" + names)
    make_certificate(home, "admin", "/O=system:masters/CN=admin", "extendedKeyUsage=clientAuth")
    _openssl(home, "genpkey", "-algorithm", "EC", "-pkeyopt", CURVE, "-out", "sa.key")
    _openssl(home, "pkey", "-in", "sa.key", "-pubout", "-out", "sa.pub")


def make_certificate(home, name, subject, extension):
    """NAME.crt and NAME.key, signed by the authority of make_keys."""
    write(os.path.join(home, f"{name}.ext"), extension + "\n")
    _openssl(home, "req", "-subj", subject, "-out", f"{name}.csr", "-keyout", f"{name}.key", *NEW_KEY)
    _openssl(home, "x509", "-req", "-days", "30", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
             "-CAcreateserial", "-extfile", f"{name}.ext", "-out", f"{name}.crt")


def write_kubeconfig(filename, server, home, namespace, token=None, certificate="admin"):
    """With the token, or else with that certificate."""
    keys = ("" if token else f"    client-certificate-data: {_encoded(home, certificate + '.crt')}\n"
                             f"    client-key-data: {_encoded(home, certificate + '.key')}")
    user = f"    token: {token}" if token else keys
    text = KUBECONFIG.format(server=server, ca=_encoded(home, "ca.crt"), user=user, namespace=namespace)
    return write(filename, text)


def write(filename, text):
    with open(filename, "w", encoding="utf-8") as file:
        file.write(text)
    return filename


def _openssl(home, *arguments):
    subprocess.run(["openssl", *arguments], cwd=home, check=True, capture_output=True)


def _encoded(home, name):
    with open(os.path.join(home, name), "rb") as file:
        return base64.b64encode(file.read()).decode()
