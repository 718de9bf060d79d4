"""Random programs against a client and against a dict: both must agree after every step."""

from __future__ import annotations

import copy
import re
import shutil
import tempfile
import time
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import chromadb
from chromadb._index import columns as index_columns
from chromadb._model.entities import Address
from chromadb._model.operations import Check
from chromadb._storage.local.derived import builder, columns, sealing, select
from chromadb._storage.local.tables import changes as change_log
from chromadb._storage.local.tables import records as record_store

PROFILE = settings(
    max_examples=200,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

DIMENSION = 2
TEXTS = ("100%", "a_b", "it's", '"quoted"', "nul\0nul", "\0", "😀", "Grün", "grün", "ALPHA", "alpha", "\n", "\\", " ")
KEYS = ("k", "kind", "a.b", "ü 😀", "%_'\"")

# Few different ids and values, so that operations meet.
record_ids = st.sampled_from(["a", "b", "c", "d", "e", "A", "a\0", "é😀", "%", "' \""])
some_ids = st.lists(record_ids, min_size=1, max_size=6, unique=True)
texts = st.lists(st.sampled_from(TEXTS), max_size=4).map("".join)
numbers = st.sampled_from([0, 1, -1, 2, 1.0, 0.5, -0.0, 2**53 + 1, 2.0**53, 2**63 - 1, -(2**63), 1e300])
scalars = st.one_of(numbers, st.booleans(), st.sampled_from(["1", "", "alpha", "nul\0nul", "😀"]))
lists = st.one_of(
    st.lists(st.integers(-1, 2), min_size=1, max_size=3),
    st.lists(st.sampled_from([0.0, 1.0, 0.5]), min_size=1, max_size=3),
    st.lists(st.booleans(), min_size=1, max_size=2),
    st.lists(st.sampled_from(["1", "alpha", "😀"]), min_size=1, max_size=3),
)
values = st.one_of(scalars, lists)
metadatas = st.none() | st.dictionaries(st.sampled_from(KEYS), values, min_size=1, max_size=4)
changes = st.none() | st.dictionaries(st.sampled_from(KEYS), st.none() | values, min_size=1, max_size=4)
collection_metadatas = st.none() | st.dictionaries(st.sampled_from(KEYS), scalars, min_size=1, max_size=3)
documents = st.none() | texts
vectors = st.lists(st.integers(-3, 3).map(float), min_size=DIMENSION, max_size=DIMENSION)


def one_type(items: list[Any]) -> bool:
    return len({float if type(item) is int else type(item) for item in items}) == 1


compared = st.one_of(
    scalars,
    st.builds(lambda operator, value: {operator: value}, st.sampled_from(["$eq", "$ne"]), scalars),
    st.builds(lambda operator, value: {operator: value}, st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), numbers),
    st.builds(lambda operator, value: {operator: value}, st.sampled_from(["$contains", "$not_contains"]), scalars),
    st.builds(
        lambda operator, items: {operator: items},
        st.sampled_from(["$in", "$nin"]),
        st.lists(scalars, min_size=1, max_size=3).filter(one_type),
    ),
)


def nested(leaves: Any) -> Any:
    def join(clauses: Any) -> Any:
        listed = st.lists(clauses, min_size=1, max_size=3)
        return st.builds(lambda operator, each: {operator: each}, st.sampled_from(["$and", "$or"]), listed)

    return st.recursive(leaves, join, max_leaves=5)


wheres = nested(st.builds(lambda key, value: {key: value}, st.sampled_from(KEYS), compared))
fragments = st.sampled_from([*TEXTS, "ALP", "l", "ul\0n", "r"])
patterns = fragments.map(re.escape) | st.sampled_from(["^a", "(?i)alpha", "[0-9]+%", "^$", "l{2}|u"])
where_documents = nested(
    st.one_of(
        st.builds(lambda operator, text: {operator: text}, st.sampled_from(["$contains", "$not_contains"]), fragments),
        st.builds(lambda operator, text: {operator: text}, st.sampled_from(["$regex", "$not_regex"]), patterns),
    )
)
filters = st.fixed_dictionaries(
    {},
    optional={"where": wheres, "where_document": where_documents},
)


# --- the model ------------------------------------------------------------------------------------


