"""Data directories that are not one plain directory: a mount point, pg_wal and tablespaces elsewhere. Nothing with data is lost."""
import os
import pathlib
import re
import shutil
import subprocess
import threading
import time

import pytest

from member import AS_POSTGRES, free_port

BIN = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))[-1:]


class Mount:
    """A file system of its own at a path, in a mount namespace that lives as long as a process."""

    def __init__(self, path):
        path.mkdir()
        script = f"mount -t tmpfs -o mode=0777 howdah {path} && mkdir -m 0700 {path}/lost+found && echo ready && exec sleep 1000"
        self.holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline().strip() != "ready":
            pytest.skip(f"nothing can be mounted here: {self.holder.stderr.read().strip()}")
        self.enter = ["nsenter", f"--target={self.holder.pid}", "--mount", "--"]
        self.seen = f"/proc/{self.holder.pid}/root{path}"

    def close(self):
        self.holder.kill()
        self.holder.wait()


@pytest.fixture
def on_mount(members):
    """A member whose data directory is a mount point, with what a new file system has in it."""
    if os.getuid() != 0:
        pytest.skip("to mount needs root")
    mounts = []

    def make(name):
        member = members.unattached(name)
        mounts.append(Mount(member.data))
        member.enter = mounts[-1].enter
        member.data = pathlib.Path(mounts[-1].seen)
        shutil.chown(member.data, "postgres", "postgres")
        assert os.stat(member.data).st_dev != os.stat(member.home).st_dev
        return member.attach()

    yield make
    for mount in mounts:
        mount.close()


def kept_inside(member):
    return [p for p in member.data.iterdir() if p.name.startswith(".failed.")]


def visible(member):
    return [p.name for p in member.data.iterdir() if not p.name.startswith(".") and p.name != "lost+found"]


def identifier(directory):
    """As it is in pg_control, the first eight bytes."""
    return int.from_bytes((directory / "global/pg_control").read_bytes()[:8], "little")


def test_a_mount_point_becomes_a_primary_and_is_kept_whole(on_mount):
    a = on_mount("pg-0").bootstrap()
    assert a.data.stat().st_mode & 0o7777 == 0o700 and a.state["tree"] == "primary"
    before, names = identifier(a.data), sorted(visible(a))
    a.do("stop")
    a.do("aside")
    assert a.state["data"] == "empty" and not visible(a)
    kept, = kept_inside(a)
    assert identifier(kept) == before
    assert set(names) - {"postmaster.pid"} == {p.name for p in kept.iterdir()} - {"postmaster.pid"}


def test_a_mount_point_is_cloned_into_again_and_again(on_mount, primary):
    b = on_mount("pg-1").join(primary)
    for _ in range(2):
        b.do("stop")
        b.do("aside")
        b.join(primary)
    assert len(kept_inside(b)) == 2
    assert {identifier(b.data), *map(identifier, kept_inside(b))} == {int(primary.state["system_identifier"])}
    primary.sql("CREATE TABLE t AS SELECT 1")
    b.wait_sql("SELECT count(*) FROM pg_tables WHERE tablename = 't'", "1")


def test_a_failed_clone_on_a_mount_point_takes_only_what_it_made(on_mount, primary):
    b = on_mount("pg-1").join(primary)
    b.do("stop")
    b.do("aside")
    kept, = kept_inside(b)
    before = identifier(kept)
    assert b.fails("clone", "127.0.0.1", free_port(), "nobody")["data"] == "empty"
    primary.sql("CREATE TABLE big AS SELECT g, repeat('x', 500) FROM generate_series(1, 200000) g")
    b.say("clone", *primary.upstream())
    b.wait(lambda s: s["job"] == "clone" and s["clone_total"] > 0)
    making = b.data / ".howdah-making"
    assert making.is_dir()
    b.detach()
    b.attach()
    b.wait(lambda s: s["data"] == "marked")
    b.do("aside")
    assert b.state["data"] == "empty" and not making.exists() and not visible(b)
    assert identifier(kept) == before and kept_inside(b) == [kept]
    b.join(primary)


def interrupted(member, stamp):
    """As if everything had died after the first renames of moving the directory aside."""
    kept = member.data / f".failed.{stamp}"
    make_dir(kept)
    for name in ("base", "global"):
        (member.data / name).rename(kept / name)
    marker = member.home / "data.howdah/changing"
    marker.write_text(f"aside {stamp}\n")
    return kept


def test_moving_aside_goes_on_where_it_was_cut_short(on_mount):
    a = on_mount("pg-0").bootstrap()
    a.do("stop")
    before, names = identifier(a.data), set(visible(a))
    a.detach()
    kept = interrupted(a, "20260101T000000")
    a.attach()
    a.wait(lambda s: s["data"] == "marked")
    a.do("aside")
    assert kept_inside(a) == [kept] and identifier(kept) == before
    assert {p.name for p in kept.iterdir()} == names and a.state["data"] == "empty"


