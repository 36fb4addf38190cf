"""Passwords and certificates that change under load: sessions go on, whoever comes new uses the new ones."""
import os
import signal
import ssl
import subprocess
import time

import psycopg2
import pytest

from bed import USER, wait
from test_switchover import others, switch

now = time.monotonic


def connect(cluster, member, password, user="postgres"):
    with cluster.net.inside("client"):
        return psycopg2.connect(host=member.address, dbname="postgres", user=user, password=password, connect_timeout=3)


def refused(cluster, member, password):
    try:
        connect(cluster, member, password).close()
    except psycopg2.OperationalError as error:
        return "authentication failed" in str(error)
    return False


def test_passwords_change_under_load(make_ready, watch):
    cluster, leader = make_ready()
    leader.psql("create role app login superuser password 'super-secret'")
    session = connect(cluster, leader, "super-secret")
    writer = watch(cluster)
    changed = {"superuser": {"password": "new-super"}, "replication": {"password": "new-rep"}}
    for member in cluster.members:
        member.overrides = {"postgresql": {"authentication": changed}}
        member.write_config()
        member.agent.send_signal(signal.SIGHUP)
    moment = now()
    wait(lambda: refused(cluster, leader, "super-secret"), "the old password is refused", 20)
    connect(cluster, leader, "new-super").close()
    with session.cursor() as cursor:
        cursor.execute("select 1")
        assert cursor.fetchone() == (1,), "the old session goes on"
    wait(lambda: writer.first_after(moment + 1), "the writer's old session goes on")
    assert writer.gap_around(moment) < 1
    leader.psql("select pg_terminate_backend(pid) from pg_stat_replication")
    replicas = others(cluster, leader)
    wait(lambda: leader.psql("select count(*) from pg_stat_replication where state = 'streaming'") == str(len(replicas)),
         "the replicas come back with the new password", 30)
    for member in replicas:
        assert "new-rep" in (member.run / "pgpass").read_text() and "rep-secret" not in (member.run / "pgpass").read_text()
    cluster.wait_ready()
    writer.stop()
    successor, _ = switch(cluster, leader, leader)
    assert cluster.wait_ready() is successor
    session.close()


def certificate(directory, name, subject):
    """A self-signed pair, put in place at once."""
    new = directory / f"{name}.new"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", f"/CN={subject}", "-keyout", f"{new}.key", "-out", f"{new}.crt"], check=True, capture_output=True)
    for suffix in ("key", "crt"):
        os.chmod(f"{new}.{suffix}", 0o600)
        if USER:
            subprocess.run(["chown", f"{USER}:", f"{new}.{suffix}"], check=True)
        os.replace(f"{new}.{suffix}", directory / f"{name}.{suffix}")


def shown(cluster, member):
    with cluster.net.inside("client"):
        return ssl.get_server_certificate((member.address, 8008))


def test_a_certificate_of_the_rest_api_is_replaced(make_cluster, watch, note):
    cluster = make_cluster()
    for member in cluster.members:
        certificate(member.home, "rest", "first")
        member.tls = True
        member.overrides = {"restapi": {"certfile": str(member.home / "rest.crt"), "keyfile": str(member.home / "rest.key")}}
    cluster.start()
    leader = cluster.wait_ready(60)
    before = {m: shown(cluster, m) for m in cluster.members}
    for member in cluster.members:
        certificate(member.home, "rest", "second")
    replaced = now()
    leader.ask("/reload", {})
    wait(lambda: shown(cluster, leader) == (leader.home / "rest.crt").read_text(), "the new one is shown after a reload")
    for member in others(cluster, leader):
        wait(lambda m=member: shown(cluster, m) != before[m], f"{member.name} finds the new one by itself", 20)
    note("all_shown_s", round(now() - replaced, 3))
    successor, _ = switch(cluster, leader, leader)
    assert cluster.wait_ready() is successor


@pytest.mark.parametrize("how", ["reload", "by itself", "beside settings that cannot be read"])
def test_a_certificate_of_the_database_is_replaced(make_cluster, watch, how):
    cluster = make_cluster()
    for member in cluster.members:
        certificate(member.home, "server", "first")
        member.overrides = {"postgresql": {"parameters": {"ssl": "on", "ssl_cert_file": str(member.home / "server.crt"),
                                                          "ssl_key_file": str(member.home / "server.key")}}}
    cluster.start()
    leader = cluster.wait_ready(60)
    session = connect(cluster, leader, "super-secret")
    assert session.info.ssl_in_use
    before = database_certificate(cluster, leader)
    if how.startswith("beside"):  # both are found by one look
        wait_for_a_look(leader)
        leader.config.write_text("scope: [")
    certificate(leader.home, "server", "second")
    if how == "reload":
        assert leader.ask("/reload", {})[0] == 202
    wait(lambda: database_certificate(cluster, leader) not in (None, before), "new connections get the new one", 20)
    if how.startswith("beside"):
        wait(lambda: "the configuration is not read again" in leader.log(), "the settings were refused", 20)
    with session.cursor() as cursor:
        cursor.execute("select 1")
        assert cursor.fetchone() == (1,)
    session.close()


def wait_for_a_look(member):
    """Its files are looked at every five seconds: right afterwards two changes are found together."""
    seen = member.log().count("the configuration was read again")
    member.write_config()
    wait(lambda: member.log().count("the configuration was read again") > seen, "it has looked at its files", 20)


def database_certificate(cluster, member):
    argv = ["openssl", "s_client", "-starttls", "postgres", "-connect", f"{member.address}:5432"]
    with cluster.net.inside("client"):
        out = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=10).stdout
    return out[out.index("-----BEGIN"):out.index("-----END")] if "-----BEGIN" in out else None
