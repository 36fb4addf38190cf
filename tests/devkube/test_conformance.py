"""devkube answers what a real kube-apiserver answers, as far as howdah and its tests ask."""
import json
import time
import urllib.parse

import pytest

from api import PATCHES, ApiError
from kube import wait

KINDS = {"configmaps": "ConfigMap", "endpoints": "Endpoints", "pods": "Pod", "services": "Service"}
CONTAINERS = [{"name": "postgres", "image": "postgres:test"}]
SPECS = {"pods": {"spec": {"containers": CONTAINERS}}, "services": {"spec": {"clusterIP": "None"}}}


class Store:
    """One namespace of one server, with short names for what is asked."""

    def __init__(self, server, space):
        self.server, self.client, self.space = server, server.admin, space

    def make(self, name, kind="configmaps", annotations=None, labels=None, **fields):
        meta = {"name": name, **({"annotations": annotations} if annotations else {}), **({"labels": labels} if labels else {})}
        return self.client.create(kind, self.space, {"metadata": meta, **SPECS.get(kind, {}), **fields})

    def patch(self, name, kind="configmaps", how="strategic", part=None, version=None, fields=None, **meta):
        if version:
            meta["resourceVersion"] = version
        body = {**({"metadata": meta} if meta else {}), **(fields or {})}
        return self.client.patch(kind, self.space, name, body, subresource=part, patch=how)

    def refused(self, call, *args, **kwargs):
        with pytest.raises(ApiError) as refusal:
            call(*args, **kwargs)
        return refusal.value

    def raw(self, method, path, body=None, content_type="application/json"):
        return self.refused(self.client.request, method, f"/api/v1/namespaces/{self.space}/{path}", body, content_type=content_type)

    def list(self, kind="configmaps", selector=None):
        query = "?" + urllib.parse.urlencode({"labelSelector": selector}) if selector else ""
        return self.client.request("GET", f"/api/v1/namespaces/{self.space}/{kind}{query}")

    def watch(self, since, kind="configmaps", selector=None):
        return self.client.watch(kind, self.space, selector, since)


@pytest.fixture
def store(server, space):
    return Store(server, space)


def version(thing):
    return thing["metadata"]["resourceVersion"]


def number(thing):
    return int(version(thing))


def shape(error):
    """All of a Status but its message."""
    return {key: value for key, value in error.body.items() if key not in ("message", "details")}


def failure(code, reason=None):
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code}
    return {**status, "reason": reason} if reason else status


def kinds_of(watch):
    return [event["type"] for event in watch.events]


# the server

def test_it_is_ready_and_has_a_version(server):
    assert server.admin.request("GET", "/readyz") == "ok"
    assert server.admin.request("GET", "/version")["major"] == "1"


def test_a_wrong_token_is_unauthorized(server, space):
    with pytest.raises(ApiError) as refusal:
        server.client(token="wrong").list("pods", space)
    assert shape(refusal.value) == failure(401, "Unauthorized")
    assert refusal.value.body["message"] == "Unauthorized"


def test_a_namespace_is_made_once(server, space):
    assert server.admin.get("namespaces", None, space)["metadata"]["name"] == space
    with pytest.raises(ApiError) as refusal:
        server.namespace(space)
    assert shape(refusal.value) == failure(409, "AlreadyExists")


def test_a_missing_namespace_is_empty_and_takes_nothing(server):
    assert server.admin.list("configmaps", "no-such") == []
    with pytest.raises(ApiError) as refusal:
        server.admin.create("configmaps", "no-such", {"metadata": {"name": "a"}})
    assert shape(refusal.value) == failure(404, "NotFound")
    assert refusal.value.body["message"] == 'namespaces "no-such" not found'


def test_an_unknown_resource_is_not_found(store):
    for path in ("nosuch", "nosuch/a", "configmaps/a/status"):
        method = "PATCH" if path.endswith("status") else "GET"
        error = store.raw(method, path, {} if method == "PATCH" else None, PATCHES["strategic"])
        assert shape(error) == failure(404, "NotFound")
        assert error.body["message"] == "the server could not find the requested resource"


@pytest.mark.parametrize("method,path", [("PUT", "configmaps"), ("PATCH", "configmaps"), ("POST", "configmaps/a")])
def test_a_method_in_the_wrong_place_is_not_allowed(store, method, path):
    store.make("a")
    assert shape(store.raw(method, path, {}, PATCHES["strategic"])) == failure(405, "MethodNotAllowed")


