"""One SQLite file: made, opened and migrated while others do the same."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import pytest

from chromadb._storage.local.sqlite import database, former
from chromadb._storage.local.sqlite.database import SqliteDatabase
from chromadb._storage.local.tables.records import read_state
from chromadb.errors import StorageLockedError


def test_another_process_may_make_the_file_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between any two statements of the one that opens a new file, another one opens and makes it."""
    path, steps = "", -1

    class InterruptedConnection(apsw.Connection):
        def execute(self, *arguments: Any, **options: Any) -> Any:
            nonlocal steps
            steps -= 1
            if steps == -1:
                with suppress(StorageLockedError):  # the first one is just making it
                    SqliteDatabase(path, "records", busy_timeout=0.01).close()
            return super().execute(*arguments, **options)

    monkeypatch.setattr(database.apsw, "Connection", InterruptedConnection)
    for number in range(100):
        path, steps = str(tmp_path / f"{number}.sqlite3"), number + 1
        opened = SqliteDatabase(path, "records", busy_timeout=5)
        interrupted = steps < 0
        with opened.read() as sql:
            assert read_state(sql).next_label == 1
        opened.close()
        if not interrupted:
            break
    assert number > 5


def test_copies_of_former_formats_are_looked_for_in_a_folder_that_is_gone(tmp_path: Path) -> None:
    """Another process may delete a collection while this one opens it."""
    former.remove_former(str(tmp_path / "gone" / "records.sqlite3"))
    assert not (tmp_path / "gone").exists()
