"""Run the workload under this package and others in turn, and write the results with a table of ratios.

For each data set there is ``results/<data set>.json`` with every measurement, the medians and the machine, and
``results/<data set>.md`` with the table. Packages take turns, A B A B; each step is a process of its own.
"""

from __future__ import annotations

import json
import sys
import tempfile
import venv
from argparse import ArgumentParser, Namespace
from datetime import datetime, timezone
from pathlib import Path
from statistics import median
from subprocess import CalledProcessError, check_call
from typing import Any

from data import CACHE, Clustered
from import_time import import_cost
from machine import describe_machine, describe_package, load_average
from report import table
from side_by_side import Package, directory_size, package_argument, run_worker

HERE = Path(__file__).parent
PEERS = {"chromadb-1.5.9": "chromadb==1.5.9", "chromadb-0.6.3": "chromadb==0.6.3", "lancedb": "lancedb"}
SMALL_BATCH_RECORDS = 20_000
"""Records inserted in batches of 100, at most: enough for a rate, and a slow package does not take for ever."""


def main() -> None:
    arguments = _parse()
    packages = [Package("here", sys.executable), *arguments.python]
    if arguments.peers:
        packages += [Package(label, _environment(label, arguments.cache)) for label in PEERS]
    folders = []
    if arguments.corpus:
        from corpus import make_corpus

        folders.append(make_corpus(arguments.cache))
    for records in arguments.records:
        folders.append(Clustered(records, arguments.dimensions, arguments.space).make(arguments.cache))
    for folder in folders:
        run(folder, packages, arguments)


def run(folder: Path, packages: list[Package], arguments: Namespace) -> None:
    """Measure all packages on one data set; results are written after every measurement."""
    results: dict[str, Any] = {
        "dataset": folder.name,
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "machine": describe_machine(),
        "seconds_per_operation": arguments.seconds,
        "packages": {package.label: {**describe_package(package), "rounds": []} for package in packages},
    }
    for round in range(arguments.rounds):
        for package in packages:
            print(f"{folder.name}, round {round + 1}, {package.label}", flush=True)
            measured = results["packages"][package.label]
            try:
                measured["rounds"].append(measure(folder, package, arguments))
            except CalledProcessError as error:
                print(f"{package.label} failed with exit code {error.returncode}; it is left out of this round")
                continue
            measured["median"] = _medians(measured["rounds"])
            _write(arguments.results, results)
    print(table(results), flush=True)


def measure(folder: Path, package: Package, arguments: Namespace) -> dict[str, Any]:
    """Run the steps of the workload once, in new directories."""
    backend = "lancedb" if package.label.startswith("lancedb") else "chroma"
    measured: dict[str, Any] = {"load_average": load_average()}
    module = "lancedb" if backend == "lancedb" else "chromadb"
    measured["import"] = import_cost(package.python, f"import {module}", runs=3)["cost"]
    script, budget = str(HERE / "workload.py"), f"--seconds={arguments.seconds}"
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        steps = ("insert", backend, str(folder), directory, "--batch=100", f"--records={SMALL_BATCH_RECORDS}")
        measured["insert_100"] = run_worker(package, script, *steps)
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        measured["insert_500"] = run_worker(package, script, "insert", backend, str(folder), directory, "--batch=500")
        measured["disk_after_insert"] = directory_size(Path(directory)) / 1e6
        measured["serve"] = run_worker(package, script, "serve", backend, str(folder), directory, budget)
        measured["disk_after_changes"] = directory_size(Path(directory)) / 1e6
    return measured


def _medians(values: list[Any]) -> Any:
    """Return the median of every number in nested measurements of equal shape."""
    first = values[0]
    if None in values:
        return None
    if isinstance(first, dict):
        return {key: _medians([value[key] for value in values]) for key in first}
    if isinstance(first, list):
        return [_medians(list(parts)) for parts in zip(*values, strict=True)]
    return median(values) if isinstance(first, (int, float)) else first


def _write(directory: Path, results: dict[str, Any]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{results['dataset']}.json").write_text(json.dumps(_rounded(results), indent=1) + "\n")
    (directory / f"{results['dataset']}.md").write_text(table(results))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _environment(label: str, cache: Path) -> str:
    """Return the interpreter of an environment with a published package, made if it is not there."""
    folder = cache / "environments" / label
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        check_call([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PEERS[label]])
        (folder / "complete").touch()
    return str(python)


def _parse() -> Namespace:
    parser = ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=int, nargs="*", default=[], help="sizes of clustered data sets")
    parser.add_argument("--dimensions", type=int, default=384, help="of these (default %(default)s)")
    parser.add_argument("--space", choices=["l2", "ip", "cosine"], default="l2", help="(default %(default)s)")
    parser.add_argument("--corpus", action="store_true", help="also texts of this machine, embedded")
    parser.add_argument("--peers", action="store_true", help=f"install and measure {', '.join(PEERS)}")
    parser.add_argument(
        "--python",
        type=package_argument,
        action="append",
        default=[],
        metavar="LABEL=PATH",
        help="measure the chromadb of another interpreter (the lancedb, if LABEL begins so); may be repeated",
    )
    parser.add_argument("--rounds", type=int, default=2, help="measurements of each package (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=3, help="time budget of an operation (default %(default)s)")
    parser.add_argument("--directory", help="where the databases are written (default: the temporary directory)")
    parser.add_argument("--cache", type=Path, default=CACHE, help="data sets and environments (default %(default)s)")
    parser.add_argument("--results", type=Path, default=HERE / "results", help="(default %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
