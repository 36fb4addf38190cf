"""What people tell a cluster with howdahctl, and with the same program by patronictl's name: real members answer."""
import contextlib
import json
import os
import subprocess
import time

import pytest

from bed import BUILD, LABELS, USER, wait

FAST_S = 0.25  # the aim is 0.03; the machine of the tests has other work


class Commands:
    def __init__(self, cluster, tmp_path):
        self.cluster, self.member = cluster, cluster.members[0]
        self.patronictl = tmp_path / "patronictl"
        self.patronictl.symlink_to(BUILD / "howdahctl")
        for path in (tmp_path, *tmp_path.parents):
            if path.stat().st_uid == os.getuid() and str(path).startswith("/tmp/"):
                path.chmod(0o755)

    def begin(self, arguments, by="howdahctl", env=(), **streams):
        program = self.patronictl if by == "patronictl" else BUILD / "howdahctl"
        env = {**os.environ, **self.cluster.account.environment(), "PGPASSWORD": "super-secret", **dict(env)}
        return self.cluster.net.run(self.member.machine, [str(program), "-c", str(self.member.config), *arguments], user=USER, env=env,
                                    cwd="/", **streams)

    def run(self, *arguments, by="howdahctl", typed=None, code=0, env=()):
        """Standard output of a command that ends with this code; standard error where the code is not 0."""
        process = self.begin(arguments, by, env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = process.communicate((typed or "").encode(), timeout=90)
        assert process.returncode == code, (out.decode(), err.decode())
        return (out if code == 0 else err).decode()

    def on_terminal(self, *arguments, env=()):
        """What somebody sees who sits there; the command must end well."""
        ours, theirs = os.openpty()
        process = self.begin(arguments, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        seen = b""
        with contextlib.suppress(OSError):  # the end of a terminal
            while part := os.read(ours, 4096):
                seen += part
        os.close(ours)
        assert process.wait(timeout=30) == 0, seen
        return seen.decode()


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


def test_the_difference_goes_through_the_pager_only_on_a_terminal(ready, tmp_path):
    cluster, leader, commands = ready
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho PAGED $1 BEGIN; cat; echo PAGED END\n")
    pager.chmod(0o755)
    env = {"PAGER": f"{pager} -x"}
    seen = commands.on_terminal("edit-config", "-p", "work_mem=7MB", "--force", env=env)
    paged = seen[seen.index("PAGED -x BEGIN"):seen.index("PAGED END")]
    assert "+    work_mem: 7MB" in paged and "Configuration changed" in seen[seen.index("PAGED END"):]
    assert "+    work_mem: 8MB" in commands.on_terminal("edit-config", "-p", "work_mem=8MB", "--force", env={"PAGER": "/no/such/pager"})
    shown = commands.run("edit-config", "-p", "work_mem=9MB", "--force", env=env)
    assert "+    work_mem: 9MB\n" in shown and "PAGED" not in shown


def objects(cluster):
    kind = "endpoints" if cluster.mode == "endpoints" else "configmaps"
    names = [o["metadata"]["name"] for o in cluster.kube.admin.list(kind, cluster.namespace)]
    return sorted(name for name in names if name.split("-")[0] == "shop")


@pytest.mark.parametrize("mode", ["configmaps", "endpoints"])
def test_remove_makes_the_store_forget_a_cluster_and_nothing_else(make_ready, tmp_path, mode):
    cluster, leader = make_ready(size=2, mode=mode)
    commands = Commands(cluster, tmp_path)
    cluster.may_be_forbidden = True  # until the server has taken up the right
    cluster.kube.set_rules(cluster.namespace, [*cluster.kube.rules(cluster.namespace),
                                               {"apiGroups": [""], "resources": [mode], "verbs": ["deletecollection"]}])
    body = {"metadata": {"name": "stranger", "labels": {"application": "howdah", "cluster-name": "other"}}}
    cluster.kube.admin.create(mode, cluster.namespace, body)
    for typed, why in (("shpo\n", "Cluster names specified do not match"), ("shop\nyes\n", "You did not exactly type"),
                       (f"shop\nYes I am aware\n{others(cluster, leader)[0].name}\n", "You did not specify the current leader")):
        assert why in commands.run("remove", "shop", by="patronictl", typed=typed, code=1)
    identifier = leader.status()["database_system_identifier"]
    for member in cluster.members:
        member.kill_all()
    before = objects(cluster)
    assert len(before) >= 2
    typed = f"shop\nYes I am aware\n{leader.name}\n"

    def removed():
        try:
            return "PRIMARY" not in commands.run("remove", "shop", by="patronictl", typed=typed)
        except AssertionError as error:
            assert "not allowed to delete" in str(error)
    wait(removed, "the account has got the right", 20)
    assert objects(cluster) == []
    cluster.kube.admin.get(mode, cluster.namespace, "stranger")
    assert {p["metadata"]["name"] for p in cluster.kube.admin.list("pods", cluster.namespace)} == {m.name for m in cluster.members}
    assert all((m.data / "PG_VERSION").exists() for m in cluster.members)
    assert "uninitialized" in commands.run("list", "-f", "pretty")
    # as docs/operations.md says: the store is told whose data it is
    labels = {**LABELS, "cluster-name": "shop"}
    body = {"metadata": {"name": "shop-config", "labels": labels, "annotations": {"initialize": identifier}}}
    cluster.kube.admin.create(mode, cluster.namespace, body)
    cluster.start()
    assert cluster.wait_ready(90).psql("select count(*) from story") == "0"


def test_remove_needs_the_right_to_it(ready):
    cluster, leader, commands = ready
    cluster.may_be_forbidden = True
    typed = f"shop\nYes I am aware\n{leader.name}\n"
    assert "not allowed to delete (deletecollection)" in commands.run("remove", "shop", by="patronictl", typed=typed, code=1)
    assert leader.rest("/primary")[0] == 200
