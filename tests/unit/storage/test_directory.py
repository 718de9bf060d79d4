"""The directory of the local backend: its folders, and which collections are kept open."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from chromadb._model.operations import Selection
from chromadb._storage.local.directory import LocalBackend
from chromadb.errors import InvalidCollectionException, NotFoundError, StorageCorruptError

EVERYTHING = Selection()


def folders(directory: Path) -> set[str]:
    return {entry.name for entry in (directory / "collections").iterdir()}


def fill(backend: LocalBackend, address: Any, records: Any) -> str:
    """Write a record into a collection; return the name of its folder."""
    with backend.open(address) as store:
        store.write("add", records(["a"]))
    return str(address.collection)


# --- folders --------------------------------------------------------------------------------------


def test_the_folder_of_a_deleted_collection_is_gone(
    open_backend: Any, directory: Path, create: Any, records: Any
) -> None:
    backend = open_backend()
    kept, gone = create(backend, "kept"), create(backend, "gone")
    names = [fill(backend, address, records) for address in (kept, gone)]
    assert folders(directory) == set(names)
    backend.delete_collection("default_tenant", "default_database", "gone")
    assert folders(directory) == {names[0]}
    backend.delete_database("default_database", "default_tenant")
    assert folders(directory) == set()


def test_a_collection_deleted_while_it_is_open_leaves_no_folder(
    open_backend: Any, directory: Path, create: Any, records: Any
) -> None:
    backend = open_backend()
    address = create(backend)
    fill(backend, address, records)
    with backend.open(address) as store:
        backend.delete_collection("default_tenant", "default_database", "docs")
        assert store.count() == 1
    assert folders(directory) == set()


def test_a_collection_deleted_just_before_it_is_opened_leaves_no_folder(
    open_backend: Any, directory: Path, create: Any, records: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look into the catalog and the opening of the file another thread deletes the collection."""
    backend = open_backend()
    address = create(backend)
    fill(backend, address, records)
    look_up = backend.remembered

    def look_up_then_delete(*args: Any) -> Any:
        info = look_up(*args)
        monkeypatch.setattr(backend, "remembered", look_up)
        backend.delete_collection("default_tenant", "default_database", "docs")
        return info

    monkeypatch.setattr(backend, "remembered", look_up_then_delete)
    try:
        with backend.open(address) as store:
            store.count()
    except InvalidCollectionException:
        pass
    assert folders(directory) == set()


def test_reset_removes_every_folder(open_backend: Any, directory: Path, create: Any, records: Any) -> None:
    backend = open_backend()
    for name in ("one", "two", "three"):
        fill(backend, create(backend, name), records)
    backend.reset()
    assert folders(directory) == set()


def test_folders_of_deleted_collections_are_swept_when_the_directory_is_opened(
    open_backend: Any, directory: Path, create: Any, records: Any
) -> None:
    """Where the process ended after the catalog had let go of them."""
    backend = open_backend()
    kept = fill(backend, create(backend), records)
    fill(backend, create(backend, "gone"), records)
    backend.remove_collection("default_tenant", "default_database", "gone")
    backend.close()
    assert len(folders(directory)) == 2
    backend = open_backend()
    assert folders(directory) == {kept}
    assert backend.deleted_ids() == set()
    assert backend.check() == []


def test_an_older_catalog_removes_nothing_and_check_tells_what_it_does_not_know(
    open_backend: Any, directory: Path, create: Any, records: Any
) -> None:
    backend = open_backend()
    fill(backend, create(backend), records)
    backend.close()
    older = (directory / "catalog.sqlite3").read_bytes()
    backend = open_backend()
    unknown = fill(backend, create(backend, "new"), records)
    backend.close()
    newer = (directory / "catalog.sqlite3").read_bytes()
    (directory / "catalog.sqlite3").write_bytes(older)
    backend = open_backend()
    (finding,) = backend.check()
    assert (finding.where, finding.repairable) == (f"collections/{unknown}", False)
    backend.vacuum()
    backend.reset()
    backend.close()
    assert folders(directory) == {unknown}
    (directory / "catalog.sqlite3").write_bytes(newer)
    backend = open_backend()
    info = backend.get_collection("default_tenant", "default_database", "new")
    with backend.open(info.address) as store:
        assert store.count() == 1