def equal(one: Any, other: Any) -> bool:
    """Numbers are equal to numbers; apart from that only values of one type are equal."""
    kinds = ["number" if type(value) in (int, float) else type(value) for value in (one, other)]
    return kinds[0] == kinds[1] and one == other


def holds(operator: str, value: Any, operand: Any) -> bool:
    """Return whether a metadata value, None if it is missing, meets a condition."""
    if operator in ("$ne", "$nin", "$not_contains"):
        return not holds({"$ne": "$eq", "$nin": "$in", "$not_contains": "$contains"}[operator], value, operand)
    if operator == "$contains":
        return isinstance(value, list) and any(equal(item, operand) for item in value)
    if value is None or isinstance(value, list):
        return False
    if operator == "$eq":
        return equal(value, operand)
    if operator == "$in":
        return any(equal(value, each) for each in operand)
    if type(value) not in (int, float):
        return False
    return {"$gt": value > operand, "$gte": value >= operand, "$lt": value < operand, "$lte": value <= operand}[
        operator
    ]


def document_holds(operator: str, document: str | None, operand: str) -> bool:
    if operator.startswith("$not_"):
        return not document_holds("$" + operator.removeprefix("$not_"), document, operand)
    if document is None:
        return False
    return operand in document if operator == "$contains" else re.search(operand, document) is not None


def meets(condition: dict[str, Any], record: dict[str, Any]) -> bool:
    ((key, value),) = condition.items()
    if key in ("$and", "$or"):
        return (all if key == "$and" else any)(meets(each, record) for each in value)
    if key.startswith("$"):
        return document_holds(key, record["document"], value)
    operator, operand = next(iter(value.items())) if isinstance(value, dict) else ("$eq", value)
    return holds(operator, (record["metadata"] or {}).get(key), operand)


