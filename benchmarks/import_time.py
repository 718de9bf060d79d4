"""Measure what `import chromadb` costs a new process, here and in other environments."""

from __future__ import annotations

import subprocess
import time
from argparse import ArgumentParser, Namespace
from statistics import median

from side_by_side import Measurement, Metric, Package, add_arguments, compare, environment

METRICS = [
    Metric("bare", "bare, ms"),
    Metric("imported", "with import, ms"),
    Metric("cost", "import alone, ms", ratio=True),
]


def main() -> None:
    arguments = _parse()
    print(f"{arguments.statement!r} in a new process, median of {arguments.runs}")

    def measure(package: Package) -> Measurement:
        return import_cost(package.python, arguments.statement, arguments.runs)

    compare(arguments, METRICS, measure)


def import_cost(python: str, statement: str, runs: int) -> Measurement:
    """Return median wall times in ms: an empty process, one that runs `statement`, and the difference.

    The two alternate. One unmeasured run of each comes first: it compiles byte code and fills the page cache.
    """
    _run(python, "pass")
    _run(python, statement)
    times = [(_run(python, "pass"), _run(python, statement)) for _ in range(runs)]
    bare = median(nothing for nothing, _ in times)
    imported = median(something for _, something in times)
    return {"bare": bare, "imported": imported, "cost": imported - bare}


def _run(python: str, statement: str) -> float:
    started = time.perf_counter()
    subprocess.run([python, "-c", statement], env=environment(), check=True)
    return (time.perf_counter() - started) * 1e3


def _parse() -> Namespace:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--statement", default="import chromadb", help="what is timed (default %(default)r)")
    parser.add_argument("--runs", type=int, default=10, help="processes of each kind (default %(default)s)")
    add_arguments(parser, rounds=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
