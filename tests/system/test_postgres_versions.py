"""Every PostgreSQL that we are written for: a cluster's life through the postgres layer, and its parameters against our table."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest

from member import ROOT

MAJORS = (13, 14, 15, 16, 17, 18)


def link_or_copy(old, new):
    try:
        os.link(old, new)
    except OSError:
        shutil.copy2(old, new)


@pytest.fixture(scope="module")
def where():
    """The directory of a version's programs, somewhere the server's user may run them."""
    base = pathlib.Path(tempfile.mkdtemp(prefix="howdah-versions-"))
    base.chmod(0o755)
    found = {}

    def get(major):
        distribution = pathlib.Path(f"/usr/lib/postgresql/{major}/bin")
        if distribution.is_dir():
            return distribution
        if major not in found:
            got = subprocess.run([ROOT / "tests/tools/postgres.sh", str(major)], text=True, capture_output=True, timeout=90)
            if got.returncode == 3:
                pytest.skip(got.stderr.strip().splitlines()[-1])
            assert got.returncode == 0, got.stderr
            bin_dir = pathlib.Path(got.stdout.strip())
            shutil.copytree(bin_dir.parents[2], base / str(major), symlinks=True, copy_function=link_or_copy)
            found[major] = base / str(major) / bin_dir.relative_to(bin_dir.parents[2])
        return found[major]

    yield get
    shutil.rmtree(base)


@pytest.fixture(params=MAJORS, ids=lambda major: f"PostgreSQL {major}")
def bin_dir(request, where):
    return where(request.param)


PATCHED_IN = {"extension_destdir"}  # by the distribution: other builds have it not
TYPES = {"bool": {"bool"}, "enum": {"bool", "enum", "bool_enum"}, "integer": {"int"}, "real": {"real"}, "string": {"text", "enum"}}


def differences(server, rules):
    """What a server says of its parameters and our table does not."""
    for name, (kind, low, high, unit, words) in server.items():
        if name not in rules:
            yield f"{name} is not in the table"
            continue
        if rules[name] is None:
            continue
        our_kind, our_low, our_high, our_unit, our_words = rules[name]
        if our_kind not in TYPES[kind]:
            yield f"{name} is {kind}, not {our_kind}"
        if kind in ("integer", "real") and ((our_low, our_unit) != (low, unit) or (our_high != high and high < 1e300)):
            yield f"{name}: {low} to {high} {unit}, not {our_low} to {our_high} {our_unit}"
        known = set(our_words.lower().split("|")) | ({"on", "off"} if our_kind.startswith("bool") else set())
        if kind == "enum" and not {word.lower() for word in words} <= known:
            yield f"{name}: {words}, not {our_words}"
    for name, rule in rules.items():
        if rule is not None and name not in server and name not in PATCHED_IN:
            yield f"{name} is in the table only: the server would not start with it"


def knows_the_parameters(member):
    rows = member.sql("SELECT json_object_agg(name, json_build_array(vartype, coalesce(min_val::float8, 0), coalesce(max_val::float8, 0),"
                      " coalesce(unit, ''), coalesce(enumvals, '{}'))) FROM pg_settings WHERE context <> 'internal'")
    wrong = list(differences(json.loads(rows), member.rules()))
    assert not wrong, wrong


def test_a_wrong_table_is_noticed():
    server = {"a": ["integer", 1, 5, "kB", []], "b": ["enum", 0, 0, "", ["on", "off", "x"]], "c": ["bool", 0, 0, "", []]}
    good = {"a": ["int", 1, 5, "kB", ""], "b": ["bool_enum", 0, 0, "", "x|y"], "c": ["bool", 0, 0, "", ""]}
    assert list(differences(server, good)) == []
    for name, rule in (("a", ["int", 1, 6, "kB", ""]), ("a", ["int", 1, 5, "MB", ""]), ("b", ["enum", 0, 0, "", "x"]),
                       ("c", ["text", 0, 0, "", ""]), ("d", ["bool", 0, 0, "", ""])):
        assert len(list(differences(server, {**good, name: rule}))) == 1
    assert len(list(differences(server, {"a": good["a"]}))) == 2


def is_promoted_past_used_numbers(standby, to):
    """The numbers between are nobody's: PostgreSQL passes over them, and its history names where it came from."""
    standby.say("deadline", 10000)
    standby.wait(lambda s: s["deadline"])
    state = standby.do("promote", to)
    assert state["timeline"] == to and state["armed_timeline"] == to and not state["in_recovery"]
    assert state["history"] == 1
    standby.wait(lambda s: s["tree"] == "primary")
    for between in range(2, to):
        assert (standby.data / f"pg_wal/{between:08X}.history").stat().st_size == 0
    standby.say("checkpoint")
    standby.wait(lambda s: s["control_timeline"] == to)


def follows_after_a_promotion(old, new, timeline):
    new.sql("CREATE TABLE after_promote AS SELECT 1")
    new.say("slots", old.name.replace("-", "_"))
    new.wait_sql("SELECT count(*) FROM pg_replication_slots", "1")
    old.do("standby", *new.upstream())
    old.wait(lambda s: s["streaming"] and s["timeline"] == timeline)
    old.wait_sql("SELECT count(*) FROM pg_tables WHERE tablename = 'after_promote'", "1")


