"""The contract of the storage seam: what ``_storage.base`` guarantees, for every implementation."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from chromadb._model.configuration import Configuration, HnswConfiguration
from chromadb._model.entities import Address, CollectionInfo
from chromadb._model.match import matches
from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._model.where import Filter, parse_filter
from chromadb._storage.base import Backend, CollectionStore
from chromadb.errors import (
    ClosedClientError,
    InvalidCollectionException,
    InvalidDimensionException,
    NotFoundError,
    UniqueConstraintError,
)

TENANT, DATABASE = "default_tenant", "default_database"
EVERYTHING = Selection()
ALL_FIELDS = ("documents", "metadatas", "uris", "embeddings")
SPACES = ("l2", "ip", "cosine")


def records(ids: Sequence[str], vectors: Any = None, **columns: Any) -> Records:
    """Return records whose vectors are `vectors`, or (i, 1, 0) for the id "i"."""
    if vectors is None:
        vectors = [[float(row), 1.0, 0.0] for row in range(len(ids))]
    return Records(ids=list(ids), vectors=np.asarray(vectors, dtype=np.float32), vector_rows=range(len(ids)), **columns)


def where(**conditions: Any) -> Selection:
    return Selection(filter=parse_filter(conditions))


def contents(store: CollectionStore) -> Any:
    """Return everything that the store holds, as plain values that compare."""
    found = store.get(EVERYTHING, None, 0, ALL_FIELDS)
    vectors = None if found.vectors is None else found.vectors.tolist()
    return found.ids, found.documents, found.metadatas, found.uris, vectors, store.count(), store.dimension()


def create(backend: Backend, name: str, space: str = "l2", database: str = DATABASE, tenant: str = TENANT) -> Address:
    info = CollectionInfo(uuid4(), name, tenant, database, Configuration(HnswConfiguration(space=space)))
    return backend.create_collection(info, get_or_create=False).address


class RaisingList(list):  # type: ignore[type-arg]
    """A list that calls `then` when the item at `row` is read."""

    def __init__(self, items: Sequence[Any], row: int, then: Any) -> None:
        super().__init__(items)
        self.row, self.then = row, then

    def __getitem__(self, row: Any) -> Any:
        if row == self.row:
            self.then()
        return super().__getitem__(row)


def interrupt() -> None:
    raise KeyboardInterrupt


# --- atomic ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["add", "update", "upsert"])
def test_a_write_of_another_dimension_changes_nothing(store: CollectionStore, mode: Any) -> None:
    store.write("add", records(["a", "b"], documents=["A", "B"], metadatas=[{"k": 1}, None]))
    before = contents(store)
    with pytest.raises(InvalidDimensionException, match=r"dimension 3.*got 2"):
        store.write(mode, records(["a", "new"], [[1, 2], [3, 4]], documents=["changed", "new"]))
    assert contents(store) == before
    assert store.check() == []


@pytest.mark.parametrize("mode", ["add", "update", "upsert"])
def test_a_write_that_is_interrupted_halfway_changes_nothing(store: CollectionStore, mode: Any) -> None:
    ids = [f"id{i}" for i in range(20)]
    store.write("add", records(ids[::2], documents=["old"] * 10, metadatas=[{"k": 1}] * 10))
    store.query(np.ones((1, 3), dtype=np.float32), 3, where(k=1), ("distances",))
    before = contents(store)
    for row in (10, 11):
        batch = records(ids, documents=RaisingList(["new"] * 20, row, interrupt), metadatas=[{"k": 2}] * 20)
        if (mode, row % 2) in (("add", 0), ("update", 1)):
            continue  # this mode does not look at that row
        with pytest.raises(KeyboardInterrupt):
            store.write(mode, batch)
        assert contents(store) == before
        assert store.get(where(k=2), None, 0, ()).ids == []
    assert store.check() == []
    store.write("upsert", records(ids, documents=["new"] * 20))
    assert store.count() == 20


def test_a_read_during_a_write_never_sees_half_of_it(store: CollectionStore) -> None:
    store.write("add", records(["old"]))
    halfway, go_on, read_done = threading.Event(), threading.Event(), threading.Event()
    seen: list[int] = []

    def pause() -> None:
        halfway.set()
        go_on.wait(30)

    def write() -> None:
        store.write("add", records([f"new{i}" for i in range(10)], documents=RaisingList(["x"] * 10, 5, pause)))

    def read() -> None:
        seen.append(len(store.get(EVERYTHING, None, 0, ()).ids))
        seen.append(len(store.query(np.zeros((1, 3), dtype=np.float32), 100, EVERYTHING, ())[0].ids))
        seen.append(store.count())
        read_done.set()

    writer, reader = threading.Thread(target=write), threading.Thread(target=read)
    writer.start()
    assert halfway.wait(30)
    reader.start()
    during = read_done.wait(0.3)
    go_on.set()
    writer.join()
    reader.join()
    assert len(seen) == 3
    assert set(seen) <= ({1} if during else {1, 11})
    assert store.count() == 11


def test_what_was_written_is_there_when_the_place_is_opened_again(place: Any, backend: Backend) -> None:
    if not place.durable:
        pytest.skip("memory ends with its backend")
    backend.create_tenant("acme")
    backend.create_database("sales", "acme")
    address = create(backend, "kept", "cosine", "sales", "acme")
    batch = records(["a\0b", "ü😀"], documents=["% _ ' \" \0", None], metadatas=[{"x": [1, 2], "y": True}, None])
    with backend.open(address) as store:
        store.write("add", replace(batch, uris=[None, "file://x"]))
        store.write("add", records(["gone"]))
        store.delete(Selection(["gone"]))
        expected = contents(store)
    backend.close()
    again = place.open()
    info = again.get_collection("acme", "sales", "kept")
    assert (info.id, info.dimension, info.configuration.hnsw.space) == (address.collection, 3, "cosine")
    with again.open(info.address) as store:
        assert contents(store) == expected
    assert again.check() == []


def test_close_during_an_operation_keeps_the_records(place: Any, backend: Backend) -> None:
    if not place.durable:
        pytest.skip("memory ends with its backend")
    address = create(backend, "kept")
    with backend.open(address) as store:
        store.write("add", records(["a", "b"]))
    with backend.open(address):
        backend.close()
    with place.open().open(address) as store:
        assert store.count() == 2


def test_a_closed_backend_says_so(backend: Backend) -> None:
    address = create(backend, "some")
    backend.close()
    backend.close()
    with pytest.raises(ClosedClientError), backend.open(address):
        pass
    with pytest.raises(ClosedClientError):
        backend.list_collections(TENANT, DATABASE, None, 0)


# --- writing --------------------------------------------------------------------------------------


def test_add_leaves_existing_records_as_they_are_and_names_them(store: CollectionStore) -> None:
    store.write("add", records(["a", "b"], documents=["A", "B"]))
    assert store.write("add", records(["b", "c", "a"], documents=["no", "C", "no"])) in (["a", "b"], ["b", "a"])
    assert store.get(EVERYTHING, None, 0, ("documents",)).documents == ["A", "B", "C"]


def test_update_ignores_missing_records_and_names_them(store: CollectionStore) -> None:
    store.write("add", records(["a"], documents=["A"]))
    assert store.write("update", records(["x", "a", "y"], documents=["X", "A2", "Y"])) == ["x", "y"]
    assert contents(store)[:2] == (["a"], ["A2"])


def test_update_keeps_what_it_is_not_given(store: CollectionStore) -> None:
    store.write("add", records(["a"], documents=["A"], metadatas=[{"x": 1, "y": 2}], uris=["u"]))
    before = contents(store)
    store.write("update", Records(ids=["a"]))
    store.write("update", Records(ids=["a"], documents=[None], metadatas=[None], uris=[None]))
    assert contents(store) == before
    store.write("update", Records(ids=["a"], metadatas=[{"x": None, "z": [True]}]))
    assert contents(store)[2] == [{"y": 2, "z": [True]}]
    store.write("update", Records(ids=["a"], metadatas=[{"y": None, "z": None}]))
    assert contents(store)[:4] == (["a"], ["A"], [None], ["u"])


def test_update_of_some_vectors_keeps_the_others(store: CollectionStore) -> None:
    store.write("add", records(["a", "b", "c"]))
    vectors = np.array([[7, 7, 7], [9, 9, 9]], dtype=np.float32)
    store.write("update", Records(ids=["c", "b", "a"], vectors=vectors, vector_rows=[0, 2]))
    assert contents(store)[4] == [[9, 9, 9], [1, 1, 0], [7, 7, 7]]


# --- ordered --------------------------------------------------------------------------------------


def test_records_stand_in_the_order_of_their_first_insertion(store: CollectionStore) -> None:
    ids = [f"{i}" for i in random.Random(1).sample(range(100), 100)]
    store.write("add", records(ids))
    assert store.get(EVERYTHING, None, 0, ()).ids == ids
    assert store.get(Selection(sorted(ids)), None, 0, ()).ids == ids
    store.write("upsert", records(["new", *ids[50:60]]))
    store.delete(Selection(ids[:10]))
    store.write("add", records(ids[5:7]))
    expected = [*ids[10:], "new", *ids[5:7]]
    assert store.get(EVERYTHING, None, 0, ()).ids == expected
    assert store.query(np.zeros((1, 3), dtype=np.float32), 3, Selection(["new", *ids[5:7]]), ())[0].ids[0] == "new"


def test_pages_follow_the_order_and_cover_everything(store: CollectionStore) -> None:
    ids = [f"{i}" for i in range(5000)]
    store.write("add", records(ids, metadatas=[{"even": i % 2 == 0} for i in range(5000)]))
    for offset in (0, 1, 4095, 4096, 4097, 4998, 5000, 9000):
        assert store.get(EVERYTHING, 3, offset, ()).ids == ids[offset : offset + 3]
        assert store.get(where(even=True), 3, offset, ()).ids == ids[::2][offset : offset + 3]
        assert store.get(Selection(ids), 3, offset, ()).ids == ids[offset : offset + 3]
        assert store.get(EVERYTHING, None, offset, ()).ids == ids[offset:]
    assert store.get(EVERYTHING, 0, 0, ()).ids == []


def test_a_limited_delete_takes_the_oldest(store: CollectionStore) -> None:
    store.write("add", records(list("edcba"), metadatas=[{"k": 1}, {"k": 2}, {"k": 1}, {"k": 1}, {"k": 2}]))
    assert store.delete(where(k=1), 2) == 2
    assert contents(store)[0] == ["d", "b", "a"]
    assert store.delete(where(k=2), 0) == 0
    assert store.delete(Selection(["a", "b", "nothing"], parse_filter({"k": 2})), 9) == 1
    assert store.delete(EVERYTHING, 1) == 1
    assert contents(store)[0] == ["b"]


@pytest.mark.parametrize("large", [2**63 - 1, 2**63, 2**64])
def test_a_limit_or_offset_beyond_64_bits_is_as_good_as_none(
    backend: Backend, store: CollectionStore, large: int
) -> None:
    store.write("add", records(["a", "b"]))
    assert store.get(EVERYTHING, large, 0, ()).ids == ["a", "b"]
    assert store.get(EVERYTHING, large, 1, ()).ids == ["b"]
    assert store.get(EVERYTHING, None, large, ()).ids == []
    assert store.get(Selection(["b"]), large, 0, ()).ids == ["b"]
    assert len(store.query(np.zeros((1, 3), dtype=np.float32), large, EVERYTHING, ())[0].ids) == 2
    assert len(backend.list_collections(TENANT, DATABASE, large, 0)) == 1
    assert backend.list_collections(TENANT, DATABASE, None, large) == []
    assert backend.list_databases(TENANT, 1, large) == []
    assert store.delete(EVERYTHING, large) == 2


# --- exact ----------------------------------------------------------------------------------------

WORDS = ("Alpha", "alpha", "100%", "a_b", "it's", 'say "x"', "nul\0nul", "grün", "ß", "😀", "", "line\nline", "\\d+")
NUMBERS = (0, 1, -1, 2, 1.0, 1.5, -0.0, 2**53 + 1, float(2**53), 2**63 - 1, 1e300)
SCALARS = (*NUMBERS, True, False, "1", "", "Alpha", "a\0b")
KEYS = ("k", "other", "a.b", "ü")


def random_metadata(rng: random.Random) -> dict[str, Any] | None:
    metadata: dict[str, Any] = {}
    for key in KEYS:
        kind = rng.random()
        if kind < 0.5:
            metadata[key] = rng.choice(SCALARS)
        elif kind < 0.7:
            first = rng.choice(SCALARS)
            same = [value for value in SCALARS if type(value) is type(first)]
            metadata[key] = rng.choices(same, k=rng.randint(1, 3))
    return metadata or None


def random_document(rng: random.Random) -> str | None:
    return None if rng.random() < 0.2 else rng.choice((" ", "")).join(rng.choices(WORDS, k=rng.randint(0, 4)))


def random_where(rng: random.Random, depth: int = 0) -> dict[str, Any]:
    if depth < 3 and rng.random() < 0.4:
        clauses = [random_where(rng, depth + 1) for _ in range(rng.randint(1, 3))]
        return {rng.choice(("$and", "$or")): clauses}
    if rng.random() < 0.2:
        return {"#document": random_document_filter(rng, 3)}
    key, value = rng.choice((*KEYS, "missing")), rng.choice(SCALARS)
    operator = rng.choice(("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$contains", "$not_contains"))
    if operator in ("$in", "$nin"):
        return {key: {operator: [each for each in SCALARS if type(each) is type(value)][: rng.randint(1, 4)]}}
    if operator in ("$gt", "$gte", "$lt", "$lte"):
        value = rng.choice(NUMBERS)
    return {key: {operator: value}}


def random_document_filter(rng: random.Random, depth: int = 0) -> dict[str, Any]:
    if depth < 2 and rng.random() < 0.4:
        clauses = [random_document_filter(rng, depth + 1) for _ in range(rng.randint(1, 3))]
        return {rng.choice(("$and", "$or")): clauses}
    if rng.random() < 0.3:
        pattern = rng.choice(("^A", "(?i)alpha", r"\d+%", ".", "^$", "a|ß", "x{0}", "[[:punct:]]", r"l.*e$"))
        return {rng.choice(("$regex", "$not_regex")): pattern}
    return {rng.choice(("$contains", "$not_contains")): rng.choice([word for word in WORDS if word])}


def random_filter(rng: random.Random) -> Filter:
    chosen = rng.random()
    parsed = parse_filter(
        random_where(rng) if chosen < 0.8 else None, random_document_filter(rng) if chosen > 0.6 else None
    )
    assert parsed is not None
    return parsed


def test_filters_select_what_the_reference_says_in_get_query_and_delete(store: CollectionStore) -> None:
    rng = random.Random(7)
    ids = [f"id{i}" for i in range(300)]
    metadatas = [random_metadata(rng) for _ in ids]
    documents = [random_document(rng) for _ in ids]
    vectors = np.random.default_rng(7).normal(size=(300, 4))
    store.write("add", records(ids, vectors, metadatas=metadatas, documents=documents))
    for number in range(250):
        chosen = random_filter(rng)
        among = rng.sample(ids, 40) if number % 3 == 0 else None
        expected = [
            id
            for id, metadata, document in zip(ids, metadatas, documents, strict=True)
            if (among is None or id in among) and matches(chosen, metadata, document)
        ]
        selection = Selection(among, chosen)
        assert store.get(selection, None, 0, ()).ids == expected, chosen
        assert store.get(selection, 5, 3, ()).ids == expected[3:8], chosen
        n = rng.choice((1, 10, 300))
        found = store.query(vectors[:1].astype(np.float32), n, selection, ())[0].ids
        assert set(found) <= set(expected), chosen
        assert len(found) == min(n, len(expected)), chosen
        if number % 25 == 0 and expected:
            gone = set(expected[:3])
            assert store.delete(selection, 3) == len(gone)
            keep = [row for row, id in enumerate(ids) if id not in gone]
            ids, metadatas, documents = ([column[row] for row in keep] for column in (ids, metadatas, documents))
    assert store.check() == []


def test_a_filter_sees_every_update(store: CollectionStore) -> None:
    store.write("add", records(["a", "b"], metadatas=[{"k": 1}, {"k": 2}]))
    assert store.get(where(k=1), None, 0, ()).ids == ["a"]
    store.write("update", Records(ids=["a", "b"], metadatas=[{"k": None}, {"k": 1}]))
    assert store.get(where(k=1), None, 0, ()).ids == ["b"]
    store.write("upsert", records(["c", "b"], metadatas=[{"k": 1}, {"k": [1]}]))
    assert store.get(where(k=1), None, 0, ()).ids == ["c"]
    assert store.get(where(k={"$ne": 1}), None, 0, ()).ids == ["a", "b"]


# --- nearest --------------------------------------------------------------------------------------


def distances_to(space: str, query: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return distances by the definitions of the documentation, in float64."""
    a, b = query.astype(np.float64), vectors.astype(np.float64)
    if space == "l2":
        return ((b - a) ** 2).sum(axis=1)
    if space == "ip":
        return 1.0 - (b * a).sum(axis=1)
    norms = np.linalg.norm(a) * np.linalg.norm(b, axis=1)
    return 1.0 - np.divide((b * a).sum(axis=1), norms, out=np.zeros(len(b)), where=norms > 0)


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("count", [1, 30, 1500])
def test_a_query_gives_the_nearest_with_their_distances(backend: Backend, space: str, count: int) -> None:
    rng = np.random.default_rng(count)
    vectors = rng.normal(size=(count, 16)).astype(np.float32)
    queries = rng.normal(size=(7, 16)).astype(np.float32)
    ids = [f"{i}" for i in range(count)]
    with backend.open(create(backend, "nearest", space)) as store:
        store.write("add", records(ids, vectors, metadatas=[{"third": i % 3} for i in range(count)]))
        for selection, chosen in ((EVERYTHING, np.arange(count)), (where(third=0), np.arange(0, count, 3))):
            for n in (1, 10, count, count + 5):
                for query, found in zip(queries, store.query(queries, n, selection, ("distances",)), strict=True):
                    expected = distances_to(space, query, vectors[chosen])
                    order = np.argsort(expected, kind="stable")[:n]
                    assert found.ids == [ids[place] for place in chosen[order]]
                    np.testing.assert_allclose(found.distances, expected[order], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("space", SPACES)
def test_equally_near_records_come_in_the_order_of_insertion(backend: Backend, space: str) -> None:
    vector = np.random.default_rng(3).normal(size=384)
    ids = [f"{i}" for i in random.Random(3).sample(range(1100), 1100)]
    with backend.open(create(backend, "ties", space)) as store:
        store.write("add", records(ids, [vector] * 1100))
        for n in (1, 20, 1100):
            assert store.query(vector[np.newaxis].astype(np.float32), n, EVERYTHING, ())[0].ids == ids[:n]


def test_a_query_of_an_empty_collection_or_selection_gives_nothing(store: CollectionStore) -> None:
    queries = np.zeros((2, 3), dtype=np.float32)
    for found in store.query(queries, 5, EVERYTHING, ("documents", "distances")):
        assert (found.ids, found.documents, list(found.distances if found.distances is not None else "x")) == (
            [],
            [],
            [],
        )
    store.write("add", records(["a"]))
    for selection in (Selection([]), Selection(["missing"]), where(k=1), Selection(["a"], parse_filter({"k": 1}))):
        assert [found.ids for found in store.query(queries, 5, selection, ())] == [[], []]
    store.delete(EVERYTHING)
    assert [found.ids for found in store.query(queries, 5, EVERYTHING, ())] == [[], []]


# --- fixed dimension ------------------------------------------------------------------------------


def test_the_first_vector_fixes_the_dimension_for_good(backend: Backend) -> None:
    address = create(backend, "fixed")
    with backend.open(address) as store:
        assert store.dimension() is None
        store.write("update", records(["missing"], [[1.0, 2.0]]))
        assert store.dimension() is None
        store.write("add", records(["a"]))
        store.delete(Selection(["a"]))
        assert store.dimension() == 3
        with pytest.raises(InvalidDimensionException):
            store.write("add", records(["b"], [[1.0, 2.0]]))
        with pytest.raises(InvalidDimensionException):
            store.query(np.zeros((1, 2), dtype=np.float32), 1, EVERYTHING, ())
        assert store.count() == 0
    assert backend.get_collection(TENANT, DATABASE, "fixed").dimension == 3


# --- the catalog ----------------------------------------------------------------------------------


def test_missing_things_are_not_found(backend: Backend) -> None:
    info = CollectionInfo(uuid4(), "some", TENANT, "no")
    for missing in (
        lambda: backend.get_tenant("no"),
        lambda: backend.get_database("no", TENANT),
        lambda: backend.get_database(DATABASE, "no"),
        lambda: backend.create_database("some", "no"),
        lambda: backend.list_databases("no", None, 0),
        lambda: backend.delete_database("no", TENANT),
        lambda: backend.create_collection(info, get_or_create=True),
        lambda: backend.list_collections(TENANT, "no", None, 0),
        lambda: backend.count_collections("no", DATABASE),
        lambda: backend.get_collection(TENANT, "no", "some"),
    ):
        with pytest.raises(NotFoundError, match="no"):
            missing()
    info = backend.get_collection_by_id(TENANT, DATABASE, create(backend, "there").collection)
    backend.create_database("other", TENANT)
    for missing in (
        lambda: backend.get_collection(TENANT, DATABASE, "some"),
        lambda: backend.get_collection(TENANT, "other", "there"),
        lambda: backend.get_collection_by_id(TENANT, DATABASE, uuid4()),
        lambda: backend.get_collection_by_id(TENANT, "other", info.id),
        lambda: backend.delete_collection(TENANT, DATABASE, "some"),
        lambda: backend.update_collection(
            replace(info, id=uuid4()).address, lambda former: replace(former, name="free")
        ),
        lambda: backend.open(replace(info.address, database="other")).__enter__(),
    ):
        with pytest.raises(InvalidCollectionException):
            missing()


def test_duplicates_are_refused(backend: Backend) -> None:
    backend.create_tenant("acme")
    backend.create_database("sales", "acme")
    first = create(backend, "docs")
    for duplicate in (
        lambda: backend.create_tenant("acme"),
        lambda: backend.create_tenant(TENANT),
        lambda: backend.create_database("sales", "acme"),
        lambda: create(backend, "docs"),
    ):
        with pytest.raises(UniqueConstraintError):
            duplicate()
    backend.create_database("sales", TENANT)
    assert create(backend, "docs", database="sales") != first
    info = CollectionInfo(uuid4(), "docs", TENANT, DATABASE, Configuration(HnswConfiguration("ip")), {"new": 1})
    again = backend.create_collection(info, get_or_create=True)
    assert (again.address, again.metadata, again.configuration.hnsw.space) == (first, None, "l2")


def test_a_collection_is_renamed_unless_the_name_is_taken(backend: Backend) -> None:
    create(backend, "taken")
    configuration = Configuration(HnswConfiguration(), {"type": "known", "name": "x"})
    info = CollectionInfo(uuid4(), "docs", TENANT, DATABASE, configuration, {"a": 1})
    backend.create_collection(info, get_or_create=False)
    with pytest.raises(UniqueConstraintError, match="taken"):
        backend.update_collection(info.address, lambda former: replace(former, name="taken"))
    assert backend.get_collection(TENANT, DATABASE, "docs") == info
    changed = replace(
        info, name="new", metadata={"b": [1, "x"]}, configuration=Configuration(HnswConfiguration(ef_search=7), None)
    )
    backend.update_collection(info.address, lambda _: changed)
    assert backend.get_collection(TENANT, DATABASE, "new") == changed
    assert [each.name for each in backend.list_collections(TENANT, DATABASE, None, 0)] == ["taken", "new"]
    assert create(backend, "docs").collection != info.id


def test_deleted_collections_and_databases_take_their_records_with_them(backend: Backend) -> None:
    backend.create_database("sales", TENANT)
    addresses = [
        create(backend, "one"),
        create(backend, "two", database="sales"),
        create(backend, "three", database="sales"),
    ]
    for address in addresses:
        with backend.open(address) as store:
            store.write("add", records(["a"]))
    backend.delete_collection(TENANT, DATABASE, "one")
    backend.delete_database("sales", TENANT)
    for address in addresses:
        with pytest.raises(InvalidCollectionException), backend.open(address):
            pass
    with pytest.raises(NotFoundError):
        backend.list_collections(TENANT, "sales", None, 0)
    with backend.open(create(backend, "one")) as store:
        assert store.count() == 0
    assert backend.check() == []


def test_a_collection_deleted_while_it_is_open_ends_with_its_context(backend: Backend) -> None:
    address = create(backend, "open")
    with backend.open(address) as store:
        store.write("add", records(["a"]))
        backend.delete_collection(TENANT, DATABASE, "open")
        assert store.count() == 1
        with pytest.raises(InvalidCollectionException), backend.open(address):
            pass
    with backend.open(create(backend, "open")) as store:
        assert store.count() == 0


def test_listings_come_in_pages_oldest_first(backend: Backend) -> None:
    names = [f"name{i}" for i in random.Random(2).sample(range(20), 20)]
    for name in names:
        create(backend, name)
        backend.create_database(name, TENANT)
    backend.delete_collection(TENANT, DATABASE, names[0])
    create(backend, names[0])
    expected = [*names[1:], names[0]]
    assert backend.count_collections(TENANT, DATABASE) == 20
    for limit, offset in ((None, 0), (3, 0), (3, 18), (0, 0), (None, 19), (5, 20)):
        end = None if limit is None else offset + limit
        page = [info.name for info in backend.list_collections(TENANT, DATABASE, limit, offset)]
        assert page == expected[offset:end]
        databases = [database.name for database in backend.list_databases(TENANT, limit, offset)]
        assert databases == [DATABASE, *names][offset:end]


def test_reset_deletes_everything_and_restores_the_defaults(backend: Backend) -> None:
    backend.create_tenant("acme")
    backend.create_database("sales", "acme")
    address = create(backend, "docs", database="sales", tenant="acme")
    with backend.open(address) as store:
        store.write("add", records(["a"]))
    backend.delete_database(DATABASE, TENANT)
    backend.reset()
    assert backend.list_collections(TENANT, DATABASE, None, 0) == []
    assert [database.name for database in backend.list_databases(TENANT, None, 0)] == [DATABASE]
    with pytest.raises(NotFoundError):
        backend.get_tenant("acme")
    with pytest.raises(InvalidCollectionException), backend.open(address):
        pass
    with backend.open(create(backend, "docs")) as store:
        store.write("add", records(["b"]))
        assert store.count() == 1
    assert backend.check() == []


def test_a_vacuum_changes_nothing_that_can_be_seen(
    backend: Backend, collection: CollectionInfo, store: CollectionStore
) -> None:
    store.write("add", records(["a", "b", "c"], documents=["x", "y", "z"], metadatas=[{"k": 1}] * 3))
    store.delete(Selection(["b"]))
    before = contents(store)
    store.vacuum()
    parts = backend.vacuum(None)
    assert [part.error for part in parts] == [None] * len(parts)
    assert contents(store) == before
    assert backend.check() == []
    assert backend.list_collections(TENANT, DATABASE, None, 0)[0].id == collection.id


def test_a_fork_is_what_its_source_was_and_goes_its_own_way(
    backend: Backend, collection: CollectionInfo, store: CollectionStore
) -> None:
    store.write("add", records(["a", "b", "c"], documents=["x", "y", "z"], metadatas=[{"k": 1}] * 3))
    store.delete(Selection(["b"]))
    before = contents(store)
    fork = backend.fork_collection(collection.address, "fork")
    assert replace(fork, id=collection.id, name=collection.name, dimension=collection.dimension) == collection
    assert (fork.name, fork.dimension) == ("fork", 3)
    with backend.open(fork.address) as other:
        assert contents(other) == before
        other.write("add", records(["d"]))
        assert contents(store) == before
        store.delete(EVERYTHING)
        assert other.get(EVERYTHING, None, 0, ()).ids == ["a", "c", "d"]
    with pytest.raises(UniqueConstraintError):
        backend.fork_collection(collection.address, "fork")
    assert [info.name for info in backend.list_collections(TENANT, DATABASE, None, 0)] == [collection.name, "fork"]
    assert backend.check() == []


def test_a_backup_has_everything_and_changes_nothing(
    backend: Backend, collection: CollectionInfo, store: CollectionStore, tmp_path: Path
) -> None:
    store.write("add", records(["a", "b"], documents=["x", "y"]))
    before = contents(store)
    backup = backend.backup(tmp_path / "backup", False, None, None, "1.0")
    assert (backup.collections, backup.records, backup.version) == (1, 2, "1.0")
    assert Path(backup.path) == tmp_path / "backup"
    assert contents(store) == before
    with pytest.raises(UniqueConstraintError):
        backend.backup(tmp_path / "backup", False, None, None, "1.0")
    dated = [backend.backup(tmp_path / "all", True, 1, None, "1.0").path for _ in range(2)]
    assert [Path(path).exists() for path in dated] == [False, True]


# --- what there is --------------------------------------------------------------------------------


def test_what_a_tenant_stores_is_counted_in_all_of_its_databases_and_in_no_other(backend: Backend) -> None:
    backend.create_tenant("other")
    backend.create_database("first", "other")
    backend.create_database("second", "other")
    assert backend.tenant_usage("other").collections == 0
    for database in ("first", "second"):
        with backend.open(create(backend, "letters", database=database, tenant="other")) as store:
            store.write("add", records(["a", "b"]))
    with backend.open(create(backend, "mine")) as store:
        store.write("add", records(["c"]))
    assert (backend.tenant_usage("other").collections, backend.tenant_usage("other").records) == (2, 4)
    assert (backend.tenant_usage(TENANT).collections, backend.tenant_usage(TENANT).records) == (1, 1)
    backend.delete_collection("other", "first", "letters")
    assert (backend.tenant_usage("other").collections, backend.tenant_usage("other").records) == (1, 2)


def test_counting_again_sees_what_was_written_meanwhile(backend: Backend) -> None:
    address = create(backend, "letters")
    for number in range(5):
        with backend.open(address) as store:
            store.write("add", records([str(number)]))
        assert backend.tenant_usage(TENANT).records == number + 1
    with backend.open(address) as store:
        store.delete(Selection(["0"]))
    assert backend.tenant_usage(TENANT).records == 4


def test_what_is_open_is_told_of(backend: Backend) -> None:
    assert backend.usage().collections == 0
    with backend.open(create(backend, "letters")) as store:
        store.write("add", records(["a", "b"]))
        store.query(np.array([[1, 2, 3]], dtype=np.float32), 1, EVERYTHING, ())
    usage = backend.usage()
    assert (usage.collections, usage.loose, usage.unbuilt, usage.due) == (1, 2, 2, 0)
    assert usage.nbytes > 0
    assert backend.size() >= 0
