"""Directories in every format that there ever was: they open, nothing is missing, and what they were is kept."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

import chromadb
from chromadb._storage.local.copying.backups import CollectionEntry, Manifest
from chromadb._storage.local.derived import sealed
from chromadb._storage.local.platform import durable
from chromadb._storage.local.sqlite.schema import migrations_of
from chromadb.errors import StorageFormatError, StorageFullError
from chromadb.utils.backup import restore

FORMATS = sorted((Path(__file__).parent / "formats").glob("*.tar.gz"))
STRIDE = int(os.environ.get("CHROMA_KILL_STRIDE", "3"))
"""A process is killed at every step of a migration that is a multiple of this further; 1: at all of them."""

CURRENT = {schema: len(migrations_of(schema)) for schema in ("catalog", "records")}


def unpack(fixture: Path, folder: Path) -> tuple[Path, dict[str, Any]]:
    with tarfile.open(fixture) as archive:
        for member in archive.getmembers():
            assert member.name.startswith(("data", "expected.json"))
            archive.extract(member, folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return folder / "data", json.loads((folder / "expected.json").read_text(encoding="utf-8"))


def contents(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with chromadb.PersistentClient(directory) as client:
        assert client.check() == []
        for tenant, database in (("default_tenant", "default_database"), ("acme", "archive")):
            client.set_tenant(tenant, database)
            for name in client.list_collections():
                collection = client.get_collection(name, embedding_function=None)
                got = collection.get(include=["documents", "metadatas", "uris", "embeddings"])
                found[f"{tenant}/{database}/{name}"] = {
                    "id": str(collection.id),
                    "metadata": collection.metadata,
                    **{key: got[key] for key in ("ids", "documents", "metadatas", "uris")},
                    "embeddings": got["embeddings"].tolist() if got["ids"] else [],
                }
    return found


def versions(directory: Path) -> dict[str, int]:
    """Return the format of every SQLite file by its place in the directory."""
    found = {}
    for path in sorted(directory.rglob("*")):
        if path.name.startswith(("catalog.sqlite3", "records.sqlite3")) and path.suffix not in (".sqlite3-shm",):
            if path.name.endswith(("-wal", "-shm")):
                continue
            sql = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
            found[str(path.relative_to(directory))] = sql.execute("PRAGMA user_version").get
            sql.close()
    return found


def test_there_is_a_fixture_of_the_present_format() -> None:
    name = f"catalog-{CURRENT['catalog']}-records-{CURRENT['records']}.tar.gz"
    assert name in [path.name for path in FORMATS], "run scripts/make_format_fixture.py"
    for number in range(1, CURRENT["records"] + 1):
        assert any(f"records-{number}." in path.name for path in FORMATS)
    for number in range(1, CURRENT["catalog"] + 1):
        assert any(f"catalog-{number}-" in path.name for path in FORMATS)


@pytest.mark.parametrize("fixture", FORMATS, ids=lambda path: path.name.split(".")[0])
def test_a_directory_of_a_former_format_has_every_record(fixture: Path, tmp_path: Path) -> None:
    directory, expected = unpack(fixture, tmp_path)
    assert len(expected) == 3
    assert contents(directory) == expected
    with chromadb.PersistentClient(directory) as client:
        notes = client.get_collection("notes", embedding_function=None)
        assert notes.query(query_embeddings=[[0.5] * 8], n_results=1)["distances"][0][0] < 1e-6
        assert notes.get(where_document={"$contains": "中文"})["ids"] == ["n3"]
        assert notes.get(where={"row": -3})["ids"] == ["n3"]
        notes.upsert(ids=["new", "n5"], embeddings=[[1.0] * 8] * 2, documents=["a", "b"])
        assert notes.count() == 282
        assert client.check() == []


@pytest.mark.parametrize("fixture", FORMATS, ids=lambda path: path.name.split(".")[0])
def test_what_a_file_was_is_kept_until_the_next_vacuum(fixture: Path, tmp_path: Path) -> None:
    directory, expected = unpack(fixture, tmp_path)
    before = versions(directory)
    contents(directory)
    after = versions(directory)
    for name, version in before.items():
        assert after.pop(name) == CURRENT[Path(name).name.partition(".")[0]]
        if version != CURRENT[Path(name).name.partition(".")[0]]:
            # The copy opens as what it is.
            assert after.pop(f"{name}.format-{version}") == version
    assert after == {}
    with chromadb.PersistentClient(directory) as client:
        client.vacuum()
    assert not list(directory.rglob("*.format-*"))
    assert contents(directory) == expected


@pytest.mark.parametrize("fixture", FORMATS, ids=lambda path: path.name.split(".")[0])
def test_a_backup_of_a_former_format_is_restored_without_copies_of_it(fixture: Path, tmp_path: Path) -> None:
    directory, expected = unpack(fixture, tmp_path)
    files = sorted(directory.rglob("*.sqlite3"))
    collections = []
    for file in files:
        sql = apsw.Connection(str(file))
        sql.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        if file.name == "records.sqlite3":
            live, commit_no = sql.execute("SELECT live, commit_no FROM state").fetchall()[0]
            collections.append(CollectionEntry(file.parent.name, "", "", "", live, commit_no))
        sql.close()
    entries = {str(file.relative_to(directory)): sealed.entry(file) for file in files}
    manifest = Manifest(1, "1.0.0", "2026-01-01", "data", collections, entries)
    (directory / "backup.json").write_bytes(msgspec.json.encode(manifest))
    restore(directory, tmp_path / "restored")
    assert contents(tmp_path / "restored") == expected
    assert not list((tmp_path / "restored").rglob("*.format-*"))
    assert {str(file.relative_to(directory)): sealed.entry(file) for file in files} == entries


def test_a_copy_goes_by_itself_when_it_is_old(tmp_path: Path) -> None:
    directory, _ = unpack(FORMATS[0], tmp_path)
    contents(directory)
    copies = list(directory.rglob("*.format-1"))
    assert len(copies) == 4
    for copy in copies[:2]:
        os.utime(copy, (0, 0))
    contents(directory)
    assert sorted(directory.rglob("*.format-1")) == sorted(copies[2:])


def test_going_back_to_the_copies_is_going_back_to_the_former_format(tmp_path: Path) -> None:
    directory, expected = unpack(FORMATS[0], tmp_path)
    before = versions(directory)
    contents(directory)
    for copy in list(directory.rglob("*.format-*")):
        copy.replace(str(copy).partition(".format-")[0])
    assert versions(directory) == before
    assert contents(directory) == expected


def test_without_room_for_the_copy_nothing_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    directory, expected = unpack(FORMATS[0], tmp_path)
    before = versions(directory)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(durable, "sync", full)
        with pytest.raises(StorageFullError):
            chromadb.PersistentClient(directory)
    assert versions(directory) == before
    assert contents(directory) == expected


@pytest.mark.parametrize("schema", ["catalog", "records"])
def test_a_newer_format_is_refused_by_both_numbers(tmp_path: Path, schema: str) -> None:
    directory, _ = unpack(FORMATS[-1], tmp_path)
    file = next(directory.rglob(f"{schema}.sqlite3"))
    sql = apsw.Connection(str(file))
    sql.execute("PRAGMA user_version=77")
    sql.close()
    with pytest.raises(StorageFormatError, match=rf"format 77.*formats up to {CURRENT[schema]}"):
        count(directory)


def count(directory: Path) -> None:
    with chromadb.PersistentClient(directory) as client:
        for tenant, database in (("default_tenant", "default_database"), ("acme", "archive")):
            client.set_tenant(tenant, database)
            for name in client.list_collections():
                client.get_collection(name, embedding_function=None).count()


KILLED = """
import os, sys, shutil
from pathlib import Path
from chromadb._storage.local.directory import LocalBackend
from chromadb._storage.local.sqlite.schema import migrations_of
import chromadb._storage.local.tables.check
source, target, stride = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
migrations_of("catalog"), migrations_of("records")
files = ("sqlite/database.py", "sqlite/schema.py", "sqlite/former.py", "platform/durable.py")

