"""What a former primary goes through on a real PostgreSQL: rewind, wipe, other people's programs, passwords."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import pytest

from member import AS_POSTGRES, is_alive, sh

BIN = pathlib.Path(sh("pg_config", "--bindir").stdout.strip())
MEGA = 1 << 20


def until(condition, what, seconds=20, pause=0.02):
    deadline = time.monotonic() + seconds
    while not (got := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s: {what}"
        threading.Event().wait(pause)
    return got


def owned(path, text=None, mode=0o755):
    """A file or directory of the server's user."""
    path.mkdir() if text is None else path.write_text(text)
    path.chmod(mode)
    if AS_POSTGRES:
        shutil.chown(path, "postgres", "postgres")
    return path


def put(member, key, value):
    member.say("set", key, json.dumps(value))


def marker(member):
    path = member.home / "data.howdah" / "changing"
    return path.read_text() if path.exists() else None


def take_over(a, b):
    """b is promoted beside a, which wrote what b has never seen. Both have what the other lacks."""
    b.do("follow")  # nobody
    b.wait(lambda s: not s["streaming"])
    a.sql("CREATE TABLE only_old AS SELECT g, repeat('o', 300) FROM generate_series(1, 20000) g")
    b.say("deadline", 10000)
    b.wait(lambda s: s["deadline"])
    b.do("promote")
    b.sql("CREATE TABLE only_new AS SELECT 1")
    b.say("checkpoint")
    b.wait(lambda s: s["control_timeline"] == 2)
    b.say("slots", "pg_0")
    b.wait(lambda s: '"pg_0"' in s["slots"])


def crash(a):
    os.kill(a.postmaster_pid(), signal.SIGKILL)
    a.wait(lambda s: s["tree"] == "down" and s["nothing_left"])
    a.say("deadline", 0)
    a.wait(lambda s: not s["deadline"] or s["tree"] == "down")
    assert a.state["crashed"] and a.state["control"] == 7  # in production


def streams_from(a, b):
    a.do("standby", *b.upstream())
    a.wait(lambda s: s["streaming"] and s["timeline"] == 2)
    a.wait_sql("SELECT string_agg(tablename, ',') FROM pg_tables WHERE tablename LIKE 'only%'", "only_new")
    b.sql("CREATE TABLE later AS SELECT 1")
    a.wait_sql("SELECT count(*) FROM pg_tables WHERE tablename = 'later'", "1")


@pytest.fixture
def diverged(primary, standby):
    put(primary, "use_pg_rewind", True)
    take_over(primary, standby)
    return primary, standby


def test_a_crashed_primary_that_diverged_is_rewound_and_streams(diverged):
    a, b = diverged
    crash(a)
    assert a.state["can_rewind"]
    state = a.do("rewind", *b.upstream())
    assert state["data"] == "ok" and state["standby_signal"] and not state["was_primary"] and marker(a) is None
    assert state["armed_timeline"] == 0
    streams_from(a, b)
    assert "geheim" not in a.tail()


def test_a_primary_that_was_stopped_cleanly_is_rewound(diverged):
    a, b = diverged
    a.do("stop")
    a.do("rewind", *b.upstream())
    assert "single-user" not in a.tail()
    streams_from(a, b)


def test_a_standby_that_crashed_is_rewound(members, primary, standby):
    c = members("pg-2")
    c.do("clone", *primary.upstream())
    primary.say("slots", "pg_1", "pg_2")
    primary.wait(lambda s: '"pg_2"' in s["slots"])
    c.do("standby", *primary.upstream())
    c.wait(lambda s: s["streaming"])
    take_over(primary, standby)
    standby.say("slots", "pg_2")
    standby.wait(lambda s: '"pg_2"' in s["slots"])
    c.wait_sql("SELECT count(*) FROM pg_tables WHERE tablename = 'only_old'", "1")
    os.kill(c.postmaster_pid(), signal.SIGKILL)
    c.wait(lambda s: s["tree"] == "down" and s["nothing_left"])
    put(c, "use_pg_rewind", True)
    c.do("rewind", *standby.upstream())
    streams_from(c, standby)


def rewind_pid(member):
    for proc in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (proc / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0].endswith(b"/pg_rewind") and str(member.data).encode() in words:
            return int(proc.name)
    return None