def is_adopted(member):
    """Another agent comes; the server does not notice."""
    before = member.postmaster_pid()
    member.detach()
    member.attach()
    state = member.wait(lambda s: s["answers"] and (s["streaming"] or not s["in_recovery"]))
    assert member.postmaster_pid() == before and state["data"] == "ok"
    return state


def restarts_in_place(primary):
    primary.sql("CREATE TABLE kept AS SELECT 1")
    os.kill(primary.postmaster_pid(), signal.SIGKILL)
    assert primary.wait(lambda s: s["tree"] == "down" and s["nothing_left"])["control"] == 7  # in production
    primary.say("deadline", 10000)
    primary.wait(lambda s: s["deadline"])
    primary.do("primary")
    assert primary.sql("SELECT count(*) FROM kept") == "1"


def waits_for_a_restart_with_a_controlled_parameter(primary):
    primary.say("param", "max_connections", "150")
    state = primary.wait(lambda s: "max_connections" in s["pending"])
    assert json.loads(state["pending"])["max_connections"] == {"old_value": "100", "new_value": "150"}
    primary.do("stop")
    primary.say("deadline", 10000)
    primary.wait(lambda s: s["deadline"])
    primary.do("primary")
    assert primary.sql("SHOW max_connections") == "150"


def starts_with_what_its_primary_had(standby, primary):
    """It was configured with less: 13 ends when it replays that, later ones pause. Started again it takes what is needed."""
    if standby.state["server_version"] // 10000 == 13:
        standby.wait(lambda s: s["tree"] == "down" and s["crashed"])
    else:
        standby.wait_sql("SELECT pg_is_wal_replay_paused()", "t")
        standby.do("stop")
    standby.do("standby", *primary.upstream())
    standby.wait(lambda s: s["streaming"])
    assert standby.sql("SHOW max_connections") == "150"


def test_a_cluster_lives(bin_dir, members):
    major = int(re.search(r"/(\d\d)/", str(bin_dir)).group(1))
    settings = {"bin_dir": str(bin_dir), "parameters": {"fsync": "off"},
                "recovery_conf": {"trigger_file": "/nowhere/go", "pause_at_recovery_target": "on", "recovery_min_apply_delay": 0}}
    a, b = members("pg-0", **settings), members("pg-1", **settings)
    a.bootstrap()
    assert a.state["server_version"] // 10000 == major and a.state["timeline"] == 1
    assert a.sql("SHOW data_checksums") == "on" and a.sql("SHOW cluster_name") == "demo"
    assert a.sql("SELECT rolreplication AND rolpassword LIKE 'SCRAM%' FROM pg_authid WHERE rolname = 'replicator'") == "t"
    knows_the_parameters(a)
    b.join(a)
    assert (b.state["upstream"], b.state["upstream_port"]) == ("pg-0", a.port)
    assert b.state["system_identifier"] == a.state["system_identifier"]
    assert is_adopted(b)["upstream"] == "pg-0"
    assert is_adopted(a)["tree"] == "primary"
    a.say("deadline", 10000)
    a.wait(lambda s: s["deadline"])
    waits_for_a_restart_with_a_controlled_parameter(a)
    starts_with_what_its_primary_had(b, a)
    a.say("deadline", 0)
    a.do("stop")
    assert a.state["control"] == 2 and a.state["was_primary"] and not a.state["crashed"]  # shut down
    is_promoted_past_used_numbers(b, 5)
    follows_after_a_promotion(a, b, 5)
    restarts_in_place(b)
    a.wait(lambda s: s["streaming"])
    assert b.sql("SELECT count(*) FROM pg_settings WHERE pending_restart") == "0"
    for member in (a, b):
        wrong = [line for line in member.tail().splitlines() if re.search(r"unrecognized|\bFATAL\b.*(parameter|setting)", line)]
        assert not wrong, wrong


def test_a_crashed_copy_that_went_another_way_is_rewound(bin_dir, members):
    if not (bin_dir / "pg_rewind").exists():
        pytest.skip(f"{bin_dir} has no pg_rewind")
    settings = {"bin_dir": str(bin_dir), "parameters": {"fsync": "off"}, "recovery_conf": {"restore_command": "false"}}
    a, b = members("pg-0", **settings).bootstrap(), members("pg-1", **settings)
    b.join(a)
    b.do("follow")  # nobody
    b.wait(lambda s: not s["streaming"])
    a.sql("CREATE TABLE only_old AS SELECT generate_series(1, 10000)")
    is_promoted_past_used_numbers(b, 3)
    os.kill(a.postmaster_pid(), signal.SIGKILL)
    a.wait(lambda s: s["tree"] == "down" and s["nothing_left"])
    a.do("rewind", *b.upstream())
    follows_after_a_promotion(a, b, 3)
    assert a.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'only_old'") == "0"