def use(directory):
    backend = LocalBackend(directory)
    for info in backend.all_collections():
        with backend.open(info.address) as store:
            store.count()
    backend.close()

def killed_at(number, directory):
    count = 0
    def step(frame, event, what):
        nonlocal count
        if event == "c_call" and frame.f_code.co_filename.endswith(files):
            count += 1
            if count == number:
                os._exit(9)
    sys.setprofile(step)
    use(directory)
    os._exit(0)

number = 1 - stride
while True:
    number += stride
    directory = target / str(number)
    shutil.copytree(source, directory)
    child = os.fork()
    if not child:
        killed_at(number, directory)
    _, status = os.waitpid(child, 0)
    use(directory)
    if os.waitstatus_to_exitcode(status) == 0:
        break
    assert os.waitstatus_to_exitcode(status) == 9, status
print(number)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks for every step")
def test_a_kill_at_any_step_of_a_migration_is_harmless(tmp_path: Path) -> None:
    directory, expected = unpack(FORMATS[0], tmp_path)
    target = tmp_path / "killed"
    target.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(directory), str(target), str(STRIDE)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    steps = int(done.stdout)
    assert steps > 40, "so few steps are not all of them"
    for number in range(1, steps + 1, 6 * STRIDE):
        assert contents(target / str(number)) == expected
    for number in range(1, steps + 1, STRIDE):
        found = versions(target / str(number))
        assert all(version == CURRENT["catalog"] for name, version in found.items() if name == "catalog.sqlite3")
        assert all(version == CURRENT["records"] for name, version in found.items() if name.endswith("records.sqlite3"))
        assert not list((target / str(number)).rglob("*.unfinished"))
        shutil.rmtree(target / str(number))