def kill_half_way(a, b, table):
    """pg_rewind on a dies while it copies a large new table from b."""
    b.sql(f"CREATE TABLE {table} AS SELECT g, repeat('x', 1000) FROM generate_series(1, 150000) g")
    path = a.data / b.sql(f"SELECT pg_relation_filepath('{table}')")
    whole = int(b.sql(f"SELECT pg_relation_size('{table}')"))
    a.say("rewind", *b.upstream())
    until(lambda: path.exists() and path.stat().st_size > 0, "the first bytes of the table", 60, 0.0005)
    pid = rewind_pid(a)
    os.kill(pid, signal.SIGSTOP)
    assert 0 < path.stat().st_size < whole
    assert marker(a).startswith("rewind\npg-1\n") and marker(a).endswith("\n2\n")
    os.kill(pid, signal.SIGKILL)
    a.wait(lambda s: s["job"] == "none" and s["failed_job"] == "rewind")


@pytest.fixture
def half_rewound(diverged):
    a, b = diverged
    crash(a)
    kill_half_way(a, b, "only_new_big")
    b.sql("DROP TABLE only_new_big")
    return a, b


def test_half_a_rewind_is_not_started_and_is_done_again(half_rewound):
    a, b = half_rewound
    assert a.state["data"] == "marked" and "pg_rewind ended with -1" in a.state["failure"]
    assert "marked" in a.fails("standby", *b.upstream())["failure"]
    a.detach()
    a.attach()
    assert a.wait(lambda s: s["data"] != "unknown")["data"] == "marked"
    put(a, "use_pg_rewind", True)
    kill_half_way(a, b, "only_new_bigger")
    b.sql("DROP TABLE only_new_bigger")
    a.do("rewind", *b.upstream())
    assert a.state["data"] == "ok" and marker(a) is None and not (a.home / "data.howdah" / "rewind-wal").exists()
    streams_from(a, b)


def test_half_a_rewind_is_finished_from_nobody_else(half_rewound):
    a, b = half_rewound
    host, port, _ = b.upstream()
    assert "half rewound from pg-1" in a.fails("rewind", host, port, "pg-2")["failure"]
    assert a.state["data"] == "marked" and marker(a).endswith("\n2\n")
    b.do("stop")
    assert "psql" in a.fails("rewind", *b.upstream())["failure"]
    assert a.state["data"] == "marked"


def test_a_rewind_is_cut_short_by_a_cancel(half_rewound):
    a, b = half_rewound
    b.sql("CREATE TABLE only_new_big AS SELECT g, repeat('x', 1000) FROM generate_series(1, 150000) g")
    a.say("rewind", *b.upstream())
    os.kill(until(lambda: rewind_pid(a), "pg_rewind", 30, 0.0005), signal.SIGSTOP)
    a.say("cancel")
    a.wait(lambda s: s["job"] == "none")
    assert a.state["failure"] == "pg_rewind was killed" and a.state["data"] == "marked" and rewind_pid(a) is None


def test_without_hints_and_checksums_nothing_is_rewound(members):
    a = members("pg-0")
    a.say("local", json.dumps({"bootstrap": {"initdb": ["no-sync"]}}))
    put(a, "parameters", {"wal_log_hints": "off"})
    put(a, "use_pg_rewind", True)
    a.do("initdb")
    a.say("deadline", 10000)
    a.wait(lambda s: s["deadline"])
    a.do("primary")
    a.do("stop")
    assert not a.state["can_rewind"]
    assert "neither wal_log_hints nor data checksums" in a.fails("rewind", *a.upstream())["failure"]
    assert a.state["data"] == "ok" and marker(a) is None
    put(a, "parameters", {"wal_log_hints": "on"})
    a.wait(lambda s: s["deadline"])
    a.do("primary")
    a.do("stop")
    assert a.state["can_rewind"]
    put(a, "use_pg_rewind", False)
    a.wait(lambda s: not s["can_rewind"])


# ---- the archive ----

OLD_REWIND = f"""#!/bin/sh
# as before 13: it does not know these
for word; do shift; case $word in --restore-target-wal|--config-file=*) ;; *) set -- "$@" "$word";; esac; done
exec {BIN}/pg_rewind "$@"
"""


def other_programs(member, rewind):
    """A directory of programs with another pg_rewind."""
    there = owned(member.home / "15")
    for name in ("initdb", "pg_basebackup", "postgres", "psql"):
        (there / name).symlink_to(BIN / name)
    owned(there / "pg_rewind", rewind)
    return there


def restart_with_archive(a, command):
    put(a, "parameters", {"archive_mode": "on", "archive_command": command})
    a.do("stop")
    a.wait(lambda s: s["deadline"])
    a.do("primary")
    a.wait_sql("SHOW archive_mode", "on")


