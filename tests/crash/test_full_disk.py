"""A disk that is full or fails: a typed error, nothing is written, and work goes on once there is space again."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._model.where import parse_filter
from chromadb._storage.local import folders
from chromadb._storage.local.directory import LocalBackend
from chromadb._storage.local.sqlite import database
from chromadb.errors import StorageError, StorageFullError

EVERYTHING = Selection()
FIELDS = ("documents", "metadatas", "uris", "embeddings")


class Fault:
    """Makes the statement number `step` fail with `error`; rolling back always works."""

    def __init__(self) -> None:
        self.error: type[apsw.Error] | None = None
        self.step = 0
        self.struck = False

    def arm(self, error: type[apsw.Error], step: int) -> None:
        self.error, self.step, self.struck = error, step, False

    def disarm(self) -> bool:
        """Return whether the fault struck."""
        self.error = None
        return self.struck

    def check(self, statement: str) -> None:
        if self.error is None or statement == "ROLLBACK":
            return
        self.step -= 1
        if self.step < 0 and not self.struck:
            self.struck = True
            raise self.error("injected")


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Fault:
    fault = Fault()

    class FaultyConnection(apsw.Connection):
        def execute(self, statement: str, *arguments: Any, **options: Any) -> Any:
            fault.check(statement)
            return super().execute(statement, *arguments, **options)

        def executemany(self, statement: str, *arguments: Any, **options: Any) -> Any:
            fault.check(statement)
            return super().executemany(statement, *arguments, **options)

    monkeypatch.setattr(database.apsw, "Connection", FaultyConnection)
    return fault


def contents(store: Any) -> Any:
    found = store.get(EVERYTHING, None, 0, FIELDS)
    vectors = None if found.vectors is None else found.vectors.tolist()
    return found.ids, found.documents, found.metadatas, vectors, store.count(), store.dimension()


def where(**conditions: Any) -> Selection:
    return Selection(filter=parse_filter(conditions))


ERRORS = [(apsw.FullError, StorageFullError), (apsw.IOError, StorageError)]


@pytest.mark.parametrize(("injected", "expected"), ERRORS)
@pytest.mark.parametrize("write", ["add", "upsert", "update", "delete", "delete_by_filter"])
def test_a_write_that_fails_at_any_step_changes_nothing(
    fault: Fault, directory: Path, create: Any, records: Any, write: str, injected: Any, expected: Any
) -> None:
    five = [{"k": 5}, {"k": 5}]
    writes: dict[str, Callable[[Any], Any]] = {
        "add": lambda store: store.write("add", records(["b", "c"], documents=["x", "y"], metadatas=five)),
        "upsert": lambda store: store.write(
            "upsert", records(["c", "a"], documents=["x", "y"], metadatas=[{"k": 5}] * 2)
        ),
        "update": lambda store: store.write("update", Records(ids=["a", "b"], metadatas=[{"k": None}, {"k": 5}])),
        "delete": lambda store: store.delete(Selection(["a", "b"])),
        "delete_by_filter": lambda store: store.delete(where(k=1)),
    }
    backend = LocalBackend(directory)
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", records(["a", "b"], documents=["A", "B"], metadatas=[{"k": 1}, {"k": 2}]))
        before = contents(store)
    failures = 0
    while True:
        fault.arm(injected, failures)
        try:
            with backend.open(address) as store:
                writes[write](store)
        except expected:
            pass
        else:
            assert not fault.disarm()
            break
        assert fault.disarm()
        failures += 1
        with backend.open(address) as store:
            assert contents(store) == before
            assert len(store.query(np.zeros((1, 2), dtype=np.float32), 9, where(k={"$lt": 9}), ())[0].ids) == 2
    assert failures >= 5
    with backend.open(address) as store:
        after = contents(store)
    assert after != before
    assert backend.check() == []
    backend.close()
    backend = LocalBackend(directory)
    with backend.open(address) as store:
        assert contents(store) == after
    backend.close()


@pytest.mark.parametrize("injected", [apsw.FullError, apsw.IOError])
def test_a_first_write_either_fails_or_is_there(
    fault: Fault, directory: Path, create: Any, records: Any, injected: Any
) -> None:
    """The first write of a collection also notes its dimension in the catalog, which can fail on its own."""
    backend = LocalBackend(directory)
    for step in range(100):
        address = create(backend, f"name{step}")
        fault.arm(injected, step)
        try:
            with backend.open(address) as store:
                store.write("add", records(["a"]))
            written = True
        except StorageError:
            written = False
        struck = fault.disarm()
        with backend.open(address) as store:
            assert store.count() == int(written), f"step {step}"
        if not struck:
            break
    assert step > 5
    assert backend.check() == []
    backend.close()


@pytest.mark.parametrize("injected", [apsw.FullError, apsw.IOError])
@pytest.mark.parametrize("change", ["create", "rename", "delete", "reset"])
def test_a_change_of_the_catalog_that_fails_changes_nothing(
    fault: Fault, directory: Path, create: Any, records: Any, change: str, injected: Any
) -> None:
    from dataclasses import replace

    backend = LocalBackend(directory)
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", records(["a"]))
    info = backend.get_collection("default_tenant", "default_database", "docs")
    changes: dict[str, Callable[[], Any]] = {
        "create": lambda: create(backend, "more"),
        "rename": lambda: backend.update_collection(info.address, lambda former: replace(former, name="renamed")),
        "delete": lambda: backend.delete_collection("default_tenant", "default_database", "docs"),
        "reset": backend.reset,
    }
    for step in range(100):
        fault.arm(injected, step)
        try:
            changes[change]()
        except StorageError:
            assert fault.disarm()
            assert change == "create" or change == "rename" or injected is not apsw.FullError
            assert backend.list_collections("default_tenant", "default_database", None, 0) == [info]
            with backend.open(address) as store:
                assert store.count() == 1
        else:
            # A deletion gets by without the space that it does not find.
            assert not fault.disarm() or (change in ("delete", "reset") and injected is apsw.FullError)
            break
    assert backend.list_collections("default_tenant", "default_database", None, 0) != [info]
    assert backend.check() == []
    backend.close()


DELETIONS: dict[str, Callable[[LocalBackend], Any]] = {
    "collection": lambda backend: backend.delete_collection("default_tenant", "default_database", "docs"),
    "database": lambda backend: backend.delete_database("default_database", "default_tenant"),
    "reset": lambda backend: backend.reset(),
}


class FullDisk:
    """Nothing can be written until at least one of the files of `folders` is gone."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files: list[Path] = []
        self.for_ever = False
        disk = self

        class FullConnection(apsw.Connection):
            def execute(self, statement: str, *arguments: Any, **options: Any) -> Any:
                full = disk.for_ever or (disk.files and all(file.exists() for file in disk.files))
                if full and statement.startswith(("DELETE", "INSERT", "UPDATE", "COMMIT")):
                    raise apsw.FullError("injected")
                return super().execute(statement, *arguments, **options)

        monkeypatch.setattr(database.apsw, "Connection", FullConnection)


