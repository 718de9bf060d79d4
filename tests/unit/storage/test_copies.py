"""Forks of collections: a copy at one commit, which shares what never changes and goes its own way."""

from __future__ import annotations

import os
import shutil
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chromadb._model.entities import Address
from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._model.where import parse_filter
from chromadb._storage.local import layout
from chromadb._storage.local.copying import copies, forks
from chromadb._storage.local.derived import builder as builder_module
from chromadb._storage.local.derived import columns as columns_module
from chromadb._storage.local.derived import sealing
from chromadb._storage.local.derived.text import documents as text_documents
from chromadb._storage.local.directory import LocalBackend
from chromadb._storage.local.platform.turns import turn
from chromadb._storage.local.tables.description import read_description
from chromadb.errors import InvalidCollectionException, StorageFullError, UniqueConstraintError

EVERYTHING = Selection()
COUNT = 300


def batch(first: int, count: int, seed: int = 0) -> Records:
    vectors = np.random.default_rng([seed, first]).normal(size=(count, 8)).astype(np.float32)
    numbers = range(first, first + count)
    return Records(
        ids=[str(number) for number in numbers],
        vectors=vectors,
        vector_rows=range(count),
        documents=[f"document {number} of {seed}" for number in numbers],
        metadatas=[{"n": number % 5, "seed": seed} for number in numbers],
    )


def build(store: Any) -> None:
    while store.build(threading.Event()):
        pass


def contents(store: Any) -> Any:
    found = store.get(EVERYTHING, None, 0, ("documents", "metadatas", "embeddings"))
    return found.ids, found.documents, found.metadatas, None if found.vectors is None else found.vectors.tolist()


def assert_searches_are_right(store: Any) -> None:
    """Compare what indexes say with what is there."""
    ids, documents, metadatas, vectors = contents(store)
    for row in range(0, len(ids), 17):
        (found,) = store.query(np.array([vectors[row]], dtype=np.float32), 1, EVERYTHING, ("distances",))
        assert (found.ids, found.distances[0] < 1e-6) == ([ids[row]], True)
    for n in range(5):
        found = store.get(Selection(None, parse_filter({"n": n})), None, 0, ())
        assert found.ids == [id for id, metadata in zip(ids, metadatas, strict=True) if metadata["n"] == n]
    found = store.get(Selection(None, parse_filter(None, {"$contains": "1 of"})), None, 0, ())
    assert found.ids == [id for id, text in zip(ids, documents, strict=True) if "1 of" in text]
    assert store.check() == []


