"""What was measured on the bed, as JSON lines while it is taken and as a table, which can be kept in docs/benchmarks.md.

`figures.py FILE [--write]` makes the table of the lines that a run left.
"""
import datetime
import json
import os
import pathlib
import re
import statistics
import sys
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- made by make e2e-numbers -->", "<!-- end of make e2e-numbers -->"
WAYS = {"configmaps": ("mode=configmaps",), "endpoints": ("mode=endpoints",), "slice": ("mode=configmaps", "route=slice")}
NAMES = {"configmaps": "mode `configmaps`", "endpoints": "mode `endpoints`", "slice": "`route: slice`"}


class Row(NamedTuple):
    title: str
    aim: str  # by the label; in mode endpoints, and by slices
    unit: str = "s"
    digits: int = 2
    is_gap: bool = True


ROWS = {
    "switchover": Row("switchover", "1.2; 0.6"),
    "postmaster": Row("postmaster killed", "1.5; 1.0"),
    "deleted": Row("leader's pod deleted", "1.5; 0.8"),
    "force-deleted": Row("leader's pod force-deleted, its node reachable", "3"),
    "agent-first": Row("agent killed, first time", "nothing"),
    "agent-again": Row("agent killed, soon again", "nothing"),
    "agent-stopped": Row("agent stopped for 60 s", "another leads at the ttl"),
    "frozen": Row("leader's pod frozen for 45 s", "ttl + 1"),
    "off-network": Row("leader's pod off the network for 60 s", "ttl + 1"),
    "api-stopped": Row("API server stopped for 20 s", "nothing"),
    "first-write": Row("apply: until the first write", "4", is_gap=False),
    "all-stream": Row("apply: until all stream", "8", is_gap=False),
    "pss": Row("agent in the pod: PSS", "12", "MB", 1, False),
    "cpu": Row("agent of the leader, idle: CPU", "0.6", "s/hour", 2, False),
    "cpu-replica": Row("agent of a replica, idle: CPU", "0.6", "s/hour", 2, False),
    "threads": Row("agent: threads", "1", "", 0, False),
    "image": Row("image, files", "30", "MB", 1, False),
}


def file():
    return pathlib.Path(os.environ.get("BUILD", ROOT / "build"), "e2e-numbers.jsonl")


def log_home():
    """Where the logs of each round stay to be read."""
    home = file().parent / "e2e-logs"
    home.mkdir(parents=True, exist_ok=True)
    return home


def add(key, mode, value, **beside):
    """`beside` of a gap: `two` seconds of two writable members, `lost` rows."""
    file().parent.mkdir(parents=True, exist_ok=True)
    with open(file(), "a", encoding="ascii") as lines:
        lines.write(json.dumps({"key": key, "mode": mode, "value": round(value, 3), **beside}) + "\n")


def read(path):
    with open(path, encoding="ascii") as text:
        return [json.loads(line) for line in text]


def of(said, key, mode):
    return [line for line in said if line["key"] == key and line["mode"] == mode]


def spread(row, samples):
    values = [sample["value"] for sample in samples]
    if not values:
        return ""
    return f"{statistics.median(values):.{row.digits}f} / {max(values):.{row.digits}f} (n={len(values)})"


def cells(key, row, said):
    taken = [of(said, key, mode) for mode in WAYS]
    both = [sample for samples in taken for sample in samples]
    beside = ["", ""]
    if row.is_gap:
        beside = [f"{max(sample['two'] for sample in both):.2f}", str(max(sample["lost"] for sample in both))]
    unit = f" ({row.unit})" if row.unit else ""
    return [row.title + unit, row.aim, *(spread(row, samples) for samples in taken), *beside]


def table(said):
    head = ["clients of the Service wait, median / max", "aim", *NAMES.values(), "two writable at most (s)",
            "acknowledged rows lost at most"]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    lines += [cells(key, row, said) for key, row in ROWS.items() if any(line["key"] == key for line in said)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def conditions():
    cpu = re.search(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M)
    return (f"Taken {datetime.date.today().isoformat()} on {os.cpu_count()} cores ({cpu[1] if cpu else os.uname().machine}), "
            f"Linux {os.uname().release}.")


def write_page(lines):
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN + "\n")
    after = rest.split(END + "\n")[1]
    PAGE.write_text(before + "\n".join([BEGIN, *lines, "", conditions(), END, ""]) + after, encoding="utf-8")


def main():
    arguments = [a for a in sys.argv[1:] if a != "--write"]
    lines = table(read(arguments[0] if arguments else file()))
    print("\n".join(lines))
    if "--write" in sys.argv:
        write_page(lines)


if __name__ == "__main__":
    main()
