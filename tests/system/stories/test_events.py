"""What `kubectl describe pod` tells: changes of role, how a member came back, and why one does not start."""
import os
import shutil
import signal
import subprocess
import time

from bed import BIN, USER, Member, holds, wait
from test_switchover import in_seconds


def told(cluster, member):
    """{reason: [message]} of the Events of a member's pod, oldest first."""
    pod = cluster.kube.admin.get("pods", cluster.namespace, member.name)["metadata"]
    events = [e for e in cluster.kube.admin.list("events", cluster.namespace) if e["involvedObject"].get("uid") == pod["uid"]]
    reasons = {}
    for event in sorted(events, key=lambda e: int(e["metadata"]["resourceVersion"])):
        assert event["involvedObject"]["kind"] == "Pod" and event["source"]["component"] == "howdah" and event["count"] >= 1
        reasons.setdefault(event["reason"], []).append(event["message"])
    return reasons


def wait_told(cluster, member, reason, part, seconds=20):
    def said():
        return next((m for m in told(cluster, member).get(reason, []) if part in m), None)
    return wait(said, f"{member.name}: {reason}: {part}", seconds)


def others(cluster, leader):
    return [m for m in cluster.members if m is not leader]


def holder_beside(cluster, former):
    name = cluster.leader_object().get("leader")
    return name if name != former.name else None


def test_a_failover_is_told_by_both(make_ready):
    cluster, old = make_ready()
    wait_told(cluster, old, "Promoted", "leader of a new cluster")
    for replica in others(cluster, old):
        wait_told(cluster, replica, "Rejoined", "cloned")
    os.kill(old.postmaster(), signal.SIGKILL)
    wait_told(cluster, old, "Crashed", "without having been told to")
    new = wait(lambda: next((m for m in others(cluster, old) if cluster.leader() is m), None), "another leads", 30)
    wait_told(cluster, new, "Promoted", f"after {old.name} gave the lock up")
    wait_told(cluster, old, "Demoted", "the lock is released")
    cluster.wait_ready()
    wait_told(cluster, old, "Rejoined", f"streams from {new.name} on timeline 2")


def test_a_switchover_is_told_as_one(make_ready):
    cluster, leader = make_ready()
    candidate = others(cluster, leader)[0]
    assert leader.ask("/switchover", {"leader": leader.name, "candidate": candidate.name})[0] == 200
    cluster.wait_ready()
    wait_told(cluster, leader, "HandedOver", f"to {candidate.name}")
    wait_told(cluster, candidate, "Promoted", f"after {leader.name} gave the lock up")
    wait_told(cluster, leader, "Rejoined", "nothing of its own was missing there")
    assert not {"Fenced", "Crashed", "Demoted"} & set(told(cluster, leader))


def test_a_cut_off_leader_tells_it_afterwards(make_ready):
    cluster, leader = make_ready()
    cluster.net.cut(leader.machine, "all")
    new = cluster[wait(lambda: holder_beside(cluster, leader), "another leads", 30)]
    wait_told(cluster, new, "Promoted", f"after {leader.name} had not renewed the lock")
    cluster.net.heal(leader.machine, "all")
    cluster.wait_ready(90)
    assert {"Demoted", "Fenced"} & set(wait(lambda: {"Demoted", "Fenced"} & set(told(cluster, leader)), "it tells how it ended", 60))


def test_an_agent_that_restarts_tells_nothing_new(make_ready):
    cluster, leader = make_ready(ttl=20)
    wait_told(cluster, leader, "Promoted", "new cluster")
    before = told(cluster, leader)
    leader.kill_agent()
    leader.start_agent()
    wait(lambda: leader.rest("/primary")[0] == 200, "the agent leads again")
    holds(lambda: told(cluster, leader) == before, 2, "nothing is told")


def test_why_a_member_does_not_start_is_told_once_and_counted(make_ready):
    cluster, leader = make_ready(size=2)
    stranger = Member(cluster, "m2", "shop-9")
    cluster.members.append(stranger)
    stranger.write_config()
    subprocess.run([f"{BIN}/initdb", "-D", str(stranger.data), "-N"], user=USER, check=True, capture_output=True, cwd="/")
    stranger.start()
    message = wait_told(cluster, stranger, "CannotStart", "system ID mismatch")
    assert "PostgreSQL is not started" in message and "kubectl -n" in message
    assert stranger.log().count("CannotStart: system ID mismatch") == 1
    assert told(cluster, stranger).keys() == {"CannotStart"}
    assert stranger.ask("/reinitialize", {}) == (503, "The data directory belongs to another cluster, can not reinitialize")
    assert stranger.status()["howdah"]["trouble"] == message  # what howdahctl list shows


