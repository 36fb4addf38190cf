"""helm, once built; a real API server without machines, for what is installed and not run."""
import pathlib
import sys
import uuid

import pytest

import chart

sys.path[:0] = [str(chart.ROOT / "tests" / "kube"), str(chart.ROOT / "tests" / "system" / "stories")]
import credentials  # noqa: E402
import kube as kubelib  # noqa: E402


@pytest.fixture(scope="session")
def program():
    try:
        return chart.find_helm()
    except chart.Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture
def helm(program, tmp_path):
    return chart.Helm(program, tmp_path)


@pytest.fixture(scope="session")
def server():
    try:
        kubelib.binary()
    except kubelib.Unavailable as why:
        pytest.skip(str(why))
    with kubelib.Kube() as started:
        yield started


@pytest.fixture
def namespace(server):
    """One that lets only pods of the restricted profile in."""
    name = "chart-" + uuid.uuid4().hex[:8]
    server.namespace(name)
    server.admin.patch("namespaces", None, name, {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}})
    return name


@pytest.fixture
def installer(program, server, tmp_path):
    """helm as the administrator of the real API server."""
    config = tmp_path / "kubeconfig"
    credentials.write_kubeconfig(str(config), server.server, server.home, "default")
    return chart.Helm(program, pathlib.Path(tmp_path), config)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, "report_" + call.when, outcome.get_result())
