"""Reading only: nothing is written and no file is made, beside writers too, and on a read-only file system."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import apsw
import numpy as np
import pytest

import chromadb
from chromadb._engine.engine import Engine
from chromadb._model import operations as op
from chromadb._model.configuration import HnswConfiguration
from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._model.where import parse_filter
from chromadb._storage.local.copying import forks
from chromadb._storage.local.derived import builder as builder_module
from chromadb._storage.local.derived import columns as columns_module
from chromadb._storage.local.derived import sealing
from chromadb._storage.local.derived.text import documents as text_documents
from chromadb._storage.local.directory import LocalBackend
from chromadb.config import Settings
from chromadb.errors import (
    InvalidArgumentError,
    ReadOnlyError,
    StorageChangedError,
    StorageFormatError,
    StorageReadOnlyError,
)

EVERYTHING = Selection()
HERE = ("default_tenant", "default_database")
COUNT = 300


def batch(first: int, count: int, seed: int = 0) -> Records:
    return Records(
        ids=[str(number) for number in range(first, first + count)],
        vectors=np.random.default_rng([seed, first]).normal(size=(count, 8)).astype(np.float32),
        vector_rows=range(count),
        documents=[f"document {number} of {seed}" for number in range(first, first + count)],
        metadatas=[{"n": number % 5} for number in range(first, first + count)],
    )


def fingerprint(path: Path) -> dict[str, Any]:
    """Return what a change of anything in a directory would change."""
    found = {}
    for each in (path, *path.rglob("*")):
        status = each.stat()
        data = each.read_bytes() if each.is_file() else None
        found[each.relative_to(path).as_posix()] = (status.st_ino, status.st_mtime_ns, data)
    return found


def read(backend: LocalBackend, name: str = "docs") -> Any:
    """Read in every way, compared to one another; return the documents."""
    with backend.open(backend.get_collection(*HERE, name).address) as store:
        every = store.get(EVERYTHING, None, 0, ("documents", "metadatas", "embeddings"))
        assert store.count() == len(every.ids)
        for row in range(0, len(every.ids), 29):
            vector = np.array([every.vectors[row]], dtype=np.float32)  # type: ignore[index]
            assert store.query(vector, 1, EVERYTHING, ())[0].ids == [every.ids[row]]
        zero = store.get(Selection(None, parse_filter({"n": 0})), None, 0, ()).ids
        assert zero == [id for id in every.ids if int(id) % 5 == 0]
        matching = store.get(Selection(None, parse_filter(None, {"$contains": "1 of"})), None, 0, ()).ids
        texts = dict(zip(every.ids, every.documents or (), strict=True))
        assert matching == [id for id, text in texts.items() if "1 of" in str(text)]
        assert store.check() == []
        return every.documents


@pytest.fixture(autouse=True)
def _small_indexes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SEAL_FROM", 64)
    monkeypatch.setattr(text_documents, "INDEX_FROM", 64)
    monkeypatch.setattr(columns_module, "SEAL_FROM", 64)
    monkeypatch.setattr(builder_module, "QUIET", 3600.0)


@pytest.fixture
def data(directory: Path, create: Any) -> Path:
    """A directory with a collection that has every kind of index, closed."""
    backend = LocalBackend(directory)
    with backend.open(create(backend)) as store:
        store.write("add", batch(0, COUNT))
        while store.build(threading.Event()):
            pass
        store.write("upsert", batch(5, 3, seed=1))
    backend.close()
    return directory


def write_in_between(path: Path, first: int, count: int = 10) -> None:
    """Open, write and close, as another program does."""
    writer = LocalBackend(path)
    with writer.open(writer.get_collection(*HERE, "docs").address) as store:
        store.write("add", batch(first, count))
    writer.close()


# --- nothing is changed -----------------------------------------------------------------------------


def test_reading_changes_nothing_and_makes_no_file(data: Path, open_backend: Any) -> None:
    before = fingerprint(data)
    backend = open_backend(data, read_only=True)
    assert len(read(backend)) == COUNT
    assert backend.check() == []
    with backend.open(backend.get_collection(*HERE, "docs").address) as store:
        # What there is of indexes is used.
        assert [len(each.segment.labels) for each in store._snapshot.vectors.sealed] == [COUNT]
        assert store._documents._index is not None
    assert fingerprint(data) == before
    backend.close()
    assert fingerprint(data) == before


WRITES: dict[str, Callable[[LocalBackend, Any], op.Operation[Any]]] = {
    "add": lambda backend, address: op.Add(address, batch(1000, 1)),
    "update": lambda backend, address: op.Update(address, batch(0, 1)),
    "upsert": lambda backend, address: op.Upsert(address, batch(0, 1)),
    "delete": lambda backend, address: op.Delete(address, Selection(["0"])),
    "delete by filter": lambda backend, address: op.Delete(address, Selection(None, parse_filter({"n": 1}))),
    "modify": lambda backend, address: op.ModifyCollection(address, "other"),
    "fork": lambda backend, address: op.ForkCollection(address, "other"),
    "create": lambda backend, address: op.CreateCollection(*HERE, "other", HnswConfiguration()),
    "get or create": lambda backend, address: op.CreateCollection(
        *HERE, "other", HnswConfiguration(), get_or_create=True
    ),
    "delete collection": lambda backend, address: op.DeleteCollection(*HERE, "docs"),
    "create database": lambda backend, address: op.CreateDatabase("other", HERE[0]),
    "delete database": lambda backend, address: op.DeleteDatabase(HERE[1], HERE[0]),
    "create tenant": lambda backend, address: op.CreateTenant("other"),
    "vacuum": lambda backend, address: op.Vacuum(),
    "reset": lambda backend, address: op.Reset(),
}


def test_every_write_is_refused_and_names_the_setting(data: Path, open_backend: Any) -> None:
    before = fingerprint(data)
    backend = open_backend(data, read_only=True)
    engine = Engine(backend, allow_reset=True)
    address = backend.get_collection(*HERE, "docs").address
    kinds = set()
    for name, make in WRITES.items():
        operation = make(backend, address)
        kinds.add(type(operation))
        with pytest.raises(ReadOnlyError, match="chroma_read_only"):
            engine.run(operation)
        assert fingerprint(data) == before, name
    writes = {each for each in vars(op).values() if isinstance(each, type) and issubclass(each, op.Write)}
    assert kinds == writes - {op.Write}
    # What is there already need not be made.
    made = op.CreateCollection(*HERE, "docs", HnswConfiguration(), get_or_create=True)
    assert engine.run(made).name == "docs"


def test_nothing_is_built_and_what_is_in_no_index_is_scanned(
    directory: Path, create: Any, open_backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = LocalBackend(directory)
    with writer.open(create(writer)) as store:
        store.write("add", batch(0, COUNT))
    writer.close()
    monkeypatch.setattr(builder_module, "QUIET", 0.0)
    backend = open_backend(directory, read_only=True)
    read(backend)
    assert backend._builder._thread is None
    with backend.open(backend.get_collection(*HERE, "docs").address) as store:
        assert store.indexing_status().num_unindexed_ops == COUNT
    assert not list(directory.glob("collections/*/*/*"))


def test_damaged_index_files_are_passed_over_and_left(data: Path, open_backend: Any) -> None:
    names = [path for kind in ("index", "columns", "text") for path in data.rglob(f"{kind}/**/*") if path.is_file()]
    assert len(names) > 8
    for path in names:
        path.write_bytes(path.read_bytes()[:-9])
    before = fingerprint(data)
    backend = open_backend(data, read_only=True)
    assert len(read(backend)) == COUNT
    assert len(read(backend)) == COUNT
    backend.close()
    assert fingerprint(data) == before


def test_what_is_left_of_deleted_collections_stays(data: Path, open_backend: Any) -> None:
    (folder,) = (data / "collections").iterdir()
    shutil.copytree(folder, data / "collections" / f"{uuid4()}.deleted")
    before = fingerprint(data)
    backend = open_backend(data, read_only=True)
    read(backend)
    backend.close()
    assert fingerprint(data) == before


def test_a_collection_that_nobody_used_yet_is_empty_until_somebody_does(
    data: Path, create: Any, open_backend: Any
) -> None:
    writer = open_backend(data)
    address = create(writer, "unused")
    backend = open_backend(data, read_only=True)
    with backend.open(address) as store:
        assert store.count() == 0
        assert store.query(np.ones((1, 8), dtype=np.float32), 5, EVERYTHING, ())[0].ids == []
    with writer.open(address) as store:
        store.write("add", batch(0, 5))
    with backend.open(address) as store:
        assert store.count() == 5


def test_a_collection_whose_file_has_no_tables_yet_is_empty(data: Path, create: Any, open_backend: Any) -> None:
    writer = open_backend()
    address = create(writer, "new")
    folder = data / "collections" / str(address.collection)
    folder.mkdir()
    # As a process has it that is making it, or that was killed meanwhile.
    sql = apsw.Connection(str(folder / "records.sqlite3"))
    sql.execute("PRAGMA journal_mode=WAL").fetchall()
    reader = open_backend(read_only=True)
    with reader.open(address) as store:
        assert store.count() == 0
    sql.close()
    with reader.open(address) as store:
        assert store.count() == 0
    with writer.open(address) as store:
        store.write("add", batch(0, 10))
    with reader.open(address) as store:
        assert store.count() == 10


def test_a_fork_whose_folder_has_no_name_yet_is_read(
    data: Path, open_backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = open_backend(data)
    monkeypatch.setattr(forks, "finish", lambda folder: None)
    writer.fork_collection(writer.get_collection(*HERE, "docs").address, "fork")
    writer.close()
    before = fingerprint(data)
    backend = open_backend(data, read_only=True)
    assert read(backend, "fork") == read(backend)
    backend.close()
    assert fingerprint(data) == before


def test_where_there_is_nothing_nothing_is_made(tmp_path: Path, open_backend: Any) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("nothing", "empty"):
        with pytest.raises(ReadOnlyError, match=r"There is no database in .* chroma_read_only is on"):
            open_backend(tmp_path / name, read_only=True)
    assert sorted(os.listdir(tmp_path)) == ["empty"]
    assert os.listdir(tmp_path / "empty") == []


def test_an_older_format_is_not_brought_up_to_date(data: Path, open_backend: Any) -> None:
    (file,) = data.glob("collections/*/records.sqlite3")
    connection = apsw.Connection(str(file))
    connection.execute("PRAGMA user_version=1")
    connection.close()
    backend = open_backend(data, read_only=True)
    with pytest.raises(StorageFormatError, match="Open it once without chroma_read_only"):
        read(backend)


def test_a_backup_is_made_of_what_is_only_read(data: Path, tmp_path: Path, open_backend: Any) -> None:
    before = fingerprint(data)
    backend = open_backend(data, read_only=True)
    expected = read(backend)
    backend.backup(tmp_path / "backup", False, None, None, "x")
    names = [name for name, (_, _, content) in before.items() if content is not None]
    # Hard links change the time of the inode alone.
    assert {name: fingerprint(data)[name][2] for name in names} == {name: before[name][2] for name in names}
    made = fingerprint(tmp_path / "backup")
    copy = open_backend(tmp_path / "backup", read_only=True)
    assert read(copy) == expected
    copy.close()
    assert fingerprint(tmp_path / "backup") == made


# --- beside writers ---------------------------------------------------------------------------------


def test_commits_of_a_writer_are_seen(data: Path, open_backend: Any) -> None:
    backend = open_backend(data, read_only=True)
    assert len(read(backend)) == COUNT
    writer = open_backend(data)
    with writer.open(writer.get_collection(*HERE, "docs").address) as store:
        for number in range(5):
            store.write("add", batch(COUNT + 10 * number, 10))
            assert len(read(backend)) == COUNT + 10 * (number + 1)
        while store.build(threading.Event()):
            pass
        store.delete(Selection(["3"]))
        assert len(read(backend)) == COUNT + 49
    late = open_backend(data, read_only=True)
    assert len(read(late)) == COUNT + 49
    writer.close()
    for each in (backend, late):
        assert len(read(each)) == COUNT + 49


def test_writers_that_come_and_go_are_seen(data: Path, open_backend: Any) -> None:
    backend = open_backend(data, read_only=True)
    for number in range(5):
        assert len(read(backend)) == COUNT + 10 * number
        write_in_between(data, COUNT + 10 * number)
    assert len(read(backend)) == COUNT + 50
    backend.close()
    # The last writer found nobody who kept it from cleaning up.
    assert not [path.name for path in data.rglob("*.sqlite3-*")]


def test_what_is_written_in_the_middle_of_a_transaction_without_locks_is_noticed(
    data: Path, open_backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = open_backend(data, read_only=True)
    address = backend.get_collection(*HERE, "docs").address
    with backend.open(address) as store:
        before = store

    def read_meanwhile() -> None:
        with backend.open(address) as store, store.database.read() as sql:
            assert sql.execute("SELECT count(*) FROM records").get == COUNT
            write_in_between(data, COUNT)

    with pytest.raises(StorageChangedError, match="Try again"):
        read_meanwhile()
    # What it had loaded is not used any more.
    with backend.open(address) as store:
        assert store is not before
    assert len(read(backend)) == COUNT + 10
    # The engine does it again by itself.
    counts = []
    count = type(before).count

    def disturbed(self: Any) -> int:
        with self.database.read() as sql:
            counts.append(int(sql.execute("SELECT count(*) FROM records").get))
            if len(counts) == 1:
                write_in_between(data, 2 * COUNT)
        return count(self)

    monkeypatch.setattr(type(before), "count", disturbed)
    assert Engine(backend).run(op.Count(address)) == COUNT + 20
    assert counts == [COUNT + 10, COUNT + 20]


def test_a_collection_that_a_writer_deletes_is_gone_for_readers_and_nothing_else_is(
    data: Path, create: Any, open_backend: Any
) -> None:
    backend = open_backend(data, read_only=True)
    read(backend)
    writer = open_backend(data)
    writer.delete_collection(*HERE, "docs")
    assert backend.list_collections(*HERE, None, 0) == []
    create(writer, "docs")
    address = backend.get_collection(*HERE, "docs").address
    with backend.open(address) as store:
        assert store.count() == 0


READER = """
import sys, time
from chromadb._storage.local.directory import LocalBackend
backend = LocalBackend(sys.argv[1], read_only=True)
address = backend.get_collection("default_tenant", "default_database", "docs").address
wanted = int(sys.argv[2])
while True:
    with backend.open(address) as store:
        count = store.count()
        assert store.check() == []
    if count >= wanted:
        break
    time.sleep(0.005)
