"""The configuration changed and members restarted because people ask; what is refused changes nothing."""
import json
import pathlib
import time

import pytest

from bed import BIN, wait
from test_switchover import in_seconds, others
from writer import CREATE

now = time.monotonic


def config(cluster):
    return json.loads(cluster.members[0].rest("/config")[1])


def started_at(member):
    return member.psql("select pg_postmaster_start_time()")


def test_a_new_ttl_reaches_all_members(make_ready, watch):
    cluster, leader = make_ready()
    writer = watch(cluster)
    code, text = others(cluster, leader)[0].ask("/config", {"ttl": 12, "loop_wait": 2, "retry_timeout": 3}, "PATCH")
    assert code == 200 and json.loads(text)["ttl"] == 12
    for member in cluster.members:
        wait(lambda m=member: json.loads(m.rest("/config")[1])["ttl"] == 12, f"{member.name} has it")
    wait(lambda: cluster.leader_object()["ttl"] == "12", "the lock is written with it", 15)
    moment = now()
    leader.kill_agent()
    first = wait(lambda: writer.first_after(moment, leader.name), "another leads", 40)
    assert first.acknowledged - moment > 12 - 2, "the others waited out the new ttl"
    assert writer.last_by(leader.name) - moment > 5, "the old leader's deadline followed"


def test_a_parameter_that_needs_a_restart(make_ready, watch):
    cluster, leader = make_ready()
    watch(cluster)
    assert leader.ask("/config", {"postgresql": {"parameters": {"max_connections": 60}}}, "PATCH")[0] == 200
    for member in cluster.members:
        wait(lambda m=member: m.status().get("pending_restart"), f"{member.name} says that it waits for a restart")
    listed = wait(lambda: [m for m in json.loads(leader.rest("/cluster")[1])["members"] if m.get("pending_restart")][2:], "all are listed")
    assert listed and leader.psql("show max_connections") == "50"
    # a standby may not have fewer connections than its primary
    for member in (leader, *others(cluster, leader)):
        before = started_at(member)
        assert member.ask("/restart", {"restart_pending": True}) == (200, "restarted successfully")
        assert started_at(member) != before and member.psql("show max_connections") == "60"
        wait(lambda m=member: "pending_restart" not in m.status(), f"{member.name} waits no more")
        assert member.ask("/restart", {"restart_pending": True})[0] == 503, "nothing is pending any more"
    assert cluster.wait_ready() is leader


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_bad_configuration_changes_nothing(make_ready, method):
    cluster, leader = make_ready()
    before = config(cluster)
    version = cluster.kube.admin.get("configmaps", cluster.namespace, "shop-config")["metadata"]["resourceVersion"]
    for bad in ('{"ttl": ', '[]', '"text"', "null", ""):
        code, text = leader.ask("/config", bad, method)
        assert 400 <= code < 500 and text, bad
    assert config(cluster) == before
    assert cluster.kube.admin.get("configmaps", cluster.namespace, "shop-config")["metadata"]["resourceVersion"] == version


def test_the_leader_is_restarted_in_place(make_ready, watch, note):
    cluster, leader = make_ready()
    writer = watch(cluster)
    before, moment = started_at(leader), now()
    assert leader.ask("/restart", {}) == (200, "restarted successfully")
    restarted = now()
    assert started_at(leader) != before
    wait(lambda: writer.first_after(restarted), "writes go on")
    note("gap_s", round(writer.gap_around(moment), 3))
    assert cluster.wait_ready() is leader
    writer.stop()
    assert {c.member for c in writer.snapshot()} == {leader.name}
    writer.check_nothing_lost(leader)


def test_filters_of_a_restart(make_ready):
    cluster, leader = make_ready()
    replica = others(cluster, leader)[0]
    before = started_at(replica)
    for body in ({"role": "primary"}, {"postgres_version": "15.0"}, {"restart_pending": True}):
        assert replica.ask("/restart", body) == (503, "restart conditions are not satisfied"), body
    for body in ({"role": "king"}, {"timeout": -3}, {"postgres_version": "new"}, {"colour": "red"}):
        assert replica.ask("/restart", body)[0] == 400, body
    assert started_at(replica) == before
    assert replica.ask("/restart", {"role": "replica", "postgres_version": "16.0"})[0] == 200
    assert started_at(replica) != before


def test_scheduled_restart_at_its_time_and_cancelled(make_ready):
    cluster, leader = make_ready()
    one, other = others(cluster, leader)
    at, due = in_seconds(4), time.time() + 3  # whole seconds: up to one earlier
    before = {m: started_at(m) for m in (one, other)}
    for member in (one, other):
        assert member.ask("/restart", {"schedule": at}) == (202, "Restart scheduled")
        assert member.status()["scheduled_restart"]["schedule"] == at
        assert member.ask("/restart", {"schedule": at}) == (409, "Another restart is already scheduled")
        wait(lambda m=member: at in json.dumps([x for x in json.loads(leader.rest("/cluster")[1])["members"] if x["name"] == m.name]),
             f"the schedule of {member.name} is listed")
    assert other.ask("/restart", method="DELETE") == (200, "scheduled restart deleted")
    assert other.ask("/restart", method="DELETE") == (404, "no restarts are scheduled")

    def is_restarted():
        try:
            return started_at(one) != before[one]
        except RuntimeError:
            return False
    wait(is_restarted, "it is restarted", 20)
    assert time.time() >= due
    wait(lambda: "scheduled_restart" not in one.status(), "its schedule is gone")
    cluster.wait_ready()
    assert started_at(other) == before[other]