# GET and POST

@pytest.mark.parametrize("kind", KINDS)
def test_an_object_is_made_and_read(store, kind):
    made = store.make("a", kind, annotations={"x": "1"}, labels={"l": "2"})
    read = store.client.get(kind, store.space, "a")
    assert made == read
    assert (read["kind"], read["apiVersion"]) == (KINDS[kind], "v1")
    meta = read["metadata"]
    assert (meta["name"], meta["namespace"]) == ("a", store.space)
    assert (meta["annotations"], meta["labels"]) == ({"x": "1"}, {"l": "2"})
    assert number(read) > 0 and len(meta["uid"]) == 36
    assert abs(time.mktime(time.strptime(meta["creationTimestamp"], "%Y-%m-%dT%H:%M:%SZ")) - time.mktime(time.gmtime())) < 60


@pytest.mark.parametrize("kind", KINDS)
def test_what_exists_is_not_made_again(store, kind):
    store.make("a", kind)
    error = store.refused(store.make, "a", kind)
    assert shape(error) == failure(409, "AlreadyExists")
    assert error.body["message"] == f'{kind} "a" already exists'
    assert error.body["details"] == {"name": "a", "kind": kind}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_there_is_not_found(store, kind):
    for call in (store.client.get, store.client.delete):
        error = store.refused(call, kind, store.space, "a")
        assert shape(error) == failure(404, "NotFound")
        assert error.body["message"] == f'{kind} "a" not found'
        assert error.body["details"] == {"name": "a", "kind": kind}
    assert shape(store.refused(store.patch, "a", kind, labels={"l": "1"})) == failure(404, "NotFound")


@pytest.mark.parametrize("body,code,reason", [
    ("{", 400, "BadRequest"), ("", 400, "BadRequest"), ("[]", 400, "BadRequest"),
    ('{"metadata": {}}', 422, "Invalid"), ('{"metadata": {"name": "Not_Good"}}', 422, "Invalid"),
    ('{"metadata": {"name": "-a"}}', 422, "Invalid"),
    ('{"metadata": {"name": "a", "namespace": "other"}}', 400, "BadRequest"),
    ('{"metadata": {"name": "a", "annotations": {"x": 1}}}', 400, "BadRequest"),
    ('{"metadata": {"name": "a", "labels": {"x": true}}}', 400, "BadRequest"),
    ('{"metadata": {"name": "a", "resourceVersion": "5"}}', 500, None)])
def test_bad_objects_are_refused(store, body, code, reason):
    assert shape(store.raw("POST", "configmaps", body)) == failure(code, reason)
    assert store.list()["items"] == []


def test_nulls_and_empty_fields_of_a_new_object(store):
    made = store.make("a", annotations={"x": "1", "y": None}, labels={})
    assert made["metadata"]["annotations"] == {"x": "1", "y": ""}
    assert "labels" not in made["metadata"]
    assert "subsets" not in store.make("a", "endpoints", subsets=[])


def test_a_new_object_gets_another_uid(store):
    first = store.make("a")
    store.client.delete("configmaps", store.space, "a")
    second = store.make("a")
    assert first["metadata"]["uid"] != second["metadata"]["uid"]
    assert number(second) > number(first)


# PATCH

def test_a_patch_merges_annotations_and_labels(store):
    made = store.make("a", annotations={"x": "1", "y": "1"}, labels={"l": "1", "m": "1"})
    after = store.patch("a", annotations={"x": "2", "y": None, "z": "3"}, labels={"m": None, "n": "2"})
    assert after["metadata"]["annotations"] == {"x": "2", "z": "3"}
    assert after["metadata"]["labels"] == {"l": "1", "n": "2"}
    assert number(after) > number(made) and after["metadata"]["uid"] == made["metadata"]["uid"]
    assert (after["kind"], after["apiVersion"]) == ("ConfigMap", "v1")
    assert store.client.get("configmaps", store.space, "a") == {**after, "metadata": {**after["metadata"]}}


