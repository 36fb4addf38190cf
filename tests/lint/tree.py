"""The tree that is checked: which files there are, their text, and their C code without comments and strings."""
import bisect
import functools
import os
import posixpath
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

CODE_TOPS = ("include", "src", "tests")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.M)
COMMENT_OR_LITERAL = re.compile(r"""(//[^\n]*|/\*.*?\*/)|("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""", re.S)
NOT_NEWLINE = re.compile(r"[^\n]")


class Finding(NamedTuple):
    """`about` is what an exception names: a function, a header, a symbol; empty for the file as a whole."""
    path: str
    line: int
    text: str
    about: str = ""


class Include(NamedTuple):
    line: int
    name: str
    quoted: bool


class Skipped(Exception):
    """A check cannot be made here; the text says why."""


def blank(text):
    return NOT_NEWLINE.sub(" ", text)


def without_comments(text):
    return COMMENT_OR_LITERAL.sub(lambda m: blank(m[0]) if m[1] else m[0], text)


def without_literals(text):
    return COMMENT_OR_LITERAL.sub(lambda m: m[0][0] + blank(m[0][1:-1]) + m[0][-1], text)


def list_files(root):
    """What git tracks or would track; without git, everything but the build."""
    if (root / ".git").exists():
        command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return sorted({f for f in listed.split("\0") if f and (root / f).is_file()})
    found = []
    for folder, names, files in os.walk(root):
        names[:] = [n for n in names if n != "__pycache__" and Path(folder, n) != root / "build"]
        found += [Path(folder, f).relative_to(root).as_posix() for f in files]
    return sorted(found)


class Tree:
    def __init__(self, root, build=None):
        self.root = Path(root).resolve()
        self.build = Path(build).resolve() if build else self.root / "build"
        self.files = list_files(self.root)
        self.present = frozenset(self.files)

    def matching(self, *suffixes, tops=CODE_TOPS):
        return [f for f in self.files if f.endswith(suffixes) and f.split("/")[0] in tops]

    @functools.cache
    def text(self, path):
        """The file's text; of a binary file nothing."""
        data = (self.root / path).read_bytes()
        return "" if b"\0" in data else data.decode("utf-8", "replace")

    @functools.cache
    def uncommented(self, path):
        return without_comments(self.text(path))

    @functools.cache
    def code(self, path):
        """Neither comments nor what is between quotes; every position is where it was."""
        return without_literals(self.uncommented(path))

    @functools.cache
    def line_starts(self, path):
        return [0] + [m.end() for m in re.finditer("\n", self.text(path))]

    def line_of(self, path, position):
        return bisect.bisect_right(self.line_starts(path), position)

    @functools.cache
    def includes(self, path):
        return [Include(self.line_of(path, m.start(1)), m[2], m[1] == '"') for m in INCLUDE.finditer(self.uncommented(path))]

    def resolve(self, path, name):
        """The file that `#include "name"` in `path` means, as the Makefile's search path has it; None if it is not ours."""
        folders = [posixpath.dirname(path), "src", "include"]
        if path.startswith("tests/"):
            folders += ["tests", "tests/sim"]
        for folder in folders:
            candidate = posixpath.normpath(posixpath.join(folder, name))
            if candidate in self.present:
                return candidate
        return None
