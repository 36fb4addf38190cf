"""A small client of howdah-supervisor's protocol (include/supervisor/protocol.h), for tests.

One Client is one connection of an agent. Frames are in the machine's own byte order and natural alignment, as in the header.
"""
import collections
import os
import select
import socket
import struct
import time

VERSION = 1
FRAME_MAX = 8192
HEADER = struct.Struct("=BBHIII")

(HELLO, START, STOP, PROMOTE, RELOAD, DEADLINE, RUN, KILL, FORGET, FIND, TERM_GO, FENCE, ASK) = range(1, 14)
STATUS, REPLY, OUTPUT, EXITED, FOUND = range(64, 69)
TREES = "down starting standby promoting primary stopping fencing".split()
REPLIES = ("ok no_lock no_deadline bad_deadline not_answered busy fencing signal_file marked failed bad_frame clocks").split()
REASONS = "none deadline orphans unasked asked stop_escalated".split()
STANDBY, PRIMARY = 0, 1
SMART, FAST, IMMEDIATE = 0, 1, 2

STATUS_BODY = struct.Struct("=Q4IiI2q2Q2q2iQ2qq2I8I2I40s96s32s")
STATUS_FIELDS = (
    "nonce tree writable left volume_locked volume_errno term_pending term_boot term_raw deadline_generation "
    "deadline_number deadline_boot deadline_raw postmaster exit_status postmaster_count postmaster_boot postmaster_raw "
    "postmaster_wall_us fenced fence_reason j0 j1 j2 j3 j4 j5 j6 j7 in_pod reserved boot_id token program_version"
)
Status = collections.namedtuple("Status", STATUS_FIELDS)


def clocks():
    """BOOTTIME and MONOTONIC_RAW in microseconds."""
    return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000, time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) // 1000)


