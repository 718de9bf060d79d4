"""The table of a result: every operation, the ratios between packages, and the goals."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from json import loads
from pathlib import Path
from typing import Any

Measured = dict[str, Any]
PUBLISHED = "1.5.9"
"""The version of chromadb that the goals are set against."""

UNFILTERED_RECALL, FILTERED_RECALL = 0.98, 0.99


@dataclass(frozen=True)
class Row:
    """One operation.

    Args:
        name: heading of the row.
        unit: of the value.
        value: picks the value from a measurement; None if it was not measured.
        more_is_better: rates; times, memory and sizes are better when less.
        goal: how many times better than the published package; None for no goal.
        recall: picks the recall.
        floor: the least recall that will do.
        equal: whether the recall has to be that of the published package, too.
        most: a bound of the value itself, in place of a ratio.
    """

    name: str
    unit: str
    value: Callable[[Measured], float | None]
    more_is_better: bool = False
    goal: float | None = None
    recall: Callable[[Measured], float] | None = None
    floor: float | None = None
    equal: bool = False
    most: float | None = None

    def ratio(self, here: Measured, other: Measured) -> float | None:
        """Return how many times better `here` is."""
        ours, theirs = self.value(here), self.value(other)
        if not ours or not theirs:
            return None
        return ours / theirs if self.more_is_better else theirs / ours

    def verdict(self, here: Measured, published: Measured | None) -> str:
        """Return met or missed, or nothing where there is no goal or no peer to hold it against."""
        verdicts = []
        if self.most is not None:
            verdicts.append((self.value(here) or 0) <= self.most)
        if self.recall is not None and self.floor is not None:
            verdicts.append(self.recall(here) >= self.floor)
        if self.goal is not None and published is None:
            return "" if all(verdicts) else "**missed**"
        if self.goal is not None and published is not None:
            ratio = self.ratio(here, published)
            verdicts.append(ratio is not None and ratio >= self.goal)
        if self.equal and self.recall is not None and published is not None:
            verdicts.append(round(self.recall(here), 2) >= round(self.recall(published), 2))
        return "" if not verdicts else "met" if all(verdicts) else "**missed**"

    def aim(self) -> str:
        """Return the goal in words."""
        parts = []
        if self.goal is not None:
            parts.append(f"{self.goal:g} x")
        if self.most is not None:
            parts.append(f"at most {self.most:g} {self.unit}")
        if self.floor is not None:
            parts.append(f"recall {self.floor:g}" + (" and no less" if self.equal else ""))
        return ", ".join(parts)


def table(results: Measured) -> str:
    """Return the results as Markdown."""
    packages = {label: each for label, each in results["packages"].items() if "median" in each}
    here = packages["here"]["median"]
    peers = {label: each["median"] for label, each in packages.items() if label != "here"}
    published = next((each["median"] for label, each in packages.items() if _is_published(label, each)), None)
    headings = ["operation", "unit", "here"]
    for label in peers:
        headings += [label, "ratio"]
    lines = [*_heading(results, packages), _line([*headings, "goal", ""]), _line(["---"] * (len(headings) + 2))]
    for row in rows(here):
        cells = [row.name, row.unit, _cell(row, here)]
        for peer in peers.values():
            ratio = row.ratio(here, peer)
            cells += [_cell(row, peer), f"{ratio:.3g} x" if ratio else ""]
        lines.append(_line([*cells, row.aim(), row.verdict(here, published)]))
    return "\n".join(lines) + "\n"


def rows(here: Measured) -> Iterator[Row]:
    """Yield the rows of the table."""
    for batch in (500, 100):
        yield Row(
            f"insert, batches of {batch}",
            "1/s",
            lambda m, key=f"insert_{batch}": m[key]["records_per_second"],  # type: ignore[misc]
            more_is_better=True,
            goal=15,
        )
    yield Row("insert, slowest batch of 500", "ms", lambda m: m["insert_500"]["slowest_batch"])
    yield Row("indexing after the last insert", "s", lambda m: m["insert_500"]["indexing_seconds"])
    yield from _samples("query", "query, k=10, documents and metadata", goal=5, floor=UNFILTERED_RECALL, equal=True)
    for threads in here["serve"]["queries_per_second_by_threads"]:
        yield Row(
            f"queries with {threads} thread{'s' if int(threads) > 1 else ''}",
            "1/s",
            lambda m, t=threads: m["serve"]["queries_per_second_by_threads"].get(t),  # type: ignore[misc]
            more_is_better=True,
        )
    for number, group in enumerate(here["serve"]["filtered"]):
        share = group["share"]
        yield Row(
            f"query, {group['kind']} filter, {share:.2%}",
            "ms",
            lambda m, n=number: m["serve"]["filtered"][n]["p50"],  # type: ignore[misc]
            goal=50 if 0.001 <= share <= 0.5 else None,
            recall=lambda m, n=number: m["serve"]["filtered"][n]["recall"],  # type: ignore[misc]
            floor=FILTERED_RECALL,
        )
    yield from _samples("contains", "query, $contains a rare word", goal=50, floor=FILTERED_RECALL)
    yield from _samples("get_by_ids", "get by 10 ids", goal=4)
    yield from _samples("get_by_filter", "get by filter, limit 10", goal=50)
    yield Row("update by ids", "1/s", lambda m: m["serve"]["updates_per_second"], more_is_better=True, goal=20)
    yield Row("delete by filter, 10 %", "ms", lambda m: m["serve"]["delete"], goal=20)
    yield from _samples("churned", "query after these", floor=UNFILTERED_RECALL)
    yield Row("open to first query", "ms", lambda m: m["serve"]["open_to_first_query"], goal=3)
    yield Row("import", "ms", lambda m: m["import"], most=150)
    yield Row("import and open to first query", "ms", lambda m: m["import"] + m["serve"]["open_to_first_query"])
    yield Row("memory after insert", "MB", lambda m: m["insert_500"]["memory_after_indexing"].get("resident"), goal=3)
    yield Row("memory while inserting, peak", "MB", lambda m: m["insert_500"]["memory_after_indexing"].get("peak"))
    yield Row("memory after queries", "MB", lambda m: m["serve"]["memory_after_queries"].get("resident"), goal=3)
    yield Row("the same without mapped files", "MB", lambda m: m["serve"]["memory_after_queries"].get("own"))
    yield Row("disk after insert", "MB", lambda m: m["disk_after_insert"], goal=1)
    yield Row("disk after update and delete", "MB", lambda m: m["disk_after_changes"])


def _samples(
    key: str, name: str, goal: float | None = None, floor: float | None = None, equal: bool = False
) -> Iterator[Row]:
    recall = None if floor is None else lambda m: m["serve"][key]["recall"]
    yield Row(name, "ms", lambda m: m["serve"][key]["p50"], goal=goal, recall=recall, floor=floor, equal=equal)
    yield Row(f"{name}, 95th percentile", "ms", lambda m: m["serve"][key]["p95"])


def _is_published(label: str, package: Measured) -> bool:
    return label != "here" and package["versions"].get("chromadb") == PUBLISHED


def _heading(results: Measured, packages: dict[str, Measured]) -> Iterator[str]:
    machine = results["machine"]
    yield f"# {results['dataset']}"
    yield ""
    yield (
        f"{results['date']}; {machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB, "
        f"{machine['system']}; load average before: {machine['load_average']}. Medians of "
        f"{len(packages['here']['rounds'])} rounds; times are medians of calls, recall@10 in brackets, "
        "ratios above 1 are better here."
    )
    yield ""
    for label, package in packages.items():
        yield f"- {label}: " + ", ".join(f"{name} {version}" for name, version in package["versions"].items())
    yield ""


def _cell(row: Row, measured: Measured) -> str:
    value = row.value(measured)
    text = "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{text} ({row.recall(measured):.3f})" if row.recall is not None else text


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    parser = ArgumentParser(description="Print the table of a result.")
    parser.add_argument("results", type=Path, nargs="+", help="JSON written by run.py")
    for path in parser.parse_args().results:
        print(table(loads(path.read_text())))


if __name__ == "__main__":
    main()
