"""Sealed metadata columns: what filters read after a collection was opened."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import chromadb
from chromadb._index import columns as index_columns
from chromadb._model.entities import Address
from chromadb._storage.local.derived import builder, columns
from chromadb._storage.local.tables import records as record_store

COUNT = 40


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "SEAL_FROM", 10)
    monkeypatch.setattr(builder, "QUIET", 3600.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "db"


class Place:
    """A directory with one collection, opened anew for every look."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> Any:
        client = chromadb.PersistentClient(self.path)
        return client, client.get_or_create_collection("abc", embedding_function=None)

    def write(self, change: Any) -> None:
        client, collection = self.open()
        with client:
            change(collection)

    def found(self, **where: Any) -> list[str]:
        client, collection = self.open()
        with client:
            ids: list[str] = collection.get(where=where)["ids"]
            assert sorted(collection.query([0.0, 0.0], n_results=999, where=where)["ids"][0]) == sorted(ids)
            return ids

    def seal(self) -> None:
        client, collection = self.open()
        with client:
            backend = client._system.runner.backend
            address = Address(client.tenant, client.database, collection.id)
            with backend.open(address) as store, store.database.read() as sql:
                store._columns.build(sql, lambda: False)

    @property
    def folders(self) -> list[Path]:
        return [each for each in self.path.glob("collections/*/columns/*") if not each.name.startswith(".")]


@pytest.fixture
def place(path: Path) -> Place:
    return Place(path)


def add(ids: list[str], metadatas: list[Any]) -> Any:
    return lambda collection: collection.add(ids=ids, embeddings=[[0.0, 0.0]] * len(ids), metadatas=metadatas)


def numbered(count: int) -> list[str]:
    return [f"{number}" for number in range(count)]


