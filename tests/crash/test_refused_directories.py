"""Places that cannot be used: the error says why, and not a byte is changed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chromadb
from chromadb._model.operations import Selection
from chromadb._storage.local.directory import LocalBackend
from chromadb.errors import (
    ChromaError,
    StorageCorruptError,
    StorageError,
    StorageFormatError,
)

EVERYTHING = Selection()


@pytest.fixture
def filled(directory: Path, create: Any, records: Any) -> Path:
    """A directory with the collections "one" and "two", closed."""
    backend = LocalBackend(directory)
    for name in ("one", "two"):
        with backend.open(create(backend, name)) as store:
            store.write("add", records(["a", "b"], documents=["x", "y"]))
    backend.close()
    return directory


def folder_of(directory: Path, name: str) -> Path:
    backend = LocalBackend(directory)
    info = backend.get_collection("default_tenant", "default_database", name)
    backend.close()
    return directory / "collections" / str(info.id)


def test_a_file_where_the_directory_should_be(tmp_path: Path, fingerprint: Any) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    before = fingerprint(tmp_path)
    for path in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / "file" / "further" / "below"):
        with pytest.raises(StorageError, match="file"):
            LocalBackend(path)
    assert fingerprint(tmp_path) == before


def test_a_path_that_no_system_takes(tmp_path: Path) -> None:
    for path in (tmp_path / ("x" * 400), f"{tmp_path}/nul\0nul"):
        with pytest.raises(ChromaError):
            LocalBackend(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="this system has no /proc")
def test_a_place_where_nothing_can_be_made() -> None:
    with pytest.raises(StorageError, match="/proc/chroma"):
        LocalBackend("/proc/chroma")


def test_a_directory_of_the_published_version(tmp_path: Path, fingerprint: Any) -> None:
    with sqlite3.connect(tmp_path / "chroma.sqlite3") as published:
        published.execute("CREATE TABLE collections (id TEXT)")
    published.close()
    (tmp_path / "0d4ff4d4-0d0b-4f3f-8b3a-9f1f8c3f2a11").mkdir()
    (tmp_path / "0d4ff4d4-0d0b-4f3f-8b3a-9f1f8c3f2a11" / "data_level0.bin").write_bytes(b"\0" * 100)
    before = fingerprint(tmp_path)
    with pytest.raises(StorageFormatError, match="published"):
        LocalBackend(tmp_path)
    assert fingerprint(tmp_path) == before


@pytest.mark.parametrize("journal_mode", ["delete", "wal"])
def test_a_catalog_that_is_a_database_of_another_program(tmp_path: Path, fingerprint: Any, journal_mode: str) -> None:
    with sqlite3.connect(tmp_path / "catalog.sqlite3") as other:
        other.execute(f"PRAGMA journal_mode={journal_mode}")
        other.execute("CREATE TABLE books (title TEXT)")
    other.close()
    before = fingerprint(tmp_path)
    with pytest.raises(StorageFormatError, match=r"catalog\.sqlite3"):
        LocalBackend(tmp_path)
    assert fingerprint(tmp_path) == before


def test_a_catalog_that_is_no_database(tmp_path: Path, fingerprint: Any) -> None:
    (tmp_path / "catalog.sqlite3").write_bytes(b"this is a letter, not a database\n" * 100)
    before = fingerprint(tmp_path)
    with pytest.raises(StorageCorruptError, match=r"catalog\.sqlite3"):
        LocalBackend(tmp_path)
    assert fingerprint(tmp_path) == before


def test_a_catalog_of_a_newer_version(filled: Path, fingerprint: Any) -> None:
    with sqlite3.connect(filled / "catalog.sqlite3") as catalog:
        catalog.execute("PRAGMA user_version=1000")
    catalog.close()
    before = fingerprint(filled)
    with pytest.raises(StorageFormatError, match="1000"):
        LocalBackend(filled)
    assert fingerprint(filled) == before


@pytest.mark.parametrize("version", [0, -5])
def test_a_catalog_of_a_version_that_never_was(filled: Path, fingerprint: Any, version: int) -> None:
    with sqlite3.connect(filled / "catalog.sqlite3") as catalog:
        catalog.execute(f"PRAGMA user_version={version}")
    catalog.close()
    before = fingerprint(filled)
    with pytest.raises(StorageCorruptError, match=rf"catalog\.sqlite3 is damaged.*format is {version}\..*--repair"):
        LocalBackend(filled)
    assert fingerprint(filled) == before


def test_records_of_a_newer_version(filled: Path, fingerprint: Any) -> None:
    folder = folder_of(filled, "one")
    with sqlite3.connect(folder / "records.sqlite3") as records:
        records.execute("PRAGMA user_version=1000")
    records.close()
    before = fingerprint(filled)
    backend = LocalBackend(filled)
    info = backend.get_collection("default_tenant", "default_database", "one")
    with pytest.raises(StorageFormatError, match="1000"), backend.open(info.address):
        pass
    backend.close()
    assert fingerprint(filled) == before


@pytest.mark.parametrize("damage", ["letter", "header", "pages"])
def test_damaged_records_are_named_and_other_collections_work(filled: Path, records: Any, damage: str) -> None:
    file = folder_of(filled, "one") / "records.sqlite3"
    whole = file.read_bytes()
    garbage = b"garbage " * (len(whole) // 8)
    broken = {
        "letter": b"Dear reader,\n" * 200,
        "header": garbage[:100] + whole[100:],
        "pages": whole[:100] + garbage[100:],
    }
    file.write_bytes(broken[damage])
    backend = LocalBackend(filled)
    one, two = backend.list_collections("default_tenant", "default_database", None, 0)
    with pytest.raises(StorageCorruptError, match=str(one.id)), backend.open(one.address) as store:
        store.get(EVERYTHING, None, 0, ("documents",))
    with backend.open(two.address) as store:
        store.write("add", records(["c"]))
        assert store.get(EVERYTHING, None, 0, ()).ids == ["a", "b", "c"]
        assert len(store.query(np.zeros((1, 2), dtype=np.float32), 9, EVERYTHING, ())[0].ids) == 3
    backend.delete_collection("default_tenant", "default_database", "one")
    assert not file.exists()
    assert backend.check() == []
    backend.close()


def test_records_that_are_missing_are_not_taken_for_an_empty_collection(filled: Path) -> None:
    shutil.rmtree(folder_of(filled, "one"))
    backend = LocalBackend(filled)
    info = backend.get_collection("default_tenant", "default_database", "one")
    assert info.dimension == 2  # so there were records once
    with pytest.raises(StorageCorruptError, match=str(info.id)), backend.open(info.address) as store:
        store.count()
    backend.close()


def test_a_text_that_is_not_utf8_is_damage(filled: Path) -> None:
    with sqlite3.connect(folder_of(filled, "one") / "records.sqlite3") as file:
        file.execute("UPDATE records SET document = CAST(x'ff' AS TEXT) WHERE label = 1")
    file.close()
    with (
        chromadb.PersistentClient(filled) as client,
        pytest.raises(StorageCorruptError, match=r"records\.sqlite3 is damaged"),
    ):
        client.get_collection("one", embedding_function=None).get()


def test_a_damaged_vector_is_noticed_by_the_audit_and_by_reads(filled: Path) -> None:
    with sqlite3.connect(folder_of(filled, "one") / "records.sqlite3") as file:
        file.execute("UPDATE vectors SET vector = x'00112233' WHERE label = 1")
    file.close()
    backend = LocalBackend(filled)
    info = backend.get_collection("default_tenant", "default_database", "one")
    with backend.open(info.address) as store:
        with pytest.raises(StorageCorruptError, match=r"records\.sqlite3"):
            store.query(np.zeros((1, 2), dtype=np.float32), 1, EVERYTHING, ())
        with pytest.raises(StorageCorruptError, match=r"records\.sqlite3"):
            store.get(EVERYTHING, None, 0, ("embeddings",))
    findings = backend.check()
    backend.close()
    assert any("vector of label 1" in finding.what for finding in findings)


# --- a user who may not write ---------------------------------------------------------------------

AS_NOBODY = """
import os, sys
import chromadb._storage.local.tables.catalog, chromadb._storage.local.tables.check, numpy
from chromadb._storage.local.directory import LocalBackend
from chromadb.errors import StorageReadOnlyError
import encodings.idna, importlib.resources
from chromadb._storage.local.sqlite import database, schema
schema.migrations_of("catalog"), schema.migrations_of("records")
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    backend = LocalBackend(sys.argv[1])
    backend.create_tenant("acme")