def test_the_last_annotation_takes_its_map_away(store):
    store.make("a", annotations={"x": "1"}, labels={"l": "1"})
    assert "annotations" not in store.patch("a", annotations={"x": None})["metadata"]
    assert "labels" not in store.patch("a", labels=None)["metadata"]


def test_a_patch_adds_a_map_and_nulls_in_it_add_nothing(store):
    store.make("a")
    assert store.patch("a", annotations={"x": "1", "y": None})["metadata"]["annotations"] == {"x": "1"}


@pytest.mark.parametrize("how", ["strategic", "merge"])
@pytest.mark.parametrize("meta", [{"annotations": {"x": "1"}}, {"annotations": {"none": None}}, {}, {"annotations": {}}])
def test_a_patch_that_changes_nothing_makes_no_version(store, how, meta):
    made = store.make("a", annotations={"x": "1"})
    since = version(store.list())
    assert version(store.patch("a", how=how, **meta)) == version(made)
    watch = store.watch(since)
    store.patch("a", annotations={"x": "2"})
    watch.wait(lambda event: event["type"] == "MODIFIED")
    watch.close()
    assert kinds_of(watch) == ["MODIFIED"]


def test_a_patch_with_the_current_version_is_done(store):
    made = store.make("a", annotations={"x": "1"})
    after = store.patch("a", version=version(made), annotations={"x": "2"})
    assert after["metadata"]["annotations"] == {"x": "2"}


@pytest.mark.parametrize("value", ["2", "3"])
def test_a_patch_with_an_older_version_conflicts_even_if_it_changes_nothing(store, value):
    made = store.make("a", annotations={"x": "1"})
    store.patch("a", annotations={"x": "2"})
    error = store.refused(store.patch, "a", version=version(made), annotations={"x": value})
    assert shape(error) == failure(409, "Conflict")
    assert error.body["message"] == ('Operation cannot be fulfilled on configmaps "a": the object has been modified; '
                                     'please apply your changes to the latest version and try again')
    assert error.body["details"] == {"name": "a", "kind": "configmaps"}
    assert store.client.get("configmaps", store.space, "a")["metadata"]["annotations"] == {"x": "2"}


def test_a_patch_for_another_uid_is_refused(store):
    made = store.make("a")
    assert store.patch("a", uid=made["metadata"]["uid"], labels={"l": "1"})["metadata"]["labels"] == {"l": "1"}
    error = store.refused(store.patch, "a", uid="00000000-0000-0000-0000-000000000000", labels={"l": "2"})
    assert shape(error) == failure(422, "Invalid")
    both = store.refused(store.patch, "a", version=version(made), uid="other", labels={"l": "2"})
    assert shape(both) == failure(409, "Conflict")


def test_patches_that_make_no_sense_are_refused(store):
    store.make("a")
    assert shape(store.refused(store.patch, "a", fields={"metadata": {"name": "b"}})) == failure(400, "BadRequest")
    assert shape(store.refused(store.patch, "a", annotations={"x": 1})) == failure(422, "Invalid")
    assert shape(store.refused(store.patch, "a", version="abc", labels={"l": "1"})) == failure(500)
    for body in ("{", "[]"):
        assert shape(store.raw("PATCH", "configmaps/a", body, PATCHES["strategic"])) == failure(400, "BadRequest")
    for kind in ("application/json", "text/plain"):
        assert shape(store.raw("PATCH", "configmaps/a", "{}", kind)) == failure(415, "UnsupportedMediaType")


def addresses(*ips):
    return [{"addresses": [{"ip": ip} for ip in ips], "ports": [{"name": "postgresql", "port": 5432}]}]


def test_subsets_are_replaced_as_a_whole(store):
    made = store.make("a", "endpoints", annotations={"x": "1"}, subsets=addresses("10.0.0.1", "10.0.0.2"))
    assert made["subsets"][0]["ports"] == [{"name": "postgresql", "port": 5432, "protocol": "TCP"}]
    after = store.patch("a", "endpoints", fields={"subsets": addresses("10.0.0.3")})
    assert after["subsets"] == [{"addresses": [{"ip": "10.0.0.3"}],
                                 "ports": [{"name": "postgresql", "port": 5432, "protocol": "TCP"}]}]
    assert after["metadata"]["annotations"] == {"x": "1"}
    again = store.patch("a", "endpoints", fields={"subsets": addresses("10.0.0.3")})
    assert version(again) == version(after), "the protocol that was left away is the one that is there"
    empty = store.patch("a", "endpoints", fields={"subsets": []})
    assert "subsets" not in empty
    assert version(store.patch("a", "endpoints", fields={"subsets": []})) == version(empty)
    assert version(store.patch("a", "endpoints", fields={"subsets": None})) == version(empty)


