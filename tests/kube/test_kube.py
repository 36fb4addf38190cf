"""The bed is what it claims to be: a real API server, real rights, and faults that are faults."""
import os
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from api import ApiError
from kube import ADMIN, Kube, wait
from net import state

HERE = os.path.dirname(os.path.abspath(__file__))
EVERYWHERE = {
    "pods": "get list watch patch", "events": "create patch", "statefulsets.apps": "get list watch",
    "controllerrevisions.apps": "get list watch", "pods/eviction": "create", "persistentvolumeclaims": "get list patch",
}
STATE = "get list watch create patch"
GRANTED = {
    "configmaps": {**EVERYWHERE, "configmaps": STATE},
    "endpoints": {**EVERYWHERE, "endpoints": STATE, "services": "create"},
    "slices": {**EVERYWHERE, "configmaps": STATE, "endpointslices.discovery.k8s.io": "get create patch"},
}
VERBS = "get list watch create update patch delete deletecollection".split()
RESOURCES = [*GRANTED["endpoints"], "configmaps", "endpointslices.discovery.k8s.io", "secrets", "pods/exec", "nodes"]


def value_of(kube, namespace, name):
    return kube.admin.get("configmaps", namespace, name)["metadata"]["annotations"]["value"]


def make(kube, namespace, name, value):
    return kube.admin.create("configmaps", namespace, {"metadata": {"name": name, "annotations": {"value": value}}})


def write(client, namespace, name, value):
    return client.patch("configmaps", namespace, name, {"metadata": {"annotations": {"value": value}}})


def refused(status, call):
    try:
        call()
    except ApiError as error:
        return error.status == status
    return False


def impatient(client):
    client.timeout_s = 0.5
    return client


# the server

def test_starts_quickly(kube):
    assert kube.start_s < 20
    assert kube.admin.request("GET", "/version")["gitVersion"] == "v1.34.4"


def test_runs_on_loopback_where_namespaces_are_not_allowed(program):
    with Kube() as server:
        server.namespace("alone")
        account = server.account("alone")
        assert account.client().list("pods", "alone") == []
        home, pids = server.home, [server.pid(), server.pid("etcd")]
    assert not os.path.exists(home)
    assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


def test_a_pod_has_an_address_and_is_deleted_at_once(kube, namespace):
    pod = kube.pod(namespace, "demo-0", {"application": "howdah"}, ip=kube.net.address("m0"))
    assert pod["status"]["podIP"] == kube.net.address("m0")
    found = kube.admin.list("pods", namespace, {"application": "howdah"})
    assert [pod["metadata"]["name"] for pod in found] == ["demo-0"]
    assert kube.admin.list("pods", namespace, {"application": "other"}) == []
    kube.admin.delete("pods", namespace, "demo-0")
    assert kube.admin.list("pods", namespace) == []


def test_a_pod_on_a_node_stays_in_terminating(kube, namespace):
    kube.pod(namespace, "demo-0", ip="10.99.1.1", node="n1")
    kube.admin.delete("pods", namespace, "demo-0")
    assert kube.admin.get("pods", namespace, "demo-0")["metadata"]["deletionTimestamp"]
    kube.admin.delete("pods", namespace, "demo-0", grace_s=0)
    assert kube.admin.list("pods", namespace) == []


def test_null_removes_an_annotation_and_an_old_version_conflicts(kube, namespace):
    old = make(kube, namespace, "lock", "m0")
    write(kube.admin, namespace, "lock", None)
    assert kube.annotations("configmaps", namespace, "lock") == {}
    with pytest.raises(ApiError) as refusal:
        kube.admin.patch("configmaps", namespace, "lock", {"metadata": {
            "resourceVersion": old["metadata"]["resourceVersion"], "annotations": {"value": "m1"}}})
    assert refusal.value.status == 409


