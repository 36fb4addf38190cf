"""Client certificates whose key has a passphrase, on a server that lets nobody in without one."""
import os
import pathlib
import shutil
import signal

import pytest

from member import AS_POSTGRES, sh

PASSPHRASE = "geheim: it's \\ a = key"
BIN = pathlib.Path(sh("pg_config", "--bindir").stdout.strip())
WATCHED = ("pg_basebackup", "pg_rewind", "psql")
# What a program was given, as /proc shows it of a running one.
SAYS = """#!/bin/sh
tr '\\0' '\\n' </proc/$$/cmdline >>{said}
echo "{name} PGSERVICEFILE=$PGSERVICEFILE" >>{said}
stat -c 'mode %a' "$PGSERVICEFILE" >>{said}
exec {bin}/{name} "$@"
"""


def owned(path):
    if AS_POSTGRES:
        shutil.chown(path, "postgres", "postgres")
    return path


@pytest.fixture
def pki(programs):
    """One authority, which signed the server's certificate and, with an encrypted key, the client's."""
    there = programs[0].parent / "pki"
    there.mkdir()
    owned(there)

    def key(name, *more):
        sh("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", there / name, *more)
        (there / name).chmod(0o600)
        return owned(there / name)

    def signed(name, key_file, subject, *more):
        sh("openssl", "req", "-new", "-key", key_file, "-subj", f"/CN={subject}", "-out", there / f"{name}.csr", *more)
        sh("openssl", "x509", "-req", "-in", there / f"{name}.csr", "-CA", there / "ca.crt", "-CAkey", there / "ca.key",
           "-CAcreateserial", "-days", "2", "-out", there / f"{name}.crt")

    sh("openssl", "req", "-x509", "-new", "-key", key("ca.key"), "-subj", "/CN=authority", "-days", "2", "-out", there / "ca.crt")
    signed("server", key("server.key"), "127.0.0.1")
    signed("client", key("client.key", "-aes256", "-pass", f"pass:{PASSPHRASE}"), "replicator", "-passin", f"pass:{PASSPHRASE}")
    assert "ENCRYPTED" in (there / "client.key").read_text()
    yield there
    shutil.rmtree(there)


def settings(pki, passphrase=PASSPHRASE):
    hba = ["local all all trust", "host all postgres 127.0.0.1/32 scram-sha-256"]
    hba += [f"hostssl {database} 127.0.0.1/32 scram-sha-256 clientcert=verify-ca"
            for database in ("replication replicator", "all rewinder")]
    return {"pg_hba": hba,
            "parameters": {"ssl": "on", "ssl_ca_file": str(pki / "ca.crt"), "ssl_cert_file": str(pki / "server.crt"),
                           "ssl_key_file": str(pki / "server.key")},
            "ssl": {"mode": "require", "cert": str(pki / "client.crt"), "key": str(pki / "client.key"),
                    "password": passphrase}}


def watched_programs(pki, home):
    """A directory of PostgreSQL's programs, in which those of WATCHED say what they were given."""
    there = pki / f"for_{home.name.replace('-', '_')}"
    there.mkdir()
    for program in BIN.iterdir():
        if program.name not in WATCHED:
            (there / program.name).symlink_to(program)
            continue
        path = there / program.name
        path.write_text(SAYS.format(said=home / "said", name=program.name, bin=BIN))
        path.chmod(0o755)
    return there


def service_file(member):
    return member.run / "pw" / "service"


def make(members, name, pki, **more):
    member = members.unattached(name, **settings(pki, **more))
    member.settings["bin_dir"] = str(watched_programs(pki, member.home))
    return member.attach()


def check_said(member, *names):
    said = (member.home / "said").read_text()
    for name in names:
        assert f"{name} PGSERVICEFILE={service_file(member)}\nmode 600" in said, said
    assert "service=howdah" in said and PASSPHRASE not in said and "sslpassword" not in said
    assert PASSPHRASE not in member.tail() and not service_file(member).exists()


def test_the_passphrase_of_a_client_key_is_in_no_programs_arguments(members, pki):
    a = make(members, "pg-0", pki).bootstrap()
    b = make(members, "pg-1", pki).join(a)
    check_said(b, "pg_basebackup")
    a.say("set", "use_pg_rewind", "true")
    b.do("follow")  # nobody
    b.wait(lambda s: not s["streaming"])
    a.sql("CREATE TABLE only_old AS SELECT 1")
    b.say("deadline", 10000)
    b.wait(lambda s: s["deadline"])
    b.do("promote")
    b.say("checkpoint")
    b.wait(lambda s: s["control_timeline"] == 2)
    b.say("slots", "pg_0")
    b.wait(lambda s: '"pg_0"' in s["slots"])
    os.kill(a.postmaster_pid(), signal.SIGKILL)
    a.wait(lambda s: s["tree"] == "down" and s["nothing_left"])
    a.say("deadline", 0)
    a.do("rewind", *b.upstream())
    check_said(a, "psql", "pg_rewind")
    a.do("standby", *b.upstream())
    a.wait(lambda s: s["streaming"] and s["timeline"] == 2)


def test_a_wrong_passphrase_makes_no_clone(members, pki):
    a = make(members, "pg-0", pki).bootstrap()
    b = make(members, "pg-1", pki, passphrase="another")
    assert "key" in b.fails("clone", *a.upstream())["failure"]
    assert not service_file(b).exists()


def test_a_passphrase_that_libpq_cannot_take_is_refused_with_what_is_allowed(members, pki):
    b = make(members, "pg-1", pki, passphrase="blank ")
    failure = b.fails("clone", "127.0.0.1", b.port, "pg-0")["failure"]
    assert "postgresql.authentication.replication" in failure and "no blank at its end" in failure
    assert not (b.home / "said").exists()
