"""A terminal as a person has it: what is typed there and what it shows is kept, with its time.

Kept in two forms: a recording for `asciinema play` (https://docs.asciinema.org/manual/asciicast/v2/), and text.
"""
import contextlib
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

COLUMNS, LINES = 140, 40
IDLE_LIMIT_S = 2  # longer silence is cut short when it is played
KEY_S = 0.04      # between two keys, when it is played
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """Commands run by bash with `environment`, in `directory`."""

    def __init__(self, environment, directory):
        self.environment, self.directory = environment, directory
        self._began, self._written_s = time.monotonic(), 0.0
        self._events, self._text = [], []

    def say(self, text):
        """A comment, as a person types one."""
        self._type(f"# {text}\r\n")
        self._text.append(f"\n{text}\n")

    def run(self, command, timeout_s=120):
        """Types it; returns what it showed, without colours. A command that fails is a failure of the test."""
        self._type(command + "\r\n")
        shown, status = self._follow(command, timeout_s)
        plain = "\n".join(line.rstrip() for line in CONTROL.sub("", shown).replace("\r", "").rstrip().split("\n"))
        self._text.append(f"\n```console\n$ {command}\n{plain}\n```\n")
        if status != 0:
            raise RuntimeError(f"{command}: ended with {status}: {plain}")
        return plain

    def save(self, text_file, cast_file, heading):
        pathlib.Path(text_file).write_text(heading + "".join(self._text), encoding="utf-8")
        header = {"version": 2, "width": COLUMNS, "height": LINES, "idle_time_limit": IDLE_LIMIT_S, "env": {"TERM": "xterm-256color"}}
        lines = [header, *([round(at, 3), "o", data] for at, data in self._events)]
        pathlib.Path(cast_file).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

    # within

    def _type(self, text):
        at = self._now()
        for number, character in enumerate("$ " + text):
            self._show(at + KEY_S * number, character)

    def _now(self):
        """What was typed took longer than it took to write it down."""
        return max(time.monotonic() - self._began, self._written_s)

    def _show(self, at, data):
        self._events.append((at, data))
        self._written_s = at

    def _follow(self, command, timeout_s):
        master, slave = pty.openpty()
        with contextlib.closing(os.fdopen(master, "rb", buffering=0)) as shown:
            with contextlib.closing(os.fdopen(slave, "rb", buffering=0)) as terminal:
                fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
                process = subprocess.Popen(["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal,
                                           env=self.environment, cwd=self.directory, start_new_session=True)
            deadline, text = time.monotonic() + timeout_s, []
            while data := self._read(shown, deadline):
                text.append(data.decode("utf-8", "replace"))
                self._show(self._now(), text[-1])
            if time.monotonic() > deadline:
                os.killpg(process.pid, signal.SIGKILL)
            return "".join(text), process.wait()

    @staticmethod
    def _read(shown, deadline):
        """b"" at the end; a pty whose other side is closed says so by an error."""
        if not select.select([shown], [], [], max(0, deadline - time.monotonic()))[0]:
            return b""
        with contextlib.suppress(OSError):
            return shown.read(4096)
        return b""
