"""A real PostgreSQL under the real supervisor, driven through the postgres layer: from nothing to a promoted standby."""
import json
import os
import pathlib
import re
import signal
import time

from member import free_port


def test_an_empty_directory_becomes_a_primary(primary):
    state = primary.state
    assert state["tree"] == "primary" and state["writable"] and not state["in_recovery"]
    assert state["timeline"] == 1 and state["armed_timeline"] == 1 and state["armed_leader"] == "pg-0"
    assert state["server_version"] // 10000 >= 13 and len(state["system_identifier"]) > 10
    assert primary.sql("SHOW data_checksums") == "on"
    assert primary.sql("SHOW cluster_name") == "demo"
    assert primary.sql("SELECT rolreplication FROM pg_roles WHERE rolname = 'replicator'") == "t"
    assert not (primary.home / "data.howdah" / "bootstrap").exists()
    assert not (primary.home / "data.howdah" / "changing").exists()


def test_no_password_is_left_anywhere(primary):
    assert not list((primary.run / "pw").iterdir())
    assert "geheim" not in primary.tail()
    assert "geheim" not in primary.shown()
    verifiers = primary.sql("SELECT rolpassword FROM pg_authid WHERE rolcanlogin")
    assert all(v.startswith("SCRAM-SHA-256$") for v in verifiers.splitlines())


def test_a_primary_needs_a_deadline(members):
    a = members("pg-0")
    a.do("initdb")
    state = a.fails("primary")
    assert state["failed_job"] == "start_primary" and "lease" in state["failure"]
    assert state["tree"] == "down"


def test_a_clone_streams_and_says_so(primary, standby):
    state = standby.state
    assert state["tree"] == "standby" and state["in_recovery"] and not state["writable"]
    assert (state["upstream"], state["upstream_port"]) == ("pg-0", primary.port)
    assert state["system_identifier"] == primary.state["system_identifier"]
    conf = (standby.data / "postgresql.conf").read_text()
    assert "primary_slot_name = 'pg_1'" in conf and "application_name=pg-1" in conf and "geheim" not in conf
    primary.say("probe")
    primary.wait(lambda s: s["replicas"] == 1 and '"pg_1":' in s["slots"] and s["slots"].split(":")[-2].endswith('"pg_0"'))
    primary.sql("CREATE TABLE t AS SELECT 42 AS x")
    standby.wait_sql("SELECT count(*) FROM pg_tables WHERE tablename = 't'", "1")
    assert standby.sql("SELECT x FROM t") == "42"


def test_a_standby_is_promoted_fast_and_the_old_one_follows(primary, standby):
    primary.say("deadline", 0)
    primary.do("stop")
    assert primary.state["tree"] == "down" and primary.state["nothing_left"]
    assert primary.state["control"] == 2 and primary.state["was_primary"]  # shut down
    assert not primary.state["crashed"]
    standby.say("deadline", 10000)
    standby.wait(lambda s: s["deadline"])
    begin = time.monotonic()
    state = standby.do("promote")
    assert time.monotonic() - begin < 1
    assert state["timeline"] == 2 and state["armed_timeline"] == 2 and not state["in_recovery"]
    standby.wait(lambda s: s["tree"] == "primary")
    assert state["history"] == 1 and state["armed_leader"] == "pg-1"
    standby.sql("CREATE TABLE after_promote AS SELECT 1")
    standby.say("slots", "pg_0")
    standby.wait_sql("SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'pg_0'", "1")
    standby.say("checkpoint")
    standby.wait(lambda s: s["control_timeline"] == 2)
    primary.do("standby", *standby.upstream())
    primary.wait(lambda s: s["streaming"] and s["timeline"] == 2)
    primary.wait_sql("SELECT count(*) FROM pg_tables WHERE tablename = 'after_promote'", "1")
    assert "primary_conninfo" not in (standby.data / "postgresql.conf").read_text()
    assert standby.sql("SELECT count(*) FROM pg_settings WHERE pending_restart") == "0"


