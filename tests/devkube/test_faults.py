"""devkube's faults: each strikes as it was told, says how often it did, and then no more."""
import http.client
import time

import pytest

from api import ApiError
from kube import wait

BROKEN = (http.client.RemoteDisconnected, ConnectionResetError)


def write(devkube, value, name="a"):
    return devkube.admin.patch("configmaps", devkube.space, name, {"metadata": {"annotations": {"x": value}}})


def value_of(devkube, name="a"):
    return devkube.annotations("configmaps", devkube.space, name)["x"]


def is_lost(call):
    """A fresh connection: on one that was kept the client sends its request again."""
    with pytest.raises(BROKEN):
        call()


@pytest.fixture
def lock(devkube):
    devkube.admin.create("configmaps", devkube.space, {"metadata": {"name": "a", "annotations": {"x": "0"}}})
    watch = devkube.admin.watch("configmaps", devkube.space)
    watch.wait(lambda event: event["type"] == "ADDED")
    devkube.admin.close()
    yield watch
    watch.close()


def arm(devkube, name, **arguments):
    counts = devkube.fault(name, **arguments)
    devkube.admin.close()
    return counts


def test_a_request_dropped_before_is_not_done(devkube, lock):
    before = devkube.struck("drop_before")
    arm(devkube, "drop_before", method="PATCH")
    is_lost(lambda: write(devkube, "1"))
    assert devkube.struck("drop_before") == before + 1
    assert value_of(devkube) == "0"
    write(devkube, "2")
    assert value_of(devkube) == "2"


def test_a_request_dropped_after_is_done(devkube, lock):
    before = devkube.struck("drop_after")
    arm(devkube, "drop_after", method="PATCH")
    is_lost(lambda: write(devkube, "1"))
    assert devkube.struck("drop_after") == before + 1
    assert value_of(devkube) == "1"


def test_a_delayed_request_comes_late_and_others_do_not(devkube, lock):
    arm(devkube, "delay", ms=700, path="/configmaps/a")
    began = time.monotonic()
    assert devkube.admin.list("pods", devkube.space) == []
    assert time.monotonic() - began < 0.5
    began = time.monotonic()
    write(devkube, "1")
    assert 0.7 <= time.monotonic() - began < 5
    assert devkube.fault("none")["delay"]["left"] == 0


@pytest.mark.parametrize("status", [403, 409, 429, 500, 503])
def test_requests_are_refused_as_often_as_told(devkube, lock, status):
    before = devkube.struck("refuse")
    arm(devkube, "refuse", status=status, count=2, retry_after_s=3, path=devkube.space)
    for _ in range(2):
        with pytest.raises(ApiError) as refusal:
            write(devkube, "1")
        assert refusal.value.status == status and refusal.value.body["kind"] == "Status"
    assert value_of(devkube) == "0"
    assert devkube.struck("refuse") == before + 2


def test_a_refusal_says_when_to_come_again(devkube, lock):
    arm(devkube, "refuse", status=429, retry_after_s=3, path=devkube.space)
    connection = devkube.admin.connection()
    connection.request("GET", f"/api/v1/namespaces/{devkube.space}/pods", headers=devkube.admin.headers())
    assert connection.getresponse().headers["Retry-After"] == "3"
    connection.close()


def test_watches_are_cut(devkube, lock):
    before = devkube.struck("cut_watches")
    devkube.fault("cut_watches")
    wait(lambda: lock.ended, "the watch ends")
    assert devkube.struck("cut_watches") > before
    assert value_of(devkube) == "0"


def test_silent_watches_say_it_all_later(devkube, lock):
    before = devkube.struck("silence_watches")
    devkube.fault("silence_watches", ms=600)
    began = time.monotonic()
    write(devkube, "1")
    event = lock.wait(lambda event: event["type"] == "MODIFIED")
    assert event["seen"] - began > 0.5 and not lock.ended
    assert devkube.struck("silence_watches") > before


def test_a_watch_is_told_410_once(devkube, lock):
    version = devkube.admin.get("configmaps", devkube.space, "a")["metadata"]["resourceVersion"]
    before = devkube.struck("expire")
    devkube.fault("expire", path="configmaps")
    watch = devkube.admin.watch("configmaps", devkube.space, since=version)
    assert watch.wait(lambda event: True)["object"]["code"] == 410
    wait(lambda: watch.ended, "it ends then")
    assert devkube.struck("expire") == before + 1
    watch = devkube.admin.watch("configmaps", devkube.space, since=version)
    write(devkube, "1")
    assert watch.wait(lambda event: True)["type"] == "MODIFIED"
    watch.close()


def test_everything_stands_still(devkube, lock):
    before = devkube.struck("freeze")
    devkube.fault("freeze", ms=800)
    began = time.monotonic()
    wait(lambda: devkube.struck("freeze") == before + 1, "it is over")
    assert time.monotonic() - began > 0.7
    assert value_of(devkube) == "0"


def test_an_older_state_comes_back_and_watches_end(devkube, lock):
    devkube.fault("save")
    old = devkube.admin.get("configmaps", devkube.space, "a")
    write(devkube, "1")
    devkube.admin.create("configmaps", devkube.space, {"metadata": {"name": "b"}})
    before = devkube.struck("restore")
    devkube.fault("restore")
    assert devkube.struck("restore") == before + 1
    assert devkube.admin.get("configmaps", devkube.space, "a") == old
    assert [item["metadata"]["name"] for item in devkube.admin.list("configmaps", devkube.space)] == ["a"]
    wait(lambda: lock.ended, "the watch ends")


def test_history_is_forgotten(devkube, lock):
    version = devkube.admin.get("configmaps", devkube.space, "a")["metadata"]["resourceVersion"]
    write(devkube, "1")
    before = devkube.struck("forget")
    devkube.fault("forget")
    assert devkube.struck("forget") == before + 1
    watch = devkube.admin.watch("configmaps", devkube.space, since=version)
    assert watch.wait(lambda event: True)["object"]["reason"] == "Expired"


@pytest.mark.parametrize("command,said", [
    ({"fault": "rain"}, 'fault: "rain" is unknown: none, drop_before, '),
    ({}, 'fault: "" is unknown'),
    ({"fault": "refuse"}, "status: 0 is not allowed: 403, 409, 429, 500 or 503"),
    ({"fault": "refuse", "status": 418}, "status: 418 is not allowed: 403, 409, 429, 500 or 503"),
    ({"fault": "delay"}, "ms: it is missing: a number from 1 to "),
    ({"fault": "delay", "ms": "soon"}, 'ms: "soon" is not allowed: a number from 1 to '),
    ({"fault": "drop_before", "count": 0}, "count: 0 is not allowed: a number from 1 to "),
    ({"fault": "drop_before", "path": "x" * 200}, "path: it is no text of less than 128 bytes")])
def test_a_bad_command_is_told_what_is_allowed(devkube, command, said):
    before = devkube.fault("none")
    with pytest.raises(ApiError) as refusal:
        devkube.admin.request("POST", "/devkube/faults", command)
    assert refusal.value.status == 400 and refusal.value.body["message"].startswith(said)
    assert devkube.fault("none") == before


def test_faults_need_the_token(devkube):
    with pytest.raises(ApiError) as refusal:
        devkube.client(token="wrong").request("GET", "/devkube/faults")
    assert refusal.value.status == 401


def test_disarmed_faults_do_not_strike(devkube, lock):
    arm(devkube, "refuse", status=500, count=1000, path=devkube.space)
    before = devkube.fault("none")["refuse"]
    assert before["left"] == 0
    write(devkube, "1")
    assert devkube.struck("refuse") == before["struck"]
