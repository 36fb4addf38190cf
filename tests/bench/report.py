"""Figures as JSON lines while they are taken, and at the end as a table, which can be kept in docs/benchmarks.md."""
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import sys
from typing import NamedTuple

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "benchmarks.md"
BEGIN, END = "<!-- made by make bench -->", "<!-- end -->"


class Row(NamedTuple):
    title: str
    unit: str
    digits: int = 2
    more_is_better: bool = False


ROWS = {
    "switchover": Row("switchover: clients wait", "s"),
    "takeover": Row("postmaster killed, another takes over: clients wait", "s"),
    "rejoin": Row("postmaster killed, idle database: until the old leader streams as a replica", "s"),
    "restart": Row("postmaster killed, restarted in place: clients wait", "s"),
    "agent-gap": Row("agent killed and started again: clients wait at most", "s", 3),
    "agent-sessions": Row("agent killed and started again: sessions lost of 20", "", 0),
    "agent-newcomers": Row("agent killed and started again: new connections refused", "", 0),
    "container-gap": Row("agent killed as the first process of its container: clients wait at most", "s", 3),
    "container-sessions": Row("agent killed as the first process of its container: sessions lost of 20", "", 0),
    "host-10": Row("host dies, ttl 10: clients wait", "s", 1),
    "host-20": Row("host dies, ttl 20: clients wait", "s", 1),
    "host-30": Row("host dies, ttl 30: clients wait", "s", 1),
    "cpu-leader": Row("idle, loop_wait 10: CPU of the leader", "s/hour"),
    "cpu-replica": Row("idle, loop_wait 10: CPU of a replica", "s/hour"),
    "fast-leader": Row("idle, loop_wait 1: CPU of the leader", "s/hour"),
    "fast-replica": Row("idle, loop_wait 1: CPU of a replica", "s/hour"),
    "rss": Row("resident memory of a member", "MB", 1),
    "private": Row("private memory of a member", "MB", 1),
    "threads": Row("threads of a member", "", 0),
    "api-idle": Row("API requests of three idle members", "/min", 1),
    "api-idle-writes": Row("of these, writes", "/min", 1),
    "api-busy": Row("API requests of three members at 100 inserts/s", "/min", 1),
    "api-busy-writes": Row("of these, writes", "/min", 1),
    "rest-kept": Row("REST, GET /primary, 4 kept connections", "/s", 0, True),
    "rest-kept-p99": Row("the same, 99th percentile", "ms"),
    "rest-new": Row("REST, GET /primary, 4 clients, a connection each time", "/s", 0, True),
    "rest-new-p99": Row("the same, 99th percentile", "ms"),
    "rest-moving-p99": Row("REST, GET /liveness of the leader while a switchover runs, 400 a second: 99th percentile", "ms"),
    "list": Row("`list` on the command line", "s", 3),
    "first-answer": Row("agent started again: until REST answers", "s", 3),
    "start-write": Row("three empty volumes: until the first write", "s"),
    "start-streaming": Row("three empty volumes: until all stream", "s"),
    "bare": Row("initdb, start and first write by a shell alone", "s"),
}
ALONE = "nobody"  # the product of a figure that needs none


class Report:
    def __init__(self, conditions, file):
        self.conditions, self.file, self.results = conditions, file, {}
        self._say({"conditions": conditions})

    def add(self, product, key, samples, **details):
        row = ROWS[key]
        samples = [round(s, 4) for s in samples]
        self.results[key, product] = samples
        self._say({"key": key, "product": product, "name": row.title, "unit": row.unit, "median": statistics.median(samples),
                   "samples": samples, "load": round(os.getloadavg()[0], 1), **details})

    def fail(self, product, name, why):
        self._say({"failed": name, "product": product, "why": why})

    def _say(self, what):
        line = json.dumps(what)
        print(line, flush=True)
        self.file.write(line + "\n")
        self.file.flush()


def read(lines):
    """What an earlier run said."""
    said = [json.loads(line) for line in lines]
    conditions = next(line["conditions"] for line in said if "conditions" in line)
    return conditions, {(line["key"], line["product"]): line["samples"] for line in said if "key" in line}


def conditions(versions, options):
    cpu = re.search(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    memory = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1])
    return {
        "date": datetime.date.today().isoformat(), **versions,
        "machine": f"{os.cpu_count()} cores ({cpu[1] if cpu else platform.machine()}), {memory // 1024 ** 2} GB, "
                   f"Linux {platform.release()}",
        "load at the start": round(os.getloadavg()[0], 1),
        "rounds": options.count(), "idle window": f"{options.window()} s",
    }


# ---- the table ----

def figure(key, samples):
    return f"{statistics.median(samples):.{ROWS[key].digits}f}" if samples else ""


def ratio(key, ours, theirs):
    """How many times better ours is; below 1 it is worse."""
    if not ours or not theirs:
        return ""
    a, b = statistics.median(ours), statistics.median(theirs)
    better, worse = (a, b) if ROWS[key].more_is_better else (b, a)
    if worse == 0:
        return "=" if better == 0 else "-"
    return f"{better / worse:.1f}" if better / worse < 100 else f"{better / worse:.0f}"


def table(results, products):
    """Lines of Markdown, the best known product first."""
    head = ["", *products, *(["ratio"] if len(products) == 2 else [])]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    for key, row in ROWS.items():
        samples = [results.get((key, product)) or results.get((key, ALONE)) for product in products]
        if any(samples):
            unit = f" ({row.unit})" if row.unit else ""
            last = [ratio(key, *samples)] if len(products) == 2 else []
            lines.append([row.title + unit, *(figure(key, s) for s in samples), *last])
    return ["| " + " | ".join(line) + " |" for line in lines]


def spread(results, products):
    """The least and the most of each figure that was taken more than once."""
    lines = ["| | " + " | ".join(products) + " |", "|---" + "|---:" * len(products) + "|"]
    for key, row in ROWS.items():
        found = [results.get((key, product)) for product in products]
        if any(s and len(s) > 1 for s in found):
            cells = [f"{min(s):.{row.digits}f} to {max(s):.{row.digits}f} (n={len(s)})" if s else "" for s in found]
            lines.append(f"| {row.title} | " + " | ".join(cells) + " |")
    return lines


def write_page(said, results, products):
    text = PAGE.read_text()
    before, rest = text.split(BEGIN + "\n")
    after = rest.split(END + "\n")[1]
    made = [*table(results, products), "", "Conditions of this run:", "", *(f"- {name}: {value}" for name, value in said.items()), "",
            "Least and most of each figure:", "", *spread(results, products)]
    PAGE.write_text(before + BEGIN + "\n" + "\n".join(made) + "\n" + END + "\n" + after)


def show(results, products):
    print("\n" + "\n".join(table(results, products)), file=sys.stderr)
