"""`make bench`: what clients wait for, and what an idle member costs, on a real API server and real PostgreSQL.

One JSON line a measurement on standard output, a table on standard error at the end. Nothing is judged here but that there was never
a second primary; a figure depends on the machine and its load, so each line carries the load it was taken under.
"""
import argparse
import sys

import measure

MEASUREMENTS = {
    "failover": measure.failover,
    "restart": measure.restart,
    "agent": measure.agent,
    "bootstrap": measure.bootstrap,
    "rest": measure.rest,
    "idle": measure.idle,
    "idle-fast": measure.idle_fast,
    "host-10": measure.host_death(10, 3, "<= 11"),
    "host-20": measure.host_death(20, 3, "<= 20.0"),
    "host-30": measure.host_death(30, 1, "<= 25.8"),
}


def table(results):
    width = max((len(r["name"]) for r in results), default=0)
    print(f"\n{'':<{width}}  {'median':>8} {'max':>8}       reach", file=sys.stderr)
    for r in results:
        figures = f"{r['median']:>8g} {max(r['samples']):>8g} {r['unit']:<4}"
        print(f"{r['name']:<{width}}  {figures}  {r['reach']:<8} n={len(r['samples'])}", file=sys.stderr)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=list(MEASUREMENTS), help="this measurement (may be repeated)")
    parser.add_argument("--rounds", type=int, help="this many of each instead of the usual number")
    parser.add_argument("--quick", action="store_true", help="one round of each, 10 s of idleness")
    parser.add_argument("--trace", action="store_true", help="members log in detail, and each fault is followed by their lines")
    return parser.parse_args()


def main():
    options = parse()
    try:
        measure.bed.kubelib.binary()
    except measure.bed.kubelib.Unavailable as why:
        sys.exit(f"the benchmark needs a Kubernetes API server: {why}")
    with measure.bed.netlib.Net("m0", "m1", "m2") as net, measure.bed.kubelib.Kube(net) as server:
        bench = measure.Bench(server, options)
        failed = False
        for name in options.only or MEASUREMENTS:
            try:
                MEASUREMENTS[name](bench)
            except (TimeoutError, RuntimeError, AssertionError) as error:
                print(f"{name}: {error}", file=sys.stderr, flush=True)
                failed = True
        table(bench.results)
    return failed


if __name__ == "__main__":
    sys.exit(main())
