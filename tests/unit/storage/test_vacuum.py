"""Vacuuming: what was deleted is in no file any more, its space is free, and everything else is as before."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._model.where import parse_filter
from chromadb._storage.local import collection as collection_module
from chromadb._storage.local.derived import builder as builder_module
from chromadb._storage.local.derived import sealing
from chromadb._storage.local.derived.text import documents as text_documents
from chromadb._storage.local.tables import changes
from chromadb._storage.local.tables import records as records_module
from chromadb._storage.local.vacuum import files_of, outdated_segments
from chromadb.errors import StorageError

EVERYTHING = Selection()
FIELDS = ("documents", "metadatas", "uris", "embeddings")
SECRET = "The password of the vault is swordfish"


def contents(store: Any) -> Any:
    found = store.get(EVERYTHING, None, 0, FIELDS)
    return found.ids, found.documents, found.metadatas, found.uris, found.vectors.tolist()


def secrets(count: int, first: int = 0) -> Records:
    """Return records whose every part is recognisable in a file."""
    ids = [f"secret-id-{first + row}" for row in range(count)]
    rng = np.random.default_rng(first)
    vectors = rng.normal(size=(count, 16)).astype(np.float32)
    return Records(
        ids=ids,
        vectors=vectors,
        vector_rows=range(count),
        documents=[f"{SECRET} {id}. " + "It is long. " * 50 for id in ids],
        metadatas=[{"secret-key": f"secret-value-{id}"} for id in ids],
        uris=[f"file://secret-uri-{id}" for id in ids],
    )


def traces(directory: Path, records: Records) -> set[str]:
    """Return which parts of records stand in which files, byte by byte."""
    assert records.vectors is not None
    needles = {b"secret": "text", SECRET.encode(): "document"}
    needles |= {vector.tobytes()[:16]: "vector" for vector in records.vectors}
    found = set()
    for path in directory.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found |= {f"{what} in {path.name}" for needle, what in needles.items() if needle in data}
    return found


@pytest.fixture
def _small_indexes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments and text indexes of a few records, built when the test says so."""
    monkeypatch.setattr(sealing, "SEAL_FROM", 64)
    monkeypatch.setattr(text_documents, "INDEX_FROM", 64)


def build(store: Any) -> None:
    while store.build(threading.Event()):
        pass


def derived(directory: Path) -> set[str]:
    return {path.relative_to(directory).parts[2] for path in directory.glob("collections/*/*/*/*") if path.is_file()}


@pytest.mark.parametrize("way", ["records", "collection", "database", "reset"])
def test_nothing_of_what_was_deleted_is_left_in_any_file(
    open_backend: Any, create: Any, records: Any, directory: Path, way: str
) -> None:
    backend = open_backend()
    kept, doomed = create(backend, "kept"), create(backend, "secret-collection")
    with backend.open(kept) as store:
        store.write("add", records(["a", "b"], np.ones((2, 16)), documents=["one", "two"]))
        if way == "records":
            store.write("add", secrets(500))
        before = store.get(Selection(["a", "b"]), None, 0, ("documents",))
    with backend.open(doomed) as store:
        store.write("add", secrets(500))
    assert traces(directory, secrets(500))
    if way == "database":
        backend.create_database("secret-database", "default_tenant")
        backend.delete_database("secret-database", "default_tenant")
    if way == "reset":
        backend.reset()
    else:
        backend.delete_collection("default_tenant", "default_database", "secret-collection")
        with backend.open(kept) as store:
            store.delete(Selection(filter=parse_filter(None, {"$contains": "swordfish"})))
    if way == "records":
        assert traces(directory, secrets(500))  # what was deleted is still there: the vacuum is what removes it
    done = backend.vacuum()
    assert all(part.error is None for part in done)
    assert traces(directory, secrets(500)) == set()
    if way != "reset":
        with backend.open(kept) as store:
            assert store.get(EVERYTHING, None, 0, ("documents",)) == before
    assert backend.check() == []
    backend.close()
    assert traces(directory, secrets(500)) == set()