@pytest.fixture(autouse=True)
def _small_indexes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is built of a few records, when the test says so."""
    monkeypatch.setattr(sealing, "SEAL_FROM", 64)
    monkeypatch.setattr(text_documents, "INDEX_FROM", 64)
    monkeypatch.setattr(columns_module, "SEAL_FROM", 64)
    monkeypatch.setattr(builder_module, "QUIET", 3600.0)


@pytest.fixture
def source(open_backend: Any, create: Any) -> tuple[Any, Address]:
    """A collection with every kind of index, and with changes since they were built."""
    backend = open_backend()
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", batch(0, COUNT))
        build(store)
        store.write("upsert", batch(10, 5, seed=1))
        store.delete(Selection(["20", "21"]))
    return backend, address


def folder_of(backend: Any, address: Address) -> Path:
    return Path(backend.path / "collections" / str(address.collection))


def files(folder: Path, *kinds: str) -> dict[str, os.stat_result]:
    found = (path for kind in kinds for path in (folder / kind).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat() for path in found}


# --- forks ----------------------------------------------------------------------------------------


def test_a_fork_has_what_its_source_has_and_then_goes_its_own_way(source: Any, open_backend: Any) -> None:
    backend, address = source
    fork = backend.fork_collection(address, "fork").address
    with backend.open(address) as one, backend.open(fork) as other:
        before = contents(one)
        assert contents(other) == before
        assert_searches_are_right(other)
        other.write("upsert", batch(0, 50, seed=2))
        other.write("add", batch(COUNT, 100, seed=2))
        assert contents(one) == before
        forked = contents(other)
        one.delete(Selection(None, parse_filter({"n": 1})))
        one.write("add", batch(COUNT, 200, seed=3))
        assert contents(other) == forked
        for each in (one, other):
            assert_searches_are_right(each)
            build(each)
            assert_searches_are_right(each)
    backend.close()
    backend = open_backend()
    assert backend.check() == []
    with backend.open(fork) as other:
        assert contents(other) == forked


def test_sealed_files_are_shared_and_used(source: Any) -> None:
    backend, address = source
    fork = backend.fork_collection(address, "fork").address
    theirs = files(folder_of(backend, address), "index", "columns")
    ours = files(folder_of(backend, fork), "index", "columns")
    assert set(ours) == set(theirs)
    assert len(ours) == 5 + 4
    for name in ours:
        # What says to whom it belongs is the one thing that differs.
        assert (ours[name].st_ino == theirs[name].st_ino) == (not name.endswith("manifest"))
    assert len(files(folder_of(backend, fork), "text")) == 1
    with backend.open(fork) as store:
        assert_searches_are_right(store)
        assert [len(each.segment.labels) for each in store._snapshot.vectors.sealed] == [COUNT]
        assert store._documents._index is not None
        assert store._columns._open is not None
        assert store.indexing_status().num_unindexed_ops == 0


def test_an_index_of_a_fork_is_none_of_its_source(source: Any, open_backend: Any) -> None:
    """Commit numbers of both go on alike, what is written differs; then files are mixed by hand."""
    backend, address = source
    fork = backend.fork_collection(address, "fork").address
    for seed, each in enumerate((address, fork), start=5):
        with backend.open(each) as store:
            store.write("upsert", batch(0, COUNT, seed=seed))
            build(store)
    backend.close()
    for kind in ("index", "columns", "text"):
        shutil.rmtree(folder_of(backend, fork) / kind)
        shutil.copytree(folder_of(backend, address) / kind, folder_of(backend, fork) / kind)
    backend = open_backend()
    with backend.open(fork) as store:
        assert_searches_are_right(store)
        build(store)
        assert_searches_are_right(store)


def test_a_fork_in_memory(open_backend: Any, create: Any) -> None:
    backend = open_backend(None)
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", batch(0, COUNT))
        build(store)
        before = contents(store)
    fork = backend.fork_collection(address, "fork").address
    with backend.open(fork) as other:
        assert contents(other) == before
        assert_searches_are_right(other)
        assert [len(each.segment.labels) for each in other._snapshot.vectors.sealed] == [COUNT]
        other.delete(EVERYTHING)
        assert other.count() == 0
    with backend.open(address) as store:
        assert contents(store) == before
    backend.delete_collection("default_tenant", "default_database", "docs")
    with backend.open(fork) as other:
        other.write("add", batch(0, 10))
        assert other.count() == 10


@pytest.mark.parametrize("path", ["disk", None])
def test_a_fork_of_a_collection_that_was_never_written_to(open_backend: Any, create: Any, path: Any) -> None:
    backend = open_backend() if path else open_backend(None)
    fork = backend.fork_collection(create(backend), "fork")
    assert fork.dimension is None
    with backend.open(fork.address) as store:
        store.write("add", batch(0, 5))
        assert store.count() == 5


@pytest.mark.parametrize("path", ["disk", None])
def test_a_name_that_is_taken_and_a_source_that_is_gone(open_backend: Any, create: Any, path: Any) -> None:
    backend = open_backend() if path else open_backend(None)
    address = create(backend)
    create(backend, "taken")
    with pytest.raises(UniqueConstraintError, match="'taken' already exists"):
        backend.fork_collection(address, "taken")
    backend.delete_collection("default_tenant", "default_database", "docs")
    with pytest.raises(InvalidCollectionException):
        backend.fork_collection(address, "fork")
    assert backend.count_collections("default_tenant", "default_database") == 1


def test_a_name_that_is_taken_meanwhile_leaves_nothing_behind(
    source: Any, create: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, address = source
    monkeypatch.setattr(backend, "check_free", lambda *_: create(backend, "fork"))
    with pytest.raises(UniqueConstraintError):
        backend.fork_collection(address, "fork")
    assert os.listdir(backend.path / "collections") == [str(address.collection)]


def test_a_fork_that_is_interrupted_when_the_catalog_knows_it_already_is_there(
    source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, address = source
    create = LocalBackend.create_collection

    def interrupted(self: Any, info: Any, **named: Any) -> Any:
        create(self, info, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(LocalBackend, "create_collection", interrupted)
    with pytest.raises(KeyboardInterrupt):
        backend.fork_collection(address, "fork")
    fork = backend.get_collection("default_tenant", "default_database", "fork")
    with backend.open(fork.address) as store:
        assert store.count() > 0
    assert backend.check() == []


def test_the_name_of_a_fork_is_synced_before_the_catalog_knows_it(
    source: Any, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, address = source
    done: list[Any] = []
    create, sync = LocalBackend.create_collection, forks.sync
    monkeypatch.setattr(forks, "sync", lambda path: (done.append(path), sync(path)))
    monkeypatch.setattr(
        LocalBackend, "create_collection", lambda *given, **named: (done.append("row"), create(*given, **named))[1]
    )
    fork = backend.fork_collection(address, "fork")
    ready = directory / "collections" / f"{fork.id}.new"
    assert done == [ready, ready.parent, "row"]


def test_a_fork_that_nobody_has_opened_is_known_without_the_catalog(source: Any, directory: Path) -> None:
    backend, address = source
    fork = backend.fork_collection(address, "fork")
    assert read_description(directory / "collections" / str(fork.id)) == replace(fork, dimension=None)


def test_a_fork_while_others_write_is_of_one_commit(source: Any) -> None:
    backend, address = source
    stop = threading.Event()

    def write() -> None:
        with backend.open(address) as store:
            number = 1000
            while not stop.is_set():
                store.write("add", batch(number, 10))
                number += 10

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(10):
            fork = backend.fork_collection(address, f"fork-{number}").address
            with backend.open(fork) as store:
                assert (store.count() - (COUNT - 2)) % 10 == 0
                assert store.check() == []
    finally:
        stop.set()
        writer.join()


def test_a_full_disk_leaves_no_fork(source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, address = source

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copies, "_link", full)
    with pytest.raises(StorageFullError):
        backend.fork_collection(address, "fork")
    assert os.listdir(backend.path / "collections") == [str(address.collection)]
    assert backend.count_collections("default_tenant", "default_database") == 1


def test_without_hard_links_files_are_copied(source: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    backend, address = source
    monkeypatch.setattr(copies, "_link", lambda *_: False)
    fork = backend.fork_collection(address, "fork").address
    theirs, ours = (files(folder_of(backend, each), "index", "columns") for each in (address, fork))
    assert set(ours) == set(theirs)
    assert not {each.st_ino for each in ours.values()} & {each.st_ino for each in theirs.values()}
    with backend.open(fork) as store:
        assert_searches_are_right(store)
        assert [len(each.segment.labels) for each in store._snapshot.vectors.sealed] == [COUNT]


def test_blocks_are_shared_by_record_stores_where_the_file_system_can(
    source: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, address = source

    def clone(source: Path, target: Path) -> bool:
        # As Btrfs and XFS do it.
        shutil.copyfile(source, target)
        return True

    monkeypatch.setattr(copies, "clone", clone)
    monkeypatch.setattr(copies, "_copy_pages", None)
    fork = backend.fork_collection(address, "fork").address
    assert sorted(os.listdir(folder_of(backend, fork))) == [
        "collection.json",
        "columns",
        "index",
        "records.sqlite3",
        "text",
    ]
    with backend.open(address) as one, backend.open(fork) as other:
        assert contents(one) == contents(other)
        assert_searches_are_right(other)


# --- the end of a process in the middle -------------------------------------------------------------


@pytest.mark.parametrize("again", ["opened by its name", "swept at the next start"])
def test_a_fork_whose_process_ended_before_the_folder_had_its_name(
    source: Any, open_backend: Any, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    backend, address = source
    with backend.open(address) as store:
        before = contents(store)
    monkeypatch.setattr(forks, "finish", lambda folder: None)
    fork = backend.fork_collection(address, "fork").address
    assert not folder_of(backend, fork).exists()
    monkeypatch.undo()
    if again == "swept at the next start":
        backend.close()
        backend = open_backend()
        assert folder_of(backend, fork).exists()
    with backend.open(fork) as store:
        assert contents(store) == before
    assert backend.check() == []


def test_a_fork_whose_process_ended_before_the_catalog_knew_it(
    source: Any, open_backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, address = source
    backend.close()
    left = backend.path / "collections" / (str(address.collection)[:-4] + "0000" + layout.NEW)
    shutil.copytree(folder_of(backend, address), left)
    long_ago = time.time() - 60
    os.utime(left, (long_ago, long_ago))
    with turn(left):
        # Another process is making it.
        assert open_backend().check() == []
        assert left.exists()
    assert open_backend().check() == []
    assert not left.exists()


def test_a_fork_that_has_both_names_keeps_the_final_one(source: Any, open_backend: Any, directory: Path) -> None:
    backend, address = source
    fork = backend.fork_collection(address, "fork")
    backend.close()
    folder = directory / "collections" / str(fork.id)
    shutil.copytree(folder, f"{folder}.new")
    backend = open_backend()
    assert not Path(f"{folder}.new").exists()
    with backend.open(fork.address) as store:
        assert_searches_are_right(store)


def test_a_fork_that_has_just_begun_is_left_alone(source: Any, open_backend: Any) -> None:
    backend, address = source
    begun = backend.path / "collections" / (str(address.collection)[:-4] + "0000" + layout.NEW)
    begun.mkdir()
    open_backend()
    assert begun.exists()


# --- what lies ahead ------------------------------------------------------------------------------


def test_an_older_record_store_beside_a_later_index_is_never_searched_with_it(source: Any, open_backend: Any) -> None:
    """Put there by hand, so of the same lineage; then it is written to until its commits reach those of the index."""
    backend, address = source
    folder = folder_of(backend, address)
    backend.close()
    shutil.copy(folder / "records.sqlite3", backend.path / "older")
    backend = open_backend()
    with backend.open(address) as store:
        store.write("upsert", batch(0, COUNT, seed=7))
        store.write("add", batch(COUNT, 100, seed=7))
        build(store)
    backend.close()
    os.replace(backend.path / "older", folder / "records.sqlite3")
    backend = open_backend()
    with backend.open(address) as store:
        # Writes come first: nothing has looked at an index yet.
        for seed in range(20, 30):
            store.write("upsert", batch(0, COUNT, seed=seed))
        assert_searches_are_right(store)
        build(store)
        assert_searches_are_right(store)
