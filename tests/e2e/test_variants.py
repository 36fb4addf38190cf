"""Clusters of other kinds."""

import client as clientlib


def test_a_user_that_the_image_does_not_know(make_release):
    release = make_release(settings=["postgres.uid=54321", "postgres.passwd=true"])
    leader = release.wait_ready(3)
    assert leader.psql("select 1") == "1"
    assert release.kubectl("exec", leader.name, "-c", "postgres", "--", "id", "-u").strip() == "54321"


def test_two_releases_in_a_namespace_do_not_see_each_other(make_release, note):
    one = make_release(name="one")
    two = make_release(namespace=one.namespace, name="two")
    leaders = [release.wait_ready(3, 120) for release in (one, two)]
    for leader in leaders:
        leader.psql(clientlib.writer.CREATE)
    identifiers = {leader.psql("select system_identifier from pg_control_system()") for leader in leaders}
    assert len(identifiers) == 2
    uid = leaders[0].uid
    one.api.delete("pods", one.namespace, leaders[0].name)
    one.wait_leader_other_than(leaders[0].name)
    assert two.leader().name == leaders[1].name
    assert one.wait_ready(3).uid != uid
