"""A pause: people are in charge, and nothing happens by itself; afterwards everything is guarded again."""
import json
import os
import signal
import time

from bed import holds, wait
from test_switchover import others

now = time.monotonic
TTL_S = 5


def pause(cluster, paused=True):
    """Every member has acted on it, too: what its pod says is what the others go by (safety.md S11)."""
    assert cluster.members[0].ask("/config", {"pause": paused or None}, "PATCH")[0] == 200
    for member in cluster.members:
        wait(lambda m=member: bool(m.status().get("pause")) is paused, f"{member.name} knows the pause: {paused}")
        wait(lambda m=member: bool(published(cluster, m).get("pause")) is paused, f"the pod of {member.name} says so, too")


def published(cluster, member):
    return json.loads(cluster.kube.annotations("pods", cluster.namespace, member.name).get("status", "{}"))


def test_nobody_promotes_and_nothing_is_started_in_a_pause(make_ready, watch, note):
    cluster, leader = make_ready()
    pause(cluster)
    writer = watch(cluster)
    os.kill(leader.postmaster(), signal.SIGKILL)
    killed = now()
    wait(lambda: leader.postmaster() is None, "it is dead")
    holds(lambda: leader.postmaster() is None and writer.first_after(killed + 0.5) is None, 2 * TTL_S + 1, "nobody writes")
    for member in others(cluster, leader):
        assert member.psql("select pg_is_in_recovery()") == "t"
    resumed = now()
    pause(cluster, False)
    first = wait(lambda: writer.first_after(resumed), "somebody leads after the pause", 30)
    note("first_write_after_resume_s", round(first.acknowledged - resumed, 3))
    cluster.wait_ready()


def test_no_deadline_in_a_pause_and_one_after_it(make_ready, watch, note):
    cluster, leader = make_ready()
    pause(cluster)
    renewed = cluster.leader_object()["renewTime"]
    wait(lambda: cluster.leader_object()["renewTime"] > renewed, "it has acted on the pause")
    writer = watch(cluster)
    postmaster = leader.postmaster()
    leader.kill_agent()
    killed = now()
    holds(lambda: leader.postmaster() == postmaster, 2 * TTL_S + 1, "the primary without an agent goes on")
    assert writer.acknowledged_by(leader.name, after=killed + 2 * TTL_S) and not writer.first_after(0, leader.name)
    leader.start_agent()
    wait(lambda: leader.rest("/primary")[0] == 200, "its agent is back")
    pause(cluster, False)
    assert cluster.wait_ready() is leader and leader.postmaster() == postmaster
    leader.agent.send_signal(signal.SIGSTOP)
    frozen = now()
    first = wait(lambda: writer.first_after(frozen, leader.name), "another leads", 30)
    assert writer.last_by(leader.name) < first.started and leader.postmaster() != postmaster
    note("first_write_of_new_s", round(first.acknowledged - frozen, 3))
    leader.agent.send_signal(signal.SIGCONT)
    cluster.wait_ready()


def test_a_switchover_to_a_named_member_in_a_pause(make_ready, watch):
    cluster, leader = make_ready()
    pause(cluster)
    writer = watch(cluster)
    candidate = others(cluster, leader)[0]
    assert leader.ask("/switchover", {"leader": leader.name}) == \
        (400, "Switchover is possible only to a specific candidate in a paused state")
    moment = now()
    assert leader.ask("/switchover", {"leader": leader.name, "candidate": candidate.name})[0] == 200
    wait(lambda: writer.first_after(moment, leader.name), "the candidate leads")
    pause(cluster, False)
    assert cluster.wait_ready() is candidate
    writer.stop()
    writer.check_nothing_lost(candidate)