def test_a_wrong_password_and_a_foreign_directory_are_told(make_ready):
    cluster, leader = make_ready(size=2)
    wrong, messy = Member(cluster, "m2", "shop-8"), Member(cluster, "m3", "shop-9")
    cluster.members += [wrong, messy]
    wrong.overrides = {"postgresql": {"authentication": {"replication": {"password": "wrong"}}}}
    messy.data.mkdir()
    (messy.data / "holiday.jpg").write_text("x")
    if USER:
        shutil.chown(messy.data, USER, USER)
    for member in (wrong, messy):
        member.start()
    wait_told(cluster, wrong, "CannotClone", "password authentication failed", 40)
    wait_told(cluster, messy, "CannotStart", "is not PostgreSQL's")
    assert (messy.data / "holiday.jpg").read_text() == "x"


def test_a_second_cluster_of_the_same_scope_is_told(make_ready):
    """Another release, with labels of its own: it sees nothing of the first one and must not begin over it."""
    cluster, leader = make_ready(size=2)
    other = Member(cluster, "m2", "shop-9", labels=False)
    cluster.members.append(other)
    other.overrides = {"kubernetes": {"labels": {"application": "second"}}}
    cluster.kube.pod(cluster.namespace, other.name, {"application": "second", "cluster-name": cluster.scope}, ip=other.address)
    other.start()
    message = wait_told(cluster, other, "ScopeTaken", 'configmaps "shop-config" exists')
    assert '"shop"' in message and cluster.namespace in message and "Choose another scope" in message
    holds(lambda: other.postmaster() is None and not other.data.exists(), 2, "it makes nothing")
    assert cluster.leader() is leader and message in other.log()
    assert message.startswith(other.status()["howdah"]["trouble"]), "list says it, too"


def test_a_directory_of_another_user_or_version_is_told(make_ready):
    cluster, leader = make_ready(size=2)
    newer = next(m for m in cluster.members if m is not leader)
    locked = Member(cluster, "m2", "shop-8")
    cluster.members.append(locked)
    locked.write_config()
    subprocess.run([f"{BIN}/initdb", "-D", str(locked.data), "-N"], user=USER, check=True, capture_output=True, cwd="/")
    for path in [locked.data, *locked.data.rglob("*")]:
        os.chown(path, 65534, 65534)
    newer.kill_all()
    (newer.data / "PG_VERSION").write_text("19\n")
    for member in (locked, newer):
        member.start()
    wait_told(cluster, locked, "CannotStart", "belongs to uid 65534")
    told_of_version = wait(lambda: told(cluster, newer).get("CannotStart"), "the other version is told", 40)
    assert any("19" in text for text in told_of_version), told_of_version


def test_empty_volumes_under_a_state_that_has_data_are_told(make_cluster):
    """Reinstalled, with the volumes removed and the state kept: nobody begins a cluster over it."""
    cluster = make_cluster(size=2)
    labels = {**cluster.members[0].settings()["kubernetes"]["labels"], "cluster-name": cluster.scope}
    body = {"metadata": {"name": "shop-config", "labels": labels, "annotations": {"initialize": "7391000000000000417"}}}
    cluster.kube.admin.create("configmaps", cluster.namespace, body)
    cluster.start()
    for member in cluster.members:
        message = wait_told(cluster, member, "CannotStart", "the volume is empty", 50)
        assert "7391000000000000417" in message and "howdahctl remove" in message
        assert member.postmaster() is None and not member.data.exists()


