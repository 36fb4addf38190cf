"""Passwords and certificates are renewed in their Secrets, as a person or cert-manager does it; nothing is restarted for it."""
import base64
import contextlib
import pathlib
import socket
import ssl
import struct
import time

import psycopg2
import pytest

import client as clientlib
from credentials import make_certificate
from release import PASSWORD, new_namespace, wait_text
from server import wait

now = time.monotonic
MOUNTED_S = 150  # the kubelet looks about once a minute
NEW = "a-new-secret"
SSL_REQUEST = struct.pack(">ii", 8, 80877103)


def logs_in(shop, node, password, host=None, **options):
    with shop.bed.net.inside(node):
        try:
            psycopg2.connect(host=host or shop.service_address(), dbname="postgres", user="postgres", password=password, connect_timeout=3,
                             **options).close()
            return True
        except psycopg2.OperationalError as error:
            assert "authentication failed" in str(error), error
            return False


def what_runs(shop):
    """Nothing of it may change: containers and the start of PostgreSQL, in every pod."""
    return {pod.name: [(pod.container(name)["containerID"], pod.container(name)["restartCount"]) for name in ("howdah", "postgres")]
            + [pod.psql("select pg_postmaster_start_time()")] for pod in shop.pods()}


def reconnect_replicas(shop, leader):
    leader.psql("select pg_terminate_backend(pid) from pg_stat_replication")
    assert shop.wait_ready(3, 60).name == leader.name


@pytest.fixture(scope="module")
def shop(make_release):
    return make_release()


def test_new_passwords_in_the_secret_reach_the_database_and_the_replicas(bed, shop, note):
    leader = shop.wait_ready(3)
    leader.psql(clientlib.writer.CREATE)
    before, begun = what_runs(shop), now()
    assert logs_in(shop, "n1", PASSWORD) and not logs_in(shop, "n1", NEW)
    session = clientlib.Session(bed.net, "n1", {"host": shop.service_address(), "dbname": "postgres", "user": "postgres",
                                                "password": PASSWORD})
    encoded = base64.b64encode(NEW.encode()).decode()
    change = {"data": {"superuser-password": encoded, "replication-password": encoded, "restapi-password": encoded}}
    bed.control.admin.patch("secrets", shop.namespace, shop.name, change, patch="merge")
    wait(lambda: logs_in(shop, "n1", NEW), "the new password is the superuser's", MOUNTED_S)
    note("password_s", now() - begun)
    assert not logs_in(shop, "n1", PASSWORD) and session.alive()
    session.close()
    replicas = [pod for pod in shop.pods() if pod.name != leader.name]
    for pod in replicas:
        wait_text(lambda p=pod: read_pgpass(p), [NEW], f"what {pod.name} replicates with", MOUNTED_S)
    reconnect_replicas(shop, leader)
    leader.howdahctl("reload", shop.name, "--force")  # with the REST API's new password
    assert what_runs(shop) == before
    check_switchover(shop, leader, replicas[0])


def read_pgpass(pod):
    return pod.release.kubectl("exec", pod.name, "-c", "postgres", "--", "cat", "/run/howdah/pgpass")


def check_switchover(release, leader, candidate):
    """Members speak with each other, howdahctl with them, and the former leader can follow."""
    listed = leader.howdahctl("list")
    assert "streaming" in listed and "could be asked" not in listed, listed
    leader.howdahctl("switchover", "--candidate", candidate.name, "--force")
    assert release.wait_leader_other_than(leader.name).name == candidate.name
    release.wait_ready(3)


# ---- TLS ----

@pytest.fixture(scope="module")
def namespace(bed):
    return new_namespace(bed)


def tls_secret(bed, namespace, name, serial_of):
    """kubernetes.io/tls with ca.crt, of the authority of the bed; serial_of names the pair."""
    home = pathlib.Path(bed.control.home)
    names = f"subjectAltName=DNS:tls,DNS:tls.{namespace}.svc,DNS:*.tls-headless.{namespace}.svc"
    make_certificate(str(home), serial_of, f"/CN={serial_of}", names)
    files = {"tls.crt": f"{serial_of}.crt", "tls.key": f"{serial_of}.key", "ca.crt": "ca.crt"}
    data = {key: base64.b64encode((home / file).read_bytes()).decode() for key, file in files.items()}
    return {"metadata": {"name": name, "namespace": namespace}, "type": "kubernetes.io/tls", "data": data}


@pytest.fixture(scope="module")
def secured(bed, make_release, namespace):
    bed.control.admin.create("secrets", namespace, tls_secret(bed, namespace, "shop-tls", "first"))
    return make_release(namespace, name="tls", settings=["tls.existingSecret=shop-tls"])


def certificate_of(bed, address, port, ask=b""):
    """The server's, as PEM."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.closing(bed.net.connect("n1", (address, port), 5)) as plain:
        if ask:
            plain.sendall(ask)
            assert plain.recv(1) == b"S"
        with context.wrap_socket(plain) as secure:
            return ssl.DER_cert_to_PEM_cert(secure.getpeercert(binary_form=True))


def shows(bed, pod, name):
    """REST and PostgreSQL show this pair's certificate."""
    wanted = ssl.PEM_cert_to_DER_cert(pathlib.Path(bed.control.home, f"{name}.crt").read_text(encoding="ascii"))
    try:
        shown = [certificate_of(bed, pod.address, 8008), certificate_of(bed, pod.address, 5432, SSL_REQUEST)]
    except socket.timeout:
        return False
    return all(ssl.PEM_cert_to_DER_cert(pem) == wanted for pem in shown)


def test_a_renewed_certificate_is_shown_by_rest_and_postgresql(bed, secured, namespace, note):
    leader = secured.wait_ready(3)
    assert all(shows(bed, pod, "first") for pod in secured.pods())
    assert logs_in(secured, "n1", PASSWORD, sslmode="verify-ca", sslrootcert=str(pathlib.Path(bed.control.home, "ca.crt")))
    before, begun = what_runs(secured), now()
    renewed = tls_secret(bed, namespace, "shop-tls", "second")
    bed.control.admin.patch("secrets", namespace, "shop-tls", {"data": renewed["data"]}, patch="merge")
    for pod in secured.pods():
        wait(lambda p=pod: shows(bed, p, "second"), f"{pod.name} shows the new certificate", MOUNTED_S)
    note("certificate_s", now() - begun)
    reconnect_replicas(secured, leader)
    assert what_runs(secured) == before
    check_switchover(secured, leader, next(pod for pod in secured.pods() if pod.name != leader.name))