# pods

def test_a_new_pod_has_a_status_of_its_own(store):
    made = store.make("a", "pods", status={"phase": "Running", "podIP": "10.0.0.1"})
    assert made["status"]["phase"] == "Pending" and "podIP" not in made["status"]
    assert made["spec"]["containers"][0]["image"] == "postgres:test"


def test_status_is_patched_under_its_own_path_only(store):
    made = store.make("a", "pods")
    same = store.patch("a", "pods", fields={"status": {"phase": "Running"}})
    assert version(same) == version(made) and same["status"]["phase"] == "Pending"
    after = store.patch("a", "pods", part="status", fields={"status": {
        "phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}],
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "ContainersReady", "status": "True"}]}})
    assert (after["status"]["phase"], after["status"]["podIP"]) == ("Running", "10.0.0.1")
    assert after["status"]["podIPs"] == [{"ip": "10.0.0.1"}]


def test_conditions_are_merged_by_type(store):
    store.server.pod(store.space, "a", ip="10.0.0.1")
    after = store.patch("a", "pods", part="status", fields={"status": {"conditions": [
        {"type": "Ready", "status": "False"}, {"type": "Own", "status": "True"}]}})
    assert {c["type"]: c["status"] for c in after["status"]["conditions"]} == {
        "Ready": "False", "ContainersReady": "True", "Own": "True"}
    assert after["status"]["podIP"] == "10.0.0.1"


def test_a_pod_without_a_node_is_gone_at_once(store):
    made = store.server.pod(store.space, "a", ip="10.0.0.1")
    gone = store.client.delete("pods", store.space, "a")
    assert (gone["kind"], gone["metadata"]["uid"]) == ("Pod", made["metadata"]["uid"])
    assert store.list("pods")["items"] == []


def test_a_pod_on_a_node_is_marked_and_then_gone(store):
    store.server.pod(store.space, "a", node="n1")
    marked = store.client.delete("pods", store.space, "a")
    assert marked["metadata"]["deletionTimestamp"] and marked["metadata"]["deletionGracePeriodSeconds"] == 30
    assert store.client.get("pods", store.space, "a")["metadata"]["deletionTimestamp"]
    store.client.delete("pods", store.space, "a", grace_s=0)
    assert store.list("pods")["items"] == []


# LIST and DELETE

@pytest.mark.parametrize("kind", KINDS)
def test_a_list_has_what_was_made(store, kind):
    assert store.list(kind)["items"] == []
    made = [store.make(name, kind, labels={"l": name}) for name in "abc"]
    listed = store.list(kind)
    assert (listed["kind"], listed["apiVersion"]) == (KINDS[kind] + "List", "v1")
    assert number(listed) >= number(made[-1])
    items = sorted(listed["items"], key=lambda item: item["metadata"]["name"])
    assert items == [{key: value for key, value in m.items() if key not in ("kind", "apiVersion")} for m in made]


@pytest.mark.parametrize("selector,names", [
    ("app=howdah", "ab"), ("app==howdah", "ab"), ("app=howdah,l=2", "b"), ("app=how", ""), ("l", "abc"), ("!l", "d"),
    ("app!=howdah", "cd"), ("app=howdah,l!=2", "a"), ("", "abcd")])
def test_a_selector_selects(store, selector, names):
    for name, labels in {"a": {"app": "howdah", "l": "1"}, "b": {"app": "howdah", "l": "2"}, "c": {"l": "1"}, "d": {}}.items():
        store.make(name, labels=labels)
    assert sorted(item["metadata"]["name"] for item in store.list(selector=selector)["items"]) == list(names)


def test_a_selector_that_is_none_is_refused(store):
    assert shape(store.raw("GET", "configmaps?labelSelector=l%3D%3D%3D2")) == failure(400, "BadRequest")


def test_a_list_from_a_version_that_is_no_number_or_yet_to_come(store):
    assert shape(store.raw("GET", "configmaps?resourceVersion=abc")) == failure(400, "BadRequest")
    assert shape(store.raw("GET", "configmaps?resourceVersion=99999999")) == failure(504, "Timeout")


