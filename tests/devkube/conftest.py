"""Both servers, each started once: what is asked of one is asked of the other."""
import pathlib
import sys
import uuid

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "kube"))
import choice  # noqa: E402
import kube as kubelib  # noqa: E402


def _started(kind):
    chosen = choice.choose(kind)
    try:
        chosen.find()
    except kubelib.Unavailable as why:
        pytest.skip(str(why))
    with chosen.start() as server:
        yield server


@pytest.fixture(scope="session", params=choice.CHOICES)
def server(request):
    yield from _started(request.param)


@pytest.fixture(scope="session")
def devkube_server():
    yield from _started("devkube")


@pytest.fixture
def space(server):
    yield from _space(server)


@pytest.fixture
def devkube(devkube_server):
    for devkube_server.space in _space(devkube_server):
        yield devkube_server
    devkube_server.mend()


def _space(server):
    name = "test-" + uuid.uuid4().hex[:8]
    server.namespace(name)
    yield name
