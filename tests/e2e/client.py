"""A client of the Service, all the time: a new connection every 50 ms, one row each, remembered when it was acknowledged.

It lives on a node, where kube-proxy rewrites the Service's address. Verdicts are those of tests/system/stories/writer.py.
"""
import itertools
import select
import threading
import time
import uuid

import psycopg2
import psycopg2.extensions as ext
import writer
from server import wait

PERIOD_S = 0.05
ANSWER_S = 1.0
LANES = int(ANSWER_S / PERIOD_S) + 2  # a lane is free again before its next turn, whatever happened to the one before
WRITE = ("insert into story(writer) values (%s) returning"
         " ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int, host(inet_server_addr())")


class _Late(Exception):
    pass


class _Lane(threading.Thread):
    def __init__(self, client, number):
        super().__init__(daemon=True)
        self.client, self.number = client, number

    def run(self):
        client = self.client
        turn = client.begun + self.number * PERIOD_S
        with client.place():
            while not client.stopping.wait(max(0, turn - time.monotonic())):
                try:
                    self._once()
                except (psycopg2.Error, OSError, _Late) as error:
                    client.failed(str(error).strip())
                turn += LANES * PERIOD_S

    def _once(self):
        deadline = time.monotonic() + ANSWER_S
        connection = psycopg2.connect(**self.client.target, async_=1)
        try:
            finish(connection, deadline)
            with connection.cursor() as cursor:
                started, row = time.monotonic(), self.client.next_row()
                cursor.execute(WRITE, (row,))
                finish(connection, deadline)
                timeline, address = cursor.fetchone()
            self.client.add(writer.Commit(address, timeline, row, started, time.monotonic()))
        finally:
            connection.close()


def finish(connection, deadline):
    """psycopg2's asynchronous protocol, with a deadline: a frozen or unreachable server answers nothing."""
    while True:
        state = connection.poll()
        if state == ext.POLL_OK:
            return
        sockets = ([connection], []) if state == ext.POLL_READ else ([], [connection])
        left = deadline - time.monotonic()
        if left <= 0 or not any(select.select(*sockets, [], left)):
            raise _Late("no answer")


class Client(writer.Writer):
    """`place` is where it lives, a node (for which kube-proxy rewrites the Service's address) or a pod; commits carry the
    address of the pod that took them. `host` instead of the Service. A row is known by a text of its own, not by its id:
    two primaries would give out the same ids."""

    def __init__(self, release, place, host=None):
        super().__init__([])
        self.place = place
        self.target = {"host": host or release.service_address(), "dbname": "postgres", "user": "postgres", "password": release.password,
                       "application_name": "client"}
        self.begun = time.monotonic()
        self.failures = []
        self._name, self._numbers = uuid.uuid4().hex[:8], itertools.count(1)
        self.probes = [_Lane(self, number) for number in range(LANES)]

    def __enter__(self):
        super().__enter__()
        wait(lambda: len(self.commits) > 20, "the client's first rows", 20)
        return self

    def next_row(self):
        return f"{self._name}-{next(self._numbers)}"

    def failed(self, why):
        with self.lock:
            self.failures.append((time.monotonic(), why))

    def errors_since(self, moment):
        with self.lock:
            return [why for at, why in self.failures if at >= moment]

    def wait_for_writes(self, moment, timeout_s=60):
        """A row that began after this moment."""
        return wait(lambda: self.first_after(moment), "a row of the client", timeout_s)

    def lost(self, member):
        """What was acknowledged so far and is not in the member's table."""
        acknowledged = {commit.row for commit in self.snapshot()}
        return sorted(acknowledged - set(member.psql("select writer from story").split()))

    def check_nothing_lost(self, member):
        lost, acknowledged = self.lost(member), len(self.snapshot())
        assert not lost, f"{len(lost)} of {acknowledged} acknowledged rows are lost: {lost[:5]}"
        return acknowledged


class Session:
    """One connection that stays; alive() says that it is still the same one."""

    def __init__(self, net, machine, target):
        with net.inside(machine):
            self.connection = psycopg2.connect(**{"connect_timeout": 5, **target})
        self.connection.autocommit = True
        self.backend = self._ask("select pg_backend_pid()")

    def alive(self):
        try:
            return self._ask("select pg_backend_pid()") == self.backend
        except psycopg2.Error:
            return False

    def close(self):
        self.connection.close()

    def _ask(self, sql):
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0]
