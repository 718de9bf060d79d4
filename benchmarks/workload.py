"""Run the workload against one database, inside the environment it is installed in, and print a JSON object.

The steps are processes of their own, so that `serve` finds nothing in memory:

- ``insert`` fills a new collection in DIRECTORY, waits until it is indexed where the database can tell, and closes it.
- ``serve`` opens it and asks everything there is to ask, then updates, deletes, and asks again.

Every operation is repeated until its time budget is spent or its questions are asked, so a slow database gives fewer
samples. Times are in milliseconds, memory and sizes in megabytes.
"""

from __future__ import annotations

import json
import os
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from backends import BACKENDS, Backend, Range
from data import Dataset, record_id
from side_by_side import memory

NEAREST = 10
WARM_UP = 20
UPDATE_BATCH = 500
EF_SEARCH = (10, 20, 50, 100, 200, 400)
DEFAULT_EF_SEARCH = 100

Samples = dict[str, Any]


def main() -> None:
    arguments = _parse()
    measured = {"insert": insert, "serve": serve}[arguments.step](arguments, Dataset(arguments.dataset))
    print(json.dumps(measured))


def insert(arguments: Namespace, data: Dataset) -> Samples:
    """Fill a new collection with the first `arguments.records` records, in batches of `arguments.batch`."""
    database = BACKENDS[arguments.backend](arguments.directory)
    before = memory()
    database.create(data.space)
    seconds = []
    for batch in data.batches(arguments.batch, arguments.records):
        started = time.perf_counter()
        database.add(batch)
        seconds.append(time.perf_counter() - started)
    records = min(data.records, arguments.records or data.records)
    tenths = np.array_split(np.asarray(seconds), min(10, len(seconds)))
    measured: Samples = {
        "records": records,
        "records_per_second": records / sum(seconds),
        "records_per_second_by_tenth": [records * len(part) / len(seconds) / part.sum() for part in tenths],
        "slowest_batch": max(seconds) * 1e3,
        "first_query": _timed(lambda: database.query(data.queries[0], NEAREST)),
        "memory_before": before,
        "memory_after_insert": memory(),
    }
    started = time.perf_counter()
    told = database.finish_indexing()
    measured["indexing_seconds"] = time.perf_counter() - started if told else None
    measured["memory_after_indexing"] = memory()
    measured["close"] = _timed(database.close)
    return measured


def serve(arguments: Namespace, data: Dataset) -> Samples:
    """Open the collection and measure reads, then updates, a deletion, and queries after them."""
    __import__(BACKENDS[arguments.backend].package)
    before = memory()
    started = time.perf_counter()
    database = BACKENDS[arguments.backend](arguments.directory)
    database.open()
    database.query(data.queries[0], NEAREST)
    measured: Samples = {"open_to_first_query": (time.perf_counter() - started) * 1e3, "memory_before": before}
    measured |= reads(database, data, arguments.seconds)
    measured["memory_after_queries"] = memory()
    measured["recall_by_ef"] = _sweep(database, data, arguments.seconds)
    measured |= changes(database, data, arguments.seconds)
    measured["memory_after_changes"] = memory()
    measured["close"] = _timed(database.close)
    return measured


def reads(database: Backend, data: Dataset, budget: float) -> Samples:
    """Measure everything that does not change the collection."""
    for vector in data.queries[:WARM_UP]:
        database.query(vector, NEAREST)
    unfiltered, rng = data.questions["unfiltered"], np.random.default_rng(0)
    measured: Samples = {
        "query": _ask(lambda i: database.query(data.queries[i], NEAREST), unfiltered, budget),
        "queries_per_second_by_threads": {
            threads: _throughput(database, data, threads, budget) for threads in sorted({1, os.cpu_count() or 1})
        },
        "filtered": [],
    }
    for group in data.questions["filters"]:
        questions = group["questions"]
        samples = _ask(
            lambda i, questions=questions: database.query(data.queries[i], NEAREST, _range(questions[i])),
            [question["nearest"] for question in questions],
            budget,
        )
        measured["filtered"].append({"kind": group["kind"], "share": group["share"], **samples})
    words = data.questions["contains"]
    measured["contains"] = _ask(
        lambda i: database.query(data.queries[i], NEAREST, contains=words[i]["word"]),
        [word["nearest"] for word in words],
        budget,
    )
    numbers = [rng.choice(data.records, NEAREST, replace=False).tolist() for _ in range(200)]
    measured["get_by_ids"] = _summary(_repeat(lambda i: database.get(numbers[i]), len(numbers), budget)[0])
    tenth = next(g for g in data.questions["filters"] if (g["kind"], g["share"]) == ("random", 0.1))["questions"]
    times, _ = _repeat(lambda i: database.get_where(_range(tenth[i]), NEAREST), len(tenth), budget)
    measured["get_by_filter"] = _summary(times)
    return measured