"""


def test_many_processes_read_beside_a_writer(data: Path, open_backend: Any) -> None:
    readers = [subprocess.Popen([sys.executable, "-c", READER, str(data), str(COUNT + 400)]) for _ in range(3)]
    try:
        writer = open_backend(data)
        with writer.open(writer.get_collection(*HERE, "docs").address) as store:
            for number in range(40):
                store.write("add", batch(COUNT + 10 * number, 10))
        writer.close()
        assert [each.wait(60) for each in readers] == [0, 0, 0]
    finally:
        for each in readers:
            each.kill()
            each.wait()


# --- where nothing can be written -------------------------------------------------------------------


def mounted(data: Path, code: str) -> str:
    """Run code in a process that sees a directory on a read-only file system; return what it prints."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        pytest.skip("needs unshare, which Linux has")
    mount = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && ! touch "$1/x" 2>/dev/null || exit 99; '
    command = ["unshare", "-rm", "sh", "-c", mount + 'exec "$2" -c "$3" "$1"', "sh", str(data), sys.executable, code]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode in (1, 99) and ("unshare" in done.stderr or "mount" in done.stderr):
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    return done.stdout


READ = """
import sys
import chromadb
from chromadb.config import Settings
from chromadb.errors import ReadOnlyError, StorageReadOnlyError
with chromadb.PersistentClient(sys.argv[1], Settings(chroma_read_only=True)) as client:
    docs = client.get_or_create_collection("docs")
    found = docs.query(query_embeddings=[[0.0] * 8], n_results=3, where={"n": 1}, where_document={"$contains": "of 0"})
    print(docs.count(), len(found["ids"][0]), client.check())
    try:
        docs.delete(ids=["1"])
    except ReadOnlyError as error:
        print("refused" if "chroma_read_only" in str(error) else error)
try:
    chromadb.PersistentClient(sys.argv[1])
except StorageReadOnlyError:
    print("not without")
"""


