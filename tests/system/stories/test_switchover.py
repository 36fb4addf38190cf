"""The leadership moved because people ask, under load: now, later, to somebody or to anybody, and what is refused."""
import statistics
import time

import pytest

from bed import holds, wait

now = time.monotonic
ROUNDS = 20


def others(cluster, leader):
    return [m for m in cluster.members if m is not leader]


def says_that_it_follows(member, leader):
    said = member.status()
    return said.get("replication_state") == "streaming" and said.get("timeline") == leader.status().get("timeline")


def switch(cluster, leader, asked, candidate=None):
    """The new leader, and when it was asked; the answer must name who really leads."""
    for member in [candidate] if candidate else others(cluster, leader):
        wait(lambda m=member: says_that_it_follows(m, leader), f"{member.name} knows its timeline")
    body = {"leader": leader.name, **({"candidate": candidate.name} if candidate else {})}
    moment = now()
    code, text = asked.ask("/switchover", body)
    successor = cluster[cluster.leader_object()["leader"]]
    assert (code, text) == (200, f'Successfully switched over to "{successor.name}"')
    assert successor is not leader and (candidate is None or successor is candidate)
    return successor, moment


def check_moved_once(cluster, writer, before, after, moment):
    first = wait(lambda: writer.first_after(moment, before.name), "a write after the switchover")
    assert first.member == after.name
    assert cluster.wait_ready() is after
    return writer.gap_between(moment, first.acknowledged)


@pytest.mark.parametrize("named", [True, False], ids=["to-one", "to-any"])
def test_switchover_back_and_forth_under_load(make_ready, watch, note, named):
    cluster, leader = make_ready()
    writer = watch(cluster)
    gaps = []
    for i in range(ROUNDS):
        candidate = others(cluster, leader)[i % 2] if named else None
        asked = leader if i % 2 else others(cluster, leader)[0]
        successor, moment = switch(cluster, leader, asked, candidate)
        gaps.append(check_moved_once(cluster, writer, leader, successor, moment))
        leader = successor
    writer.stop()
    note("rows", writer.check_nothing_lost(leader))
    note("gap_median_s", round(statistics.median(gaps), 3))
    note("gaps_s", [round(gap, 3) for gap in gaps])
    assert len({c.timeline for c in writer.snapshot()}) == ROUNDS + 1, "one change of leadership each"


def test_failover_to_a_named_member_of_a_healthy_cluster(make_ready, watch):
    cluster, leader = make_ready()
    writer = watch(cluster)
    candidate = others(cluster, leader)[0]
    moment = now()
    code, text = leader.ask("/failover", {"candidate": candidate.name})
    assert (code, text) == (200, f'Successfully failed over to "{candidate.name}"')
    check_moved_once(cluster, writer, leader, candidate, moment)
    writer.stop()
    writer.check_nothing_lost(candidate)


REFUSED = [
    ("/switchover", {"leader": "shop-9"}, 412, "leader name does not match"),
    ("/switchover", {"leader": "LEADER", "candidate": "shop-9"}, 412, "candidate does not exists"),
    ("/switchover", {"leader": "LEADER", "candidate": "LEADER"}, 400, "Switchover target and source are the same"),
    ("/switchover", {"leader": "LEADER", "scheduled_at": "2001-01-01T00:00:00+00:00"}, 422, "Cannot schedule switchover in the past"),
    ("/switchover", {"candidate": "shop-1"}, 400, "Switchover could be performed only from a specific leader"),
    ("/switchover", '{"leader": ', 400, "JSON"),
    ("/failover", {"leader": "LEADER"}, 400, "Failover could be performed only to a specific candidate"),
]


def test_refused_and_nothing_happens(make_ready):
    cluster, leader = make_ready()
    record = cluster.leader_object()
    for path, body, code, text in REFUSED:
        if isinstance(body, dict):
            body = {key: leader.name if value == "LEADER" else value for key, value in body.items()}
        for member in cluster.members:
            answer = member.ask(path, body)
            assert answer[0] == code and text in answer[1], (path, body, answer)
    assert cluster.leader() is leader
    assert cluster.leader_object()["transitions"] == record["transitions"]


def test_a_candidate_that_is_not_fit_is_refused(make_cluster):
    cluster = make_cluster()
    unfit = cluster.members[2]
    unfit.overrides = {"tags": {"nofailover": True}}
    first = cluster.members[0]
    first.start()
    wait(cluster.leader, "the first leads", 60)
    for member in cluster.members[1:]:
        member.start()
    leader = cluster.wait_ready()
    assert leader is first
    assert leader.ask("/switchover", {"leader": leader.name, "candidate": unfit.name}) == \
        (412, "switchover is not possible: no good candidates have been found")
    fit = cluster.members[1]
    fit.kill_agent()
    holds(lambda: cluster.leader() is leader, 1.5, "it leads, and what the other one answered last counts no more")
    wait(lambda: leader.ask("/switchover", {"leader": leader.name}) ==
         (412, "switchover is not possible: no good candidates have been found"), "nobody is fit")
    assert cluster.leader() is leader


def in_seconds(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + seconds))


def test_scheduled_switchover_is_carried_out_at_its_time(make_ready, watch, note):
    cluster, leader = make_ready()
    writer = watch(cluster)
    candidate = others(cluster, leader)[0]
    at = in_seconds(5)
    due = time.mktime(time.strptime(at, "%Y-%m-%dT%H:%M:%S+00:00")) - time.timezone - time.time() + now()
    wish = {"leader": leader.name, "candidate": candidate.name, "scheduled_at": at}
    assert leader.ask("/switchover", wish) == (202, "Switchover scheduled")
    for member in cluster.members:
        wait(lambda m=member: at in m.rest("/cluster")[1], f"{member.name} shows the schedule")
    first = wait(lambda: writer.first_after(due, leader.name), "the candidate writes", 20)
    assert first.member == candidate.name and not writer.acknowledged_by(candidate.name)[0].started < due
    note("first_write_after_due_s", round(first.acknowledged - due, 3))
    assert cluster.wait_ready() is candidate
    wait(lambda: "scheduled_switchover" not in leader.rest("/cluster")[1], "the schedule is gone")
    writer.stop()
    writer.check_nothing_lost(candidate)


def test_scheduled_switchover_is_cancelled(make_ready, watch):
    cluster, leader = make_ready()
    at = in_seconds(4)
    due = now() + 4
    assert leader.ask("/switchover", {"leader": leader.name, "scheduled_at": at})[0] == 202
    wait(lambda: leader.rest("/cluster")[1].count(at) == 1, "it is scheduled")
    assert leader.ask("/switchover", method="DELETE") == (200, "scheduled switchover deleted")
    assert wait(lambda: leader.ask("/switchover", method="DELETE")[0] == 404, "there is none to delete any more")
    writer = watch(cluster)
    wait(lambda: writer.first_after(due + 2), "writes go on past its time", 20)
    writer.stop()
    assert {c.member for c in writer.snapshot()} == {leader.name}
