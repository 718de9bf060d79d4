"""Draw the results: latency against size and against selectivity, recall against latency, inserts against size.

Reads ``results/*.json`` and writes ``results/plots/*.png`` and ``*.svg``. Needs matplotlib, the extra ``bench``.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

HERE = Path(__file__).parent
INK, FAINT = "#333333", "#d9d9d9"
COLOURS = ["#0b6fb8", "#d9661f", "#7a7a7a", "#3a9a5b", "#8a5fb0"]
MARKERS = ["o", "s", "^", "D", "v"]
STYLE = {
    "font.size": 10,
    "font.family": "DejaVu Sans",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5,
    "svg.hashsalt": "benchmarks",
}

Result = dict[str, Any]


def main() -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--results", type=Path, default=HERE / "results", help="(default %(default)s)")
    arguments = parser.parse_args()
    results = [json.loads(path.read_text()) for path in sorted(arguments.results.glob("*.json"))]
    if not results:
        raise SystemExit(f"There are no results in {arguments.results}. Make some: make bench")
    folder = arguments.results / "plots"
    folder.mkdir(exist_ok=True)
    with plt.rc_context(STYLE):
        for dimensions, group in _by_dimension(results):
            _save(latency_by_size(group), folder, f"latency-by-size-{dimensions}d")
        for result in results:
            _save(latency_by_share(result), folder, f"filters-{result['dataset']}")
            _save(inserts_by_size(result), folder, f"inserts-{result['dataset']}")
            if any(each["median"]["serve"]["recall_by_ef"] for each in _measured(result).values()):
                _save(recall_by_latency(result), folder, f"recall-{result['dataset']}")


def latency_by_size(results: list[Result]) -> Figure:
    """Draw the median of a query, and of one with a filter, against the number of records."""
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), sharey=True)
    panels = (
        ("k = 10", lambda serve: serve["query"]["p50"]),
        ("k = 10, filter that allows 1 %", lambda serve: _filter(serve, "random", 0.01)["p50"]),
        ("k = 10, $contains a rare word", lambda serve: serve["contains"]["p50"]),
    )
    for axis, (title, value) in zip(axes, panels, strict=True):
        for number, label in enumerate(_labels(results)):
            points = [
                (each["packages"][label]["median"]["insert_500"]["records"], value(_serve(each, label)))
                for each in results
                if label in _measured(each)
            ]
            _line(axis, number, label, sorted(points))
        _logarithmic(axis.xaxis, _count)
        _logarithmic(axis.yaxis, _number)
        axis.set(title=title, xlabel="records")
    axes[0].set_ylabel("median latency, ms")
    return _finish(figure, axes)


def latency_by_share(result: Result) -> Figure:
    """Draw latency and recall against the share of the records that a filter allows."""
    figure, axes = plt.subplots(2, 2, figsize=(9, 5.4), sharex=True, sharey="row", height_ratios=[3, 2])
    for column, kind in enumerate(("random", "correlated")):
        upper, lower = axes[:, column]
        for number, label in enumerate(_measured(result)):
            groups = [group for group in _serve(result, label)["filtered"] if group["kind"] == kind]
            shares = [group["share"] for group in groups]
            _line(upper, number, label, zip(shares, [group["p50"] for group in groups], strict=True))
            _line(lower, number, label, zip(shares, [group["recall"] for group in groups], strict=True))
            unfiltered = _serve(result, label)["query"]["p50"]
            upper.axhline(unfiltered, color=COLOURS[number % len(COLOURS)], linewidth=0.9, linestyle=(0, (4, 3)))
        upper.set_title("filter at random" if kind == "random" else "filter that excludes the query's own region")
        lower.set(xlabel="share of the records that is allowed")
        _logarithmic(upper.yaxis, _number)
        _logarithmic(lower.xaxis, _percent)
    lowest = min(group["recall"] for label in _measured(result) for group in _serve(result, label)["filtered"])
    axes[1, 0].set_ylim(min(0.9, lowest - 0.02), 1.005)
    axes[0, 0].set_ylabel("median latency, ms\n(dashed: no filter)")
    axes[1, 0].set_ylabel("recall@10")
    return _finish(figure, axes.ravel(), result["dataset"])


def recall_by_latency(result: Result) -> Figure:
    """Draw recall against latency, a point for each ef_search."""
    figure, axis = plt.subplots(figsize=(6, 4))
    for number, label in enumerate(_measured(result)):
        points = _serve(result, label)["recall_by_ef"]
        _line(axis, number, label, [(point["p50"], point["recall"]) for point in points])
        for point in points:
            axis.annotate(
                str(point["ef_search"]),
                (point["p50"], point["recall"]),
                xytext=(4, -10),
                textcoords="offset points",
                fontsize=7,
                color=COLOURS[number % len(COLOURS)],
            )
    axis.set_xlim(left=0)
    axis.set(xlabel="median latency, ms (at each point: ef_search)", ylabel="recall@10")
    return _finish(figure, [axis], result["dataset"])


def inserts_by_size(result: Result) -> Figure:
    """Draw records per second against the records that were there already."""
    figure, axis = plt.subplots(figsize=(6, 4))
    for number, label in enumerate(_measured(result)):
        inserted = result["packages"][label]["median"]["insert_500"]
        rates = inserted["records_per_second_by_tenth"]
        sizes = [inserted["records"] * (tenth + 0.5) / len(rates) for tenth in range(len(rates))]
        _line(axis, number, label, zip(sizes, rates, strict=True))
    _logarithmic(axis.yaxis, _count)
    axis.xaxis.set_major_formatter(FuncFormatter(_count))
    axis.set(xlabel="records in the collection", ylabel="inserts per second, batches of 500")
    axis.set_xlim(left=0)
    return _finish(figure, [axis], result["dataset"])


def _line(axis: Axes, number: int, label: str, points: Iterable[tuple[float, float]]) -> None:
    listed = list(points)
    if listed:
        x, y = zip(*listed, strict=True)
        name = "this package" if label == "here" else label
        axis.plot(
            x, y, color=COLOURS[number % len(COLOURS)], marker=MARKERS[number % len(MARKERS)], label=name, clip_on=False
        )


def _logarithmic(axis: Any, formatter: Any) -> None:
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogLocator())
    axis.set_major_formatter(FuncFormatter(formatter))
    axis.set_minor_formatter(NullFormatter())


def _finish(figure: Figure, axes: Iterable[Axes], title: str = "") -> Figure:
    handles, labels = next(iter(axes)).get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK)
    figure.set_layout_engine("constrained")
    return figure


def _save(figure: Figure, folder: Path, name: str) -> None:
    figure.savefig(folder / f"{name}.png", dpi=150)
    figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    plt.close(figure)
    print(folder / f"{name}.png")


def _by_dimension(results: list[Result]) -> list[tuple[int, list[Result]]]:
    clustered = [result for result in results if result["dataset"].startswith("clustered")]
    groups: dict[int, list[Result]] = {}
    for result in clustered:
        groups.setdefault(int(result["dataset"].split("-")[1].split("x")[1]), []).append(result)
    return sorted(groups.items())


def _labels(results: list[Result]) -> list[str]:
    return list(dict.fromkeys(label for result in results for label in _measured(result)))


def _measured(result: Result) -> dict[str, Any]:
    return {label: package for label, package in result["packages"].items() if "median" in package}


def _serve(result: Result, label: str) -> Any:
    return result["packages"][label]["median"]["serve"]


def _filter(serve: Any, kind: str, share: float) -> Any:
    return next(group for group in serve["filtered"] if (group["kind"], group["share"]) == (kind, share))


def _count(value: float, _: Any) -> str:
    return f"{value / 1e6:g}M" if value >= 1e6 else f"{value / 1e3:g}k" if value >= 1e3 else f"{value:g}"


def _number(value: float, _: Any) -> str:
    return f"{value:g}"


def _percent(value: float, _: Any) -> str:
    return f"{value * 100:g} %"


if __name__ == "__main__":
    main()