def test_a_running_standby_follows_another_without_a_restart(members, primary, standby):
    c = members("pg-2")
    c.do("clone", *primary.upstream())
    primary.say("slots", "pg_1", "pg_2")
    primary.wait(lambda s: '"pg_2"' in s["slots"])
    c.do("standby", *primary.upstream())
    c.wait(lambda s: s["streaming"])
    before = c.postmaster_pid()
    primary.say("deadline", 0)
    primary.do("stop")
    standby.say("deadline", 10000)
    standby.wait(lambda s: s["deadline"])
    standby.do("promote")
    standby.say("slots", "pg_2")
    standby.wait(lambda s: '"pg_2"' in s["slots"])
    c.do("follow", *standby.upstream())
    c.wait(lambda s: s["streaming"] and s["upstream"] == "pg-1" and s["timeline"] == 2)
    assert c.postmaster_pid() == before
    c.do("follow")  # nobody
    c.wait(lambda s: s["upstream_port"] == 0)
    assert c.postmaster_pid() == before


def test_the_deadline_ends_a_primary(primary):
    primary.say("deadline", 2500)
    primary.say("deadline", 0)
    state = primary.wait(lambda s: s["tree"] == "down" and s["nothing_left"], 20)
    assert state["fenced"] and not state["crashed"] and not state["deadline"]
    assert primary.fails("primary")["tree"] == "down"
    primary.say("deadline", 10000)
    primary.wait(lambda s: s["deadline"])
    primary.do("primary")
    assert primary.state["timeline"] == 1 and not primary.state["fenced"]


def test_a_killed_postmaster_is_a_crash_and_starts_again(primary):
    primary.sql("CREATE TABLE kept AS SELECT 1")
    os.kill(primary.postmaster_pid(), signal.SIGKILL)
    state = primary.wait(lambda s: s["tree"] == "down" and s["nothing_left"])
    assert state["crashed"] and not state["fenced"]
    assert state["control"] == 7 and state["was_primary"]  # in production
    primary.wait(lambda s: s["deadline"])
    primary.do("primary")
    assert not primary.state["crashed"] and primary.sql("SELECT count(*) FROM kept") == "1"


def test_an_agent_that_comes_back_finds_everything(primary, standby):
    before = standby.postmaster_pid()
    standby.detach()
    standby.attach()
    state = standby.wait(lambda s: s["streaming"])
    assert standby.postmaster_pid() == before
    assert state["tree"] == "standby" and state["upstream"] == "pg-0" and state["data"] == "ok"
    primary.detach()
    primary.attach()
    state = primary.wait(lambda s: s["answers"])
    assert state["tree"] == "primary" and state["armed_timeline"] == 1 and state["armed_leader"] == "pg-0"


def test_a_failed_clone_leaves_an_empty_directory(members, primary):
    b = members("pg-1")
    state = b.fails("clone", "127.0.0.1", free_port(), "nobody")
    assert state["failed_job"] == "clone" and state["failures"] == 1 and state["data"] == "empty"
    assert not (b.home / "data.howdah" / "changing").exists()
    assert b.fails("clone", "127.0.0.1", free_port(), "nobody")["failures"] == 2
    b.do("clone", *primary.upstream())
    assert b.state["data"] == "ok" and b.state["failures"] == 0 and b.state["clone_total"] > 1000000


def test_a_cancelled_clone_leaves_an_empty_directory(members, primary):
    primary.sql("CREATE TABLE big AS SELECT g, repeat('x', 500) FROM generate_series(1, 200000) g")
    b = members("pg-1")
    b.say("clone", *primary.upstream())
    b.wait(lambda s: s["job"] == "clone" and s["clone_total"] > 0)
    assert (b.home / "data.howdah" / "changing").exists()
    b.say("cancel")
    state = b.wait(lambda s: s["job"] == "none")
    assert state["failed_job"] == "clone" and "killed" in state["failure"] and state["data"] == "empty"