@pytest.mark.parametrize("kind", ["configmaps", "endpoints"])
def test_a_deletion_says_what_was_deleted(store, kind):
    made = store.make("a", kind)
    answer = store.client.delete(kind, store.space, "a")
    assert (answer["kind"], answer["status"]) == ("Status", "Success")
    assert answer["details"] == {"name": "a", "kind": kind, "uid": made["metadata"]["uid"]}


def test_a_collection_is_deleted_by_selector(store):
    for name, label in (("a", "1"), ("b", "1"), ("c", "2")):
        store.make(name, labels={"l": label})
    watch = store.watch(version(store.list()))
    gone = store.client.request("DELETE", f"/api/v1/namespaces/{store.space}/configmaps?labelSelector=l%3D1")
    assert gone["kind"] == "ConfigMapList"
    assert sorted(item["metadata"]["name"] for item in gone["items"]) == ["a", "b"]
    assert [item["metadata"]["name"] for item in store.list()["items"]] == ["c"]
    wait(lambda: len(watch.events) == 2, "both deletions are seen")
    watch.close()
    assert kinds_of(watch) == ["DELETED", "DELETED"]


# WATCH

def test_a_watch_shows_changes_after_its_version_in_order(store):
    store.make("before")
    since = version(store.list())
    store.make("a", annotations={"x": "0"})
    watch = store.watch(since)
    for value in "12":
        store.patch("a", annotations={"x": value})
    store.client.delete("configmaps", store.space, "a")
    watch.wait(lambda event: event["type"] == "DELETED")
    watch.close()
    assert kinds_of(watch) == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]
    objects = [event["object"] for event in watch.events]
    assert [o["metadata"]["annotations"]["x"] for o in objects] == ["0", "1", "2", "2"]
    assert all((o["kind"], o["apiVersion"]) == ("ConfigMap", "v1") for o in objects)
    versions = [int(since), *map(number, objects)]
    assert versions == sorted(set(versions)), "each event has a version of its own, the deletion too"


def test_an_event_has_what_a_get_shows(store):
    watch = store.watch(version(store.list("endpoints")), "endpoints")
    made = store.make("a", "endpoints", subsets=addresses("10.0.0.1"))
    assert watch.wait(lambda event: event["type"] == "ADDED")["object"] == made
    watch.close()


@pytest.mark.parametrize("since", [None, "0"])
def test_a_watch_without_a_version_begins_with_what_there_is(store, since):
    made = store.make("a", labels={"l": "1"})
    store.make("b")
    watch = store.watch(since, selector={"l": "1"})
    assert watch.wait(lambda event: True)["object"] == made
    store.patch("a", annotations={"x": "1"})
    watch.wait(lambda event: event["type"] == "MODIFIED")
    watch.close()
    assert kinds_of(watch) == ["ADDED", "MODIFIED"]


def test_a_selection_is_entered_and_left(store):
    """Who leaves is shown as before, with the version at which it left."""
    watch = store.watch(version(store.list()), selector={"l": "1"})
    store.make("a", labels={"l": "1"}, annotations={"x": "1"})
    store.patch("a", annotations={"x": "2"})
    left = store.patch("a", labels={"l": "2"}, annotations={"x": "3"})
    store.patch("a", annotations={"x": "4"})
    store.patch("a", labels={"l": "1"}, annotations={"x": "5"})
    store.client.delete("configmaps", store.space, "a")
    store.make("b", labels={"l": "1"})
    watch.wait(lambda event: event["object"]["metadata"]["name"] == "b")
    watch.close()
    assert kinds_of(watch) == ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED", "ADDED"]
    metas = [event["object"]["metadata"] for event in watch.events]
    assert [meta.get("annotations", {}).get("x") for meta in metas] == ["1", "2", "2", "5", "5", None]
    assert metas[2]["labels"] == {"l": "1"} and metas[2]["resourceVersion"] == version(left)


def test_a_watch_sees_its_own_kind_and_namespace_only(store, server):
    watch = store.watch(version(store.list()))
    store.make("a", "endpoints")
    server.admin.create("configmaps", "default", {"metadata": {"name": store.space}})
    store.make("b")
    assert watch.wait(lambda event: True)["object"]["metadata"]["name"] == "b"
    watch.close()
    assert len(watch.events) == 1


