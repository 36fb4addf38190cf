"""The clients of a measurement beside the stories' writer: they hold sessions, insert at a steady rate, or ask REST as fast as they can."""
import contextlib
import http.client
import re
import subprocess
import threading
import time

import psycopg2

PASSWORD = "super-secret"
REST_CONNECTIONS = 4
REST_S = 5


def connect(member, timeout_s=2):
    connection = psycopg2.connect(host=member.address, dbname="postgres", user="postgres", password=PASSWORD, connect_timeout=timeout_s)
    connection.autocommit = True
    return connection


def ask(member, sql):
    """The first value of the first row, None when there is none or nobody answers."""
    try:
        with contextlib.closing(connect(member)) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            row = cursor.fetchone() if cursor.description else ["done"]
            return row[0] if row else None
    except psycopg2.Error:
        return None


def is_streaming(member):
    return ask(member, "select status from pg_stat_wal_receiver") == "streaming"


class Newcomers(threading.Thread):
    """A new connection and a query every 20 ms, by a client that does not try twice."""

    def __init__(self, member):
        super().__init__(daemon=True)
        self.member, self.stopping, self.tried, self.failed = member, threading.Event(), 0, 0

    def run(self):
        with self.member.cluster.net.inside("client"):
            while not self.stopping.wait(0.02):
                self.tried += 1
                self.failed += ask(self.member, "select 1") != 1


class Sessions:
    """Twenty clients that are connected and idle."""

    def __init__(self, member, count=20):
        self.connections = [connect(member) for _ in range(count)]

    def lost(self):
        """How many of them are no more; all are closed."""
        return sum(not self._lives(connection) for connection in self.connections)

    def _lives(self, connection):
        try:
            with contextlib.closing(connection), connection.cursor() as cursor:
                cursor.execute("select 1")
                return True
        except psycopg2.Error:
            return False


class Inserts(threading.Thread):
    """A hundred inserts a second into one member."""
    PERIOD_S = 0.01

    def __init__(self, member):
        super().__init__(daemon=True)
        self.member, self.stopping, self.done = member, threading.Event(), 0

    def run(self):
        with self.member.cluster.net.inside("client"), contextlib.closing(connect(self.member)) as connection:
            began = time.monotonic()
            while not self.stopping.wait(max(0, began + self.done * self.PERIOD_S - time.monotonic())):
                connection.cursor().execute("insert into story(writer) values ('steady')")
                self.done += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join()


def load_rest(member, path, keep_alive):
    """Requests a second and the 99th percentile in ms, of wrk with four connections."""
    header = [] if keep_alive else ["-H", "Connection: close"]
    argv = ["wrk", "-t1", f"-c{REST_CONNECTIONS}", f"-d{REST_S}s", "--latency", *header, f"http://{member.address}:8008{path}"]
    with member.cluster.net.inside("client"):
        text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text:
        raise RuntimeError(f"{member.name} {path}: {text}")
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", text).groups()
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1]), float(value) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def ask_steadily(member, path):
    """A question every 10 ms on a kept connection, as from many probes: how long each waited, in ms."""
    waits = []
    connection = http.client.HTTPConnection(member.address, 8008, timeout=10)
    with member.cluster.net.inside("client"), contextlib.closing(connection):
        began = time.monotonic()
        for i in range(REST_S * 100):
            time.sleep(max(0, began + i / 100 - time.monotonic()))
            asked = time.monotonic()
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            waits.append(1000 * (time.monotonic() - asked))
            if answer.status != 200:
                raise RuntimeError(f"{member.name} {path}: {answer.status}")
    return waits
