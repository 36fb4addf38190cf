"""The control plane of the bed: the API server of tests/kube, with the controllers and the scheduler beside it."""
import os

import kube as kubelib
from credentials import make_certificate, write, write_kubeconfig
from server import wait

CONTROLLERS = {"kube-controller-manager": "system:kube-controller-manager", "kube-scheduler": "system:kube-scheduler"}


class ControlPlane(kubelib.Kube):
    def __init__(self, net, program):
        self._configs = {}
        super().__init__(net, program)

    def start(self):
        super().start()
        for name, user in CONTROLLERS.items():
            if name not in self._processes:
                self._start_controller(name, user)

    def mend(self):
        super().mend()
        wait(lambda: self.admin.list("serviceaccounts", "default"), "the controllers work", 30)

    def user_config(self, name, subject, extension="extendedKeyUsage=clientAuth"):
        """A kubeconfig for a part of Kubernetes, with a certificate of its own."""
        if name not in self._configs:
            make_certificate(self.home, name, subject, extension)
            self._configs[name] = write_kubeconfig(self.file(f"{name}.conf"), self.server, self.home, "default", certificate=name)
        return self._configs[name]

    def apiserver_options(self):
        options = super().apiserver_options()
        del options["disable-admission-plugins"]
        write(self.file("audit.yaml"), kubelib.AUDIT_POLICY)
        return {
            **options, "authorization-mode": "Node,RBAC", "enable-admission-plugins": "NodeRestriction", "allow-privileged": "true",
            "kubelet-client-certificate": "admin.crt", "kubelet-client-key": "admin.key",
            "kubelet-preferred-address-types": "InternalIP",
        }

    def _start_controller(self, name, user):
        config = self.user_config(name, f"/CN={user}")
        options = {"kubeconfig": config, "authentication-kubeconfig": config, "authorization-kubeconfig": config, "leader-elect": "false"}
        if name == "kube-controller-manager":
            options.update({"service-account-private-key-file": "sa.key", "root-ca-file": "ca.crt",
                            "use-service-account-credentials": "true", "cluster-signing-cert-file": "ca.crt",
                            "cluster-signing-key-file": "ca.key"})
        self._launch_part(name, options)

    @property
    def log_directory(self):
        return os.path.join(self.home)