@pytest.mark.parametrize("what", DELETIONS)
@pytest.mark.parametrize("opened", [True, False])
def test_deleting_works_when_no_byte_is_left(
    monkeypatch: pytest.MonkeyPatch, directory: Path, create: Any, records: Any, what: str, opened: bool
) -> None:
    disk = FullDisk(monkeypatch)
    backend = LocalBackend(directory)
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", records(["a"]))
    if not opened:
        backend.close()
        backend = LocalBackend(directory)
    disk.files = list(directory.glob("collections/*/records.sqlite3"))
    with pytest.raises(StorageFullError):
        create(backend, "more")
    DELETIONS[what](backend)
    assert os.listdir(directory / "collections") == []
    if what == "database":
        backend.create_database("default_database", "default_tenant")
    assert backend.list_collections("default_tenant", "default_database", None, 0) == []
    assert backend.check() == []
    with backend.open(create(backend)) as store:
        assert store.count() == 0
    backend.close()


@pytest.mark.parametrize("what", DELETIONS)
def test_a_deletion_that_another_process_finishes_leaves_what_is_made_next(
    monkeypatch: pytest.MonkeyPatch, directory: Path, create: Any, records: Any, what: str
) -> None:
    disk = FullDisk(monkeypatch)
    backend = LocalBackend(directory)
    with backend.open(create(backend)) as store:
        store.write("add", records(["a"]))
    disk.files = list(directory.glob("collections/*/records.sqlite3"))
    empty = folders._empty

    def empty_and_look_away(folder: Path) -> None:
        empty(folder)
        other = LocalBackend(directory)  # finds what is to be deleted, and does it
        if what == "collection":
            with other.open(create(other)) as store:
                store.write("add", records(["b", "c"]))
        other.close()

    monkeypatch.setattr(folders, "_empty", empty_and_look_away)
    DELETIONS[what](backend)
    assert len(os.listdir(directory / "collections")) == (what == "collection")
    if what == "collection":
        info = backend.get_collection("default_tenant", "default_database", "docs")
        with backend.open(info.address) as store:
            assert store.count() == 2
    assert backend.check() == []
    backend.close()