@pytest.mark.usefixtures("_small_indexes")
def test_nothing_is_left_in_forks_that_shared_files(open_backend: Any, create: Any, directory: Path) -> None:
    backend = open_backend()
    address = create(backend)
    doomed = secrets(100)
    with backend.open(address) as store:
        store.write("add", doomed)
        build(store)
    fork = backend.fork_collection(address, "fork").address
    with backend.open(address) as store:
        store.delete(EVERYTHING)
    backend.vacuum(None)
    with backend.open(fork) as store:
        # It is another collection, which still has them.
        assert store.count() == 100
        store.delete(EVERYTHING)
    backend.vacuum(None)
    assert traces(directory, doomed) == set()
    assert backend.check() == []


def test_the_space_of_what_was_deleted_is_given_back(open_backend: Any, create: Any, directory: Path) -> None:
    backend = open_backend()
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", secrets(2000))
        store.delete(Selection([f"secret-id-{row}" for row in range(1900)]))
        before = contents(store)
        part, catalog = backend.vacuum()
        assert contents(store) == before
    assert catalog.name == "catalog"
    assert part.name == "default_tenant/default_database/docs"
    assert part.where == f"collections/{address.collection}"
    assert part.size_after < part.size_before / 5
    assert part.size_after == sum(
        (directory / part.where / name).stat().st_size for name in ("records.sqlite3", "collection.json")
    )
    assert not any(path.stat().st_size for path in directory.rglob("*-wal"))


def test_records_changed_afterwards_leave_no_former_text_or_vector(
    open_backend: Any, create: Any, records: Any, directory: Path
) -> None:
    backend = open_backend()
    with backend.open(create(backend)) as store:
        former = secrets(100)
        store.write("add", former)
        new = Records(
            ids=former.ids,
            vectors=np.ones((100, 16), dtype=np.float32),
            vector_rows=range(100),
            documents=["public"] * 100,
            metadatas=[{"secret-key": None, "public": 1}] * 100,
            uris=["public"] * 100,
        )
        store.write("upsert", new)
    backend.vacuum()
    found = {each.split(" in ")[0] for each in traces(directory, former)}
    assert found == {"text"}  # the ids, which are the same


@pytest.mark.usefixtures("_small_indexes")
def test_indexes_that_know_deleted_records_go_and_come_back(open_backend: Any, create: Any, directory: Path) -> None:
    backend = open_backend()
    with backend.open(create(backend)) as store:
        store.write("add", secrets(200))
        build(store)
        assert derived(directory) == {"index", "text"}
        part, _ = backend.vacuum()
        assert part.removed == []
        assert derived(directory) == {"index", "text"}  # nothing was deleted: they are good as they are
        vector = secrets(200).vectors[150:151]
        store.query(vector, 3, EVERYTHING, ())
        store.delete(Selection(["secret-id-7"]))
        part, _ = backend.vacuum()
        assert {path.split("/")[0] for path in part.removed} == {"index", "text"}
        assert derived(directory) == set()
        assert store.query(vector, 1, EVERYTHING, ())[0].ids == ["secret-id-150"]
        match = Selection(filter=parse_filter(None, {"$contains": "secret-id-15"}))
        assert len(store.get(match, None, 0, ()).ids) == 11
        build(store)
        assert derived(directory) == {"index", "text"}
        assert store.query(vector, 1, EVERYTHING, ())[0].ids == ["secret-id-150"]
    assert backend.check() == []


