"""Runs the steps of `make test` one after the other and adds up what they counted.

A step is a command; its tests are counted from the closing lines of cmocka, pytest and of our own programs. A step without countable
tests counts as one. Every step runs, also after a failed one; the last line is `N passed, N failed, N skipped`.
"""
import argparse
import re
import subprocess
import sys
import time

CMOCKA_PASSED = re.compile(r"^\[  PASSED  \] (\d+) test", re.M)
CMOCKA_FAILED = re.compile(r"^\[  FAILED  \] (\d+) test", re.M)
CMOCKA_SKIPPED = re.compile(r"^\[  SKIPPED \] (\d+) test", re.M)
PYTEST = re.compile(r"^=*\s*((?:\d+ \w+,? ?)+) in [\d.]+s.*$", re.M)
PLAIN = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.M)


def count(text):
    passed = sum(map(int, CMOCKA_PASSED.findall(text)))
    failed = sum(map(int, CMOCKA_FAILED.findall(text)))
    skipped = sum(map(int, CMOCKA_SKIPPED.findall(text)))
    for line in PYTEST.findall(text):
        for number, word in re.findall(r"(\d+) (\w+)", line):
            passed += int(number) if word == "passed" else 0
            failed += int(number) if word in ("failed", "error", "errors") else 0
            skipped += int(number) if word in ("skipped", "xfailed") else 0
    for a, b, c in PLAIN.findall(text):
        passed, failed, skipped = passed + int(a), failed + int(b), skipped + int(c or 0)
    return passed, failed, skipped


def run_step(name, command):
    began = time.monotonic()
    print(f"--- {name}", flush=True)
    process = subprocess.Popen(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                               stdin=subprocess.DEVNULL)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if not line.startswith(("[ RUN ", "[       OK")):
            print(line, end="", flush=True)
    code = process.wait()
    passed, failed, skipped = count("".join(lines))
    if passed + failed + skipped == 0:
        passed, failed = (1, 0) if code == 0 else (0, 1)
    elif code != 0 and failed == 0:
        failed = 1
    print(f"--- {name}: {passed} ok, {failed} not, {skipped} left out, {time.monotonic() - began:.0f} s", flush=True)
    return passed, failed, skipped


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("steps", nargs="+", metavar="NAME=COMMAND")
    totals = [0, 0, 0]
    for step in parser.parse_args().steps:
        name, command = step.split("=", 1)
        totals = [a + b for a, b in zip(totals, run_step(name, command))]
    print("{} passed, {} failed, {} skipped".format(*totals))
    return 1 if totals[1] else 0


if __name__ == "__main__":
    sys.exit(main())
