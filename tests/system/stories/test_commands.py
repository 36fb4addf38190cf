"""What people tell a cluster with howdahctl, and with the same program by patronictl's name: real members answer."""
import json
import os
import subprocess
import time

import pytest

from bed import BUILD, USER, wait

FAST_S = 0.25  # the aim is 0.03; the machine of the tests has other work


class Commands:
    def __init__(self, cluster, tmp_path):
        self.cluster, self.member = cluster, cluster.members[0]
        self.patronictl = tmp_path / "patronictl"
        self.patronictl.symlink_to(BUILD / "howdahctl")
        for path in (tmp_path, *tmp_path.parents):
            if path.stat().st_uid == os.getuid() and str(path).startswith("/tmp/"):
                path.chmod(0o755)

    def run(self, *arguments, by="howdahctl", typed=None, code=0):
        """Standard output of a command that ends with this code; standard error where the code is not 0."""
        program = self.patronictl if by == "patronictl" else BUILD / "howdahctl"
        env = {**os.environ, **self.cluster.account.environment(), "PGPASSWORD": "super-secret"}
        process = self.cluster.net.run(self.member.machine, [str(program), "-c", str(self.member.config), *arguments], user=USER, env=env,
                                       cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate((typed or "").encode(), timeout=90)
        assert process.returncode == code, (out.decode(), err.decode())
        return (out if code == 0 else err).decode()


@pytest.fixture
def ready(make_ready, tmp_path):
    cluster, leader = make_ready()
    return cluster, leader, Commands(cluster, tmp_path)


def others(cluster, leader):
    return [m for m in cluster.members if m is not leader]


def test_looking_is_quick_and_lag_is_of_now(ready, note):
    cluster, leader, commands = ready
    times = []
    for _ in range(5):
        begun = time.monotonic()
        rows = json.loads(commands.run("list", "-f", "json"))
        times.append(time.monotonic() - begun)
    note("list_s", round(min(times), 3))
    assert {r["Member"]: r["Role"] for r in rows} == {m.name: "Leader" if m is leader else "Replica" for m in cluster.members}
    assert min(times) < FAST_S
    assert commands.run("dsn") == f"host={leader.address} port=5432\n"
    assert commands.run("query", "-U", "postgres", "-c", "SELECT 1 + 1, NULL") == "2\t\n"
    assert "22012" in commands.run("query", "-U", "postgres", "-c", "SELECT 1/0", code=1)
    assert commands.run("query", "-U", "postgres", "-c", "SELECT 1/0", by="patronictl").endswith("\tERROR, SQLSTATE: 22012\n")


def test_switchover_by_either_name(ready):
    cluster, leader, commands = ready
    heir, third = others(cluster, leader)
    shown = commands.run("switchover", "--leader", leader.name, "--candidate", heir.name, "--force")
    assert f'Successfully switched over to "{heir.name}"' in shown
    assert cluster.wait_ready(60) is heir

    def back():
        """The new leader asks at its own pace: whoever came back a moment ago may be refused."""
        shown = commands.run("switchover", by="patronictl", typed=f"\n{leader.name}\n\ny\n")
        assert f"Primary [{heir.name}]: Candidate [" in shown
        return f'Successfully switched over to "{leader.name}"' in shown

    wait(back, "the former leader is taken again", 20)
    assert cluster.wait_ready(60) is leader
    assert "already the leader" in commands.run("failover", "--candidate", leader.name, "--force", code=1)
    assert "--force" in commands.run("switchover", "--candidate", third.name, code=1)


def test_configuration_is_changed_and_takes_effect(ready):
    cluster, leader, commands = ready
    shown = commands.run("edit-config", "-p", "work_mem=7MB", "--force")
    assert "+    work_mem: 7MB\n" in shown and shown.endswith("Configuration changed\n")
    assert "    work_mem: 7MB\n" in commands.run("show-config")
    wait(lambda: leader.psql("SHOW work_mem") == "7MB", "the leader works with it", 30)
    assert commands.run("edit-config", "-p", "work_mem=7MB", "--force") == "Not changed\n"


def test_restart_reload_and_reinit(ready):
    cluster, leader, commands = ready
    replica = others(cluster, leader)[0]
    before = replica.postmaster()
    assert f"Success: restart on member {replica.name}\n" in commands.run("restart", "shop", replica.name, "--force")
    assert wait(replica.postmaster, "it runs", 30) != before
    assert f"member {leader.name} " in commands.run("reload", "shop", leader.name, "--force")
    cluster.wait_ready(60)
    system_file = (replica.data / "PG_VERSION").stat().st_ino
    shown = commands.run("reinit", "shop", replica.name, "--force", "--wait")
    assert f"Reinitialize is completed on: {replica.name}\n" in shown
    assert (replica.data / "PG_VERSION").stat().st_ino != system_file
    cluster.wait_ready(60)


def test_pause_and_resume_are_waited_for(ready):
    cluster, leader, commands = ready
    assert commands.run("pause", "--wait").endswith("Success: cluster management is paused\n")
    assert "already paused" in commands.run("pause", code=1)
    assert " Maintenance mode: on\n" in commands.run("list", "-f", "pretty")
    assert commands.run("resume", "--wait", by="patronictl").endswith("Success: cluster management is resumed\n")
    assert leader.rest("/primary")[0] == 200


def test_scheduled_orders_are_taken_back(ready):
    cluster, leader, commands = ready
    replica = others(cluster, leader)[0]
    shown = commands.run("switchover", "--candidate", replica.name, "--force", "--scheduled", "2035-01-01T00:00Z")
    assert "Switchover scheduled" in shown
    assert " Switchover scheduled at: 2035-01-01T00:00:00+00:00\n" in commands.run("list", "-f", "pretty")
    assert "Success: scheduled switchover deleted\n" in commands.run("flush", "shop", "switchover")
    shown = commands.run("restart", "shop", replica.name, "--force", "--scheduled", "2035-01-01T00:00Z")
    assert f"Success: restart scheduled on member {replica.name}\n" in shown
    wait(lambda: "2035-01-01" in commands.run("list", "-f", "json"), "it is shown", 30)
    shown = commands.run("flush", "shop", replica.name, "restart", "--force")
    assert f"Success: flush scheduled restart for member {replica.name}\n" in shown


def test_remove_needs_the_right_to_it(ready):
    cluster, leader, commands = ready
    cluster.may_be_forbidden = True
    typed = f"shop\nYes I am aware\n{leader.name}\n"
    assert "not allowed to delete (deletecollection)" in commands.run("remove", "shop", by="patronictl", typed=typed, code=1)
    assert leader.rest("/primary")[0] == 200
