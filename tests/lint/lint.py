"""The checks of `make lint`. Each finding is a line `file:line: what, what is allowed`; the last line counts the checks."""
import argparse
import fnmatch
import sys
from pathlib import Path
from typing import NamedTuple

from layers import check_cycles, check_layers
from shape import check_banned, check_file_sizes, check_functions, check_header_comments, check_line_lengths
from symbols import check_core_symbols, check_supervisor_symbols
from tree import Finding, Skipped, Tree
from words import check_format, check_spelling, check_words

CHECKS = {
    "layers": check_layers,
    "cycles": check_cycles,
    "core symbols": check_core_symbols,
    "supervisor symbols": check_supervisor_symbols,
    "banned": check_banned,
    "file sizes": check_file_sizes,
    "functions": check_functions,
    "line lengths": check_line_lengths,
    "header comments": check_header_comments,
    "words": check_words,
    "format": check_format,
    "spelling": check_spelling,
}


class Allowed(NamedTuple):
    check: str
    path: str  # a pattern
    about: str  # what the finding is about: a header, a function, a word; "" for the whole file
    reason: str


EXCEPTIONS = (
    Allowed("layers", "src/postgres/*", "supervisor/protocol.h", "the driver and the supervisor are the two ends of one socket"),
    Allowed("line lengths", "src/postgres/guc_table.c", "", "a parameter a row; the list of an enum's values is one string"),
)


class Report(NamedTuple):
    findings: dict  # check: findings, none when it passed
    skipped: dict  # check: why


def is_allowed(exception, check, finding):
    return exception.check == check and exception.about == finding.about and fnmatch.fnmatchcase(finding.path, exception.path)


def needless(e):
    about = f"{e.check}: {e.about or 'the file'}"
    return Finding("tests/lint/lint.py", 1, f"the exception for {e.path} ({about}) excuses nothing; only what is needed is allowed", e.path)


def run_checks(tree, checks, exceptions):
    """Every check over the tree. An exception that excuses nothing is a finding too."""
    findings, skipped, used = {}, {}, set()
    for name, check in checks.items():
        try:
            found = list(check(tree))
        except Skipped as why:
            skipped[name] = str(why)
            continue
        excused = [(f, e) for f in found for e in exceptions if is_allowed(e, name, f)]
        used |= {e for _, e in excused}
        findings[name] = [f for f in found if f not in {f for f, _ in excused}]
    findings["exceptions"] = [needless(e) for e in exceptions if e not in used and e.check not in skipped]
    return Report(findings, skipped)


def show(report):
    for name, found in report.findings.items():
        for f in sorted(found):
            print(f"{f.path}:{f.line}: {f.text} [{name}]")
    for name, why in report.skipped.items():
        print(f"SKIPPED {name}: {why}")
    failed = sum(1 for found in report.findings.values() if found)
    skipped = f", {len(report.skipped)} skipped" if report.skipped else ""
    print(f"{len(report.findings) - failed} passed, {failed} failed{skipped}")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", default=Path(__file__).resolve().parents[2], help="the tree to check")
    parser.add_argument("--build", help="where the object files are (obj/<layer>/*.o)")
    parser.add_argument("--only", action="append", choices=sorted(CHECKS), help="this check only; may be repeated")
    options = parser.parse_args()
    names = options.only or CHECKS
    exceptions = [e for e in EXCEPTIONS if e.check in names]
    report = run_checks(Tree(options.root, options.build), {n: CHECKS[n] for n in names}, exceptions)
    return 1 if show(report) else 0


if __name__ == "__main__":
    sys.exit(main())
