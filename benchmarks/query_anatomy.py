"""Show where the time of one query goes, beside what a bare faiss graph and a fetch of ten rows cost.

The stages are those of this package, found by name: when the code moves, follow it in `STAGES`. Times are means over
the middle half of the queries, without the time of the stages inside; `not in a stage` is the rest, and the cost of
looking. Filters are asked in many ranges, as in the workload.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np

from backends import Chroma, Range
from data import CACHE, Clustered, Dataset, record_id
from stages import Stages

NEAREST = 10
EF_SEARCH = 100
NEIGHBORS = 16
_COLLECTION = "chromadb._storage.local.collection"

STAGES = {
    "arguments": [
        "chromadb._client._sync.collection:query_operation",
        "chromadb._client._sync.collection:query_vectors",
    ],
    "open the collection": ["chromadb._storage.local.directory:LocalBackend.open"],
    "transaction": ["chromadb._storage.local.sqlite.database:SqliteDatabase.read"],
    "follow the commits": [
        "chromadb._storage.local.tables.records:read_state",
        f"{_COLLECTION}:follow",
        f"{_COLLECTION}:load_columns",
    ],
    "filter": ["chromadb._storage.local.derived.select:Selector.select"],
    "search: loose vectors": ["chromadb._index.flat:FlatIndex.search"],
    "search: graph or codes": ["chromadb._index.planner:candidates"],
    "read vectors to rescore": ["chromadb._storage.local.tables.records:read_vectors"],
    "rescore": ["chromadb._index.vectors:exact_distances"],
    "search: the rest": ["chromadb._index.vectors:Vectors.search"],
    "fetch rows": ["chromadb._storage.local.tables.records:read_columns"],
    "decode metadata": ["chromadb._storage.local.tables.records:decode_metadata"],
    "storage: the rest": [f"{_COLLECTION}:LocalCollection.query"],
    "engine and result": ["chromadb._engine.engine:Engine.run"],
}


def main() -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=int, default=100_000, help="(default %(default)s)")
    parser.add_argument("--dimensions", type=int, default=384, help="(default %(default)s)")
    parser.add_argument("--kind", choices=["random", "correlated"], help="with a filter of this kind")
    parser.add_argument("--share", type=float, default=0.1, help="that allows this share (default %(default)s)")
    parser.add_argument("--queries", type=int, default=400, help="(default %(default)s)")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where data sets are kept (default %(default)s)")
    arguments = parser.parse_args()

    data = Dataset(Clustered(arguments.records, arguments.dimensions).make(arguments.cache))
    ranges: list[Range | None] = [None]
    if arguments.kind:
        groups = data.questions["filters"]
        group = next(g for g in groups if (g["kind"], g["share"]) == (arguments.kind, arguments.share))
        ranges = [(question["field"], question["low"], question["high"]) for question in group["questions"]]
    print(f"{data.folder.name}; filter: {arguments.kind and f'{arguments.kind}, {arguments.share:.2%}'}")
    with tempfile.TemporaryDirectory() as directory:
        database = Chroma(directory)
        database.create(data.space)
        for batch in data.batches(5000):
            database.add(batch)
        database.finish_indexing()
        ours = anatomy(database, data, ranges, arguments.queries)
        database.close()
    if arguments.kind is None:
        bare = bare_floor(data, arguments.queries)
        if bare is not None:
            print(f"query / (faiss + fetch) = {ours / bare:.2f}")


def anatomy(database: Chroma, data: Dataset, ranges: list[Range | None], count: int) -> float:
    """Print the stages of a query; return the median time of one that nobody looks at, in microseconds."""

    def query(number: int) -> Any:
        return database.query(data.queries[number % len(data.queries)], NEAREST, ranges[number % len(ranges)])

    plain = _median(query, count)
    stages = Stages(STAGES)
    spent, totals = [], []
    with stages.watching():
        query(0)
        for number in range(count):
            stages.reset()
            started = time.perf_counter()
            query(number)
            totals.append((time.perf_counter() - started) * 1e6)
            spent.append(stages.reset())
    # The mean over the middle half of the queries: unlike medians, the stages add up.
    middle = np.argsort(totals)[count // 4 : -(count // 4)].tolist()
    watched = fmean(totals[number] for number in middle)
    rows = {stage: fmean(spent[number][stage] for number in middle) * 1e6 for stage in STAGES}
    rows["not in a stage"] = watched - sum(rows.values())
    for stage, microseconds in rows.items():
        print(f"  {stage:<28}{microseconds:10.1f} us {microseconds / watched:7.1%}")
    print(f"{'query, looked at':<30}{watched:10.1f} us")
    print(f"{'query':<30}{plain:10.1f} us")
    if stages.missing:
        print(f"not found, see STAGES: {', '.join(stages.missing)}")
    return plain


def bare_floor(data: Dataset, count: int) -> float | None:
    """Print and return what faiss alone and ten rows from SQLite cost, in microseconds; None without faiss."""
    try:
        import faiss
    except ImportError:
        print("faiss is not installed: nothing to compare with")
        return None
    graph: Any = faiss.IndexHNSWSQ(data.dimensions, faiss.ScalarQuantizer.QT_8bit, NEIGHBORS)
    graph.hnsw.efConstruction = 100
    vectors = np.load(data.folder / "vectors.npy")
    graph.train(vectors[:: max(1, len(vectors) // 20_000)])
    graph.add(vectors)
    graph.hnsw.efSearch = EF_SEARCH
    faiss.omp_set_num_threads(1)
    found = [graph.search(vector[np.newaxis], NEAREST)[1][0].tolist() for vector in data.queries]
    answers = data.questions["unfiltered"]
    recall = np.mean([len(set(a) & set(b)) / NEAREST for a, b in zip(found, answers, strict=True)])
    searching = _median(lambda number: graph.search(data.queries[number % len(found)][np.newaxis], NEAREST), count)
    with tempfile.TemporaryDirectory() as directory:
        table = sqlite3.connect(Path(directory) / "rows.sqlite3")
        table.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, id TEXT, document TEXT, metadata TEXT)")
        lines = (data.folder / "records.jsonl").open()
        with table, lines:
            rows = ((number, record_id(number), line, line[-100:]) for number, line in enumerate(lines))
            table.executemany("INSERT INTO rows VALUES (?, ?, ?, ?)", rows)
        select = f"SELECT id, document, metadata FROM rows WHERE number IN ({', '.join('?' * NEAREST)})"
        fetching = _median(lambda number: table.execute(select, found[number % len(found)]).fetchall(), count)
        table.close()
    print(f"{f'faiss, recall {recall:.3f}':<30}{searching:10.1f} us  (8-bit codes, M={NEIGHBORS}, ef={EF_SEARCH})")
    print(f"{'fetch of ten rows':<30}{fetching:10.1f} us")
    return searching + fetching


def _median(operation: Callable[[int], Any], count: int) -> float:
    for number in range(20):
        operation(number)
    times = []
    for number in range(count):
        started = time.perf_counter()
        operation(number)
        times.append(time.perf_counter() - started)
    return median(times) * 1e6


if __name__ == "__main__":
    main()
