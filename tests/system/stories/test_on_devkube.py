"""Some of the stories on devkube instead of the real API server, and faults that only it can make."""
import time

import pytest

from conftest import started
from bed import wait
# the same stories, told with the server below
from test_failover import test_postmaster_killed_another_takes_over, test_three_members_begin_from_empty_volumes  # noqa: F401
from test_store_faults import test_store_restored_from_an_older_state  # noqa: F401

now = time.monotonic


@pytest.fixture(scope="module")
def server():
    yield from started("devkube")


def test_answers_to_renewals_are_lost(make_ready, watch, note):
    """They were done: the leader finds its own writes and goes on."""
    cluster, leader = make_ready()
    writer = watch(cluster)
    before = cluster.kube.struck("drop_after")
    began = now()
    cluster.kube.fault("drop_after", count=4, method="PATCH", path="shop-leader")
    wait(lambda: cluster.kube.struck("drop_after") == before + 4, "four answers are lost", 30)
    wait(lambda: writer.first_after(now() - 0.5), "writes go on")
    note("gap_s", round(writer.gap_around(began), 3))
    assert cluster.wait_ready() is leader and writer.gap_around(began) < 1


def test_watches_are_silent_while_the_leader_dies(make_ready, watch, note):
    """Nobody is told that the lock is free; whoever looks finds it."""
    cluster, leader = make_ready()
    writer = watch(cluster)
    before = cluster.kube.struck("silence_watches")
    cluster.kube.fault("silence_watches", ms=20000)
    cluster.net.power_off(leader.machine)
    dead = now()
    first = wait(lambda: writer.first_after(dead, leader.name), "another leads", 19)
    note("gap_s", round(first.acknowledged - dead, 3))
    assert cluster.kube.struck("silence_watches") > before