@pytest.fixture
def no_scan(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Refuse to decode the metadata of every record."""

    def refuse(*_: Any) -> Any:
        raise AssertionError("the metadata of all records was read")

    with monkeypatch.context() as patch:
        patch.setattr(record_store, "scan_column", refuse)
        yield


VALUES = ["text", "", "ünïcode ☃", 1, 1.5, True, False, -3, 2**53, 2**53 + 1, 2**62, ["a", "b"], [1, 2], [True], [0.5]]


def test_every_kind_of_value_is_found_as_if_it_were_decoded(place: Place) -> None:
    place.write(add(numbered(len(VALUES)), [{"k": value} for value in VALUES]))
    wheres = [{"k": value} for value in VALUES if not isinstance(value, list)]
    wheres += [{"k": {"$gt": 0}}, {"k": {"$lte": 2**53}}, {"k": {"$gt": 2**53}}, {"k": {"$contains": "a"}}]
    wheres += [{"k": {"$contains": True}}, {"k": {"$ne": 1}}, {"k": {"$in": [1.5, 7.0]}}, {"k": {"$nin": ["text"]}}]
    before = [place.found(**where) for where in wheres]
    place.seal()
    assert len(place.folders) == 1
    assert [place.found(**where) for where in wheres] == before
    assert before[3] == ["3"]  # 1 is not True


@pytest.mark.usefixtures("no_scan")
def test_a_filter_does_not_decode_the_metadata_of_every_record(
    place: Place, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(record_store, "scan_column", request.getfixturevalue("scan"))
        place.write(add(numbered(COUNT), [{"k": number % 3, "own": f"{number}"} for number in range(COUNT)]))
        place.seal()
    assert place.found(k=0) == [f"{number}" for number in range(0, COUNT, 3)]
    assert place.found(own="7") == ["7"]
    assert place.found(nowhere=1) == []
    assert len(place.found(nowhere={"$ne": 1})) == COUNT


@pytest.fixture
def scan() -> Any:
    """The function that `no_scan` puts out of use."""
    return SCAN


SCAN = record_store.scan_column


def test_what_was_written_since_is_read_from_the_records(place: Place) -> None:
    place.write(add(numbered(COUNT), [{"k": 1} for _ in range(COUNT)]))
    place.seal()

    def change(collection: Any) -> None:
        collection.update(ids=["3", "4"], metadatas=[{"k": 2}, {"other": 5}])
        collection.delete(ids=["5"])
        collection.add(ids=["new"], embeddings=[[0.0, 0.0]], metadatas=[{"k": 2}])
        collection.add(ids=["5"], embeddings=[[0.0, 0.0]], metadatas=[{"fresh": 1}])

    place.write(change)
    assert place.found(k=2) == ["3", "new"]
    assert place.found(k=1) == [id for id in numbered(COUNT) if id not in ("3", "5")]
    assert place.found(other=5) == ["4"]
    assert place.found(fresh=1) == ["5"]
    client, _ = place.open()
    with client:
        assert client.check() == []


def test_newer_columns_take_the_place_of_older_ones(place: Place) -> None:
    place.write(add(numbered(COUNT), [{"k": 1}] * COUNT))
    place.seal()
    (first,) = place.folders
    place.seal()
    assert place.folders == [first]  # nothing was written
    place.write(lambda collection: collection.update(ids=numbered(20), metadatas=[{"k": 2}] * 20))
    place.seal()
    (second,) = place.folders
    assert second != first
    assert len(place.found(k=2)) == 20


def test_keys_without_a_column_are_found_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MOST_KEYS", 2)
    metadatas = [{"a": 1, "b": 2, f"own {number}": number} for number in range(COUNT)]
    place.write(add(numbered(COUNT), metadatas))
    place.seal()
    assert len(list(place.folders[0].glob("*.column"))) == 2
    assert place.found(a=1) == numbered(COUNT)
    assert place.found(**{"own 7": 7}) == ["7"]
    assert place.found(nobody=7) == []


def test_too_many_keys_to_name_are_found_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "MOST_KEYS", 2)
    monkeypatch.setattr(columns, "MOST_NAMES", 5)
    place.write(add(numbered(COUNT), [{"a": 1, f"own {number}": number} for number in range(COUNT)]))
    place.seal()
    assert place.found(a=1) == numbered(COUNT)
    for number in (0, 4, 5, 39):
        assert place.found(**{f"own {number}": number}) == [f"{number}"]
    assert place.found(nobody=7) == []


@pytest.mark.parametrize("distinct", [1, 255, 256, 300])
def test_numbers_of_values_fit_their_type(place: Place, distinct: int) -> None:
    place.write(add(numbered(600), [{"k": number % distinct} for number in range(600)]))
    place.seal()
    for value in {0, distinct - 1, distinct // 2}:
        assert place.found(k=value) == [f"{number}" for number in range(600) if number % distinct == value]


def test_records_without_metadata_have_no_value(place: Place) -> None:
    place.write(add(numbered(COUNT), [{"k": 1} if number % 2 else None for number in range(COUNT)]))
    place.seal()
    assert place.found(k=1) == [f"{number}" for number in range(1, COUNT, 2)]
    assert place.found(k={"$ne": 1}) == [f"{number}" for number in range(0, COUNT, 2)]


def damage_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("file", ["manifest", "labels.npy", "0.column"])
@pytest.mark.parametrize("damage", [damage_byte, Path.unlink, lambda path: path.write_bytes(b"")])
def test_damaged_columns_are_passed_over_and_made_anew(place: Place, file: str, damage: Any) -> None:
    place.write(add(numbered(COUNT), [{"k": number % 3} for number in range(COUNT)]))
    place.seal()
    (folder,) = place.folders
    damage(folder / file)
    assert place.found(k=0) == [f"{number}" for number in range(0, COUNT, 3)]
    place.seal()
    (anew,) = place.folders
    assert anew != folder
    assert place.found(k=0) == [f"{number}" for number in range(0, COUNT, 3)]


def test_columns_of_another_record_store_are_passed_over(place: Place, tmp_path: Path) -> None:
    place.write(add(numbered(COUNT), [{"k": 1}] * COUNT))
    place.seal()
    other = Place(tmp_path / "other")
    other.write(add(numbered(COUNT), [{"k": 2}] * COUNT))
    (collection,) = other.path.glob("collections/*")
    shutil.copytree(place.folders[0], collection / "columns" / place.folders[0].name)
    assert other.found(k=1) == []
    assert len(other.found(k=2)) == COUNT


def test_a_build_that_is_stopped_leaves_nothing(place: Place) -> None:
    place.write(add(numbered(COUNT), [{"k": 1}] * COUNT))
    client, collection = place.open()
    with client:
        backend = client._system.runner.backend
        address = Address(client.tenant, client.database, collection.id)
        with backend.open(address) as store, store.database.read() as sql:
            store._columns.build(sql, lambda: True)
    assert not list(place.path.glob("collections/*/columns/*"))


def test_columns_are_built_in_the_background(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder, "QUIET", 0.0)
    place.write(add(numbered(COUNT), [{"k": 1}] * COUNT))
    client, collection = place.open()
    with client:
        collection.get(where={"k": 1})
        for _ in range(2000):
            if place.folders:
                break
            collection.get(where={"k": 2})
        thread = client._system.runner.backend._builder._thread
        while not place.folders and thread.is_alive():
            thread.join(0.01)
    assert len(place.folders) == 1


def test_a_transaction_sees_the_columns_of_its_own_commit(place: Place) -> None:
    place.write(add(numbered(COUNT), [{"k": 1}] * COUNT))
    place.seal()
    client, collection = place.open()
    with client:
        collection.update(ids=["1"], metadatas=[{"k": 2}])
        assert collection.get(where={"k": 2})["ids"] == ["1"]
        collection.update(ids=["1"], metadatas=[{"k": 1}])
        assert len(collection.get(where={"k": 1})["ids"]) == COUNT
        assert client.check() == []


def test_a_vacuum_removes_columns_that_know_what_was_deleted(place: Place) -> None:
    place.write(add(numbered(COUNT), [{"k": f"secret {number}"} for number in range(COUNT)]))
    place.seal()
    place.write(lambda collection: collection.delete(ids=["7"]))
    client, _ = place.open()
    with client:
        client.vacuum()
    assert place.folders == []
    assert place.found(k="secret 8") == ["8"]


def test_a_filter_on_documents_is_not_asked_of_records_that_are_gone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_columns, "INVERT_FROM", 0)
    monkeypatch.setattr(index_columns, "INVERT_AFTER", 0)
    client, collection = place.open()
    with client:
        ids = numbered(80)
        collection.add(
            ids=ids,
            embeddings=[[0.0, 0.0]] * 80,
            metadatas=[{"k": number % 20} for number in range(80)],
            documents=[f"document {id}" for id in ids],
        )
        assert collection.get(where={"k": 7})["ids"] == ["7", "27", "47", "67"]
        collection.delete(ids=["27"])
        for document in ({"$contains": "document"}, {"$not_contains": "x"}, {"$regex": "^doc"}):
            assert collection.get(where={"k": 7}, where_document=document)["ids"] == ["7", "47", "67"]
            assert collection.query([0.0, 0.0], n_results=9, where={"k": 7}, where_document=document)["ids"] == [
                ["7", "47", "67"]
            ]


def test_columns_that_another_process_has_replaced_are_taken_over(place: Place) -> None:
    place.write(add(numbered(COUNT), [{"k": 1}] * COUNT))
    place.seal()
    client, collection = place.open()
    with client:
        assert len(collection.get(where={"k": 1})["ids"]) == COUNT
        place.write(lambda other: other.update(ids=numbered(20), metadatas=[{"k": 2}] * 20))
        place.seal()
        (newer,) = place.folders
        backend = client._system.runner.backend
        address = Address(client.tenant, client.database, collection.id)
        with backend.open(address) as store, store.database.read() as sql:
            store._columns.build(sql, lambda: False)
        assert place.folders == [newer]
        assert collection.get(where={"k": 2})["ids"] == numbered(20)