@pytest.mark.parametrize("by", ["pg_rewind", "us"])
def test_missing_wal_comes_from_the_archive(diverged, by):
    a, b = diverged
    if by == "us":
        a.settings["bin_dir"] = str(other_programs(a, OLD_REWIND))
    a.do("stop")
    a.detach()
    a.attach()
    archive = owned(a.home / "archive")
    segments = sorted(p for p in (a.data / "pg_wal").iterdir() if p.name.startswith("00000001"))
    assert len(segments) > 2
    last = sh(BIN / "pg_controldata", a.data, env={**os.environ, "LC_ALL": "C"}).stdout.split("REDO WAL file:")[1].split()[0]
    for path in segments:
        if path.name < last:
            shutil.move(path, archive / path.name)
    put(a, "use_pg_rewind", True)
    assert "pg_rewind" in a.fails("rewind", *b.upstream())["failure"]
    assert a.state["data"] == "marked"
    put(a, "recovery_conf", {"restore_command": f"cp {archive}/%f %p && echo %f >> {archive}/asked"})
    a.do("rewind", *b.upstream())
    assert set((archive / "asked").read_text().split()) <= {p.name for p in segments}
    assert ("restore_command is asked" in a.tail()) == (by == "us")
    streams_from(a, b)


def test_wal_that_the_archive_does_not_have_ends_the_attempt(diverged):
    a, b = diverged
    a.settings["bin_dir"] = str(other_programs(a, OLD_REWIND))
    a.do("stop")
    a.detach()
    a.attach()
    for path in sorted((a.data / "pg_wal").glob("00000001*"))[:-1]:
        path.unlink()
    put(a, "recovery_conf", {"restore_command": "echo no such WAL >&2; false"})
    assert "restore_command ended with 1: no such WAL" in a.fails("rewind", *b.upstream())["failure"]
    put(a, "recovery_conf", {"restore_command": "echo half > %p"})
    assert "brought 5 bytes" in a.fails("rewind", *b.upstream())["failure"]
    assert a.state["data"] == "marked"


def ready(a):
    return {p.name[:-6] for p in (a.data / "pg_wal" / "archive_status").glob("*.ready")}


def test_wal_that_waits_for_the_archive_gets_there_once(primary, standby):
    a, b = primary, standby
    archive = owned(a.home / "archive")
    gate = owned(a.home / "gate", "")
    restart_with_archive(a, f"test -e {gate} && test ! -e {archive}/%f && cp %p {archive}/%f")
    b.wait(lambda s: s["streaming"])
    a.sql("SELECT pg_switch_wal()")
    before = until(lambda: {p.name for p in archive.iterdir()}, "the first segment in the archive")
    gate.unlink()
    take_over(a, b)
    a.sql("SELECT pg_switch_wal()")
    waiting = until(lambda: ready(a), "a segment that waits")
    assert not waiting & before
    crash(a)
    gate.touch()
    put(a, "use_pg_rewind", True)
    a.do("rewind", *b.upstream())
    assert waiting | before <= {p.name for p in archive.iterdir()} and "not archived" not in a.tail()
    streams_from(a, b)


def test_an_archive_that_takes_nothing_keeps_no_member_away(primary, standby):
    a, b = primary, standby
    tries = owned(a.home / "tries", "")
    restart_with_archive(a, "false")
    b.wait(lambda s: s["streaming"])
    take_over(a, b)
    a.sql("SELECT pg_switch_wal()")
    until(lambda: ready(a), "a segment that waits")
    a.do("stop")
    put(a, "parameters", {"archive_mode": "on", "archive_command": f"echo %f >> {tries}; echo full >&2; false"})
    a.do("rewind", *b.upstream())
    assert len(tries.read_text().split()) == 3 and "is not archived: full" in a.tail()
    streams_from(a, b)


def test_a_rewind_that_dies_at_its_very_end_is_done_again(diverged):
    a, b = diverged
    ended = a.home / "ended"
    dies = (f'#!/bin/sh\n{BIN}/pg_rewind "$@" || exit\ncase "$*" in *--dry-run*) exit;; esac\n'
            f"test -e {ended} || {{ touch {ended}; kill -9 $$; }}\n")
    a.settings["bin_dir"] = str(other_programs(a, dies))
    crash(a)
    a.detach()
    a.attach()
    assert "pg_rewind ended with -1" in a.fails("rewind", *b.upstream())["failure"]
    assert ended.exists() and a.state["data"] == "marked" and a.state["control"] == 6  # in archive recovery: it had ended
    a.do("rewind", *b.upstream())
    streams_from(a, b)