def test_a_directory_without_its_catalog_is_refused_and_nothing_is_changed(
    open_backend: Any, directory: Path, create: Any, records: Any
) -> None:
    backend = open_backend()
    kept = fill(backend, create(backend), records)
    backend.close()
    (directory / "catalog.sqlite3").unlink()
    with pytest.raises(StorageCorruptError, match=r"catalog.sqlite3 is missing or empty, but there are 1 collections"):
        open_backend()
    assert not (directory / "catalog.sqlite3").exists()
    assert folders(directory) == {kept}


def test_foreign_files_are_left_alone(open_backend: Any, directory: Path, create: Any, records: Any) -> None:
    foreign = [
        directory / "notes.txt",
        directory / "collections" / "readme",
        directory / "collections" / "not-a-uuid" / "file",
        directory / "backup" / str(uuid4()) / "records.sqlite3",
    ]
    for file in foreign:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"mine")
    backend = open_backend()
    fill(backend, create(backend), records)
    backend.reset()
    backend.close()
    open_backend().close()
    assert [file.read_bytes() for file in foreign] == [b"mine"] * len(foreign)


def test_listing_does_not_open_the_collections(open_backend: Any, directory: Path, create: Any, records: Any) -> None:
    backend = open_backend()
    name = fill(backend, create(backend), records)
    backend.close()
    (directory / "collections" / name / "records.sqlite3").write_bytes(b"garbage" * 1000)
    (info,) = open_backend().list_collections("default_tenant", "default_database", None, 0)
    assert info.dimension == 2


# --- which collections are open -------------------------------------------------------------------


def test_more_collections_in_use_than_may_stay_open(open_backend: Any, create: Any, records: Any) -> None:
    backend = open_backend(max_open_collections=1)
    addresses = [create(backend, f"name{i}") for i in range(3)]
    with backend.open(addresses[0]) as first, backend.open(addresses[1]) as second, backend.open(addresses[2]) as third:
        for store in (first, second, third):
            store.write("add", records(["a"]))
            assert store.query(np.zeros((1, 2), dtype=np.float32), 1, EVERYTHING, ())[0].ids == ["a"]
    for address in addresses:
        with backend.open(address) as store:
            assert store.count() == 1


def test_collections_are_closed_and_opened_again_as_they_are_used(open_backend: Any, create: Any, records: Any) -> None:
    backend = open_backend(max_open_collections=2)
    addresses = [create(backend, f"name{i}") for i in range(6)]
    rounds, errors = 25, []

    def work(worker: int) -> None:
        rng = np.random.default_rng(worker)
        try:
            for round in range(rounds):
                with backend.open(addresses[int(rng.integers(6))]) as store:
                    store.write("add", records([f"{worker}-{round}"], metadatas=[{"worker": worker}]))
                    near = store.query(np.zeros((1, 2), dtype=np.float32), 1000, EVERYTHING, ())[0].ids
                    assert f"{worker}-{round}" in near
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    found = []
    for address in addresses:
        with backend.open(address) as store:
            found += store.get(EVERYTHING, None, 0, ()).ids
    assert sorted(found) == sorted(f"{worker}-{round}" for worker in range(4) for round in range(rounds))
    assert backend.check() == []


@pytest.mark.parametrize("in_memory", [True, False])
def test_deleting_a_collection_while_other_threads_query_it(
    open_backend: Any, directory: Path, create: Any, records: Any, in_memory: bool
) -> None:
    backend = open_backend(None) if in_memory else open_backend()
    errors: list[BaseException] = []
    for round in range(8):
        address = create(backend)
        with backend.open(address) as store:
            store.write("add", records([f"{i}" for i in range(300)], metadatas=[{"k": i % 3} for i in range(300)]))
        started = threading.Barrier(4)

        def query(address: Any = address, started: threading.Barrier = started) -> None:
            started.wait()
            try:
                while True:
                    with backend.open(address) as store:
                        assert len(store.query(np.zeros((1, 2), dtype=np.float32), 5, EVERYTHING, ())[0].ids) == 5
                        assert len(store.get(EVERYTHING, None, 0, ("documents",)).ids) == 300
            except InvalidCollectionException:
                pass  # deleted: what was to come
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=query) for _ in range(3)]
        for thread in threads:
            thread.start()
        started.wait()
        if round % 2:
            backend.delete_collection("default_tenant", "default_database", "docs")
        else:
            backend.reset()
        for thread in threads:
            thread.join()
    assert errors == []
    if not in_memory:
        assert folders(directory) == set()


def test_a_closed_backend_in_memory_is_gone(open_backend: Any, create: Any) -> None:
    backend = open_backend(None)
    create(backend)
    backend.close()
    with pytest.raises(NotFoundError):
        open_backend(None).get_collection("default_tenant", "default_database", "docs")
