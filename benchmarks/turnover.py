"""Replace every record of a collection again and again, and compare it with one that was filled once.

Prints latency, recall@10 and size of both, and their ratios; the aim is 1.3 at most. In the one that is replaced, odd
turns upsert all records, even ones delete them all and add them anew, each time with other vectors.
"""

from __future__ import annotations

import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

import chromadb
from side_by_side import directory_size

BATCH = 2000
QUERIES = 300
NEAREST = 10
SETTLED = 2.0
"""Seconds without a change of the files after which nothing is built any more."""

Matrix = NDArray[np.float32]


def main() -> None:
    arguments = _parse()
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((max(2, arguments.records // 500), arguments.dimensions), dtype=np.float32)
    turns = [_vectors(rng, centres, arguments.records) for _ in range(2)]
    queries = _vectors(rng, centres, QUERIES)
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        fresh = _measure(Path(directory) / "fresh", turns[:1], queries)
        worn = _measure(Path(directory) / "worn", [turns[turn % 2] for turn in range(arguments.turns + 1)], queries)
    print(f"{'':12}{'query, ms':>12}{'recall@10':>12}{'size, MB':>12}")
    for label, values in (("fresh", fresh), (f"{arguments.turns} turns", worn)):
        print(f"{label:12}{values['query']:>12.3f}{values['recall']:>12.4f}{values['size']:>12.1f}")
    print(f"{'ratio':12}{worn['query'] / fresh['query']:>12.2f}{worn['recall'] / fresh['recall']:>12.4f}", end="")
    print(f"{worn['size'] / fresh['size']:>12.2f}")


def _vectors(rng: np.random.Generator, centres: Matrix, count: int) -> Matrix:
    noise = rng.standard_normal((count, centres.shape[1]), dtype=np.float32)
    return centres[rng.integers(len(centres), size=count)] + np.float32(0.6) * noise


def _measure(path: Path, turns: list[Matrix], queries: Matrix) -> dict[str, float]:
    """Fill a collection with the first of `turns`, replace it by each of the others, and measure."""
    with chromadb.PersistentClient(path) as client:
        collection = client.create_collection("turnover", embedding_function=None)
        for number, vectors in enumerate(turns):
            if number % 2 == 0 and number:
                _delete(collection, len(vectors))
            _write(collection, vectors)
    with chromadb.PersistentClient(path) as client:
        collection = client.get_collection("turnover", embedding_function=None)
        collection.query(query_embeddings=queries[:1], n_results=NEAREST)
        _settle(collection, path)
        times, found = [], 0
        for round in range(2):
            for query in queries:
                started = time.perf_counter()
                distances: Any = collection.query(query_embeddings=query, n_results=NEAREST)["distances"]
                times.append(time.perf_counter() - started)
                if round:
                    exact = np.sort(((turns[-1] - query) ** 2).sum(axis=1))[NEAREST - 1]
                    found += int(np.count_nonzero(np.array(distances[0]) <= exact * 1.00001))
    return {
        "query": median(times[len(queries) :]) * 1e3,
        "recall": found / (NEAREST * len(queries)),
        "size": directory_size(path) / 1e6,
    }


def _write(collection: Any, vectors: Matrix) -> None:
    for start in range(0, len(vectors), BATCH):
        part = vectors[start : start + BATCH]
        numbers = range(start, start + len(part))
        collection.upsert(
            ids=[f"{number}" for number in numbers],
            embeddings=part,
            documents=[f"document {number} " + "of some length " * 20 for number in numbers],
            metadatas=[{"number": number, "parity": number % 2} for number in numbers],
        )


def _delete(collection: Any, count: int) -> None:
    for start in range(0, count, BATCH):
        collection.delete(ids=[f"{number}" for number in range(start, min(start + BATCH, count))])


def _settle(collection: Any, path: Path) -> None:
    """Wait until everything is indexed and the files stay as they are."""
    size, since = -1, time.monotonic()
    while time.monotonic() - since < SETTLED or collection.get_indexing_status().num_unindexed_ops:
        now = directory_size(path)
        if now != size:
            size, since = now, time.monotonic()
        time.sleep(0.1)


def _parse() -> Any:
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--records", type=int, default=20_000, help="(default %(default)s)")
    parser.add_argument("--dimensions", type=int, default=384, help="(default %(default)s)")
    parser.add_argument("--turns", type=int, default=50, help="(default %(default)s)")
    parser.add_argument("--directory", help="where the databases are written (default: the temporary directory)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
