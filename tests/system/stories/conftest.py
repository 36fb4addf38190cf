"""One API server and its machines a worker; a namespace and a cluster a story."""
import pathlib
import sys
import time
import uuid

import pytest

import bed
import writer as writerlib

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "bench"))
import products  # noqa: E402

MEMBERS = ("m0", "m1", "m2", "m3")


def started(kind=None):
    try:
        with bed.bed(MEMBERS, kind) as server:
            yield server
    except bed.kubelib.Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture(scope="session")
def server():
    yield from started()


def pytest_collection_finish(session):
    """Patroni is installed before there are machines: from them no registry is reached."""
    if not any("patroni" in item.fixturenames for item in session.items):
        return
    session.config.patroni = products.Patroni()
    try:
        session.config.patroni.prepare()
    except products.Unavailable as why:
        session.config.patroni = str(why)


@pytest.fixture
def patroni(request):
    """What makes members of Patroni."""
    if isinstance(request.config.patroni, str):
        pytest.skip(request.config.patroni)
    return request.config.patroni


@pytest.fixture
def make_cluster(server, request):
    made = []

    def make(**options):
        namespace = "story-" + uuid.uuid4().hex[:8]
        server.namespace(namespace)
        made.append(bed.Cluster(server, namespace, **options))
        return made[-1]

    yield make
    server.net.heal_all()
    server.mend()
    report = getattr(request.node, "report_call", None)
    for cluster in made:
        if report is not None and report.failed:
            cluster.tell()
        forbidden = server.forbidden(cluster.account.user, cluster.since)
        cluster.close()
        assert report is None or report.failed or getattr(cluster, "may_be_forbidden", False) or not forbidden, forbidden[:5]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    setattr(item, "report_" + call.when, outcome.get_result())


@pytest.fixture
def make_ready(make_cluster):
    """A running cluster of three, the table that the writer writes to, and its leader."""
    def ready(**options):
        cluster = make_cluster(**options)
        cluster.start()
        leader = cluster.wait_ready()
        leader.psql(writerlib.CREATE)
        return cluster, leader
    return ready


@pytest.fixture
def watch(request):
    """Starts a writer on all members of a cluster; its verdict is asked at the end of the story, whatever that checked."""
    writers = []

    def start(cluster):
        writer = writerlib.Writer(cluster.members)
        writers.append(writer)
        writer.__enter__()
        bed.wait(lambda: len(writer.snapshot()) > 5, "the writer's first rows", 10)
        return writer

    yield start
    for writer in writers:
        writer.stop()
        writer.check_one_primary()


@pytest.fixture
def note(record_property):
    """A figure for the report: printed and kept with the test."""
    def say(name, value):
        record_property(name, value)
        print(f"{name}: {value}")
    return say


def now():
    return time.monotonic()