def changes(database: Backend, data: Dataset, budget: float) -> Samples:
    """Update a tenth by ids, delete another tenth by a filter, and query again."""
    holds = np.arange(data.records)
    updated, spent = 0, 0.0
    for numbers, vectors in _records_on_pages(data, data.questions["updated"]):
        # Each gets the vector of another one: the index has to move it, yet the collection holds the same vectors.
        holds[numbers] = np.roll(numbers, 1)
        ids = [record_id(number) for number in numbers]
        rolled = np.roll(vectors, 1, axis=0)
        spent += _timed(lambda ids=ids, rolled=rolled: database.update(ids, rolled, [0.5] * len(ids)))
        updated += len(numbers)
        if spent > 10_000 * budget:
            break
    low, high = data.questions["deleted"]
    deletion = _timed(lambda: database.delete_where(("page", low, high)))
    database.query(data.queries[0], NEAREST)
    churned = _ask(
        lambda i: [int(holds[number]) for number in database.query(data.queries[i], NEAREST)],
        data.questions["churned"],
        budget,
    )
    return {"updates_per_second": updated / spent * 1e3, "updated": updated, "delete": deletion, "churned": churned}


def _records_on_pages(data: Dataset, pages: Sequence[int]) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Yield numbers and vectors of the records on some pages, `UPDATE_BATCH` at a time."""
    numbers: list[int] = []
    vectors: list[np.ndarray] = []
    for start, batch in zip(range(0, data.records, 1000), data.batches(1000), strict=True):
        for offset, metadata in enumerate(batch["metadatas"]):
            if pages[0] <= metadata["page"] < pages[1]:
                numbers.append(start + offset)
                vectors.append(batch["embeddings"][offset].copy())
        while len(numbers) >= UPDATE_BATCH:
            yield np.array(numbers[:UPDATE_BATCH]), np.array(vectors[:UPDATE_BATCH])
            del numbers[:UPDATE_BATCH], vectors[:UPDATE_BATCH]
    if numbers:
        yield np.array(numbers), np.array(vectors)


def _sweep(database: Backend, data: Dataset, budget: float) -> list[Samples]:
    points = []
    for ef in EF_SEARCH:
        if not database.set_ef_search(ef):
            return []
        for vector in data.queries[:WARM_UP]:
            database.query(vector, NEAREST)
        samples = _ask(lambda i: database.query(data.queries[i], NEAREST), data.questions["unfiltered"], budget / 2)
        points.append({"ef_search": ef, **samples})
    database.set_ef_search(DEFAULT_EF_SEARCH)
    return points


def _ask(query: Callable[[int], list[int]], answers: Sequence[Sequence[int]], budget: float) -> Samples:
    times, found = _repeat(query, len(answers), budget)
    recalls = [
        len(set(numbers) & set(answer)) / len(answer) if answer else float(not numbers)
        for numbers, answer in zip(found, islice(answers, len(found)), strict=True)
    ]
    return {**_summary(times), "recall": float(np.mean(recalls))}


def _repeat(operation: Callable[[int], Any], count: int, budget: float) -> tuple[list[float], list[Any]]:
    """Call an operation with 0 to count - 1, until `budget` seconds are spent; return milliseconds and results."""
    times: list[float] = []
    results = []
    deadline = time.perf_counter() + budget
    for number in range(count):
        started = time.perf_counter()
        results.append(operation(number))
        ended = time.perf_counter()
        times.append((ended - started) * 1e3)
        if ended > deadline:
            break
    return times, results


def _throughput(database: Backend, data: Dataset, threads: int, budget: float) -> float:
    deadline = time.perf_counter() + budget / 2

    def ask(thread: int) -> int:
        asked = 0
        while time.perf_counter() < deadline:
            database.query(data.queries[(thread + asked * threads) % len(data.queries)], NEAREST)
            asked += 1
        return asked

    started = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        asked = sum(pool.map(ask, range(threads)))
    return asked / (time.perf_counter() - started)


def _summary(times: Sequence[float]) -> Samples:
    p50, p95 = np.percentile(times, [50, 95]).tolist()
    return {"p50": p50, "p95": p95, "first": times[0], "samples": len(times)}


def _timed(operation: Callable[[], Any]) -> float:
    started = time.perf_counter()
    operation()
    return (time.perf_counter() - started) * 1e3


def _range(question: dict[str, Any]) -> Range:
    return question["field"], question["low"], question["high"]


def _parse() -> Namespace:
    parser = ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("step", choices=["insert", "serve"])
    parser.add_argument("backend", choices=list(BACKENDS))
    parser.add_argument("dataset", type=Path, help="a folder made by data.py or corpus.py")
    parser.add_argument("directory", help="where the database is")
    parser.add_argument("--batch", type=int, default=500, help="records in one call of add (default %(default)s)")
    parser.add_argument("--records", type=int, help="insert only so many")
    parser.add_argument("--seconds", type=float, default=3, help="time budget of an operation (default %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