# ---- wipe and clone ----

def make_spread(a):
    """A cluster with its WAL and a tablespace elsewhere."""
    wal, space = a.home / "wal", owned(a.home / "space", mode=0o700)
    a.say("local", json.dumps({"bootstrap": {"initdb": ["no-sync", {"waldir": str(wal)}]}}))
    a.do("initdb")
    a.say("deadline", 10000)
    a.wait(lambda s: s["deadline"])
    a.do("primary")
    a.sql(f"CREATE TABLESPACE space LOCATION '{space}'")
    a.sql("CREATE TABLE t TABLESPACE space AS SELECT 1")
    a.do("stop")
    assert any(space.iterdir()) and any(wal.iterdir()) and (a.data / "pg_wal").is_symlink()
    return wal, space


def test_a_wipe_takes_what_lies_elsewhere_too(members):
    a = members("pg-0")
    wal, space = make_spread(a)
    mine = owned(a.home / "mine", "not PostgreSQL's")
    state = a.do("wipe")
    assert state["data"] == "empty" and state["armed_timeline"] == 0 and marker(a) is None
    assert a.data.is_dir() and not any(a.data.iterdir())
    assert wal.is_dir() and not any(wal.iterdir()) and space.is_dir() and not any(space.iterdir())
    assert mine.exists()
    a.do("initdb")
    assert a.state["data"] == "ok"


def test_a_wipe_that_was_cut_goes_on(members):
    a = members("pg-0")
    wal, space = make_spread(a)
    for i in range(20000):
        (a.data / "base" / f"file{i}").touch()
    a.say("wipe")
    until(lambda: not any(wal.iterdir()) and not any(space.iterdir()), "what lies elsewhere is gone", 20, 0.001)
    a.agent.kill()
    a.detach()
    assert any(a.data.iterdir()) and marker(a) == "wipe\n"
    a.attach()
    assert a.wait(lambda s: s["data"] != "unknown")["data"] == "marked"
    assert a.fails("standby", *a.upstream())["tree"] == "down"
    a.do("wipe")
    assert a.state["data"] == "empty" and marker(a) is None and not any(a.data.iterdir())


def test_a_running_server_is_not_wiped(primary):
    assert "running" in primary.fails("wipe")["failure"]
    assert marker(primary) is None and primary.sql("SELECT 1") == "1"


def test_a_clone_says_how_fast_it_goes(members, primary):
    primary.sql("CREATE TABLE big AS SELECT g, repeat('x', 1000) FROM generate_series(1, 40000) g")
    b = members("pg-1")
    put(b, "basebackup", [{"max-rate": "8M"}])
    b.say("clone", *primary.upstream())
    state = b.wait(lambda s: s["job"] == "clone" and s["clone_rate"] > 0)
    assert 2 * MEGA < state["clone_rate"] < 40 * MEGA and 0 < state["clone_done"] <= state["clone_total"]
    b.wait(lambda s: s["job"] == "none")
    assert b.state["failed_job"] == "none" and b.state["clone_rate"] == -1


# ---- other people's programs ----

@pytest.fixture
def script(primary):
    """A program that says how it was called, and what it is told to do then."""
    there = owned(primary.home / "hooks")

    def make(name, then=""):
        path, said = there / name, there / f"{name}.said"
        owned(path, f"#!/bin/sh\necho \"$$ $*\" >> {said}\nenv >> {there}/env\n{then}\n")
        return path, lambda: said.read_text().splitlines() if said.exists() else []

    return make


def test_a_callback_gets_action_role_and_cluster(primary, script):
    path, said = script("it")
    put(primary, "callbacks", {"on_start": f"{path} 'two words' more", "on_role_change": f"sh {path}"})
    primary.say("callback", "on_start", "primary")
    until(said, "the callback")
    assert said()[0].split(" ", 1)[1] == "two words more on_start primary demo"
    primary.say("callback", "on_role_change", "replica")
    until(lambda: len(said()) == 2, "the second callback")
    assert said()[1].split(" ", 1)[1] == "on_role_change replica demo"
    primary.say("callback", "on_stop", "replica")  # none is configured
    assert primary.sql("SELECT 1") == "1" and len(said()) == 2
    env = (path.parent / "env").read_text()
    assert f"PGDATA={primary.data}" in env and "geheim" not in env and "PGPASS" not in env


