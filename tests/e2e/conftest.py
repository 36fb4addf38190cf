"""One bed of three nodes for a run; a namespace under the restricted profile and a release for each module or test."""
import functools
import http.client
import sys
import time
import types

import pytest

import bed as bedlib
import client as clientlib
import images
import release as releaselib
from api import ApiError

_NONE = types.SimpleNamespace(params={})


@pytest.fixture(scope="session")
def archives(tmp_path_factory):
    """Images, before the bed is there: in it nothing can be downloaded."""
    why = bedlib.unsupported()
    if why:
        pytest.skip(why)
    begun = time.monotonic()
    made = [images.postgres_archive(), *images.sidecar_archives(tmp_path_factory.mktemp("images"))]
    print(f"images_s: {time.monotonic() - begun:.1f}")
    return made


@pytest.fixture(scope="session")
def versions(request, archives):
    """{major: archive, or why there is none} of what tests ask for by a parameter `major`."""
    wanted = {item.callspec.params["major"] for item in request.session.items if "major" in getattr(item, "callspec", _NONE).params}
    made = {}
    for major in sorted(wanted):
        try:
            made[major] = images.version_archive(major)
        except bedlib.Unavailable as why:
            made[major] = why
    return made


@pytest.fixture(scope="session")
def bed(archives, versions):
    try:
        with bedlib.started(archives) as started:
            print(f"bed_s: {started.start_s:.1f}")
            yield started
    except bedlib.Unavailable as why:
        pytest.skip(str(why))


@pytest.fixture(scope="module")
def make_release(bed):
    """Installs a cluster in a namespace of its own, or in a given one; the last of the module leaves free volumes behind."""
    made = bed.releases = []

    def make(namespace=None, **options):
        bed.make_volumes()
        made.append(releaselib.Release(bed, namespace or releaselib.new_namespace(bed), **options))
        made[-1].install()
        return made[-1]

    yield make
    bed.heal()
    bed.releases = []
    for namespace in {release.namespace for release in made}:
        bed.remove_namespace(namespace)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failed test tells what its clusters look like, as long as they do."""
    report = (yield).get_result()
    bed = item.funcargs.get("bed") if hasattr(item, "funcargs") else None
    if report.failed and bed and report.when != "teardown":
        print(f"\n===== {report.nodeid}\n{report.longreprtext[-2000:]}", file=sys.stderr)
        for release in bed.releases:
            tell(release)


def tell(release):
    try:
        release.tell()
    except (ApiError, OSError, http.client.HTTPException) as error:  # the API server is what the test took away
        print(f"{release.namespace}: {error!r}", file=sys.stderr)


@pytest.fixture
def watch(bed):
    """Starts a client on a release's Service, living on the given node or wherever; its verdict is asked at the end, whatever the
    test checked."""
    clients = []

    def start(release, place, **options):
        if isinstance(place, str):
            place = functools.partial(bed.net.inside, place)
        clients.append(clientlib.Client(release, place, **options))
        return clients[-1].__enter__()

    yield start
    together = clientlib.writer.Writer([])
    for client in clients:
        client.stop()
        together.commits += client.commits
    together.check_one_primary()


@pytest.fixture
def note(record_property):
    """A figure for the report: printed and kept with the test."""
    def say(name, value):
        record_property(name, value)
        print(f"{name}: {value:.2f}" if isinstance(value, float) else f"{name}: {value}")
    return say
