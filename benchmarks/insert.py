"""Measure bulk insertion into a persistent collection, here and in other environments.

The workload is seeded, so every package gets the same records: an id, a vector, a document of 550 characters
and three metadata fields. Only the calls to `add` count as inserts per second; the first query and the close
have columns of their own, so that work which `add` puts off is seen.
"""

from __future__ import annotations

import json
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from side_by_side import (
    Measurement,
    Metric,
    Package,
    add_arguments,
    compare,
    directory_size,
    resident_size,
    run_worker,
)

SEED = 20
DOCUMENT_LENGTH = 550
VOCABULARY_SIZE = 5_000
MEGABYTE = 1e6

METRICS = [
    Metric("inserts_per_second", "inserts/s", ratio=True),
    Metric("slowest_batch", "slowest batch, ms"),
    Metric("first_query", "first query, ms", ",.1f"),
    Metric("close", "close, s", ",.2f"),
    Metric("resident", "resident, MB", ratio=True),
    Metric("directory", "directory, MB", ratio=True),
]


def main() -> None:
    arguments = _parse()
    if arguments.worker is not None:
        print(json.dumps(insert(arguments.worker, arguments.records, arguments.dimensions, arguments.batch)))
        return
    print(f"{arguments.records:,} records x {arguments.dimensions} dimensions, batches of {arguments.batch}")
    workload = [f"--{name}={getattr(arguments, name)}" for name in ("records", "dimensions", "batch")]

    def measure(package: Package) -> Measurement:
        with tempfile.TemporaryDirectory(dir=arguments.directory) as path:
            measurement = run_worker(package, __file__, f"--worker={path}", *workload)
            return {**measurement, "directory": directory_size(Path(path)) / MEGABYTE}

    compare(arguments, METRICS, measure)


def insert(path: str, records: int, dimensions: int, batch: int) -> Measurement:
    """Insert the workload into a new collection under `path` and return what `METRICS` lists."""
    import chromadb

    client = chromadb.PersistentClient(path)
    collection = client.create_collection("benchmark", embedding_function=None)
    seconds = []
    for arguments in batches(records, dimensions, batch):
        started = time.perf_counter()
        collection.add(**arguments)
        seconds.append(time.perf_counter() - started)

    probe = np.random.default_rng(SEED + 1).standard_normal((1, dimensions), dtype=np.float32)
    started = time.perf_counter()
    found = collection.query(query_embeddings=probe, n_results=10)
    first_query = time.perf_counter() - started
    if collection.count() != records or len(found["ids"][0]) != min(10, records):
        raise SystemExit(f"{collection.count()} of {records} records were stored, {found['ids']} found")
    resident = resident_size()

    started = time.perf_counter()
    if hasattr(client, "close"):
        client.close()
    return {
        "inserts_per_second": records / sum(seconds),
        "slowest_batch": max(seconds) * 1e3,
        "first_query": first_query * 1e3,
        "close": time.perf_counter() - started,
        "resident": resident / MEGABYTE,
    }


def batches(records: int, dimensions: int, batch: int) -> Iterator[dict[str, Any]]:
    """Yield the arguments of each call of `add`, made one by one: the whole never lies in memory."""
    rng = np.random.default_rng(SEED)
    words = _vocabulary(rng)
    # As in a text of natural language, few words are very frequent and most are rare.
    frequency = 1.0 / np.arange(10, 10 + len(words))
    cumulative = np.cumsum(frequency / frequency.sum())
    for start in range(0, records, batch):
        size = min(batch, records - start)
        ranks = np.searchsorted(cumulative, rng.random((size, 120)) * cumulative[-1])
        yield {
            "ids": [f"record-{number:08d}" for number in range(start, start + size)],
            "embeddings": rng.standard_normal((size, dimensions), dtype=np.float32),
            "documents": [" ".join(words[rank] for rank in row)[:DOCUMENT_LENGTH] for row in ranks],
            "metadatas": [
                {"source": f"source-{source}", "page": page, "score": score}
                for source, page, score in zip(
                    rng.integers(0, 100, size).tolist(),
                    rng.integers(0, 1000, size).tolist(),
                    rng.random(size).tolist(),
                    strict=True,
                )
            ],
        }


def _vocabulary(rng: np.random.Generator) -> list[str]:
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    lengths = rng.integers(3, 11, VOCABULARY_SIZE)
    return ["".join(rng.choice(letters, length)) for length in lengths]


def _parse() -> Namespace:
    parser = ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=int, default=20_000, help="(default %(default)s)")
    parser.add_argument("--dimensions", type=int, default=384, help="(default %(default)s)")
    parser.add_argument("--batch", type=int, default=500, help="records in one call of add (default %(default)s)")
    parser.add_argument("--directory", help="where the collections are written (default: the temporary directory)")
    parser.add_argument("--worker", metavar="PATH", help="insert once, into PATH, and print the measurement as JSON")
    add_arguments(parser, rounds=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