@pytest.mark.usefixtures("_small_indexes")
@pytest.mark.parametrize("turns", [True, False])
@pytest.mark.parametrize("moment", ["text", "segment", "added"])
def test_what_is_being_built_meanwhile_keeps_nothing_of_what_was_deleted(
    open_backend: Any, create: Any, directory: Path, monkeypatch: pytest.MonkeyPatch, moment: str, turns: bool
) -> None:
    """A record is deleted and the collection vacuumed in the middle of a build, which has its turn if there are any."""
    from chromadb._index.segment import Segment
    from chromadb._storage.local.derived.segments import SegmentFolder
    from chromadb._storage.local.derived.text.index import TextIndex

    backend = open_backend()
    owner, name = {"text": (TextIndex, "build"), "segment": (Segment, "build"), "added": (SegmentFolder, "add")}[moment]
    genuine = getattr(owner, name)
    pending = [True]
    begun: list[threading.Thread] = []
    if not turns:
        monkeypatch.setattr(collection_module, "turn", lambda *arguments: nullcontext(True))

    def interrupted(*arguments: Any, **options: Any) -> Any:
        built = genuine(*arguments, **options)
        if pending:
            pending.clear()
            store.delete(Selection(["secret-id-7"]))
            vacuum = threading.Thread(target=store.vacuum, args=[30])
            vacuum.start()
            while not store._vacuums:
                pass
            if moment != "text" and not turns:
                vacuum.join()
            begun.append(vacuum)
        return built

    monkeypatch.setattr(owner, name, staticmethod(interrupted) if moment != "added" else interrupted)
    with backend.open(create(backend)) as store:
        store.write("add", secrets(200))
        rounds = 0
        while store.build(threading.Event()):
            rounds += 1
            begun[0].join()
        assert rounds == 1
        with store.database.read() as sql:
            state = records_module.read_state(sql)
            segments = store._current_segments(state)
            assert outdated_segments(sql, state, segments) == []
            assert [len(segment.labels) for segment in segments] == [199]
            assert store._documents._current(state).commit_no == state.commit_no
        assert backend.check() == []


@pytest.mark.usefixtures("_small_indexes")
def test_damaged_and_foreign_indexes_and_left_over_folders_are_removed(
    open_backend: Any, create: Any, directory: Path
) -> None:
    backend = open_backend()
    address = create(backend)
    folder = directory / "collections" / str(address.collection)
    with backend.open(address) as store:
        store.write("add", secrets(200))
        build(store)
    backend.close()
    (manifest,) = folder.glob("index/*/manifest")
    manifest.write_bytes(b"damaged")
    (text,) = folder.glob("text/*/*.index")
    text.write_bytes(text.read_bytes()[:-5])
    (folder / "text" / "0123456789abcdef").mkdir()
    (folder / "text" / "0123456789abcdef" / "text-0000000000000001-00000000.index").write_bytes(b"foreign")
    backend = open_backend()
    with backend.open(create(backend, "deleted")) as store:
        store.write("add", secrets(2))
    deleted = backend.remove_collection("default_tenant", "default_database", "deleted")
    backend._open.retire(deleted)
    left_over = directory / "collections" / str(deleted)
    notes = directory / "collections" / "notes.txt"
    notes.write_text("not ours")
    part, catalog = backend.vacuum()
    assert catalog.removed == [
        f"collections/{left_over.name}/{name}" for name in ("collection.json", "records.sqlite3")
    ]
    assert not left_over.exists()
    assert notes.read_text() == "not ours"
    assert {path.split("/")[0] for path in part.removed} == {"index", "text"}
    assert derived(directory) == set()


def test_what_killed_processes_have_left_of_descriptions_and_repairs_is_removed(
    open_backend: Any, create: Any, directory: Path
) -> None:
    backend = open_backend()
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", secrets(2))
    folder = directory / "collections" / str(address.collection)
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    left = [folder / f".{int(gone.stdout)}-1-collection.json", folder / "records.sqlite3.repairing"]
    left += [folder / "records.sqlite3.repairing-wal", directory / "catalog.sqlite3.repairing"]
    for file in left:
        file.write_text("former")
    at_work = folder / f".{os.getpid()}-1-collection.json"
    at_work.write_text("present")
    backend.vacuum()
    assert [file for file in left if file.exists()] == []
    assert at_work.exists()