def test_a_running_callback_and_its_children_die_for_the_next(primary, script):
    children = primary.home / "hooks" / "children"
    slow, slow_said = script("slow", f"sleep 1000 & echo $! > {children}.new; mv {children}.new {children}; wait")
    reload, reload_said = script("reload", "exec sleep 1000")
    quick, quick_said = script("quick")
    put(primary, "callbacks", {"on_start": str(slow), "on_stop": str(quick), "on_reload": str(reload)})
    primary.say("callback", "on_reload", "primary")
    until(reload_said, "on_reload")
    primary.say("callback", "on_start", "primary")
    until(children.exists, "the child of on_start")
    pids = [int(slow_said()[0].split()[0]), int(children.read_text())]
    assert all(is_alive(pid) for pid in pids)
    primary.say("callback", "on_stop", "primary")
    until(quick_said, "on_stop")
    assert not any(is_alive(pid) for pid in pids)
    first = int(reload_said()[0].split()[0])
    assert is_alive(first)  # in a slot of its own
    primary.say("callback", "on_reload", "primary")
    until(lambda: len(reload_said()) == 2, "the next on_reload")
    assert not is_alive(first)
    os.kill(int(reload_said()[1].split()[0]), signal.SIGTERM)
    until(lambda: "a callback ended with -1" in primary.tail(), "its end in the log")


def test_a_callback_that_fails_is_said(primary, script):
    path, _ = script("bad", "echo out of luck >&2; exit 3")
    put(primary, "callbacks", {"on_start": str(path)})
    primary.say("callback", "on_start", "primary")
    until(lambda: "a callback ended with 3: out of luck" in primary.tail(), "its end in the log")


def test_pre_promote_may_refuse(primary, standby, script):
    path, said = script("refuse", "echo not today >&2; exit 7")
    standby.say("deadline", 10000)
    standby.wait(lambda s: s["deadline"])
    put(standby, "pre_promote", str(path))
    state = standby.fails("promote")
    assert state["failure"] == "pre_promote ended with 7: not today" and len(said()) == 1
    assert state["tree"] == "standby" and not (standby.data / "promote").exists()
    assert not (standby.home / "data.howdah" / "armed").exists() and standby.state["armed_timeline"] == 0
    assert standby.sql("SELECT pg_is_in_recovery()") == "t"
    primary.say("deadline", 0)
    primary.do("stop")
    owned(path, "#!/bin/sh\nexit 0\n")
    assert standby.do("promote")["timeline"] == 2


def test_a_promotion_is_cancelled_while_pre_promote_runs(standby, script):
    path, said = script("slow", "exec sleep 1000")
    standby.say("deadline", 10000)
    standby.wait(lambda s: s["deadline"])
    put(standby, "pre_promote", str(path))
    standby.say("promote")
    pid = int(until(said, "pre_promote")[0].split()[0])
    standby.say("cancel")
    standby.wait(lambda s: s["job"] == "none")
    assert standby.state["failure"] == "pre_promote was killed" and standby.state["armed_timeline"] == 0
    assert not is_alive(pid) and standby.sql("SELECT pg_is_in_recovery()") == "t"
    # a stop does not wait for it either
    standby.say("promote")
    until(lambda: len(said()) == 2, "pre_promote")
    put(standby, "before_stop", str(path))
    standby.do("stop", "immediate")
    assert not is_alive(int(said()[1].split()[0])) and len(said()) == 2


def test_a_promotion_is_not_finished_under_another_lease(standby, script):
    path, said = script("slow", "while [ ! -e $0.goes-on ]; do sleep 0.05; done")
    standby.say("deadline", 10000)
    before = standby.wait(lambda s: s["deadline"])["token"]
    put(standby, "pre_promote", str(path))
    standby.say("promote")
    until(said, "pre_promote")
    standby.say("lease")
    standby.wait(lambda s: s["token"] != before)
    path.with_name("slow.goes-on").touch()
    standby.wait(lambda s: s["job"] == "none")
    assert standby.state["failure"] == "the lease it was decided on is not in force any more"
    assert standby.state["armed_timeline"] == 0 and standby.sql("SELECT pg_is_in_recovery()") == "t"
    assert standby.do("promote")["timeline"] == 2


