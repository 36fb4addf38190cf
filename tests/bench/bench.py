"""`make bench`: what clients wait for, and what members cost, of howdah and of Patroni in one run.

Both stand on the same machine, the same real API server and the same PostgreSQL; each measurement is taken of one and at once of the other.
JSON lines on standard output and in BUILD/bench.jsonl, a table on standard error at the end; --write keeps it in docs/benchmarks.md.
Nothing is judged here: a figure depends on the machine and its load, so each line carries the load that it was taken under.
"""
import argparse
import shutil
import sys

import measure
import products
import report

bed = measure.bed
ORDER = list(products.PRODUCTS)


class Options(argparse.Namespace):
    def count(self):
        return self.rounds or (1 if self.quick else 3)

    def window(self):
        return self.idle or (20 if self.quick else 60)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=list(measure.MEASUREMENTS), help="this measurement (may be repeated)")
    parser.add_argument("--product", choices=ORDER, help="this product alone")
    parser.add_argument("--rounds", type=int, help="this many of each instead of 3")
    parser.add_argument("--idle", type=int, metavar="SECONDS", help="watch costs for so long instead of 60 s")
    parser.add_argument("--quick", action="store_true", help="one round of each, 20 s of idleness")
    parser.add_argument("--write", action="store_true", help="keep the table in docs/benchmarks.md")
    parser.add_argument("--from", dest="source", metavar="FILE", help="measure nothing, take the JSON lines of an earlier run")
    parser.add_argument("--trace", action="store_true", help="each fault is followed by the members' log lines")
    return parser.parse_args(namespace=Options())


def prepare(options):
    """The products that can be had here."""
    found = []
    for name in [options.product] if options.product else ORDER:
        product = products.PRODUCTS[name]()
        try:
            product.prepare()
            found.append(product)
        except products.Unavailable as why:
            print(why, file=sys.stderr)
    return found


def versions(found):
    server = f"kube-apiserver {measure.server_version()}"
    postgres = products.first_line([f"{bed.BIN}/postgres", "--version"])
    return {"versions": ", ".join([*(product.version for product in found), postgres, server])}


def run(options, found, said):
    failed = False
    for name in options.only or measure.MEASUREMENTS:
        for product in found:
            bench = measure.Bench(options.server, product, options, said)
            try:
                measure.MEASUREMENTS[name](bench)
            except Exception as error:  # pylint: disable=broad-except -- the other figures are still worth taking
                said.fail(product.name, name, f"{type(error).__name__}: {error}")
                failed = True
    return failed


def main():
    options = parse()
    if options.source:
        with open(options.source, encoding="utf-8") as lines:
            conditions, results = report.read(lines)
        names = [products.PRODUCTS[key].name for key in ORDER]
    else:
        if not shutil.which("wrk"):
            sys.exit("the benchmark needs wrk: apt-get install wrk")
        found = prepare(options)
        names = [product.name for product in found]
        try:
            with bed.bed(("m0", "m1", "m2"), "real") as options.server, open(bed.BUILD / "bench.jsonl", "w", encoding="utf-8") as file:
                conditions = report.conditions(versions(found), options)
                said = report.Report(conditions, file)
                failed = run(options, found, said)
        except bed.kubelib.Unavailable as why:
            sys.exit(f"the benchmark needs a Kubernetes API server: {why}")
        results = said.results
    report.show(results, names)
    if options.write:
        report.write_page(conditions, results, names)
    return 0 if options.source else failed


if __name__ == "__main__":
    sys.exit(main())