def test_what_grew_in_a_mount_point_is_not_started_half_moved(on_mount, primary):
    """Everything died while the clone's entries were renamed up: marked, given up whole, cloned again."""
    b = on_mount("pg-1").join(primary)
    b.do("stop")
    b.detach()
    making = b.data / ".howdah-making"
    make_dir(making)
    (b.data / "base").rename(making / "base")
    (b.home / "data.howdah/changing").write_text("clone\npg-0\n\n")
    b.attach()
    b.wait(lambda s: s["data"] == "marked")
    assert b.fails("standby", *primary.upstream())["tree"] == "down"
    b.do("aside")
    assert not making.exists() and not visible(b)
    b.join(primary)


# ---- pg_wal and tablespaces elsewhere ----


def make_dir(path):
    path.mkdir()
    if AS_POSTGRES:
        shutil.chown(path, "postgres", "postgres")
    return path


def until(condition):
    """Polls; an assertion names the condition by its line."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


def failed(path):
    return [p for p in path.parent.iterdir() if re.fullmatch(re.escape(path.name) + r"\.failed\.[\w.]+", p.name)]


@pytest.fixture
def spread(members):
    """A primary with its WAL and a tablespace elsewhere."""
    a = members.unattached("pg-0")
    a.settings = {"initdb": [{"waldir": str(a.home / "wal")}]}
    a.attach().bootstrap()
    a.space = make_dir(a.home / "space")
    a.sql(f"CREATE TABLESPACE space LOCATION '{a.space}'")
    a.sql("CREATE TABLE far (x int) TABLESPACE space; INSERT INTO far VALUES (42)")
    return a


@pytest.fixture
def follower(members, spread):
    b = members.unattached("pg-1")
    b.space = b.home / "space"
    b.settings = {"basebackup": [{"waldir": str(b.home / "wal")}, {"tablespace-mapping": f"{spread.space}={b.space}"}]}
    return b.attach()


def test_the_parts_elsewhere_are_kept_with_their_directory(spread):
    spread.do("stop")
    spread.do("aside")
    kept, = failed(spread.data)
    wal, = failed(spread.home / "wal")
    space, = failed(spread.space)
    assert (kept / "pg_wal").resolve() == wal and list(wal.glob("0000*"))
    link, = (kept / "pg_tblspc").iterdir()
    assert link.resolve() == space and list(space.glob("PG_*/*/*"))
    assert not list((spread.home / "wal").iterdir()) and not list(spread.space.iterdir())
    spread.bootstrap()
    assert (spread.data / "pg_wal").resolve() == spread.home / "wal"


def test_what_was_kept_still_starts(spread):
    spread.do("stop")
    spread.do("aside")
    kept, = failed(spread.data)
    single = [*AS_POSTGRES, *BIN, "--single", "-D", kept, "postgres"]
    said = subprocess.run([str(a) for a in single], input="SELECT x FROM far\n", text=True, capture_output=True, timeout=60, cwd="/")
    assert 'x = "42"' in said.stdout, said.stderr


def test_a_directory_with_parts_elsewhere_is_cloned_again_and_again(follower, spread):
    follower.join(spread)
    for _ in range(2):
        follower.do("stop")
        follower.do("aside")
        follower.join(spread)
    assert len(failed(follower.data)) == len(failed(follower.home / "wal")) == len(failed(follower.space)) == 2
    assert (follower.data / "pg_wal").resolve() == follower.home / "wal"
    spread.sql("INSERT INTO far VALUES (43)")
    follower.wait_sql("SELECT count(*) FROM far", "2")


def test_a_cancelled_clone_empties_the_place_of_the_wal(members, primary):
    primary.sql("CREATE TABLE big AS SELECT g, repeat('x', 500) FROM generate_series(1, 200000) g")
    b = members.unattached("pg-1")
    b.settings = {"basebackup": [{"waldir": str(b.home / "wal")}]}
    b.attach()
    for _ in range(2):
        b.say("clone", *primary.upstream())
        b.wait(lambda s: s["job"] == "clone" and s["clone_total"] > 0)
        until(lambda: list((b.home / "wal").glob("0000*")))
        b.say("cancel")
        state = b.wait(lambda s: s["job"] == "none")
        assert "killed" in state["failure"] and state["data"] == "empty"
        assert not list((b.home / "wal").iterdir())
    b.join(primary)
    assert (b.data / "pg_wal").resolve() == b.home / "wal"


def test_moving_the_parts_aside_goes_on_where_it_was_cut_short(spread):
    """The WAL was renamed, its link not yet."""
    spread.do("stop")
    spread.detach()
    wal = spread.home / "wal"
    wal.rename(spread.home / "wal.failed.20260101T000000")
    (spread.home / "data.howdah/changing").write_text("aside 20260101T000000\n")
    spread.attach()
    spread.do("aside")
    kept, = failed(spread.data)
    assert (kept / "pg_wal").resolve() == failed(wal)[0] and len(failed(wal)) == 1
    assert list((kept / "pg_wal").glob("0000*")) and wal.is_dir() and not list(wal.iterdir())