def raw_watch(store, query, meanwhile=lambda: None):
    """The lines of a watch that ends by itself, with its headers."""
    connection = store.client.connection()
    connection.timeout = 15
    connection.request("GET", f"/api/v1/namespaces/{store.space}/configmaps?watch=true&{query}", headers=store.client.headers())
    response = connection.getresponse()
    meanwhile()
    try:
        return response, [json.loads(line) for line in response]
    finally:
        connection.close()


def test_a_watch_ends_after_its_timeout_and_bookmarks_on_the_way(store):
    began = time.monotonic()
    query = f"timeoutSeconds=3&allowWatchBookmarks=true&resourceVersion={version(store.list())}"
    response, events = raw_watch(store, query, lambda: store.make("a"))
    assert 2 < time.monotonic() - began < 8
    assert response.status == 200 and response.headers["Content-Type"] == "application/json"
    assert response.headers["Transfer-Encoding"] == "chunked"
    assert [event["type"] for event in events[:2]] == ["ADDED", "BOOKMARK"]
    mark = events[1]["object"]
    assert (mark["kind"], mark["apiVersion"]) == ("ConfigMap", "v1")
    assert list(mark["metadata"]) == ["resourceVersion"] and number(mark) >= number(events[0]["object"])


def test_no_bookmarks_unless_asked_for(store):
    _, events = raw_watch(store, f"timeoutSeconds=2&resourceVersion={version(store.list())}")
    assert events == []


def test_a_watch_from_a_version_that_is_yet_to_come_stays_silent(store):
    store.make("a")
    _, events = raw_watch(store, "timeoutSeconds=1&resourceVersion=99999999")
    assert events == []


def test_a_watch_from_a_version_that_is_no_number_is_refused(store):
    with pytest.raises(ApiError) as refusal:
        store.watch("abc")
    assert refusal.value.status == 500


def test_a_watch_from_a_forgotten_version_is_told_so_on_the_stream(store):
    old = store.make("a")
    for value in "123":
        store.patch("a", annotations={"x": value})
    store.server.forget()
    response, events = raw_watch(store, f"timeoutSeconds=5&resourceVersion={version(old)}")
    assert response.status == 200
    assert [event["type"] for event in events] == ["ERROR"]
    status = dict(events[0]["object"])
    assert status.pop("message").startswith(f"too old resource version: {version(old)} (")
    assert status == failure(410, "Expired")
    assert store.list()["items"][0]["metadata"]["annotations"] == {"x": "3"}


# events

def event(name, space, **fields):
    """As src/dcs/kubernetes/events.c makes it."""
    return {"metadata": {"name": name, "namespace": space},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": "m", "namespace": space, "uid": "u"},
            "reason": "Promoted", "message": "leader on timeline 8", "type": "Normal", "source": {"component": "howdah"},
            "firstTimestamp": "2026-11-22T22:06:37+00:00", "lastTimestamp": "2026-11-22T22:06:37+00:00",
            "reportingComponent": "howdah", "reportingInstance": "m", "count": 1, **fields}


def test_an_event_is_created_and_counted_up(store):
    made = store.client.create("events", store.space, event("m.1", store.space))
    assert made["kind"] == "Event" and made["count"] == 1 and made["involvedObject"]["uid"] == "u"
    patched = store.client.patch("events", store.space, "m.1", {"count": 31, "lastTimestamp": "2026-11-22T22:09:00+00:00"})
    assert patched["count"] == 31 and patched["reason"] == "Promoted" and number(patched) > number(made)
    assert [e["message"] for e in store.list("events")["items"]] == ["leader on timeline 8"]


def test_an_event_twice_or_forgotten(store):
    store.client.create("events", store.space, event("m.1", store.space))
    again = store.refused(store.client.create, "events", store.space, event("m.1", store.space))
    missing = store.refused(store.client.patch, "events", store.space, "m.2", {"count": 2})
    assert shape(again) == failure(409, "AlreadyExists") and shape(missing) == failure(404, "NotFound")


# what a roll-out needs

def evict(store, name, **conditions):
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": store.space},
            "deleteOptions": {"preconditions": conditions}}
    return store.client.request("POST", f"/api/v1/namespaces/{store.space}/pods/{name}/eviction", body)