except StorageReadOnlyError as error:
    assert sys.argv[1] in str(error), str(error)
    print("refused")
"""


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX systems")
@pytest.mark.parametrize("place", ["new", "empty", "filled", "filled, files only"])
def test_a_directory_that_this_user_may_not_write(filled: Path, fingerprint: Any, place: str) -> None:
    """Root may write everywhere, so the child gives up being root first."""
    parent = Path(tempfile.mkdtemp())
    try:
        directory = parent / "data"
        if place == "empty":
            directory.mkdir()
        elif place != "new":
            shutil.copytree(filled, directory)
        for entry in [parent, *parent.rglob("*")]:
            entry.chmod(0o555 if entry.is_dir() else 0o444)
        if place == "filled, files only":
            directory.chmod(0o777)
        before = fingerprint(parent)
        ran = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, str(directory)], capture_output=True, text=True, timeout=60, check=False
        )
        assert (ran.returncode, ran.stdout) == (0, "refused\n"), ran.stderr
        # Where it may make files, SQLite leaves the (empty) log of a file that it could only read.
        after = fingerprint(parent)
        assert {name: text for name, text in after.items() if not name.endswith(("-wal", "-shm"))} == before
    finally:
        for entry in [parent, *parent.rglob("*")]:
            entry.chmod(0o755)
        shutil.rmtree(parent)