def test_a_read_only_file_system(data: Path) -> None:
    before = fingerprint(data)
    assert mounted(data, READ).splitlines()[:2] == [f"{COUNT} 3 []", "refused"]
    assert fingerprint(data) == before


def test_a_read_only_file_system_beside_a_writer_elsewhere(data: Path, open_backend: Any) -> None:
    writer = open_backend(data)
    with writer.open(writer.get_collection(*HERE, "docs").address) as store:
        store.write("add", batch(COUNT, 10))
        assert mounted(data, READ).splitlines()[:2] == [f"{COUNT + 10} 3 []", "refused"]


def test_a_log_that_cannot_be_read_there_is_no_old_state_but_an_error(data: Path, tmp_path: Path) -> None:
    backend = LocalBackend(data)
    with backend.open(backend.get_collection(*HERE, "docs").address) as store:
        store.write("add", batch(COUNT, 10))
        # As a copy of the files of a process that did not end well, without those that processes share.
        shutil.copytree(data, tmp_path / "copy", ignore=shutil.ignore_patterns("*-shm"))
    backend.close()
    code = READ.partition("    print(docs")[0] + "    print('read')\n"
    code = f"try:\n{_indented(code)}\nexcept StorageReadOnlyError as error:\n    print(error)"
    code = "from chromadb.errors import StorageReadOnlyError\n" + code
    assert "Open the directory once where it can be written" in mounted(tmp_path / "copy", code)