def test_without_the_right_nothing_else_is_different(make_cluster, request):
    cluster = make_cluster(size=2)
    cluster.may_be_forbidden = True
    rules = [rule for rule in cluster.kube.rules(cluster.namespace) if rule["resources"] != ["events"]]
    cluster.kube.set_rules(cluster.namespace, rules)
    wait(lambda: forbidden_to_ask(cluster), "the server has taken the right away")
    cluster.start()
    leader = cluster.wait_ready()
    wait(lambda: "not allowed to create events" in leader.log(), "it says so")
    began = time.monotonic()
    os.kill(leader.postmaster(), signal.SIGKILL)
    wait(lambda: cluster.leader() not in (None, leader), "another leads", 20)
    assert time.monotonic() - began < 10
    assert leader.log().count("not allowed to create events") == 1
    assert not told(cluster, leader)


def forbidden_to_ask(cluster):
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
              "spec": {"resourceAttributes": {"namespace": cluster.namespace, "verb": "create", "resource": "events"}}}
    client = cluster.account.client()
    answer = client.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    return not answer["status"]["allowed"]


def test_a_scheduled_switchover_that_nobody_can_take_is_told(make_ready):
    cluster, leader = make_ready()
    candidate, asked = others(cluster, leader)
    at = in_seconds(4)
    body = {"leader": leader.name, "candidate": candidate.name, "scheduled_at": at}
    assert asked.ask("/switchover", body) == (202, "Switchover scheduled")
    candidate.kill_agent()
    message = wait_told(cluster, leader, "MoveDropped", "nobody who could take over", 30)
    assert candidate.name in message and at in message and message in leader.log()
    candidate.start_agent()
    assert cluster.wait_ready() is leader


def test_a_scheduled_switchover_that_gives_way_to_another_is_told(make_ready):
    cluster, leader = make_ready()
    candidate, other = others(cluster, leader)
    at = in_seconds(600)
    assert leader.ask("/switchover", {"leader": leader.name, "candidate": other.name, "scheduled_at": at})[0] == 202
    assert leader.ask("/switchover", {"leader": leader.name, "candidate": candidate.name})[0] == 200
    wait_told(cluster, leader, "MoveDropped", "another one was asked for")
    assert cluster.wait_ready() is candidate


def test_a_scheduled_restart_of_a_server_that_was_started_anew_is_told(make_ready):
    cluster, leader = make_ready(size=2)
    replica = others(cluster, leader)[0]
    assert replica.ask("/restart", {"schedule": in_seconds(600)}) == (202, "Restart scheduled")
    os.kill(replica.postmaster(), signal.SIGKILL)
    wait_told(cluster, replica, "RestartDropped", "was started anew before it", 30)
    cluster.wait_ready()


def test_a_scheduled_restart_that_ended_with_its_agent_is_told(make_ready):
    cluster, leader = make_ready(size=2)
    replica = others(cluster, leader)[0]
    at = in_seconds(600)
    assert replica.ask("/restart", {"schedule": at})[0] == 202
    wait(lambda: at in cluster.kube.annotations("pods", cluster.namespace, replica.name).get("status", ""), "its pod says so")
    replica.kill_agent()
    replica.start_agent()
    wait_told(cluster, replica, "RestartDropped", at, 30)
    assert "scheduled_restart" not in replica.status()


def test_collations_of_another_version_are_told_until_they_are_refreshed(make_ready):
    """As when an image brings another libc: the catalog's version is not that of the library."""
    cluster, leader = make_ready()
    leader.psql("create database shop template template0 locale_provider icu icu_locale 'de'")
    leader.psql("create collation german (provider = icu, locale = 'de')")
    leader.psql("update pg_database set datcollversion = '0.1' where datname = 'shop'")
    leader.psql("update pg_collation set collversion = '0.2' where collname = 'german'")
    assert "CollationChanged" not in told(cluster, leader), "it is asked when a server starts"
    started = leader.psql("select pg_postmaster_start_time()")
    assert leader.ask("/restart", {})[0] == 200
    assert leader.psql("select pg_postmaster_start_time()") != started
    message = wait_told(cluster, leader, "CollationChanged", 'database "shop" (0.1, now ')
    assert '1 collations of database "postgres"' in message and "REFRESH COLLATION VERSION" in message
    wait(lambda: leader.status().get("howdah", {}).get("trouble") == message, "list says it, too")
    leader.psql("alter database shop refresh collation version")
    leader.psql("alter collation german refresh version")
    assert leader.ask("/restart", {})[0] == 200
    wait(lambda: "trouble" not in leader.status().get("howdah", {}), "that is over")