@pytest.mark.parametrize("what", ["collection", "reset"])
def test_a_deletion_that_finds_no_space_at_all_is_finished_later(
    monkeypatch: pytest.MonkeyPatch, directory: Path, create: Any, records: Any, what: str
) -> None:
    disk = FullDisk(monkeypatch)
    backend = LocalBackend(directory)
    for name in ("docs", "other"):
        with backend.open(create(backend, name)) as store:
            store.write("add", records(["a"]))
    disk.for_ever = True
    with pytest.raises(StorageFullError):
        DELETIONS[what](backend)
    kept = 1 if what == "collection" else 0
    assert len(list(directory.glob("collections/*/records.sqlite3"))) == kept
    backend.close()
    backend = LocalBackend(directory)  # opens all the same, on a disk that is full
    assert backend.count_collections("default_tenant", "default_database") == 2
    backend.close()
    disk.for_ever = False
    backend = LocalBackend(directory)
    assert backend.count_collections("default_tenant", "default_database") == kept
    assert len(os.listdir(directory / "collections")) == kept
    assert backend.check() == []
    backend.close()


def test_a_deletion_that_fails_half_way_deletes_nothing(
    monkeypatch: pytest.MonkeyPatch, directory: Path, create: Any, records: Any
) -> None:
    disk = FullDisk(monkeypatch)
    backend = LocalBackend(directory)
    for name in ("docs", "other"):
        with backend.open(create(backend, name)) as store:
            store.write("add", records(["a"]))
    disk.for_ever = True
    rename, calls = os.rename, []

    def rename_once(*paths: Any) -> None:
        calls.append(paths)
        if len(calls) == 2:
            raise OSError(errno.EROFS, "read-only")
        rename(*paths)

    monkeypatch.setattr(os, "rename", rename_once)
    with pytest.raises(StorageError):
        backend.reset()
    backend.close()
    disk.for_ever = False
    backend = LocalBackend(directory)
    for info in backend.list_collections("default_tenant", "default_database", None, 0):
        with backend.open(info.address) as store:
            assert store.count() == 1
    assert backend.count_collections("default_tenant", "default_database") == 2
    assert backend.check() == []
    backend.close()


def test_a_collection_that_is_read_meanwhile_goes_with_its_last_reader(
    monkeypatch: pytest.MonkeyPatch, directory: Path, create: Any, records: Any
) -> None:
    disk = FullDisk(monkeypatch)
    backend = LocalBackend(directory)
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", records(["a"]))
        disk.files = list(directory.glob("collections/*/records.sqlite3"))
        backend.delete_collection("default_tenant", "default_database", "docs")
    assert os.listdir(directory / "collections") == []
    backend.close()


