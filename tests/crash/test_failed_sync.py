"""A disk that does not take a commit: what was said to be not there does not come back."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from chromadb._model.operations import Selection
from chromadb._storage.local.directory import LocalBackend
from chromadb.errors import StorageError

EVERYTHING = Selection()


class Disk(apsw.VFS):
    """The file system, with logs that are not synced while `failing`."""

    def __init__(self) -> None:
        self.failing = 0
        self.base = apsw.vfs_names()[0]
        super().__init__("failing", self.base, makedefault=True)

    def xOpen(self, name: Any, flags: Any) -> Any:  # noqa: N802
        return File(self, name, flags)


class File(apsw.VFSFile):
    """A file on it."""

    def __init__(self, disk: Disk, name: Any, flags: Any) -> None:
        self.disk, self.is_log = disk, bool(flags[0] & apsw.SQLITE_OPEN_WAL)
        super().__init__(disk.base, name, flags)

    def xSync(self, flags: int) -> None:  # noqa: N802
        if self.disk.failing and self.is_log:
            self.disk.failing -= 1
            raise apsw.IOError("injected")
        super().xSync(flags)


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.unregister()


def after_a_crash(directory: Path, target: Path) -> list[str]:
    """Return the ids that are there if every process ends now: from a copy, which nobody has open."""
    shutil.copytree(directory, target, ignore=shutil.ignore_patterns("*-shm"))
    backend = LocalBackend(target)
    (info,) = backend.list_collections("default_tenant", "default_database", None, 0)
    with backend.open(info.address) as store:
        ids = store.get(EVERYTHING, None, 0, ()).ids
        assert store.check() == []
    backend.close()
    return ids


def test_a_write_that_was_not_synced_is_not_there_and_does_not_come_back(
    disk: Disk, directory: Path, tmp_path: Path, create: Any, records: Any
) -> None:
    backend = LocalBackend(directory)
    with backend.open(create(backend)) as store:
        store.write("add", records(["a"]))
        disk.failing = 1
        with pytest.raises(StorageError, match="Nothing of the call was written"):
            store.write("add", records(["b"]))
        assert disk.failing == 0
        assert store.get(EVERYTHING, None, 0, ()).ids == ["a"]
        assert after_a_crash(directory, tmp_path / "copy") == ["a"]
        store.write("add", records(["c"]))
        assert after_a_crash(directory, tmp_path / "later") == ["a", "c"]
    backend.close()


def test_where_that_cannot_be_said_it_is_settled_by_the_next_call(
    disk: Disk, directory: Path, tmp_path: Path, create: Any, records: Any
) -> None:
    backend = LocalBackend(directory)
    with backend.open(create(backend)) as store:
        store.write("add", records(["a"]))
        disk.failing = 2
        with pytest.raises(StorageError, match="settled by the next one"):
            store.write("add", records(["b"]))
        assert disk.failing == 0
        assert store.get(EVERYTHING, None, 0, ()).ids == ["a"]
        assert after_a_crash(directory, tmp_path / "copy") == ["a"]
    backend.close()


DIES = """
import os, signal, sys
import apsw
import numpy as np
from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._storage.local.directory import LocalBackend

class File(apsw.VFSFile):
    def __init__(self, base, name, flags):
        self.is_log = bool(flags[0] & apsw.SQLITE_OPEN_WAL)
        super().__init__(base, name, flags)

    def xSync(self, flags):
        super().xSync(flags)
        if self.is_log and armed:
            os.kill(os.getpid(), signal.SIGKILL)

class Disk(apsw.VFS):
    def __init__(self):
        self.base = apsw.vfs_names()[0]
        super().__init__("deadly", self.base, makedefault=True)

    def xOpen(self, name, flags):
        return File(self.base, name, flags)

armed, disk = False, Disk()
backend = LocalBackend(sys.argv[1])
(info,) = backend.list_collections("default_tenant", "default_database", None, 0)
with backend.open(info.address) as store:
    assert store.count() == 1
    armed = True
    store.write("add", Records(ids=["b"], vectors=np.ones((1, 2), dtype=np.float32), vector_rows=range(1)))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of POSIX systems")
def test_a_write_that_its_process_could_not_tell_of_is_whole_or_not_there(
    directory: Path, tmp_path: Path, create: Any, records: Any
) -> None:
    """It is in the log, synced, and no other process has been told."""
    backend = LocalBackend(directory)
    with backend.open(create(backend)) as store:
        store.write("add", records(["a"]))
        died = subprocess.run([sys.executable, "-c", DIES, str(directory)], check=False)
        assert died.returncode == -signal.SIGKILL
        assert store.get(EVERYTHING, None, 0, ()).ids == ["a"]
        assert after_a_crash(directory, tmp_path / "late") == ["a", "b"]
        store.write("add", records(["c"]))
        assert store.get(EVERYTHING, None, 0, ()).ids == ["a", "c"]
        assert after_a_crash(directory, tmp_path / "later") == ["a", "c"]
    backend.close()