def wait_until(condition, seconds=10, what=None):
    """Polls until condition() is true; its value is returned."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        select.select([], [], [], 0.01)


class Gone(Exception):
    """The supervisor closed the connection."""


class Client:
    def __init__(self, path, data_dir, generation=None, hello=True, **options):
        self.next_id = 1
        self.number = 0
        self.status = None
        self.replies, self.found, self.exited = {}, {}, {}
        self.output = collections.defaultdict(lambda: {1: b"", 2: b""})
        self.lost = collections.Counter()
        self.path, self.data_dir = path, data_dir
        self.generation = generation or clocks()[0]
        self.connect()
        if hello:
            self.hello(**options)

    def connect(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        owner, me = os.stat(self.path).st_uid, os.geteuid()
        if me == 0:
            os.seteuid(owner)  # the supervisor talks to its own uid only, and to the one that connects
        try:
            self.socket.connect(str(self.path))
        finally:
            os.seteuid(me)

    def close(self):
        self.socket.close()

    def hello(self, term_hold_ms=60000, silence_ms=60000, clock_offset_us=(0, 0), attempts=20):
        """Says HELLO until the STATUS that answers; a busy machine may make the clocks look different, so that is tried again."""
        for left in reversed(range(attempts)):
            now = clocks()
            frame = self.send(HELLO, struct.pack(
                "=Q2q2I512s", self.generation, now[0] + clock_offset_us[0], now[1] + clock_offset_us[1],
                term_hold_ms, silence_ms, str(self.data_dir).encode()))
            self.pump(lambda: self.status or frame in self.replies)
            if self.status:
                return
            code = self.replies.pop(frame)
            if code != "clocks" or left == 0:
                raise Gone(code)
            self.close()
            self.connect()

    # --- frames

    def send(self, kind, body=b""):
        frame = self.next_id
        self.next_id += 1
        self.socket.send(HEADER.pack(VERSION, kind, 0, frame, len(body), 0) + body)
        return frame

    def receive(self, seconds):
        """Takes one frame in; False if none came in time."""
        if not select.select([self.socket], [], [], max(seconds, 0))[0]:
            return False
        data = self.socket.recv(FRAME_MAX + 1)
        if not data:
            raise Gone("closed")
        version, kind, _, frame, length, _ = HEADER.unpack_from(data)
        body = data[HEADER.size:]
        assert version == VERSION and length == len(body)
        self.take(kind, frame, body)
        return True

    def take(self, kind, frame, body):
        if kind == STATUS:
            self.status = Status(*STATUS_BODY.unpack(body))
        elif kind == REPLY:
            code, self.detail = struct.unpack("=Ii", body)
            self.replies[frame] = REPLIES[code]
        elif kind == OUTPUT:
            job, stream, lost = struct.unpack_from("=IIQ", body)
            self.output[job][stream] += body[16:]
            self.lost[job, stream] = lost
        elif kind == EXITED:
            job, status, killed, _ = struct.unpack("=IiII", body)
            self.exited[job] = (status, bool(killed))
        elif kind == FOUND:
            count, truncated, _ = struct.unpack_from("=HHI", body)
            paths = body[8:].split(b"\0")[:-1]
            assert len(paths) == count
            self.found[frame] = ([p.decode() for p in paths], bool(truncated))
        else:
            raise AssertionError(f"frame of type {kind}")

    def pump(self, condition, seconds=20):
        """Takes frames in until condition() holds."""
        end = time.monotonic() + seconds
        while not condition():
            if not self.receive(end - time.monotonic()):
                raise AssertionError(f"not within {seconds} s; tree {self.tree}, status {self.status}")

    def ask(self, kind, body=b"", seconds=20):
        """Sends a frame, returns the word of its reply."""
        frame = self.send(kind, body)
        self.pump(lambda: frame in self.replies, seconds)
        return self.replies.pop(frame)

    # --- what an agent does

    @property
    def tree(self):
        return TREES[self.status.tree] if self.status else None

    @property
    def reason(self):
        return REASONS[self.status.fence_reason]

    def refresh(self):
        self.status = None
        self.send(ASK)
        self.pump(lambda: self.status is not None)
        return self.status

    def wait_tree(self, *trees, seconds=20):
        self.pump(lambda: self.tree in trees, seconds)

    def send_deadline(self, seconds, answered=True, number=None, token=b"token"):
        """T in so many seconds from now by both clocks; None disarms."""
        self.number = self.number + 1 if number is None else number
        at = (0, 0) if seconds is None else tuple(c + int(seconds * 1e6) for c in clocks())
        self.deadline_wall = None if seconds is None else time.time() + seconds
        return self.send(DEADLINE, struct.pack("=Q2q2I96s", self.number, *at, int(answered), 0, token))

    def deadline(self, seconds, **options):
        frame = self.send_deadline(seconds, **options)
        self.pump(lambda: frame in self.replies)
        return self.replies.pop(frame)

    @staticmethod
    def strings(*lists):
        return b"".join(os.fsencode(text) + b"\0" for strings in lists for text in strings)

    def start(self, as_what, argv, env=()):
        env = [f"{k}={v}" for k, v in dict(env).items()]
        return self.ask(START, struct.pack("=IHH", as_what, len(argv), len(env)) + self.strings(argv, env))

    def stop(self, mode=FAST, escalate_ms=0):
        return self.ask(STOP, struct.pack("=II", mode, escalate_ms))

    def run(self, job, argv, env=(), stdin=b"", limit_ms=0, exclusive=False):
        env = [f"{k}={v}" for k, v in dict(env).items()]
        head = struct.pack("=IIHHII", job, limit_ms, len(argv), len(env), len(stdin), int(exclusive))
        return self.ask(RUN, head + self.strings(argv, env) + stdin)

    def kill(self, job):
        return self.ask(KILL, struct.pack("=II", job, 0))

    def forget(self, job):
        return self.ask(FORGET, struct.pack("=II", job, 0))

    def wait_exited(self, job, seconds=20):
        """(wait status, killed, stdout, stderr) of a job."""
        self.pump(lambda: job in self.exited, seconds)
        return (*self.exited.pop(job), self.output[job][1], self.output[job][2])

    def find(self, names, dirs=()):
        frame = self.send(FIND, struct.pack("=HH2H", len(names), len(dirs), 0, 0) + self.strings(names, dirs))
        self.pump(lambda: frame in self.replies)
        assert self.replies.pop(frame) == "ok"
        return self.found.pop(frame)