def test_reload_by_signal_and_by_order(make_ready):
    cluster, leader = make_ready()
    leader.overrides = {"postgresql": {"parameters": {"work_mem": "5MB"}}}
    leader.write_config()
    assert leader.ask("/reload", {}) == (202, "reload scheduled")
    wait(lambda: leader.psql("show work_mem") == "5MB", "it is in force")
    leader.overrides = {"postgresql": {"parameters": {"work_mem": "6MB"}}}
    leader.write_config()
    leader.agent.send_signal(1)
    wait(lambda: leader.psql("show work_mem") == "6MB", "it is in force after SIGHUP")
    leader.config.write_text("postgresql: [")
    leader.ask("/reload", {})
    wait(lambda: "the present one stays" in leader.log(), "what cannot be read is said")
    assert leader.psql("show work_mem") == "6MB" and cluster.wait_ready() is leader


def describing(directory, parameter):
    """PostgreSQL's programs, of which `postgres --describe-config` names a parameter more than it does here."""
    directory.mkdir()
    for program in pathlib.Path(BIN).iterdir():
        (directory / program.name).symlink_to(program)
    (directory / "postgres").unlink()
    (directory / "postgres").write_text(f"""#!/bin/sh
[ "$1" = --describe-config ] && printf '{parameter}\\tuser\\tother\\n'
exec {BIN}/postgres "$@"
""")
    (directory / "postgres").chmod(0o755)
    return str(directory)


def test_parameters_that_only_the_server_knows_are_kept(make_cluster):
    """A server of another make, as far as the names go: what its program describes is given to it, and it has the last word.
    (PostgreSQL's own refuses the name, and with it all changes of that reload.)"""
    cluster = make_cluster(size=2)
    plain, knowing = cluster.members
    knowing.overrides = {"postgresql": {"bin_dir": describing(pathlib.Path(cluster.home) / "bin", "parameter_of_a_fork")}}
    cluster.start()
    leader = cluster.wait_ready()
    change = {"postgresql": {"parameters": {"parameter_of_a_fork": "on", "story.teller": "x'y", "no_such_parameter": 1}}}
    assert leader.ask("/config", change, "PATCH")[0] == 200
    wait(lambda: plain.psql_or_none("show story.teller") == "x'y", "an extension's is nobody's to judge but its own")
    for member in cluster.members:
        wait(lambda m=member: 'parameters.no_such_parameter: "1" is dropped' in m.log(), "what nobody knows is said")
    given = "select setting from pg_file_settings where name = '%s'"
    assert [m.psql(given % "parameter_of_a_fork") for m in (knowing, plain)] == ["on", ""]
    assert [m.psql(given % "no_such_parameter") for m in (knowing, plain)] == ["", ""]
    assert 'parameter_of_a_fork: "on" is dropped' in plain.log() and "parameter_of_a_fork" not in knowing.log()
    knowing.kill_agent()
    knowing.start_agent()
    wait(lambda: "the dynamic configuration is that of" in knowing.log(), "the new agent has begun")
    cluster.wait_ready()
    assert knowing.psql(given % "parameter_of_a_fork") == "on", "a new agent asks the program, too, before it writes anything"
    assert cluster.wait_ready() is leader


def test_a_standby_with_fewer_connections_than_its_primary_catches_up_by_a_restart(make_cluster, watch):
    """From PostgreSQL 14 on it pauses its replay instead of stopping."""
    cluster = make_cluster(size=2)
    cluster.start()
    leader = cluster.wait_ready()
    leader.psql(CREATE)
    replica = others(cluster, leader)[0]
    writer = watch(cluster)
    assert leader.ask("/config", {"postgresql": {"parameters": {"max_connections": 80}}}, "PATCH")[0] == 200
    for member in cluster.members:
        wait(lambda m=member: m.status().get("pending_restart"), f"{member.name} says that it waits for a restart")
    assert leader.ask("/restart", {"restart_pending": True}) == (200, "restarted successfully")
    moment = now()
    assert leader.psql("show max_connections") == "80" and replica.psql("show max_connections") == "50"
    wait(lambda: "recovery has paused" in (replica.home / "supervisor.log").read_text(), "PostgreSQL pauses it", 20)
    wait(lambda: replica.psql_or_none("show max_connections") == "80", "it is restarted with the primary's value", 30)
    first = wait(lambda: writer.first_after(moment), "writes go on")
    wait(lambda: replica.psql_or_none(f"select count(*) from story where id = {first.row}") == "1", "it replays again", 30)
    assert cluster.wait_ready() is leader
    assert "max_connections" in replica.log()
