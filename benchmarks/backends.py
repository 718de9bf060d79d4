"""The databases that the workload runs against, behind the same few calls.

Records are numbered; a filter is a range ``(field, low, high)``, `high` not included. Packages are imported late: each
lives in an environment of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from inspect import signature
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from data import record_id

Vector = NDArray[np.float32]
Range = tuple[str, int, int]
Batch = dict[str, Any]

NAME = "benchmark"
REFINE = 2
"""Candidates that LanceDB compares again with the vectors themselves, in multiples of what is asked for."""


class Backend(Protocol):
    """One database with one collection, made by a `package`."""

    package: ClassVar[str]

    def create(self, space: str) -> None: ...
    def open(self) -> None: ...
    def add(self, batch: Batch) -> None: ...
    def finish_indexing(self) -> bool:
        """Wait until everything is indexed; return whether the database could tell."""
        ...

    def query(self, vector: Vector, n: int, range: Range | None = None, contains: str | None = None) -> list[int]:
        """Return the numbers of the nearest records; their documents and metadata are fetched too."""
        ...

    def get(self, numbers: Sequence[int]) -> int:
        """Fetch records with documents and metadata; return how many there are."""
        ...

    def get_where(self, range: Range, limit: int) -> int: ...
    def update(self, ids: list[str], embeddings: Vector, scores: list[float]) -> None: ...
    def delete_where(self, range: Range) -> None: ...
    def set_ef_search(self, ef: int) -> bool:
        """Change the effort of a query from now on; return whether the database can."""
        ...

    def close(self) -> None: ...


class Chroma:
    """`chromadb`, of any version and make."""

    package = "chromadb"

    def __init__(self, directory: str) -> None:
        import chromadb

        self._connect = lambda: chromadb.PersistentClient(directory)
        self._client: Any = self._connect()
        self._collection: Any = None
        self._per_query: dict[str, int] = {}

    def create(self, space: str) -> None:
        self._collection = self._client.create_collection(NAME, embedding_function=None, metadata={"hnsw:space": space})

    def open(self) -> None:
        self._collection = self._client.get_collection(NAME, embedding_function=None)

    def add(self, batch: Batch) -> None:
        self._collection.add(**batch)

    def finish_indexing(self) -> bool:
        try:
            while self._collection.get_indexing_status().op_indexing_progress < 1:
                time.sleep(0.02)
        except (AttributeError, NotImplementedError):
            return False
        return True

    def query(self, vector: Vector, n: int, range: Range | None = None, contains: str | None = None) -> list[int]:
        found = self._collection.query(
            query_embeddings=vector[np.newaxis],
            n_results=n,
            where=_where(range),
            where_document={"$contains": contains} if contains else None,
            include=["documents", "metadatas", "distances"],
            **self._per_query,
        )
        return [_number(id) for id in found["ids"][0]]

    def get(self, numbers: Sequence[int]) -> int:
        found = self._collection.get(ids=[record_id(number) for number in numbers], include=["documents", "metadatas"])
        return len(found["ids"])

    def get_where(self, range: Range, limit: int) -> int:
        found = self._collection.get(where=_where(range), limit=limit, include=["documents", "metadatas"])
        return len(found["ids"])

    def update(self, ids: list[str], embeddings: Vector, scores: list[float]) -> None:
        self._collection.update(ids=ids, embeddings=embeddings, metadatas=[{"score": score} for score in scores])

    def delete_where(self, range: Range) -> None:
        self._collection.delete(where=_where(range))

    def set_ef_search(self, ef: int) -> bool:
        if "ef_search" in signature(self._collection.query).parameters:
            self._per_query = {"ef_search": ef}
            return True
        if "configuration" not in signature(self._collection.modify).parameters:
            return False
        self._collection.modify(configuration={"hnsw": {"ef_search": ef}})
        # An index that is loaded already may go on with the former value.
        self.close()
        self._client = self._connect()
        self.open()
        return True

    def close(self) -> None:
        if hasattr(self._client, "close"):
            self._client.close()


class Lance:
    """`lancedb`, with its HNSW index over 8-bit codes and indexes of the fields that are filtered."""

    package = "lancedb"

    def __init__(self, directory: str) -> None:
        import lancedb

        self._database: Any = lancedb.connect(directory)
        self._table: Any = None
        self._metric = "l2"
        self._ef = 100

    def create(self, space: str) -> None:
        self._metric = "dot" if space == "ip" else space

    def open(self) -> None:
        self._table = self._database.open_table(NAME)

    def add(self, batch: Batch) -> None:
        import pyarrow as pa

        vectors = batch["embeddings"]
        columns = {
            "id": batch["ids"],
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
            "document": batch["documents"],
            **{key: [metadata[key] for metadata in batch["metadatas"]] for key in batch["metadatas"][0]},
        }
        if self._table is None:
            self._table = self._database.create_table(NAME, pa.table(columns))
        else:
            self._table.add(pa.table(columns))

    def finish_indexing(self) -> bool:
        self._table.create_index(metric=self._metric, index_type="IVF_HNSW_SQ", num_partitions=1)
        for field in ("id", "page", "region"):
            self._table.create_scalar_index(field)
        self._table.optimize()
        return True

    def query(self, vector: Vector, n: int, range: Range | None = None, contains: str | None = None) -> list[int]:
        ef = max(self._ef, n * REFINE)
        search = self._table.search(vector).metric(self._metric).limit(n).ef(ef).refine_factor(REFINE)
        if range:
            search = search.where(_condition(range), prefilter=True)
        if contains:
            search = search.where(f"document LIKE '%{contains}%'", prefilter=True)
        rows = search.select(["id", "document", "source", "page", "score", "region", "_distance"]).to_list()
        return [_number(row["id"]) for row in rows]

    def get(self, numbers: Sequence[int]) -> int:
        ids = ", ".join(f"'{record_id(number)}'" for number in numbers)
        return len(self._table.search().where(f"id IN ({ids})").limit(len(numbers)).to_list())

    def get_where(self, range: Range, limit: int) -> int:
        return len(self._table.search().where(_condition(range)).limit(limit).to_list())

    def update(self, ids: list[str], embeddings: Vector, scores: list[float]) -> None:
        kept = self._table.search().where("id IN ({})".format(", ".join(f"'{id}'" for id in ids))).limit(len(ids))
        rows = {row["id"]: row for row in kept.to_list()}
        changed = [
            {**rows[id], "vector": embedding, "score": score}
            for id, embedding, score in zip(ids, embeddings, scores, strict=True)
        ]
        self._table.merge_insert("id").when_matched_update_all().execute(changed)

    def delete_where(self, range: Range) -> None:
        self._table.delete(_condition(range))

    def set_ef_search(self, ef: int) -> bool:
        self._ef = ef
        return True

    def close(self) -> None:
        self._table = self._database = None


BACKENDS: dict[str, type[Backend]] = {"chroma": Chroma, "lancedb": Lance}


def _number(id: str) -> int:
    return int(id.rpartition("-")[2])


def _where(range: Range | None) -> dict[str, Any] | None:
    if range is None:
        return None
    field, low, high = range
    if high - low == 1:
        return {field: low}
    return {"$and": [{field: {"$gte": low}}, {field: {"$lt": high}}]}


def _condition(range: Range) -> str:
    field, low, high = range
    return f"{field} >= {low} AND {field} < {high}"
