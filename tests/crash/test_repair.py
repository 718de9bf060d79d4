"""Repairing: what can be read of a damaged directory is saved, and what cannot is named."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

import chromadb
from chromadb._model.entities import Repaired
from chromadb._storage.local import directory
from chromadb._storage.local.repairing import repair
from chromadb._storage.local.repairing.repair import repair_directory
from chromadb._storage.local.repairing.salvage import made_roots
from chromadb._storage.local.sqlite import alone
from chromadb._storage.local.sqlite.database import PAGE_SIZE
from chromadb.errors import ChromaError, StorageCorruptError, StorageFormatError, StorageFullError, StorageLockedError

COUNT, DIMENSION = 900, 32
NAME = "default_tenant/default_database/docs"


def fill(directory: Path) -> None:
    with chromadb.PersistentClient(directory) as client:
        docs = client.create_collection(
            "docs", embedding_function=None, metadata={"hnsw:space": "cosine", "about": "ä"}
        )
        vectors = np.random.default_rng(1).normal(size=(COUNT, DIMENSION)).astype(np.float32)
        for start in range(0, COUNT, 100):
            rows = range(start, start + 100)
            docs.add(
                ids=[f"id {row}" for row in rows],
                embeddings=vectors[start : start + 100],
                # Some of them are longer than a page.
                documents=[f"text {row} " * (3 if row % 100 else 6000) for row in rows],
                metadatas=[{"row": row} for row in rows],
                uris=[f"file:///{row}" for row in rows],
            )
        docs.update(ids=["id 7"], documents=["changed"], embeddings=[[-1.0] * DIMENSION])
        docs.delete(ids=[f"id {row}" for row in range(30, 60)])
        client.create_collection("other", embedding_function=None).add(
            ids=["a", "b"], embeddings=[[1, 2], [3, 4]], documents=["x", "y"]
        )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("made") / "data"
    fill(directory)
    return directory


@pytest.fixture
def filled(made: Path, directory: Path) -> Path:
    shutil.copytree(made, directory)
    return directory


def contents(directory: Path, name: str = "docs") -> dict[str, tuple[Any, ...]]:
    """Return every record of a collection."""
    with chromadb.PersistentClient(directory) as client:
        collection = client.get_collection(name, embedding_function=None)
        got = collection.get(include=["embeddings", "documents", "metadatas", "uris"])
        vectors = [np.asarray(vector, dtype=np.float32).tobytes() for vector in got["embeddings"]]
    return {
        row[0]: row[1:]
        for row in zip(got["ids"], vectors, got["documents"], got["metadatas"], got["uris"], strict=True)
    }


def file_of(directory: Path, name: str = "docs") -> Path:
    sql = apsw.Connection(str(directory / "catalog.sqlite3"), flags=apsw.SQLITE_OPEN_READONLY)
    id = sql.execute("SELECT id FROM collections WHERE name = ?", (name,)).get
    sql.close()
    return directory / "collections" / id / "records.sqlite3"


def leaves(file: Path, table: str) -> list[int]:
    """Return the pages of a table that have rows, counted from 1."""
    sql = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    found = [
        page for (page,) in sql.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (table,))
    ]
    sql.close()
    return found


def overwrite(file: Path, *pages: int) -> None:
    data, chance = bytearray(file.read_bytes()), random.Random(3)
    for page in pages:
        data[(page - 1) * PAGE_SIZE : page * PAGE_SIZE] = chance.randbytes(PAGE_SIZE)
    file.write_bytes(data)


def repaired(directory: Path) -> Repaired:
    """Repair a directory of which one part is damaged; return what was done."""
    (done,) = repair_directory(directory)
    with chromadb.PersistentClient(directory) as client:
        assert client.check() == []
        assert client.list_collections() == ["docs", "other"]
    assert repair_directory(directory) == []
    return done


def expect(directory: Path, truth: dict[str, tuple[Any, ...]], done: Repaired) -> None:
    """Assert that what is there is true, and that the report says what is not."""
    there = contents(directory)
    assert {id: truth[id] for id in there} == there
    assert list(there) == [id for id in truth if id in there], "the order has changed"
    assert (done.name, done.error) == (NAME, None)
    assert done.saved == len(there)
    assert done.lost == len(truth) - len(there)
    assert set(done.lost_ids) <= set(truth) - set(there)
    # It takes what is written from now on.
    with chromadb.PersistentClient(directory) as client:
        docs = client.get_collection("docs", embedding_function=None)
        docs.add(ids=["new"], embeddings=[[1.0] * DIMENSION], documents=["new"])
        assert docs.get()["ids"][-1] == "new"
        assert docs.query(query_embeddings=[[1.0] * DIMENSION], n_results=1)["ids"] == [["new"]]
        assert docs.metadata == {"hnsw:space": "cosine", "about": "ä"}
    assert list(contents(directory, "other")) == ["a", "b"]


# --- records --------------------------------------------------------------------------------------


def test_what_is_not_damaged_is_not_touched(filled: Path, fingerprint: Any) -> None:
    before = fingerprint(filled)
    assert repair_directory(filled) == []
    assert fingerprint(filled) == before


@pytest.mark.parametrize("table", ["records", "vectors"])
def test_a_damaged_page_costs_the_records_on_it(filled: Path, table: str) -> None:
    truth, file = contents(filled), file_of(filled)
    page = leaves(file, table)[2]
    overwrite(file, page)
    damaged = file.read_bytes()
    done = repaired(filled)
    expect(filled, truth, done)
    assert 0 < done.lost < 300
    assert len(done.lost_ids) == done.lost, "the index of the ids knows them all"
    kept = [file.parent / name for name in done.kept]
    assert kept[0].read_bytes() == damaged
    assert kept[0].name.startswith("records.sqlite3.damaged-20")
    if table == "vectors":
        lines = [json.loads(line) for line in kept[1].read_text(encoding="utf-8").splitlines()]
        assert [line["id"] for line in lines] == done.lost_ids
        for line in lines:
            assert (line["document"], line["metadata"], line["uri"]) == truth[line["id"]][1:]


@pytest.mark.parametrize("table", ["records", "vectors", "sqlite_autoindex_records_1", "state", "changes"])
def test_behind_a_damaged_root_everything_is_found(filled: Path, table: str) -> None:
    truth, file = contents(filled), file_of(filled)
    # Too few changes or states for more than one page: that page itself is the root.
    overwrite(file, made_roots("records")[table])
    done = repaired(filled)
    expect(filled, truth, done)
    assert done.lost == 0


def test_without_its_first_page_everything_is_found(filled: Path) -> None:
    truth, file = contents(filled), file_of(filled)
    overwrite(file, 1)
    done = repaired(filled)
    expect(filled, truth, done)
    assert done.lost == 0


def test_what_was_deleted_does_not_come_back(filled: Path) -> None:
    """Its pages are in the file, but free."""
    with chromadb.PersistentClient(filled) as client:
        docs = client.get_collection("docs", embedding_function=None)
        docs.delete(ids=[f"id {row}" for row in range(300, 700)])
    truth, file = contents(filled), file_of(filled)
    overwrite(file, made_roots("records")["records"], made_roots("records")["vectors"])
    done = repaired(filled)
    expect(filled, truth, done)
    assert done.lost == 0


def test_a_file_that_was_cut_off(filled: Path) -> None:
    truth, file = contents(filled), file_of(filled)
    data = file.read_bytes()
    file.write_bytes(data[: len(data) * 2 // 3 + 100])
    done = repaired(filled)
    expect(filled, truth, done)
    assert done.saved > 0
    assert done.lost > 0


def test_a_file_of_nothing_but_garbage(filled: Path) -> None:
    file = file_of(filled)
    file.write_bytes(random.Random(4).randbytes(PAGE_SIZE * 5 + 17))
    done = repaired(filled)
    assert (done.saved, done.lost_ids) == (0, [])
    assert contents(filled) == {}


def test_an_empty_file_and_a_missing_one_have_nothing_to_save(filled: Path) -> None:
    file = file_of(filled)
    file.unlink()
    (done,) = repair_directory(filled)
    assert (done.name, done.saved) == (NAME, 0)
    assert done.error is not None
    assert "missing" in done.error
    assert list(contents(filled, "other")) == ["a", "b"]


@pytest.mark.parametrize("place", ["vector", "document"])
def test_a_bit_that_flipped_within_a_value_is_noticed_and_the_record_kept_aside(filled: Path, place: str) -> None:
    truth, file = contents(filled), file_of(filled)
    data = file.read_bytes()
    wanted = {"vector": truth["id 123"][0], "document": b"text 123 text 123 "}[place]
    assert data.count(wanted) == 1
    at = data.index(wanted) + 9
    file.write_bytes(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :])
    with chromadb.PersistentClient(filled) as client:
        docs = client.get_collection("docs", embedding_function=None)
        with pytest.raises(StorageCorruptError, match=r"'docs' cannot be read.*records\.sqlite3 is damaged.*--repair"):
            docs.get(ids=["id 123"], include=["documents", "embeddings"])
        with pytest.raises(StorageCorruptError):
            docs.query(query_embeddings=[[1.0] * DIMENSION], n_results=COUNT, include=["documents"])
        if place == "document":
            # Nothing is written into a damaged record, which would count as whole then.
            with pytest.raises(StorageCorruptError):
                docs.update(ids=["id 123"], metadatas=[{"row": 1}])
        assert docs.get(ids=["id 124"])["documents"] == [truth["id 124"][1]]
        findings = client.check()
        assert ["label 124" in finding.what for finding in findings] == [True, False]
        assert findings[1].what == "'chroma utils check --repair' would save 869 of 870 records"
    done = repaired(filled)
    expect(filled, truth, done)
    assert done.lost_ids == ["id 123"]
    (line,) = (file.parent / done.kept[1]).read_text(encoding="utf-8").splitlines()
    rest = json.loads(line)
    assert rest["id"] == "id 123"
    if place == "document":
        assert np.array(rest["embedding"], dtype=np.float32).tobytes() == truth["id 123"][0]
    else:
        assert rest["embedding"] is None
        assert rest["document"] == truth["id 123"][1]


def test_what_only_the_log_has_is_saved_too(filled: Path) -> None:
    copy = filled.parent / "copy"
    with chromadb.PersistentClient(filled) as client:
        docs = client.get_collection("docs", embedding_function=None)
        docs.add(ids=["in the log"], embeddings=[[-0.5] * DIMENSION], documents=["log"])
        shutil.copytree(filled, copy)
    truth, file = contents(filled), file_of(copy)
    assert Path(f"{file}-wal").stat().st_size > 0
    data = bytearray(file.read_bytes())
    data[20_000:90_000] = bytes(70_000)
    file.write_bytes(data)
    (done,) = repair_directory(copy)
    expect(copy, truth, done)
    assert "in the log" not in done.lost_ids
    assert len([name for name in done.kept if name.endswith("-wal")]) == 1 or not Path(f"{file}-wal").exists()


# --- the catalog ----------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["missing", "garbage", "empty", "cut", "pages"])
def test_a_lost_catalog_is_made_anew_of_what_collections_know(filled: Path, damage: str) -> None:
    with chromadb.PersistentClient(filled) as client:
        with chromadb.AdminClient(client.get_settings()) as admin:
            admin.create_tenant("acme")
            admin.create_database("archive", tenant="acme")
        client.get_collection("other", embedding_function=None).modify(name="renamed", metadata={"n": 1})
        client.set_tenant("acme", "archive")
        client.create_collection("docs", embedding_function=None).add(ids=["z"], embeddings=[[1]])
    truth, before = contents(filled), listing(filled)
    catalog = filled / "catalog.sqlite3"
    whole = catalog.read_bytes()
    damages: dict[str, Callable[[], Any]] = {
        "missing": catalog.unlink,
        "garbage": lambda: catalog.write_bytes(b"dear reader " * 3000),
        "empty": lambda: catalog.write_bytes(b""),
        "cut": lambda: catalog.write_bytes(whole[:5000]),
        "pages": lambda: overwrite(catalog, *range(2, len(whole) // PAGE_SIZE + 1)),
    }
    damages[damage]()
    if damage != "pages":
        with pytest.raises(StorageCorruptError, match=r"catalog\.sqlite3.*--repair"):
            listing(filled)
    (done,) = repair_directory(filled)
    assert (done.where, done.name, done.saved, done.lost, done.error) == ("catalog.sqlite3", "catalog", 3, 0, None)
    assert len(done.kept) == (damage != "missing")
    assert listing(filled) == before
    assert contents(filled) == truth
    assert repair_directory(filled) == []


def listing(directory: Path) -> dict[str, Any]:
    """Return what the catalog says of every collection."""
    found = {}
    with chromadb.PersistentClient(directory) as client:
        for tenant, database in (("acme", "archive"), ("default_tenant", "default_database")):
            try:
                client.set_tenant(tenant, database)
            except ChromaError:
                continue
            for name in client.list_collections():
                each = client.get_collection(name, embedding_function=None)
                found[f"{tenant}/{database}/{name}"] = (each.id, each.metadata, each.configuration)
    return found


def test_what_can_be_read_of_a_catalog_is_kept(filled: Path) -> None:
    """Tenants and databases without collections, too."""
    with chromadb.PersistentClient(filled) as client, chromadb.AdminClient(client.get_settings()) as admin:
        admin.create_tenant("acme")
        admin.create_database("archive", tenant="acme")
        id = admin.get_database("archive", tenant="acme")["id"]
    for description in filled.rglob("collection.json"):
        description.unlink()
    before = listing(filled)
    overwrite(filled / "catalog.sqlite3", 1)
    (done,) = repair_directory(filled)
    assert done.saved == 2
    assert listing(filled) == before
    with chromadb.PersistentClient(filled) as client, chromadb.AdminClient(client.get_settings()) as admin:
        assert admin.get_database("archive", tenant="acme")["id"] == id


def test_collections_of_which_nothing_is_known_get_a_name(filled: Path) -> None:
    truth = contents(filled)
    (filled / "catalog.sqlite3").unlink()
    for description in filled.rglob("collection.json"):
        description.write_bytes(description.read_bytes().replace(b"o", b"0"))
    (done,) = repair_directory(filled)
    assert done.saved == 2
    assert len(done.notes) == 3
    names = list(listing(filled))
    assert all(name.startswith("default_tenant/default_database/recovered-") for name in names)
    assert truth in [contents(filled, name.rpartition("/")[2]) for name in names]


def test_a_folder_that_an_older_catalog_does_not_know_is_taken_in(filled: Path) -> None:
    catalog = filled / "catalog.sqlite3"
    before = catalog.read_bytes()
    with chromadb.PersistentClient(filled) as client:
        client.get_collection("other", embedding_function=None).modify(name="third")
        client.create_collection("other", embedding_function=None).add(ids=["later"], embeddings=[[7]])
    catalog.write_bytes(before)
    (done,) = repair_directory(filled)
    assert done.saved == 3
    assert "There was another collection 'other'" in done.notes[-1]
    names = [name.rpartition("/")[2] for name in listing(filled)]
    assert names[:2] == ["docs", "other"]
    assert names[2].startswith("other-")
    assert list(contents(filled, names[2])) == ["later"]


@pytest.mark.parametrize("lost", [True, False], ids=["without the catalog", "with the catalog"])
def test_a_fork_that_has_not_its_name_yet_is_repaired_too(filled: Path, lost: bool) -> None:
    with chromadb.PersistentClient(filled) as client:
        fork = client.get_collection("docs", embedding_function=None).fork("fork")
    folder = filled / "collections" / str(fork.id)
    overwrite(folder / "records.sqlite3", 5)
    folder.rename(f"{folder}.new")
    if lost:
        (filled / "catalog.sqlite3").unlink()
    done = repair_directory(filled)
    assert [each.name.rpartition("/")[2] for each in done] == [*(["catalog"] if lost else []), "fork"]
    with chromadb.PersistentClient(filled) as client:
        assert client.get_collection("fork", embedding_function=None).count() == done[-1].saved > 0
        assert client.check() == []


def test_a_catalog_of_a_newer_version_is_left_alone(filled: Path, fingerprint: Any) -> None:
    sql = apsw.Connection(str(filled / "catalog.sqlite3"))
    sql.execute("PRAGMA user_version=77")
    sql.close()
    before = fingerprint(filled)
    with pytest.raises(StorageFormatError, match="77"):
        repair_directory(filled)
    assert fingerprint(filled) == before


# --- who is in the way ----------------------------------------------------------------------------

HOLD = """
import sys, chromadb
client = chromadb.PersistentClient(sys.argv[1])
client.get_collection("other", embedding_function=None).get()
print("open", flush=True)
sys.stdin.readline()
"""


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX systems")
def test_a_directory_in_use_by_another_process_is_refused(filled: Path) -> None:
    overwrite(file_of(filled), 5)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(filled)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        whom = rf" by process {holder.pid}" if Path("/proc/self/fd").is_dir() else ""
        with pytest.raises(StorageLockedError, match=f"in use{whom}.*Nothing was changed"):
            repair_directory(filled)
    finally:
        holder.communicate("\n")
    assert repaired(filled).saved > 0


def test_a_directory_in_use_by_this_process_is_refused(filled: Path) -> None:
    with chromadb.PersistentClient(filled), pytest.raises(StorageLockedError, match="in use by this process"):
        repair_directory(filled)
    assert repair_directory(filled) == []


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX systems")
def test_a_directory_cannot_be_opened_while_it_is_repaired(filled: Path) -> None:
    opened: list[str] = []

    def progress(name: str, number: int, total: int) -> None:
        assert total == 3
        opened.append(name)
        with pytest.raises(StorageLockedError, match="being repaired"):
            chromadb.PersistentClient(filled)
        with pytest.raises(StorageLockedError):
            repair_directory(filled)

    overwrite(file_of(filled), 5)
    (done,) = repair_directory(filled, progress)
    assert sorted(opened) == ["catalog", "docs", "other"]
    expect(filled, contents(filled), Repaired(**{**dict(done), "lost": 0}))


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX systems")
def test_those_who_look_whether_it_is_repaired_are_not_in_each_others_way(filled: Path) -> None:
    import fcntl

    marker = filled / "repairing"
    # As a repair that was killed leaves it.
    marker.touch()
    with marker.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        with chromadb.PersistentClient(filled) as client:
            client.list_collections()


LOOK = """
import sys
with open(sys.argv[1], "rb"):
    print("open", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX systems")
def test_who_looks_whether_a_directory_is_repaired_does_not_use_it(filled: Path) -> None:
    marker = filled / "repairing"
    marker.touch()
    with subprocess.Popen(
        [sys.executable, "-c", LOOK, str(marker)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        try:
            assert repair_directory(filled) == []
        finally:
            other.communicate("\n")


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX systems")
def test_a_repair_that_begins_while_a_directory_is_being_opened_is_noticed(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    with (filled / "repairing").open("wb") as other, monkeypatch.context() as patch:

        def begin(path: Path, *, make: bool) -> None:
            fcntl.flock(other, fcntl.LOCK_EX)

        patch.setattr(directory, "check_path", begin)
        with pytest.raises(StorageLockedError, match="being repaired"):
            chromadb.PersistentClient(filled)
    chromadb.PersistentClient(filled).close()


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX systems")
def test_a_marker_that_was_removed_meanwhile_is_no_lock(tmp_path: Path) -> None:
    marker = tmp_path / "repairing"
    with marker.open("wb") as file:
        marker.unlink()
        assert not alone._lock_name(file.fileno(), marker)
        marker.touch()
        assert not alone._lock_name(file.fileno(), marker)


# --- ends in between ------------------------------------------------------------------------------


class Killed(BaseException):
    """In place of a signal."""


@pytest.mark.parametrize("part", ["records", "catalog", "both"])
def test_a_repair_that_ends_at_any_step_is_finished_by_the_next(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    truth = contents(made)
    step = 0
    while True:
        step += 1
        directory = tmp_path / str(step)
        shutil.copytree(made, directory)
        if part != "catalog":
            overwrite(file_of(directory), 5, 1)
        if part != "records":
            (directory / "catalog.sqlite3").write_bytes(b"garbage" * 5000)
            (directory / "catalog.sqlite3-wal").write_bytes(b"garbage" * 100)
        left = step

        def counted(function: Callable[..., Any]) -> Callable[..., Any]:
            def counting(*arguments: Any, **named: Any) -> Any:
                nonlocal left
                left -= 1
                if left == 0:
                    raise Killed
                return function(*arguments, **named)

            return counting

        with monkeypatch.context() as patch:
            for name in ("rename", "unlink"):
                patch.setattr(repair.os, name, counted(getattr(os, name)))
            for name in ("rebuild_records", "rebuild_catalog", "sync"):
                patch.setattr(repair, name, counted(getattr(repair, name)))
            try:
                repair_directory(directory)
            except Killed:
                killed = True
            else:
                killed = False
        repair_directory(directory)
        with chromadb.PersistentClient(directory) as client:
            assert client.check() == []
            assert sorted(client.list_collections()) == ["docs", "other"]
        there = contents(directory)
        assert there == {id: truth[id] for id in there}
        assert len(there) > 800
        assert not list(directory.rglob("*.repairing"))
        if not killed:
            break
    assert step > 4


def test_a_file_without_room_for_its_repair_stays_as_it_is(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = file_of(filled)
    overwrite(file, 5)
    damaged = file.read_bytes()

    def full(*_: Any) -> Any:
        raise apsw.FullError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(repair, "rebuild_records", full)
        with pytest.raises(StorageFullError):
            repair_directory(filled)
    assert file.read_bytes() == damaged
    assert repaired(filled).saved > 0
