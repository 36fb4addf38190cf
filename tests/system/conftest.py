"""The postgres layer on real PostgreSQL: programs, members, a primary and its standby."""
import os
import pathlib
import shutil
import tempfile

import pytest

from member import ROOT, Member, sh

BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
LIBS = "-luv -lwebsockets -lcurl -lssl -lcrypto -lpq -lyaml -lcjson".split()


@pytest.fixture(scope="session")
def programs():
    """(driver, supervisor), somewhere the server's user may run them."""
    driver = os.environ.get("HOWDAH_TEST_DRIVER")
    supervisor = os.environ.get("HOWDAH_TEST_SUPERVISOR")
    there = pathlib.Path(tempfile.mkdtemp(prefix="howdah-bin-"))
    if driver is None:
        sh("make", f"BUILD={BUILD}", f"{BUILD}/libhowdah.a", f"{BUILD}/howdah-supervisor", cwd=ROOT)
        flags = sh("pkg-config", "--cflags", "libpq", "libwebsockets").stdout.split()
        driver, supervisor = there / "driver.built", BUILD / "howdah-supervisor"
        sh("gcc", "-std=gnu17", "-D_GNU_SOURCE", "-g", "-Iinclude", "-Isrc", *flags, "-o", driver,
           "tests/system/driver.c", BUILD / "libhowdah.a", *LIBS, cwd=ROOT)
    shutil.copy(driver, there / "driver")
    shutil.copy(supervisor, there / "howdah-supervisor")
    there.chmod(0o755)
    yield there / "driver", there / "howdah-supervisor"
    shutil.rmtree(there)


@pytest.fixture
def members(programs):
    base = pathlib.Path(tempfile.mkdtemp(prefix="howdah-pg-"))
    base.chmod(0o755)
    made = []

    def make(name, **settings):
        return make.unattached(name, **settings).attach()

    def unattached(name, **settings):
        made.append(Member(name, base, programs, settings))
        return made[-1]

    make.unattached = unattached

    yield make
    for member in made:
        member.end()
    shutil.rmtree(base)


@pytest.fixture
def primary(members):
    return members("pg-0").bootstrap()


@pytest.fixture
def standby(members, primary):
    return members("pg-1").join(primary)