def test_a_description_that_could_not_be_written_is_brought_up_to_date(
    open_backend: Any, create: Any, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = open_backend()
    address = create(backend)
    folder = directory / "collections" / str(address.collection)

    def rewrite(words: str) -> None:
        backend.update_collection(address, lambda info: replace(info, metadata={"words": words}))
        with backend.open(address) as store:
            store.count()

    with backend.open(address) as store:
        store.write("add", secrets(2))
    rewrite("secret")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
        rewrite("public")
    assert b"secret" in (folder / "collection.json").read_bytes()
    backend.vacuum()
    assert b"public" in (folder / "collection.json").read_bytes()


def test_a_place_in_memory_is_left_as_it_is(open_backend: Any, create: Any) -> None:
    backend = open_backend(None)
    with backend.open(create(backend)) as store:
        store.write("add", secrets(10))
        assert backend.vacuum() == []
        store.vacuum()
        assert store.count() == 10


def test_progress_is_told_part_by_part(open_backend: Any, create: Any) -> None:
    backend = open_backend()
    create(backend, "one")
    create(backend, "two")
    told: list[Any] = []
    backend.vacuum(progress=lambda *what: told.append(what))
    assert told == [
        ("default_tenant/default_database/one", 0, 3),
        ("default_tenant/default_database/two", 1, 3),
        ("catalog", 2, 3),
    ]


def test_a_damaged_collection_does_not_keep_the_others_from_it(
    open_backend: Any, create: Any, records: Any, directory: Path
) -> None:
    backend = open_backend()
    damaged, whole = create(backend, "damaged"), create(backend, "whole")
    for address in (damaged, whole):
        with backend.open(address) as store:
            store.write("add", records(["a"]))
    backend.close()
    (directory / "collections" / str(damaged.collection) / "records.sqlite3").write_bytes(b"x" * 50_000)
    backend = open_backend()
    one, two, _ = backend.vacuum()
    assert one.error is not None
    assert "chroma utils check --repair" in one.error
    assert two.error is None


HOLD = """
import sys, apsw
sql = apsw.Connection(sys.argv[1])
sql.execute(sys.argv[2])
sql.execute("SELECT * FROM state").fetchall()
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN"])
def test_another_process_in_the_way_is_waited_for_and_then_named(
    open_backend: Any, create: Any, records: Any, directory: Path, begin: str
) -> None:
    backend = open_backend()
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", records(["a"]))
    file = directory / "collections" / str(address.collection) / "records.sqlite3"
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file), begin], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdin is not None
    assert other.stdout is not None
    with other:
        assert other.stdout.readline() == "held\n"
        part, _ = backend.vacuum(timeout=0.1)
        assert part.error is not None
        assert "is in use" in part.error
        if sys.platform == "linux":
            assert f"{other.pid} (" in part.error
        timer = threading.Timer(0.3, lambda: other.stdin.close() if other.stdin else None)
        timer.start()
        part, _ = backend.vacuum(timeout=30)
        assert part.error is None
        timer.join()
    with backend.open(address) as store:
        assert store.count() == 1


@pytest.mark.skipif(os.name != "posix", reason="there are no turns on this system")
@pytest.mark.usefixtures("_small_indexes")
def test_an_index_that_another_is_building_is_waited_for(
    open_backend: Any, create: Any, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was built from what was deleted, and put in place after the vacuum began: it is gone all the same."""
    from chromadb._index.segment import Segment

    monkeypatch.setattr(builder_module, "QUIET", 1000.0)
    backend, other = open_backend(), open_backend()
    address = create(backend)
    genuine, begun, go = Segment.build, threading.Event(), threading.Event()

    def held(*arguments: Any, **options: Any) -> Any:
        built = genuine(*arguments, **options)
        begun.set()
        assert go.wait(30)
        return built

    with backend.open(address) as store, other.open(address) as builder:
        store.write("add", secrets(200))
        monkeypatch.setattr(Segment, "build", staticmethod(held))
        building = threading.Thread(target=builder.build, args=[threading.Event()])
        building.start()
        assert begun.wait(30)
        store.delete(Selection(["secret-id-7"]))
        part = next(each for each in backend.vacuum(timeout=0.1) if each.name != "catalog")
        assert part.error is not None
        assert part.error.startswith("An index of ")
        assert "is being built" in part.error
        timer = threading.Timer(0.2, go.set)
        timer.start()
        assert [each.error for each in backend.vacuum(timeout=30)] == [None, None]
        building.join()
        timer.join()
        with store.database.read() as sql:
            assert store._current_segments(records_module.read_state(sql)) == []
    assert derived(directory) == set()


def test_a_full_disk_changes_nothing(
    open_backend: Any, create: Any, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import apsw

    from chromadb._storage.local.sqlite import database

    class Full(apsw.Connection):
        def execute(self, statement: str, *arguments: Any, **options: Any) -> Any:
            if statement == "VACUUM":
                raise apsw.FullError("injected")
            return super().execute(statement, *arguments, **options)

    monkeypatch.setattr(database.apsw, "Connection", Full)
    backend = open_backend()
    with backend.open(create(backend)) as store:
        store.write("add", secrets(50))
        before = contents(store)
        part, catalog = backend.vacuum()
        assert all("No space left" in (each.error or "") for each in (catalog, part))
        assert contents(store) == before
        with pytest.raises(StorageError):
            store.vacuum()
    assert backend.check() == []


def test_writers_of_this_process_wait_for_it(open_backend: Any, create: Any) -> None:
    backend = open_backend()
    with backend.open(create(backend)) as store:
        store.write("add", secrets(300))
        errors: list[BaseException] = []

        def write() -> None:
            try:
                for number in range(1, 8):
                    store.write("add", secrets(20, first=number * 1000))
                    store.delete(Selection([f"secret-id-{number * 1000}"]))
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=write)
        thread.start()
        while thread.is_alive():
            store.vacuum()
        thread.join()
        assert errors == []
        assert store.count() == 300 + 7 * 19
        assert store.check() == []


def test_another_thread_in_the_way_is_waited_for_as_long_as_is_said(
    open_backend: Any, create: Any, records: Any
) -> None:
    backend = open_backend()
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", records(["a"]))
        with store.database.write():
            outcome: list[Any] = []
            thread = threading.Thread(target=lambda: outcome.extend(backend.vacuum(timeout=0.05)))
            thread.start()
            thread.join(20)
            assert not thread.is_alive()
    assert "for 0.05 seconds" in outcome[0].error
    assert "smaller batches" not in outcome[0].error
    assert backend.vacuum(timeout=5)[0].error is None


def test_an_unfinished_folder_that_is_finished_meanwhile_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chromadb._storage.local.derived import sealed

    (tmp_path / f".{os.getpid()}-abc").mkdir()
    scandir = os.scandir

    def scan_and_rename(path: Any) -> Any:
        entries = list(scandir(path))
        os.rename(tmp_path / f".{os.getpid()}-abc", tmp_path / "abc")
        return entries

    monkeypatch.setattr(sealed.os, "scandir", scan_and_rename)
    sealed.sweep(tmp_path)
    assert (tmp_path / "abc").is_dir()


def test_folders_that_others_remove_meanwhile_are_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(b"1234")
    look = os.scandir

    def look_too_late(path: Any) -> Any:
        if str(path).endswith("b"):
            os.unlink(f"{path}/file")
            os.rmdir(path)
        return look(path)

    monkeypatch.setattr(os, "scandir", look_too_late)
    assert files_of(tmp_path) == {"a/file": 4, "c/file": 4}


@pytest.mark.usefixtures("_small_indexes")
def test_a_vacuum_removes_what_knows_records_whose_deletion_is_forgotten(
    open_backend: Any, create: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "KEPT", 4)
    backend = open_backend()
    with backend.open(create(backend)) as store:
        store.write("add", secrets(200))
        build(store)
        store.delete(Selection(["secret-id-7"]))
        for number in range(8):
            ids = [f"other {number} {each}" for each in range(100)]
            vectors = np.ones((100, 16), dtype=np.float32)
            store.write("add", Records(ids=ids, vectors=vectors, vector_rows=range(100)))
            store.delete(Selection(ids))
        with store.database.read() as sql:
            state = records_module.read_state(sql)
            assert 7 not in changes.changed_labels(sql, 0, changes.DELETED)
            segments = store._current_segments(state)
            assert outdated_segments(sql, state, segments) == [segment.name for segment in segments]
        store.vacuum()
        with store.database.read() as sql:
            assert store._current_segments(state) == []
            assert store._documents._current(state) is None
            assert store._columns.current(state) is None
