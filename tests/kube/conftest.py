"""The bed of the tests here: one API server and its machines for all of them, a namespace of its own for each."""
import time
import uuid

import pytest

import kube as kubelib
import net as netlib

MEMBERS = ("m0", "m1", "m2")


@pytest.fixture(scope="session")
def found_program():
    """Sought before the net is there: on the machine "client" nothing could be downloaded."""
    try:
        return kubelib.binary()
    except kubelib.Unavailable as why:
        return why


@pytest.fixture(scope="session")
def program(found_program):
    if isinstance(found_program, kubelib.Unavailable):
        pytest.skip(str(found_program))
    return found_program


@pytest.fixture(scope="session")
def net(found_program):
    why = netlib.unsupported()
    if why:
        pytest.skip(why)
    with netlib.Net(*MEMBERS) as bed:
        yield bed


@pytest.fixture(scope="session")
def server(program, net):
    begun = time.monotonic()
    with kubelib.Kube(net) as started:
        started.start_s = time.monotonic() - begun
        yield started


@pytest.fixture
def kube(server):
    yield server
    server.net.heal_all()
    server.mend()


@pytest.fixture
def namespace(kube):
    name = "test-" + uuid.uuid4().hex[:8]
    kube.namespace(name)
    return name