def test_an_eviction_holds_to_its_preconditions(store):
    pod = store.make("a", "pods", spec={"containers": CONTAINERS, "nodeName": "node-1"})
    uid = pod["metadata"]["uid"]
    for wrong in ({"uid": "11111111-2222-4333-8444-555555555555", "resourceVersion": version(pod)},
                  {"uid": uid, "resourceVersion": str(number(pod) - 1)}):
        assert store.refused(evict, store, "a", **wrong).status == 409
    assert "deletionTimestamp" not in store.client.get("pods", store.space, "a")["metadata"]
    done = evict(store, "a", uid=uid, resourceVersion=version(pod))
    assert (done["kind"], done["status"], done["code"]) == ("Status", "Success", 201)
    assert "deletionTimestamp" in store.client.get("pods", store.space, "a")["metadata"]


def test_an_eviction_of_nobody_is_not_found(store):
    assert shape(store.refused(evict, store, "a")) == failure(404, "NotFound")


def test_a_sidecars_image_is_patched_in_a_live_pod(store):
    spec = {"initContainers": [{"name": "setup", "image": "setup:1"}, {"name": "howdah", "image": "howdah:1", "restartPolicy": "Always"}],
            "containers": CONTAINERS}
    store.make("a", "pods", spec=spec)
    store.patch("a", "pods", fields={"spec": {"initContainers": [{"name": "howdah", "image": "howdah:2"}]}})
    images = {c["name"]: c["image"] for c in store.client.get("pods", store.space, "a")["spec"]["initContainers"]}
    assert images == {"setup": "setup:1", "howdah": "howdah:2"}


def test_statefulsets_and_their_revisions_are_of_a_group_of_their_own(store):
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": CONTAINERS}}
    store.client.create("statefulsets", store.space, {"metadata": {"name": "s"}, "spec": {
        "serviceName": "s", "replicas": 2, "updateStrategy": {"type": "OnDelete"}, "selector": {"matchLabels": {"a": "b"}},
        "template": template}})
    store.client.create("controllerrevisions", store.space, {"metadata": {"name": "s-1"}, "revision": 1,
                                                             "data": {"spec": {"template": template}}})
    read = store.client.get("statefulsets", store.space, "s")
    assert (read["kind"], read["apiVersion"], read["spec"]["replicas"]) == ("StatefulSet", "apps/v1", 2)
    read = store.client.get("controllerrevisions", store.space, "s-1")
    assert (read["kind"], read["apiVersion"], read["data"]["spec"]["template"]) == ("ControllerRevision", "apps/v1", template)
    assert store.raw("GET", "statefulsets/s").status == 404
    assert store.refused(store.client.get, "statefulsets", store.space, "t").status == 404


def slice_of(address, **more):
    return {"endpoints": [{"addresses": [address], "conditions": {"ready": True}, **more}]}


def test_endpointslices_are_changed_as_a_whole_and_by_their_version(store):
    """Of one leader nothing is left when another one writes; who read an older version is refused."""
    made = store.make("a", "endpointslices", labels={"kubernetes.io/service-name": "s"}, addressType="IPv4",
                      ports=[{"port": 5432}], **slice_of("10.0.0.1", nodeName="n"))
    assert made["ports"] == [{"name": "", "protocol": "TCP", "port": 5432}]
    after = store.patch("a", "endpointslices", version=version(made), fields=slice_of("10.0.0.2"))
    assert after["endpoints"] == slice_of("10.0.0.2")["endpoints"] and number(after) > number(made)
    again = store.patch("a", "endpointslices", version=version(after), fields=slice_of("10.0.0.2"), labels={
        "kubernetes.io/service-name": "s"})
    assert version(again) == version(after)
    refusal = store.refused(store.patch, "a", "endpointslices", version=version(made), fields=slice_of("10.0.0.1"))
    assert shape(refusal) == failure(409, "Conflict")
    empty = store.patch("a", "endpointslices", version=version(after), fields={"endpoints": []})
    assert not empty.get("endpoints") and number(empty) > number(after)
    assert store.raw("GET", "endpointslices/a").status == 404
    assert store.refused(store.client.get, "endpointslices", store.space, "b").status == 404
