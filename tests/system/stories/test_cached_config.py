"""patroni.dynamic.json: the dynamic configuration beside the data, for when the store does not have it."""
import json
import stat
import time

from bed import holds, wait
from test_switchover import others

now = time.monotonic


def cached(member):
    try:
        return json.loads((member.data / "patroni.dynamic.json").read_text())
    except (OSError, ValueError):
        return {}


def stored(cluster):
    return json.loads(cluster.kube.annotations("configmaps", cluster.namespace, "shop-config").get("config", "{}"))


def patch(cluster, leader, change):
    assert leader.ask("/config", change, "PATCH")[0] == 200
    for member in cluster.members:
        wait(lambda m=member: change.items() <= cached(m).items(), f"{member.name} keeps it beside its data")


def test_it_follows_every_change_and_nothing_else_of_it_is_left(make_ready):
    cluster, leader = make_ready()
    patch(cluster, leader, {"maximum_lag_on_failover": 1234567, "mine": {"kept": [1, "two"]}})
    for member in cluster.members:
        assert cached(member) == stored(cluster)
        assert stat.S_IMODE((member.data / "patroni.dynamic.json").stat().st_mode) == 0o600
        assert not list(member.data.glob("patroni.dynamic.json.*"))


def test_the_leader_gives_the_store_its_own_copy_back(make_ready):
    cluster, leader = make_ready(ttl=20)
    patch(cluster, leader, {"maximum_lag_on_failover": 7654321})
    forget = {"metadata": {"annotations": {"config": None}}}
    cluster.kube.admin.patch("configmaps", cluster.namespace, "shop-config", forget)
    wait(lambda: stored(cluster).get("maximum_lag_on_failover") == 7654321, "what is in force is written again")
    for member in cluster.members:
        member.kill_agent()
    cluster.kube.admin.patch("configmaps", cluster.namespace, "shop-config", forget)
    assert stored(cluster) == {}
    for member in cluster.members:
        member.start_agent()
    wait(lambda: stored(cluster).get("maximum_lag_on_failover") == 7654321, "what was kept beside the data is written", 30)
    assert cluster.wait_ready() is leader


def test_an_agent_that_starts_in_an_outage_knows_of_failsafe_mode(make_ready, watch):
    cluster, leader = make_ready()
    replica = others(cluster, leader)[0]
    patch(cluster, leader, {"failsafe_mode": True})
    wait(lambda: all(m.rest("/failsafe")[0] == 200 for m in cluster.members), "everybody knows whom to ask", 30)
    writer = watch(cluster)
    began = now()
    cluster.kube.pause()
    replica.kill_agent()
    replica.start_agent()
    wait(lambda: replica.status().get("failsafe_mode_is_active"), "it was asked, and stands back", 5)
    holds(lambda: leader.rest("/primary")[0] == 200, 15, "it is the primary")
    cluster.kube.resume()
    assert cluster.wait_ready() is leader
    writer.stop()
    assert writer.gap_around(began) < 1 and {c.member for c in writer.snapshot()} == {leader.name}


def test_a_broken_one_is_in_nobodys_way(make_ready):
    cluster, leader = make_ready()
    replica = others(cluster, leader)[0]
    file = replica.data / "patroni.dynamic.json"
    wait(lambda: cached(replica), "it is there")
    for what in ("{", "[]", "\0", "x" * 300000):
        replica.kill_agent()
        file.write_text(what)
        told = replica.log().count("beside the data is not used")
        replica.start_agent()
        wait(lambda t=told: replica.log().count("beside the data is not used") > t, "it says so")
        wait(replica.is_streaming, "it streams")
        wait(lambda: cached(replica) == stored(cluster), "the file is right again")