def test_a_watch_sees_every_change_in_order(kube, namespace):
    make(kube, namespace, "lock", "0")
    watch = kube.admin.watch("configmaps", namespace)
    for value in "123":
        write(kube.admin, namespace, "lock", value)
    kube.admin.delete("configmaps", namespace, "lock")
    watch.wait(lambda event: event["type"] == "DELETED")
    watch.close()
    assert [event["type"] for event in watch.events] == ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]
    assert [event["object"]["metadata"]["annotations"]["value"] for event in watch.events[:4]] == list("0123")
    wait(lambda: watch.ended, "the watch has ended")


# rights and what was asked

@pytest.mark.parametrize("mode", GRANTED)
def test_an_account_may_do_just_what_the_role_says(kube, namespace, mode):
    client = kube.account(namespace, mode).client()
    wanted = {(resource, verb) for resource, verbs in GRANTED[mode].items() for verb in verbs.split()}
    wait(lambda: may(client, namespace, "pods", "get"), "the role is in force")
    asked = {(resource, verb) for resource in RESOURCES for verb in VERBS}
    assert {pair for pair in asked if may(client, namespace, *pair)} == wanted


def may(client, namespace, resource, verb):
    resource, _, subresource = resource.partition("/")
    resource, _, group = resource.partition(".")
    asked = {"namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": subresource}
    review = client.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                            {"spec": {"resourceAttributes": asked}})
    return review["status"]["allowed"]


def test_a_403_is_seen_by_the_client_and_in_the_audit_log(kube, namespace):
    account = kube.account(namespace, without=("events",))
    mark = kube.mark()
    with pytest.raises(ApiError) as refusal:
        account.client("m1").create("events", namespace, {"metadata": {"name": "x"}})
    assert refusal.value.status == 403
    seen = wait(lambda: kube.forbidden(account.user, mark), "the refusal is in the audit log")
    assert [(event["verb"], event["objectRef"]["resource"], event["sourceIPs"]) for event in seen] == [
        ("create", "events", [kube.net.address("m1")])]


def test_rights_can_be_taken_and_given_back(kube, namespace):
    account = kube.account(namespace)
    rules = kube.rules(namespace)
    client = account.client()
    wait(lambda: client.list("pods", namespace) == [], "the role is in force")
    kube.set_rules(namespace, [])
    wait(lambda: refused(403, lambda: client.list("pods", namespace)), "the role is gone")
    kube.set_rules(namespace, rules)
    wait(lambda: client.list("pods", namespace) == [], "the role is in force again")


def test_requests_are_counted_by_user_and_verb_and_open_watches_too(kube, namespace):
    account = kube.account(namespace)
    client = account.client()
    wait(lambda: client.list("pods", namespace) == [], "the role is in force")
    mark = kube.mark()
    make(kube, namespace, "lock", "0")
    for value in "123":
        write(client, namespace, "lock", value)
    watch = client.watch("configmaps", namespace)
    wait(lambda: kube.requests(mark, user=account.user, verb="watch"), "the open watch is counted")
    watch.close()
    wait(lambda: len(kube.requests(mark, user=account.user, verb="patch", resource="configmaps")) == 3, "3 patches")
    assert len(kube.requests(mark, user="admin", verb="create")) == 1
    assert len(kube.requests(mark, user=account.user)) == 4


def test_credentials_are_what_a_pod_or_a_laptop_has(kube, namespace, tmp_path):
    account = kube.account(namespace)
    directory = account.write_directory(tmp_path / "serviceaccount")
    assert sorted(os.listdir(directory)) == ["ca.crt", "namespace", "token"]
    assert (directory / "namespace").read_text() == namespace
    fresh = account.new_token(600)
    account.write_directory(directory, fresh)
    assert (directory / "token").read_text() == fresh
    wait(lambda: account.client(token=fresh).list("pods", namespace) == [], "the new token is good")
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not here: the kubeconfig was not tried")
    for write_kubeconfig in (account.write_kubeconfig, kube.write_kubeconfig):
        kubectl = ["kubectl", "--kubeconfig", write_kubeconfig(tmp_path / "kubeconfig"), "-n", namespace]
        subprocess.run([*kubectl, "get", "pods"], check=True, timeout=30)


