"""A member of Patroni, from PyPI, in one cluster with members of howdah."""
from bed import wait
from test_switchover import check_moved_once, switch
from writer import CREATE


def test_a_member_of_patroni_joins_leads_and_gives_back(make_cluster, watch, note, patroni):
    cluster = make_cluster(ttl=20, size=2)
    patroni.account(cluster)
    cluster.start()
    first = cluster.wait_ready()
    first.psql(CREATE)
    guest = patroni.member(cluster, "m2", "shop-2")
    cluster.members.append(guest)
    guest.start()
    assert cluster.wait_ready(120) is first, "it joins as a replica"
    assert "howdah_version" not in guest.status()["patroni"] and "howdah_version" in first.status()["patroni"]
    assert all("shop-2" in m.rest("/cluster")[1] for m in cluster.members)
    writer = watch(cluster)
    gaps = []
    for asked, leader, candidate in ((first, first, guest), (guest, guest, first), (guest, first, guest), (first, guest, first)):
        successor, moment = switch(cluster, leader, asked, candidate)
        gaps.append(check_moved_once(cluster, writer, leader, successor, moment))
        rest = sorted(m.name for m in cluster.members if m is not successor)
        wait(lambda: sorted(cluster.labelled("replica")) == rest, "the others are replicas")
        writer.check_nothing_lost(successor)
    writer.stop()
    note("rows", writer.check_nothing_lost(first))
    note("gaps_s", [round(gap, 3) for gap in gaps])
    for member in cluster.members:
        wait(lambda m=member: m.psql("select max(id) from story") == first.psql("select max(id) from story"), f"{member.name} has all rows")
