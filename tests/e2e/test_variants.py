"""Clusters of other kinds."""
import time

import psycopg2

import client as clientlib
from server import wait
from test_faults import ONE_A_NODE, TTL_S, node_without

now = time.monotonic
AWAY_S = 60
KUBERNETES_BACK_S = 150  # somebody leads at once; the Service followed a minute later where this was seen


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


def test_the_endpoints_object_is_lock_and_route(bed, make_release, note):
    release = make_release(settings=["mode=endpoints"])
    leader = release.wait_ready(3)
    route = route_of(release)
    assert [address["ip"] for address in route["subsets"][0]["addresses"]] == [leader.address]
    assert route["metadata"]["annotations"]["leader"] == leader.name
    release.api.delete("pods", release.namespace, leader.name)
    successor = release.wait_leader_other_than(leader.name)
    wait(lambda: addresses(route_of(release)) == [successor.address], "the route is the new leader's", 10)
    release.wait_ready(3)
    assert release.forbidden() == []


def route_of(release):
    return release.api.get("endpoints", release.namespace, release.name)


def addresses(endpoints):
    return [address["ip"] for subset in endpoints.get("subsets", []) for address in subset["addresses"]]


def test_by_slices_the_service_leads_nowhere_without_a_leader(bed, make_release, note):
    """Scaled to nothing and back, at last uninstalled: nobody is sent to an address that may be another pod's by then."""
    release = make_release(settings=["route=slice", "replicas=2"])
    leader = release.wait_ready(2)
    assert sliced(release) == [leader.address]
    release.scale(0)
    wait(lambda: sliced(release) == [], "the slice is empty", 20)
    release.scale(2)
    leader = release.wait_ready(2, 120)
    wait(lambda: sliced(release) == [leader.address], "the slice is the new leader's", 20)
    with bed.net.inside(bed.nodes[0].name):
        psycopg2.connect(host=release.service_address(), user="postgres", password=release.password, dbname="postgres").close()
    assert release.forbidden() == []
    release.uninstall()
    wait(lambda: not release.pods(), "no pod is left", 60)
    wait(lambda: "slice" not in of_slices(release, "{.items[*].kind}").lower(), "no slice is left", 60)


def of_slices(release, what):
    selector = f"kubernetes.io/service-name={release.name}"
    return release.kubectl("get", "endpointslices", "-l", selector, "-o", f"jsonpath={what}")


def sliced(release):
    return of_slices(release, "{.items[*].endpoints[*].addresses[*]}").split()


def test_without_failsafe_the_leader_stops_before_its_lease_ends_and_nothing_is_lost(bed, make_release, watch, note):
    release = make_release(settings=[*ONE_A_NODE, "howdah.failsafe=false"])
    leader = release.wait_ready(3)
    leader.psql(clientlib.writer.CREATE)
    client, address, stopped = watch(release, node_without(bed, leader)), leader.address, now()
    bed.control.kill()
    wait(lambda: now() > stopped + AWAY_S, "a minute without the API server", AWAY_S + 1)
    wrote = client.last_by(address) - stopped
    note("wrote_for_s", wrote)
    assert TTL_S / 3 < wrote < TTL_S
    bed.control.start()
    back = now()
    wait(lambda: leads(release.leader()), "somebody leads again", 60)
    note("leads_after_s", now() - back)
    client.wait_for_writes(back, KUBERNETES_BACK_S)
    note("writes_after_s", client.first_after(back).acknowledged - back)
    successor = release.wait_ready(3, 120)
    client.stop()
    note("acknowledged", client.check_nothing_lost(successor))


def leads(pod):
    return pod is not None and pod.psql("select not pg_is_in_recovery()") == "t"