def same(one: Any, other: Any) -> bool:
    """Return whether values are equal and of equal types throughout: 1, 1.0 and True differ."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return bool(one == other)


# --- the machine ----------------------------------------------------------------------------------


class CollectionMachine(RuleBasedStateMachine):
    """One collection of an ephemeral client."""

    def __init__(self) -> None:
        super().__init__()
        self.records: dict[str, dict[str, Any]] = {}
        self.fixed = False
        self.metadata: dict[str, Any] | None = None
        self.client = self.connect()
        self.name = f"machine-{uuid4().hex}"

    def connect(self) -> Any:
        return chromadb.EphemeralClient()

    @initialize(space=st.sampled_from(["l2", "ip", "cosine"]))
    def create(self, space: str) -> None:
        self.space = space
        configuration = {"hnsw": {"space": space}}
        self.collection = self.client.create_collection(self.name, configuration=configuration, embedding_function=None)

    def teardown(self) -> None:
        self.client.delete_collection(self.name)
        self.client.close()

    def matching(self, ids: list[str] | None = None, where: Any = None, where_document: Any = None) -> list[str]:
        return [
            id
            for id, record in self.records.items()
            if (ids is None or id in ids)
            and (where is None or meets(where, record))
            and (where_document is None or meets(where_document, record))
        ]

    # --- writing ---

    @staticmethod
    def columns(data: Any, ids: list[str], metadata: Any, vectors_too: bool) -> dict[str, Any]:
        """Draw the columns of a write; documents come only with vectors, for nothing can embed them."""

        def column(items: Any) -> Any:
            return data.draw(st.lists(items, min_size=len(ids), max_size=len(ids)))

        drawn: dict[str, Any] = {"embeddings": column(vectors)} if vectors_too else {}
        if vectors_too and data.draw(st.booleans()):
            drawn["documents"] = column(documents)
        if data.draw(st.booleans()):
            drawn["metadatas"] = column(metadata)
        return drawn

    def apply(self, ids: list[str], columns: dict[str, Any], existing: bool, new: bool) -> None:
        """Do to the model what a write does: change what exists, add what does not, as told."""
        for row, id in enumerate(ids):
            if not (existing if id in self.records else new):
                continue
            record = self.records.setdefault(id, {"vector": None, "document": None, "metadata": None})
            self.fixed = True
            if columns.get("embeddings"):
                record["vector"] = columns["embeddings"][row]
            if columns.get("documents") and columns["documents"][row] is not None:
                record["document"] = columns["documents"][row]
            if columns.get("metadatas") and columns["metadatas"][row] is not None:
                merged = {**(record["metadata"] or {}), **columns["metadatas"][row]}
                record["metadata"] = {key: value for key, value in merged.items() if value is not None} or None

    @rule(data=st.data(), ids=some_ids)
    def add(self, data: Any, ids: list[str]) -> None:
        columns = self.columns(data, ids, metadatas, True)
        self.collection.add(ids=ids, **copy.deepcopy(columns))
        self.apply(ids, columns, existing=False, new=True)

    @rule(data=st.data(), ids=some_ids)
    def upsert(self, data: Any, ids: list[str]) -> None:
        columns = self.columns(data, ids, changes, True)
        self.collection.upsert(ids=ids, **copy.deepcopy(columns))
        self.apply(ids, columns, existing=True, new=True)

    @rule(data=st.data(), ids=some_ids, vectors_too=st.booleans())
    def update(self, data: Any, ids: list[str], vectors_too: bool) -> None:
        columns = self.columns(data, ids, changes, vectors_too)
        self.collection.update(ids=ids, **copy.deepcopy(columns))
        self.apply(ids, columns, existing=True, new=False)

    @rule(ids=some_ids, filter=filters)
    def delete_ids(self, ids: list[str], filter: dict[str, Any]) -> None:
        gone = self.matching(ids, **filter)
        assert self.collection.delete(ids=ids, **filter) == {"deleted": len(gone)}
        for id in gone:
            del self.records[id]

    @rule(filter=filters, limit=st.none() | st.integers(0, 4))
    def delete_by_filter(self, filter: dict[str, Any], limit: int | None) -> None:
        if not filter:
            return
        gone = self.matching(**filter)[:limit]
        assert self.collection.delete(limit=limit, **filter) == {"deleted": len(gone)}
        for id in gone:
            del self.records[id]

    @precondition(lambda self: self.fixed)
    @rule(ids=some_ids)
    def write_of_another_dimension(self, ids: list[str]) -> None:
        with pytest.raises(chromadb.errors.InvalidDimensionException):
            self.collection.upsert(ids=ids, embeddings=[[1.0] * (DIMENSION + 1)] * len(ids), documents=["x"] * len(ids))

    # --- reading ---

    @rule(
        ids=st.none() | some_ids,
        filter=filters,
        limit=st.none() | st.integers(0, 5),
        offset=st.none() | st.integers(0, 5),
    )
    def get(self, ids: list[str] | None, filter: dict[str, Any], limit: int | None, offset: int | None) -> None:
        found = self.collection.get(ids=ids, limit=limit, offset=offset, **filter)
        start = offset or 0
        expected = self.matching(ids, **filter)[start : None if limit is None else start + limit]
        assert found["ids"] == expected
        assert found["documents"] == [self.records[id]["document"] for id in expected]
        assert same(found["metadatas"], [self.records[id]["metadata"] for id in expected])

    @rule(
        queries=st.lists(vectors, min_size=1, max_size=3),
        n=st.integers(1, 12),
        ids=st.none() | some_ids,
        filter=filters,
    )
    def query(self, queries: list[list[float]], n: int, ids: list[str] | None, filter: dict[str, Any]) -> None:
        include = ["distances", "documents", "metadatas", "embeddings"]
        found = self.collection.query(query_embeddings=queries, n_results=n, ids=ids, include=include, **filter)
        candidates = self.matching(ids, **filter)
        for row, query in enumerate(queries):
            distances = {id: self.distance(query, self.records[id]["vector"]) for id in candidates}
            # Python's sort is stable: equally near records stay in the order of insertion.
            expected = sorted(candidates, key=lambda id: distances[id])[:n]
            nearest = [distances[id] for id in expected]
            if self.space == "cosine":
                # Parallel vectors are equally near up to rounding, so only equal ones have a certain order.
                expected = self.in_order_of_insertion(found["ids"][row])
                np.testing.assert_allclose([distances[id] for id in expected], nearest, atol=1e-12)
            assert found["ids"][row] == expected
            np.testing.assert_allclose(found["distances"][row], nearest, rtol=1e-6, atol=1e-6)
            assert found["documents"][row] == [self.records[id]["document"] for id in expected]
            assert same(found["metadatas"][row], [self.records[id]["metadata"] for id in expected])
            assert np.asarray(found["embeddings"][row]).tolist() == [self.records[id]["vector"] for id in expected]

    def in_order_of_insertion(self, ids: list[str]) -> list[str]:
        """Return ids with those of equal vectors in the order of insertion among themselves."""
        ordered: dict[tuple[float, ...], list[str]] = {}
        for id, record in self.records.items():
            if id in ids:
                ordered.setdefault(tuple(record["vector"]), []).append(id)
        return [ordered[tuple(self.records[id]["vector"])].pop(0) for id in ids]

    def distance(self, one: list[float], other: list[float]) -> float:
        a, b = np.array(one), np.array(other)
        if self.space == "l2":
            return float(((a - b) ** 2).sum())
        if self.space == "ip":
            return float(1 - a @ b)
        norm = np.sqrt((a @ a) * (b @ b))
        return float(1 - a @ b / norm) if norm else 1.0

    # --- the collection itself ---

    @rule(
        metadata=st.none() | st.dictionaries(st.sampled_from(KEYS), scalars, min_size=1, max_size=3),
        rename=st.booleans(),
    )
    def modify(self, metadata: dict[str, Any] | None, rename: bool) -> None:
        name = f"machine-{uuid4().hex}" if rename else None
        self.collection.modify(name=name, metadata=metadata)
        self.name = name or self.name
        if metadata is not None:
            self.metadata = metadata
        self.look_up()

    @rule()
    def look_up(self) -> None:
        self.collection = self.client.get_collection(self.name, embedding_function=None)
        assert self.collection.name == self.name
        assert same(self.collection.metadata, self.metadata)

    # --- always ---

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        if not hasattr(self, "collection"):
            return
        assert self.collection.count() == len(self.records)
        found = self.collection.get(include=["documents", "metadatas", "embeddings"])
        assert found["ids"] == list(self.records)
        assert found["documents"] == [record["document"] for record in self.records.values()]
        assert same(found["metadatas"], [record["metadata"] for record in self.records.values()])
        embeddings = np.asarray(found["embeddings"]).tolist()
        assert embeddings == [record["vector"] for record in self.records.values()]
        assert self.client._system.runner.run(Check()) == []


class PersistentCollectionMachine(CollectionMachine):
    """One collection of a persistent client, which is closed and opened again now and then."""

    def connect(self) -> Any:
        self.patch = getattr(self, "patch", None) or pytest.MonkeyPatch()
        self.patch.setattr(record_store, "PURGED_AT_ONCE", 1)
        # The log of changes is compacted now and then, and forgets deletions.
        self.patch.setattr(change_log, "KEPT", 2)
        self.patch.setattr(change_log, "MERGED", 2)
        self.patch.setattr(change_log, "COMMITS", 5)
        # Filters look values up, where there are so few records that this finds less than an eighth.
        self.patch.setattr(index_columns, "INVERT_FROM", 0)
        self.patch.setattr(index_columns, "INVERT_AFTER", 0)
        self.patch.setattr(select, "SHARE", 1)
        self.directory = getattr(self, "directory", None) or tempfile.mkdtemp()
        return chromadb.PersistentClient(self.directory)

    @rule()
    def purge(self) -> None:
        """Remove the vectors of deleted records, which otherwise stay."""
        backend = self.client._system.runner.backend
        address = Address(self.client.tenant, self.client.database, self.collection.id)
        with backend.open(address) as store, store.database.write() as sql:
            record_store.purge(sql, 3)

    @rule()
    def seal_columns(self) -> None:
        """Metadata comes from sealed columns after the next reopening, and from what was written since."""
        backend = self.client._system.runner.backend
        address = Address(self.client.tenant, self.client.database, self.collection.id)
        with pytest.MonkeyPatch.context() as patch, backend.open(address) as store, store.database.read() as sql:
            patch.setattr(columns, "SEAL_FROM", 1)
            store._columns.build(sql, lambda: False)

    @rule()
    def reopen(self) -> None:
        self.client.close()
        self.client = self.connect()
        self.look_up()

    def teardown(self) -> None:
        super().teardown()
        self.patch.undo()
        shutil.rmtree(self.directory)


class SealedCollectionMachine(CollectionMachine):
    """One collection of which a few records are enough for a graph, which is built whenever there is time."""

    SEAL_FROM = 20

    def connect(self) -> Any:
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(sealing, "SEAL_FROM", self.SEAL_FROM)
        self.patch.setattr(change_log, "KEPT", 5)
        self.patch.setattr(change_log, "MERGED", 3)
        self.patch.setattr(builder, "QUIET", 0.0)
        return super().connect()

    def teardown(self) -> None:
        super().teardown()
        self.patch.undo()

    @rule(data=st.data(), first=st.integers(0, 60), count=st.integers(1, 40), settle=st.booleans())
    def upsert_many(self, data: Any, first: int, count: int, settle: bool) -> None:
        """Enough for a segment; with `settle` it is waited for, else the next steps run beside the build."""
        seed = data.draw(st.integers(0, 2**16))
        ids = [f"many {number}" for number in range(first, first + count)]
        # Whole numbers, so that there are duplicates and zero vectors.
        drawn = np.random.default_rng(seed).integers(-3, 4, size=(count, DIMENSION)).astype(float).tolist()
        given = {"embeddings": drawn, "metadatas": [{"k": number % 3} for number in range(count)]}
        self.collection.upsert(ids=ids, **given)
        self.apply(ids, given, existing=True, new=True)
        if settle:
            self.settle()

    @rule(first=st.integers(0, 60), count=st.integers(1, 60), settle=st.booleans())
    def delete_many(self, first: int, count: int, settle: bool) -> None:
        ids = [f"many {number}" for number in range(first, first + count)]
        self.collection.delete(ids=ids)
        for id in ids:
            self.records.pop(id, None)
        if settle:
            self.settle()

    @rule(space=st.sampled_from(["l2", "ip", "cosine"]), max_neighbors=st.sampled_from([8, 16]))
    def configure(self, space: str, max_neighbors: int) -> None:
        self.collection.modify(configuration={"hnsw": {"space": space, "max_neighbors": max_neighbors}})
        self.space = space

    def settle(self) -> None:
        deadline = time.monotonic() + 10
        while self.collection.get_indexing_status().num_unindexed_ops:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    @rule(
        queries=st.lists(vectors, min_size=1, max_size=3),
        n=st.integers(1, 80),
        ids=st.none() | some_ids,
        filter=filters,
    )
    def query(self, queries: list[list[float]], n: int, ids: list[str] | None, filter: dict[str, Any]) -> None:
        candidates = self.matching(ids, **filter)
        for exact in (False, True):
            found = self.collection.query(
                query_embeddings=queries,
                n_results=n,
                ids=ids,
                include=["distances", "embeddings"],
                exact=exact,
                **filter,
            )
            for row, query in enumerate(queries):
                true = {id: self.distance(query, self.records[id]["vector"]) for id in candidates}
                given = found["ids"][row]
                assert len(given) == len(set(given)) == min(n, len(candidates))
                assert set(given) <= set(candidates)
                distances = [true[id] for id in given]
                np.testing.assert_allclose(found["distances"][row], distances, rtol=1e-6, atol=1e-6)
                assert np.asarray(found["embeddings"][row]).tolist() == [self.records[id]["vector"] for id in given]
                assert np.all(np.diff(distances) >= -1e-12)
                if exact:
                    nearest = sorted(true.values())[:n]
                    np.testing.assert_allclose(distances, nearest, rtol=1e-9, atol=1e-9)
                    assert self.space == "cosine" or given == sorted(candidates, key=lambda id: true[id])[:n]


TestSealedCollection = SealedCollectionMachine.TestCase
TestSealedCollection.settings = settings(PROFILE, max_examples=60, phases=[Phase.generate])
TestEphemeralCollection = CollectionMachine.TestCase
TestEphemeralCollection.settings = PROFILE
TestPersistentCollection = PersistentCollectionMachine.TestCase
# Not shrunk: every step waits for the disk. What fails here alone is about closing and opening.
TestPersistentCollection.settings = settings(PROFILE, max_examples=50, phases=[Phase.generate])