@pytest.mark.parametrize("injected", [apsw.FullError, apsw.IOError, apsw.NoMemError, apsw.CorruptError])
def test_reading_reports_errors_by_type_and_goes_on_afterwards(
    fault: Fault, directory: Path, create: Any, records: Any, injected: Any
) -> None:
    backend = LocalBackend(directory)
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", records(["a", "b"], metadatas=[{"k": 1}, {"k": 2}], documents=["x", "y"]))
    for step in range(100):
        fault.arm(injected, step)
        try:
            with backend.open(address) as store:
                found = store.query(np.zeros((1, 2), dtype=np.float32), 2, where(k={"$gt": 0}), FIELDS)[0]
                assert found.ids == ["a", "b"]
        except StorageError:
            assert fault.disarm()
        if not fault.disarm():
            break
    assert step > 3
    assert backend.check() == []
    backend.close()


def test_a_full_database_refuses_and_recovers(directory: Path, create: Any, records: Any) -> None:
    """SQLite's own error of a full disk, in the middle of writing pages."""
    backend = LocalBackend(directory)
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", records(["a"]))
        before = contents(store)
        with store.database._pool.lend() as sql:  # the one connection there is
            pages = sql.execute("PRAGMA page_count").get
            sql.execute(f"PRAGMA max_page_count={pages + 5}")
        with pytest.raises(StorageFullError, match="Nothing was written"):
            store.write("add", records([f"{i}" for i in range(500)], documents=["text " * 500] * 500))
        assert contents(store) == before
        with store.database._pool.lend() as sql:
            sql.execute("PRAGMA max_page_count=1000000")
        store.write("add", records([f"{i}" for i in range(500)], documents=["text " * 500] * 500))
        assert store.count() == 501
        assert store.check() == []
    backend.close()


LIMITED = """
import resource, signal, sys
import numpy as np
from uuid import uuid4
from chromadb._model.entities import CollectionInfo
from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._storage.local import folders
from chromadb._storage.local.directory import LocalBackend
from chromadb.errors import StorageError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

def records(name, count):
    vectors = np.ones((count, 64), dtype=np.float32)
    return Records(ids=[f"{name}{i}" for i in range(count)], vectors=vectors, vector_rows=range(count),
                   documents=["text " * 100] * count)

backend = LocalBackend(sys.argv[1])
info = CollectionInfo(uuid4(), "docs", "default_tenant", "default_database")
address = backend.create_collection(info, get_or_create=True).address
with backend.open(address) as store:
    store.write("add", records("before", 10))
refused = 0
for kib in (64, 100, 300, 900, 2000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (kib * 1024, resource.RLIM_INFINITY))
    with backend.open(address) as store:
        before = store.get(Selection(), None, 0, ("documents",)).ids
        try:
            store.write("add", records(f"{kib}-", 3000))
        except StorageError:
            refused += 1
            expected = before
        else:
            expected = before + [f"{kib}-{i}" for i in range(3000)]
        assert store.get(Selection(), None, 0, ("documents",)).ids == expected
        assert store.count() == len(expected)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with backend.open(address) as store:
    store.write("add", records("after", 10))
    print(refused, store.count(), flush=True)
assert backend.check() == []
"""


@pytest.mark.skipif(os.name != "posix", reason="limits of the file size are of POSIX systems")
def test_a_file_that_may_not_grow_gives_an_error_and_keeps_what_was_there(directory: Path) -> None:
    """A limit of the file size stops the writing of pages and of the log for real, at several places."""
    ran = subprocess.run(
        [sys.executable, "-c", LIMITED, str(directory)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    refused, count = (int(word) for word in ran.stdout.split())
    assert refused >= 3
    backend = LocalBackend(directory)
    (info,) = backend.list_collections("default_tenant", "default_database", None, 0)
    with backend.open(info.address) as store:
        assert store.count() == count
    assert backend.check() == []
    backend.close()