def test_a_deleted_account_is_no_longer_known(kube, namespace):
    account = kube.account(namespace)
    kube.admin.delete("serviceaccounts", namespace, "howdah")
    wait(lambda: refused(401, lambda: account.client().list("pods", namespace)), "the token is refused", 20)


def test_the_servers_own_addresses_can_be_read_with_bypass_only(kube, namespace):
    client = kube.account(namespace, bypass=True).client()
    found = wait(lambda: client.get("endpoints", "default", "kubernetes"), "the role is in force")
    assert found["subsets"][0]["addresses"][0]["ip"] == kube.address
    other = kube.account(namespace, name="plain").client()
    with pytest.raises(ApiError):
        other.get("endpoints", "default", "kubernetes")


# faults of the server

def test_a_paused_server_accepts_connections_and_says_nothing(kube, namespace):
    make(kube, namespace, "lock", "0")
    client = impatient(kube.client(ADMIN))
    assert client.get("configmaps", namespace, "lock")
    kube.pause()
    kube.net.connect("m0", (kube.address, kube.port), 1).close()
    with pytest.raises(TimeoutError):
        client.get("configmaps", namespace, "lock")
    kube.resume()
    wait(lambda: client.get("configmaps", namespace, "lock"), "it answers again")


def test_a_killed_server_refuses_and_comes_back_with_its_state(kube, namespace):
    make(kube, namespace, "lock", "0")
    watch = kube.admin.watch("configmaps", namespace)
    kube.kill()
    wait(lambda: watch.ended, "the watch breaks")
    with pytest.raises(ConnectionRefusedError):
        kube.admin.get("configmaps", namespace, "lock")
    kube.start()
    assert value_of(kube, namespace, "lock") == "0"
    write(kube.admin, namespace, "lock", "1")


def test_without_etcd_nothing_is_written(kube, namespace):
    make(kube, namespace, "lock", "0")
    kube.pause("etcd")
    with pytest.raises(TimeoutError):
        write(impatient(kube.client(ADMIN)), namespace, "lock", "1")
    kube.resume("etcd")
    wait(lambda: kube.admin.request("GET", "/readyz") == "ok", "it is ready again")


def test_a_restore_takes_resource_versions_back(kube, namespace):
    make(kube, namespace, "lock", "old")
    backup = kube.backup()
    later = write(kube.admin, namespace, "lock", "new")
    make(kube, namespace, "later", "x")
    kube.restore(backup)
    now = kube.admin.get("configmaps", namespace, "lock")
    assert now["metadata"]["annotations"]["value"] == "old"
    assert int(now["metadata"]["resourceVersion"]) < int(later["metadata"]["resourceVersion"])
    again = write(kube.admin, namespace, "lock", "other")
    assert int(again["metadata"]["resourceVersion"]) < int(later["metadata"]["resourceVersion"]) + 1000
    with pytest.raises(ApiError):
        kube.admin.get("configmaps", namespace, "later")


# faults of the network

@pytest.fixture
def listening(net):
    """A listener on m1 for the others to reach."""
    with net.inside("m1"), socket.create_server((net.address("m1"), 0)) as listener:
        yield listener.getsockname()


def hangs(net, machine, address):
    with pytest.raises(TimeoutError):
        net.connect(machine, address, 0.3)
    return True


def test_a_member_cut_from_the_api_still_has_its_peers(kube, namespace, listening):
    net = kube.net
    client = impatient(kube.account(namespace).client("m0"))
    wait(lambda: client.list("pods", namespace) == [], "m0 reaches the server")
    net.cut("m0", "api")
    with pytest.raises(TimeoutError):
        client.list("pods", namespace)
    assert hangs(net, "m0", (kube.address, kube.port))
    net.connect("m0", listening, 1).close()
    assert net.drops()["m0", "api"] > 1
    net.heal("m0", "api")
    wait(lambda: client.list("pods", namespace) == [], "m0 reaches the server again")


