"""An error that waited for a lock in vain names who holds it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chromadb._model.operations import Selection
from chromadb._storage.local.directory import LocalBackend
from chromadb._storage.local.platform.holders import holder_of, last_written
from chromadb.errors import StorageLockedError

EVERYTHING = Selection()

HOLD = """
import sys
from chromadb._storage.local.sqlite.database import SqliteDatabase
with SqliteDatabase(sys.argv[1], "records").write() as sql:
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_writer_that_waits_in_vain_is_told_who_writes(directory: Path, create: Any, records: Any) -> None:
    backend = LocalBackend(directory, busy_timeout=0.2)
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", records(["a"]))
    file = str(directory / "collections" / str(address.collection) / "records.sqlite3")
    with subprocess.Popen([sys.executable, "-c", HOLD, file], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(StorageLockedError) as raised, backend.open(address) as store:
            store.write("add", records(["b"]))
        message = str(raised.value)
        assert file in message
        assert "last written" in message
        assert "chroma_busy_timeout_seconds" in message
        if sys.platform == "linux":
            assert f"by process {other.pid} (python" in message
        with backend.open(address) as store:
            assert store.get(EVERYTHING, None, 0, ()).ids == ["a"]
        other.kill()
    with backend.open(address) as store:
        store.write("add", records(["b"]))
        assert store.count() == 2
    backend.close()


def test_a_lock_that_ends_in_time_is_waited_for(directory: Path, create: Any, records: Any) -> None:
    backend = LocalBackend(directory, busy_timeout=60)
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", records(["a"]))
        file = str(directory / "collections" / str(address.collection) / "records.sqlite3")
        hold = HOLD.replace("sys.stdin.read()", "import time; time.sleep(0.3)")
        with subprocess.Popen([sys.executable, "-c", hold, file], stdout=subprocess.PIPE) as other:
            assert other.stdout is not None
            assert other.stdout.readline() == b"held\n"
            store.write("add", records(["b"]))
        assert store.count() == 2
    backend.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists locks")
def test_a_database_that_nobody_writes_has_no_holder(directory: Path, create: Any, records: Any) -> None:
    backend = LocalBackend(directory)
    address = create(backend)
    with backend.open(address) as store:
        store.write("add", records(["a"]))
        path = store.database.path
        assert path is not None
        assert holder_of(path) is None
        with store.database.read():
            assert holder_of(path) is None
        with store.database.write():
            assert holder_of(path) == "another connection of this process"
        assert last_written(path).endswith(" seconds ago")
    backend.close()
    assert holder_of("memory:records") is None
    assert last_written("memory:records") == ""