def test_a_reader_that_comes_while_a_file_is_locked_waits(data: Path, open_backend: Any) -> None:
    [path] = data.glob("collections/*/records.sqlite3")
    # As the last one who closes a file, or the first after a crash, locks it for a moment.
    writer = apsw.Connection(str(path))
    writer.execute("PRAGMA locking_mode=EXCLUSIVE; BEGIN IMMEDIATE; UPDATE state SET live = live; COMMIT").fetchall()
    closing = threading.Timer(0.3, writer.close)
    closing.start()
    assert len(read(open_backend(data, read_only=True))) == COUNT
    closing.join()


def _indented(code: str) -> str:
    return "\n".join("    " + line for line in code.splitlines())


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_this_user_may_not_write(data: Path, open_backend: Any) -> None:
    before = fingerprint(data)
    folders = [data, *(path for path in data.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o500)
    try:
        backend = open_backend(data, read_only=True)
        assert len(read(backend)) == COUNT
        backend.close()
    finally:
        for path in folders:
            path.chmod(0o700)
    assert fingerprint(data) == before


# --- the setting ------------------------------------------------------------------------------------


def test_the_setting(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMA_READ_ONLY", "true")
    with chromadb.PersistentClient(data) as client:
        assert client.get_collection("docs").count() == COUNT
        with pytest.raises(StorageReadOnlyError, match="chroma_read_only"):
            client.get_collection("docs").add(ids="new", embeddings=[[1.0] * 8])
        with pytest.raises(InvalidArgumentError, match="other settings: chroma_read_only"):
            chromadb.PersistentClient(data, Settings(chroma_read_only=False))
    with pytest.raises(InvalidArgumentError, match="data in memory, which would stay empty"):
        chromadb.EphemeralClient()
    monkeypatch.delenv("CHROMA_READ_ONLY")
    with chromadb.PersistentClient(data) as client:
        client.get_collection("docs").add(ids="new", embeddings=[[1.0] * 8])
