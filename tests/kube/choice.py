"""Which API server a run stands on: KUBE=real is kube-apiserver with etcd, KUBE=devkube is build/devkube."""
import os
from typing import Callable, NamedTuple

import devkube
import kube


class Choice(NamedTuple):
    find: Callable  # raises kube.Unavailable; before the machines are there, as it may build and download
    start: type  # of server.Server
    what: str


CHOICES = {
    "real": Choice(kube.binary, kube.Kube, "kube-apiserver and etcd"),
    "devkube": Choice(devkube.binary, devkube.DevKube, "devkube"),
}


def choose(kind=None, default="real"):
    """`kind`, or else what KUBE says, or else the default."""
    kind = kind or os.environ.get("KUBE") or default
    if kind not in CHOICES:
        raise ValueError(f'KUBE: "{kind}" is not allowed: ' + " or ".join(CHOICES))
    return CHOICES[kind]