def test_before_stop_sees_the_server_and_cannot_prevent_the_stop(primary, script):
    seen = primary.home / "hooks" / "seen"
    path, _ = script("before", f"cp $PGDATA/postmaster.pid {seen}; exit 1")
    put(primary, "before_stop", str(path))
    pid = primary.postmaster_pid()
    primary.do("stop")
    assert int(seen.read_text().split("\n")[0]) == pid and primary.state["tree"] == "down"
    assert "before_stop failed, the stop goes on" in primary.tail()
    primary.wait(lambda s: s["deadline"])
    primary.do("primary")
    path, said = script("hangs", "exec sleep 1000")
    put(primary, "before_stop", str(path))
    begin = time.monotonic()
    primary.do("stop")
    assert 9 < time.monotonic() - begin < 20 and not is_alive(int(said()[0].split()[0]))


# ---- passwords, checkpoint ----

def restart_with_log(a):
    put(a, "parameters", {"logging_collector": "on", "log_directory": "log", "log_statement": "all", "log_checkpoints": "on",
                          "log_min_duration_statement": "0"})
    a.do("stop")
    a.wait(lambda s: s["deadline"])
    a.do("primary")
    a.sql("SELECT 'this is logged'")
    until(lambda: "this is logged" in server_log(a), "the server's log")


def server_log(a):
    return "".join(p.read_text() for p in sorted((a.data / "log").iterdir()))


def verifiers(a):
    return dict(line.split("|") for line in a.sql("SELECT rolname, rolpassword FROM pg_authid WHERE rolcanlogin").splitlines())


def logs_in(a, user, password):
    args = ["psql", "-XAtqw", "-h", "127.0.0.1", "-p", str(a.port), "-U", user, "-c", "SELECT 1", "postgres"]
    env = {**os.environ, "PGPASSWORD": password}
    return subprocess.run(args, env=env, capture_output=True, text=True, timeout=30, check=False).returncode == 0


def test_changed_passwords_are_set_and_seen_nowhere(primary):
    a = primary
    restart_with_log(a)
    before = verifiers(a)
    assert set(before) == {"postgres", "replicator", "rewinder"} and logs_in(a, "rewinder", "geheim-rewind")
    a.say("sync_passwords")  # post_bootstrap has set them
    put(a, "callbacks", {})
    a.say("password", "geheim-2")
    until(lambda: all(verifiers(a)[role] != before[role] for role in before), "new passwords")
    assert all(v.startswith("SCRAM-SHA-256$") for v in verifiers(a).values())
    assert all(logs_in(a, role, "geheim-2") for role in ("postgres", "rewinder"))
    assert not logs_in(a, "rewinder", "geheim-rewind")
    log = server_log(a)
    assert "rolcanlogin" in log and "geheim" not in log and "ALTER ROLE" not in log and "SCRAM" not in log
    assert "geheim" not in a.tail()
    assert "geheim" not in a.shown()


def test_a_new_agent_sets_the_passwords_once(primary):
    a = primary
    a.sql("ALTER ROLE rewinder PASSWORD 'by somebody'")
    a.detach()
    a.attach()
    a.wait(lambda s: s["answers"])
    before = verifiers(a)
    a.say("sync_passwords")
    until(lambda: verifiers(a)["rewinder"] != before["rewinder"], "the password")
    assert logs_in(a, "rewinder", "geheim-rewind") and not logs_in(a, "rewinder", "by somebody")
    until(lambda: "passwords were set" in a.tail(), "its word in the log")
    after = verifiers(a)
    for name in ("pg_1", "pg_2"):  # another chore on the same session, behind it
        a.say("sync_passwords")
        a.say("slots", name)
        a.wait_sql("SELECT string_agg(slot_name, ',') FROM pg_replication_slots", name)
    assert verifiers(a) == after
    a.sql("DROP OWNED BY rewinder; DROP ROLE rewinder")
    a.say("password", "geheim-3")
    until(lambda: verifiers(a)["postgres"] != after["postgres"], "the others' passwords")
    assert set(verifiers(a)) == {"postgres", "replicator"}


def test_a_standby_sets_no_passwords(primary, standby):
    before = verifiers(primary)
    standby.say("sync_passwords")
    standby.say("probe")
    standby.wait(lambda s: s["streaming"])
    assert verifiers(primary) == before and "passwords" not in standby.tail().split("streaming")[-1]


def test_a_stop_for_a_restart_writes_most_before_it(primary):
    a = primary
    restart_with_log(a)
    a.sql("CREATE TABLE t AS SELECT generate_series(1, 100000)")
    a.do("stop_after_checkpoint")
    log = server_log(a)
    at = log.index("checkpoint starting: immediate force wait")
    assert log.index("received fast shutdown request") > log.index("checkpoint complete", at)
    assert a.state["tree"] == "down" and a.state["control"] == 2