def test_a_clone_that_died_with_its_agent_is_marked_and_removed(members, primary):
    primary.sql("CREATE TABLE big AS SELECT g, repeat('x', 500) FROM generate_series(1, 200000) g")
    b = members("pg-1")
    b.say("clone", *primary.upstream())
    b.wait(lambda s: s["job"] == "clone" and s["clone_total"] > 0)
    b.detach()
    b.attach()
    b.wait(lambda s: s["data"] == "marked")
    assert "not empty" in b.fails("clone", *primary.upstream())["failure"]
    assert b.state["data"] == "marked"
    assert b.fails("standby", *primary.upstream())["tree"] == "down"
    b.do("aside")
    assert b.state["data"] == "empty" and not [p for p in b.home.iterdir() if "failed" in p.name]
    b.do("clone", *primary.upstream())
    primary.say("slots", "pg_1")
    primary.wait(lambda s: '"pg_1"' in s["slots"])
    b.do("standby", *primary.upstream())
    b.wait(lambda s: s["streaming"])


def test_a_directory_with_data_is_moved_aside_not_removed(primary, standby):
    standby.do("stop")
    standby.do("aside")
    assert standby.state["data"] == "empty"
    kept = [p for p in standby.home.iterdir() if re.match(r"data\.failed\.", p.name)]
    assert len(kept) == 1 and (kept[0] / "PG_VERSION").exists()


def test_a_standby_is_not_started_as_a_primary(primary, standby):
    standby.do("stop", "immediate")
    standby.say("deadline", 10000)
    standby.wait(lambda s: s["deadline"])
    assert "promote" in standby.fails("primary")["failure"]
    assert standby.state["tree"] == "down"


def test_settings_take_effect_or_wait_for_a_restart(primary):
    primary.say("param", "work_mem", "7MB")
    primary.wait_sql("SHOW work_mem", "7MB")
    primary.say("param", "max_connections", "150")
    state = primary.wait(lambda s: "max_connections" in s["pending"])
    assert json.loads(state["pending"])["max_connections"] == {"old_value": "100", "new_value": "150"}
    primary.do("stop")
    primary.wait(lambda s: s["deadline"])
    primary.do("primary")
    assert primary.sql("SHOW max_connections") == "150"
    primary.say("probe")
    primary.wait(lambda s: s["pending"] == "")


def test_unknown_slots_go_and_members_slots_stay(primary):
    primary.sql("SELECT pg_create_physical_replication_slot('old_member', true)")
    primary.say("slots", "pg_1", "pg_2")
    primary.wait_sql("SELECT string_agg(slot_name, ',' ORDER BY 1) FROM pg_replication_slots", "pg_1,pg_2")


def test_a_changed_password_reaches_the_server_and_the_standby(primary, standby):
    before = primary.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'replicator'")
    primary.say("password", "geheim-2")
    standby.say("password", "geheim-2")
    standby.wait_sql(f"SELECT count(*) FROM pg_authid WHERE rolname = 'replicator' AND rolpassword <> '{before}'", "1")
    assert "geheim-2" in (standby.run / "pgpass").read_text()
    standby.do("stop")
    standby.do("standby", *primary.upstream())
    standby.wait(lambda s: s["streaming"])
    assert "geheim" not in primary.tail() + standby.tail()


def test_a_group_writable_directory_is_made_fit(primary):
    primary.do("stop")
    primary.data.chmod(0o2770)
    primary.wait(lambda s: s["deadline"])
    primary.do("primary")
    assert primary.data.stat().st_mode & 0o7777 == 0o700


def test_two_agents_of_two_runs_do_not_share_a_directory(programs, members, primary):
    twin = members("pg-9")
    twin.end()
    twin.data_dir = primary.data_dir
    twin.attach()
    twin.say("state")
    state = twin.wait(lambda s: s["attached"])
    assert state["data"] == "unknown"
    assert "not ours" in twin.fails("primary")["failure"]


def test_a_marker_of_the_bootstrap_that_cannot_be_read_is_nothing_to_start_on(members):
    a = members("pg-0").bootstrap()
    a.do("stop")
    (a.home / "data.howdah" / "bootstrap").mkdir()
    a.detach()
    a.attach()
    assert a.wait(lambda s: s["data"] not in ("unknown", "ok"))["data"] == "unreadable"
    (a.home / "data.howdah" / "bootstrap").rmdir()
    a.detach()
    a.attach()
    a.wait(lambda s: s["data"] == "ok")