def test_a_member_cut_from_its_peers_still_has_the_api_and_the_client(kube, listening):
    net = kube.net
    net.cut("m1", "peers")
    assert hangs(net, "m0", listening)
    assert hangs(net, "m1", (net.address("m0"), 5432))
    net.connect("client", listening, 1).close()
    net.connect("m1", (kube.address, kube.port), 1).close()
    net.heal("m1", "peers")
    net.connect("m0", listening, 1).close()


def test_a_cut_between_two_members_leaves_the_third(net, listening):
    net.cut("m1", "m0")
    assert hangs(net, "m0", listening)
    net.connect("m2", listening, 1).close()
    net.heal_all()


def test_lost_answers_are_not_lost_writes(kube, namespace):
    make(kube, namespace, "lock", "0")
    client = impatient(kube.account(namespace).client("m0"))
    wait(lambda: client.get("configmaps", namespace, "lock"), "m0 reaches the server")
    kube.net.cut("m0", "api", way="in")
    with pytest.raises(TimeoutError):
        write(client, namespace, "lock", "1")
    assert value_of(kube, namespace, "lock") == "1"


def test_a_fault_without_effect_is_noticed(net, monkeypatch):
    monkeypatch.setattr("net.EFFECT_S", 0.1)
    with monkeypatch.context() as planted:
        planted.setattr(net, "_change", lambda flag, pairs: None)
        with pytest.raises(RuntimeError, match="was dropped"):
            net.cut("m0", "api")
    net._cuts.clear()
    net.cut("m0", "api")
    with monkeypatch.context() as planted:
        planted.setattr(net, "_change", lambda flag, pairs: None)
        with pytest.raises(RuntimeError, match="does not reach"):
            net.heal("m0", "api")
    net._cuts |= net._pairs("m0", ["api"], "both")
    net.heal("m0", "api")


# machines

def test_a_program_on_a_machine_has_the_pid_the_user_and_the_address(net):
    look = "import os, socket; s = socket.create_server(('%s', 0)); print(os.getpid(), os.getuid())" % net.address("m2")
    python = ["/usr/bin/python3", "-c", look]
    with net.run("m2", python, user="nobody", stdout=subprocess.PIPE, text=True) as program:
        pid, uid = program.stdout.read().split()
    assert int(pid) == program.pid
    assert int(uid) != 0


def test_a_frozen_machine_stops_and_thaws(net):
    with net.run("m2", ["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        net.freeze("m2")
        assert state(program.pid) == "T"
        net.thaw("m2")
        assert program.communicate(b"alive")[0] == b"alive"


def test_power_off_leaves_the_peer_in_the_dark(net):
    say = "import socket; s = socket.create_server(('%s', 7000)); print(flush=True); c = s.accept(); c[0].recv(1)"
    with net.run("m2", [sys.executable, "-c", say % net.address("m2")], stdout=subprocess.PIPE) as program:
        program.stdout.readline()
        with net.connect("m0", (net.address("m2"), 7000), 1) as peer:
            net.power_off("m2")
            assert program.wait() == -signal.SIGKILL
            with pytest.raises(TimeoutError):
                peer.settimeout(0.3)
                peer.recv(1)
    net.heal("m2")
    with pytest.raises(ConnectionRefusedError):
        net.connect("m0", (net.address("m2"), 7000), 1)


def test_a_killed_test_run_leaves_nothing_behind(net, server):
    """`server` only so that the program is there; the run makes a bed of its own beside this one."""
    script = ("import sys; sys.path.insert(0, %r); from net import Net; from kube import Kube; n = Net('m0'); "
              "k = Kube(n); "
              "p = n.run('m0', ['sh', '-c', 'sleep 60 & wait'], user='nobody', stdout=-3); "
              "print(k.home, p.pid, k.pid(), k.pid('etcd'), *n.pids('m0'), flush=True); sys.stdin.read()" % HERE)
    run = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    home, *pids = run.stdout.readline().split()
    assert os.path.exists(home)
    assert all(os.path.exists(f"/proc/{pid}") for pid in pids)
    run.kill()
    run.communicate(timeout=10)
    wait(lambda: not os.path.exists(home), "its files are gone")
    wait(lambda: all(state(pid) in ("Z", "") for pid in pids), "its processes are gone")
