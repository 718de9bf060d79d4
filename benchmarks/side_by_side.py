"""Run one script under several interpreters in turn and compare what each run measured.

A script calls `compare` with a function that measures one package. The packages take turns, A B A B, so that
a machine that grows slower or faster meanwhile does the same to all of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

Measurement = dict[str, float]


@dataclass(frozen=True)
class Package:
    """An installation of `chromadb`, named by the interpreter that sees it."""

    label: str
    python: str


@dataclass(frozen=True)
class Metric:
    """A key of the measurement: its heading, its format, and whether its ratio is printed."""

    key: str
    heading: str
    format: str = ",.0f"
    ratio: bool = False


def add_arguments(parser: ArgumentParser, *, rounds: int) -> None:
    """Add the arguments that every side-by-side script takes."""
    parser.add_argument(
        "--package-python",
        metavar="LABEL=PYTHON",
        type=package_argument,
        action="append",
        default=[],
        help="another interpreter to measure, with the chromadb of its own environment; may be repeated",
    )
    parser.add_argument("--rounds", type=int, default=rounds, help="measurements of each package (default %(default)s)")


def compare(arguments: Namespace, metrics: Sequence[Metric], measure: Callable[[Package], Measurement]) -> None:
    """Measure this interpreter and those of `--package-python` in turn, and print a table with ratios."""
    packages = [Package("here", sys.executable), *arguments.package_python]
    for package in packages:
        print(f"{package.label}: chromadb {_version(package)}")
    measured: dict[str, list[Measurement]] = {package.label: [] for package in packages}
    print(_row("package", [metric.heading for metric in metrics]), flush=True)
    for _ in range(arguments.rounds):
        for package in packages:
            measurement = measure(package)
            measured[package.label].append(measurement)
            print(_row(package.label, _cells(metrics, measurement)), flush=True)
    medians = {
        label: {metric.key: median(run[metric.key] for run in runs) for metric in metrics}
        for label, runs in measured.items()
    }
    if arguments.rounds > 1:
        for label, values in medians.items():
            print(_row(f"{label}, median", _cells(metrics, values)))
    for package in packages[1:]:
        for metric in (metric for metric in metrics if metric.ratio):
            here, other = medians["here"][metric.key], medians[package.label][metric.key]
            print(f"{metric.heading}: here / {package.label} = {here / other:.2f}")


def run_worker(package: Package, script: str, *arguments: str, **variables: str) -> Measurement:
    """Run `script` with the interpreter of the package; return the JSON object on its last line of output.

    `variables` are added to its environment.
    """
    command, settings = [package.python, script, *arguments], {**environment(), **variables}
    completed = subprocess.run(command, env=settings, stdout=subprocess.PIPE, text=True, check=True)
    measurement: Measurement = json.loads(completed.stdout.splitlines()[-1])
    return measurement


def environment() -> dict[str, str]:
    """Return the environment of a worker: its own packages on the path, byte code kept, no telemetry on the clock."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "ANONYMIZED_TELEMETRY": "False"}


def directory_size(path: Path) -> int:
    """Return the bytes that the files under `path` take on disk; holes in sparse files are not counted."""
    stats = [file.stat() for file in path.rglob("*") if file.is_file()]
    return sum(stat.st_blocks * 512 if hasattr(stat, "st_blocks") else stat.st_size for stat in stats)


def resident_size() -> int:
    """Return the bytes of memory that this process holds, or its peak if only that is known; 0: unknown."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def memory() -> dict[str, float]:
    """Return the megabytes of memory that this process holds: all, of its own, of mapped files, and the peak.

    Empty where the operating system does not tell.
    """
    status = Path("/proc/self/status")
    if not status.exists():
        return {}
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    keys = {"resident": "VmRSS", "own": "RssAnon", "mapped": "RssFile", "peak": "VmHWM"}
    return {name: int(lines[key].split()[0]) * 1024 / 1e6 for name, key in keys.items()}


def _version(package: Package) -> str:
    ask = "from importlib.metadata import version; print(version('chromadb'))"
    return subprocess.check_output([package.python, "-c", ask], env=environment(), text=True).strip()


def package_argument(text: str) -> Package:
    """Parse LABEL=PYTHON."""
    label, separator, python = text.partition("=")
    if not separator or not label or not python:
        raise ArgumentTypeError(f"{text!r} is not LABEL=PYTHON, for example published=/path/to/python")
    if label == "here":
        raise ArgumentTypeError("the label 'here' is taken by the interpreter that runs the script; choose another")
    return Package(label, python)


def _cells(metrics: Sequence[Metric], measurement: Measurement) -> list[str]:
    return [format(measurement[metric.key], metric.format) for metric in metrics]


def _row(label: str, cells: Sequence[str]) -> str:
    return f"{label:<24}" + "".join(f"{cell:>18}" for cell in cells)
