"""A client that writes to every member all the time and remembers what was acknowledged, when, by whom and on which timeline.

This is what stories are judged by. Times are CLOCK_MONOTONIC of this one machine, for all members alike.
"""
import dataclasses
import select
import threading
import time

import psycopg2
import psycopg2.extensions as ext

PERIOD_S = 0.01
ANSWER_S = 1.0
CREATE = "create table if not exists story(id bigserial primary key, at timestamptz default now(), writer text)"
# the timeline that the row itself is written on
WRITE = ("insert into story(writer) values (%s)"
         " returning ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int, id")


@dataclasses.dataclass
class Commit:
    member: str
    timeline: int
    row: int
    started: float
    acknowledged: float


class _Slow(Exception):
    pass


class _Probe(threading.Thread):
    def __init__(self, writer, member):
        super().__init__(daemon=True)
        self.writer, self.member = writer, member
        self.connection = None
        self.last_error = ""
        self.attempts = 0

    def run(self):
        with self.member.cluster.net.inside("client"):
            while not self.writer.stopping.is_set():
                began = time.monotonic()
                try:
                    self._write(began)
                except (psycopg2.Error, OSError, _Slow) as error:
                    self.last_error = str(error).strip()
                    self._drop()
                self.writer.stopping.wait(max(0, PERIOD_S - (time.monotonic() - began)))
            self._drop()

    def _drop(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def _finish(self, deadline):
        """psycopg2's asynchronous protocol, with a deadline: a frozen server answers nothing."""
        while True:
            state = self.connection.poll()
            if state == ext.POLL_OK:
                return
            sockets = ([self.connection], []) if state == ext.POLL_READ else ([], [self.connection])
            left = deadline - time.monotonic()
            if left <= 0 or not any(select.select(*sockets, [], left)):
                raise _Slow("no answer")

    def _write(self, began):
        deadline = began + ANSWER_S
        self.attempts += 1
        if self.connection is None:
            self.connection = psycopg2.connect(host=self.member.address, dbname="postgres", user="postgres", password="super-secret",
                                               application_name="story", async_=1)
            self._finish(deadline)
        with self.connection.cursor() as cursor:
            started = time.monotonic()
            cursor.execute(WRITE, (self.member.name,))
            self._finish(deadline)
            timeline, row = cursor.fetchone()
        self.writer.add(Commit(self.member.name, timeline, row, started, time.monotonic()))


class Writer:
    def __init__(self, members):
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.commits = []
        self.excused = None
        self.probes = [_Probe(self, m) for m in members]

    def __enter__(self):
        for probe in self.probes:
            probe.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        for probe in self.probes:
            if probe.is_alive():
                probe.join()

    def watch(self, member):
        probe = _Probe(self, member)
        self.probes.append(probe)
        probe.start()

    def add(self, commit):
        with self.lock:
            self.commits.append(commit)

    def snapshot(self):
        with self.lock:
            return sorted(self.commits, key=lambda c: c.acknowledged)

    def acknowledged_by(self, name, after=0.0):
        return [c for c in self.snapshot() if c.member == name and c.started > after]

    def last_by(self, name):
        commits = self.acknowledged_by(name)
        return commits[-1].acknowledged if commits else None

    def first_after(self, moment, not_by=None):
        return next((c for c in self.snapshot() if c.started > moment and c.member != not_by), None)

    def gap_around(self, moment):
        """The longest time without an acknowledged commit, among those that reach over or begin after `moment`."""
        commits = self.snapshot()
        gaps = [(b.acknowledged - a.acknowledged) for a, b in zip(commits, commits[1:]) if b.acknowledged >= moment]
        return max(gaps, default=None)

    def gap_between(self, begin, end):
        """The longest time without an acknowledged commit, among those that touch this time."""
        commits = self.snapshot()
        gaps = [b.acknowledged - a.acknowledged for a, b in zip(commits, commits[1:]) if b.acknowledged >= begin and a.acknowledged <= end]
        return max(gaps, default=None)

    def check_nothing_lost(self, member):
        """Everything that was acknowledged so far is in the member's table."""
        acknowledged = {(c.row, c.member) for c in self.snapshot()}
        rows = {(int(row), name) for row, name in (line.split("|") for line in member.psql("select id, writer from story").split())}
        lost = sorted(acknowledged - rows)
        assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged rows are lost: {lost[:5]}"
        return len(acknowledged)

    def excuse(self, member, after, until):
        """What it took then does not count: a limit that docs/safety.md has."""
        self.excused = (member, after, until)

    def _is_excused(self, commit):
        member, after, until = self.excused or (None, 0, 0)
        return commit.member == member and after <= commit.started <= until

    def check_one_primary(self):
        """A timeline is written by one member only, and no older timeline takes a write once a newer one did."""
        owner, newest, newest_at = {}, 0, 0.0
        for c in sorted(self.snapshot(), key=lambda c: c.started):
            assert owner.setdefault(c.timeline, c.member) == c.member, f"timeline {c.timeline}: {owner[c.timeline]} and {c.member} wrote"
            assert not (c.timeline < newest and c.started > newest_at) or self._is_excused(c), \
                f"{c.member} took a write on timeline {c.timeline}, {c.started - newest_at:.3f} s after timeline {newest} had one"
            if c.timeline > newest:
                newest, newest_at = c.timeline, c.acknowledged
        return owner
