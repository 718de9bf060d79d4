"""Backups: what is in them, what they share, what interrupts them, and what comes back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._model.where import parse_filter
from chromadb._storage.local import restoring
from chromadb._storage.local.copying import backups, copies
from chromadb._storage.local.derived import builder as builder_module
from chromadb._storage.local.derived import columns as columns_module
from chromadb._storage.local.derived import sealing
from chromadb._storage.local.derived.text import documents as text_documents
from chromadb._storage.local.directory import LocalBackend
from chromadb._storage.local.repairing.repair import repair_directory
from chromadb._storage.local.restoring import restore_backup
from chromadb._storage.local.sqlite import alone
from chromadb.errors import (
    InvalidArgumentError,
    StorageCorruptError,
    StorageFormatError,
    StorageFullError,
    StorageLockedError,
    UniqueConstraintError,
)

EVERYTHING = Selection()
COUNT = 200


def batch(first: int, count: int, seed: int = 0) -> Records:
    return Records(
        ids=[str(number) for number in range(first, first + count)],
        vectors=np.random.default_rng([seed, first]).normal(size=(count, 8)).astype(np.float32),
        vector_rows=range(count),
        documents=[f"document {number} of {seed}" for number in range(first, first + count)],
        metadatas=[{"n": number % 5} for number in range(first, first + count)],
    )


def back_up(backend: LocalBackend, target: Path, **options: Any) -> Any:
    given = {"dated": False, "keep": None, "progress": None, "version": "1.5.9", **options}
    return backend.backup(target, **given)


def build(store: Any) -> None:
    while store.build(threading.Event()):
        pass


def contents(path: Path, **options: Any) -> dict[str, Any]:
    """Return what is in a directory, audited, with searches compared to what is there."""
    backend = LocalBackend(path, **options)
    try:
        assert backend.check() == []
        found = {}
        for info in backend.list_collections("default_tenant", "default_database", None, 0):
            with backend.open(info.address) as store:
                every = store.get(EVERYTHING, None, 0, ("documents", "metadatas", "embeddings"))
                for row in range(0, len(every.ids), 13):
                    vector = np.array([every.vectors[row]], dtype=np.float32)  # type: ignore[index]
                    assert store.query(vector, 1, EVERYTHING, ())[0].ids == [every.ids[row]]
                expected = [
                    id for id, text in zip(every.ids, every.documents or [], strict=True) if "1 of" in str(text)
                ]
                contains = Selection(None, parse_filter(None, {"$contains": "1 of"}))
                assert store.get(contains, None, 0, ()).ids == expected
                vectors = None if every.vectors is None else every.vectors.tolist()
                found[info.name] = (every.ids, every.documents, every.metadatas, vectors)
        return found
    finally:
        backend.close()


def files(path: Path) -> dict[str, bytes]:
    return {each.relative_to(path).as_posix(): each.read_bytes() for each in path.rglob("*") if each.is_file()}


@pytest.fixture(autouse=True)
def _small_indexes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealing, "SEAL_FROM", 64)
    monkeypatch.setattr(text_documents, "INDEX_FROM", 64)
    monkeypatch.setattr(columns_module, "SEAL_FROM", 64)
    monkeypatch.setattr(builder_module, "QUIET", 3600.0)


@pytest.fixture
def backend(open_backend: Any, create: Any) -> LocalBackend:
    """Three collections: one with every kind of index, one without any, one that nobody has used."""
    made: LocalBackend = open_backend()
    one, two = create(made, "one"), create(made, "two")
    create(made, "unused")
    with made.open(one) as store:
        store.write("add", batch(0, COUNT))
        build(store)
        store.write("upsert", batch(5, 3, seed=1))
    with made.open(two) as store:
        store.write("add", batch(0, 10))
    return made


def address(backend: LocalBackend, name: str) -> Any:
    return backend.get_collection("default_tenant", "default_database", name).address


# --- what is in a backup ----------------------------------------------------------------------------


def test_a_backup_is_a_directory_of_data_and_is_restored_as_it_was(
    backend: LocalBackend, directory: Path, tmp_path: Path
) -> None:
    backup = back_up(backend, tmp_path / "backup")
    assert (backup.collections, backup.records, backup.version) == (3, COUNT + 10, "1.5.9")
    assert backup.size == sum(len(data) for data in files(tmp_path / "backup").values())
    manifest = json.loads((tmp_path / "backup" / "backup.json").read_bytes())
    assert [(each["name"], each["records"]) for each in manifest["collections"]] == [
        ("one", COUNT),
        ("two", 10),
        ("unused", 0),
    ]
    kept = files(tmp_path / "backup")
    restored = restore_backup(tmp_path / "backup", tmp_path / "restored")
    assert (restored.collections, restored.records) == (3, COUNT + 10)
    assert files(tmp_path / "backup") == kept
    backend.close()
    expected = contents(directory)
    assert contents(tmp_path / "restored") == expected
    assert contents(tmp_path / "backup") == expected
    assert sorted(os.listdir(tmp_path)) == ["backup", "data", "restored"]


def test_index_files_are_shared_and_used_after_restoring(backend: LocalBackend, tmp_path: Path) -> None:
    backup = back_up(backend, tmp_path / "backup")
    assert backup.shared > 0
    restore_backup(tmp_path / "backup", tmp_path / "restored")
    restored = LocalBackend(tmp_path / "restored")
    with restored.open(address(restored, "one")) as store:
        store.query(np.ones((1, 8), dtype=np.float32), 1, EVERYTHING, ())
        assert [len(each.segment.labels) for each in store._snapshot.vectors.sealed] == [COUNT]  # type: ignore[union-attr]
        assert store.indexing_status().num_unindexed_ops == 0
    restored.close()


def test_data_in_memory_is_backed_up_to_disk(open_backend: Any, create: Any, tmp_path: Path) -> None:
    backend = open_backend(None)
    with backend.open(create(backend)) as store:
        store.write("add", batch(0, COUNT))
        build(store)
    assert back_up(backend, tmp_path / "backup").records == COUNT
    assert [len(ids) for ids, *_ in contents(tmp_path / "backup").values()] == [COUNT]


def test_dated_backups_share_what_did_not_change_and_old_ones_go(
    backend: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = copies._link
    # As if the data were on another file system than the backups.
    monkeypatch.setattr(copies, "_link", lambda source, target: "data" not in source.parts and link(source, target))
    made = [back_up(backend, tmp_path / "all", dated=True, keep=2) for _ in range(2)]
    assert [each.shared > 0 for each in made] == [False, True]
    (tmp_path / "all" / "notes").mkdir()
    (tmp_path / "all" / "2020-01-01T00-00-00.000Z").mkdir()
    with backend.open(address(backend, "two")) as store:
        store.write("add", batch(10, 5))
    made.append(back_up(backend, tmp_path / "all", dated=True, keep=2))
    left = [Path(each.path).name for each in made[1:]]
    # What is no backup is nobody's to remove.
    assert sorted(os.listdir(tmp_path / "all")) == sorted([*left, "notes", "2020-01-01T00-00-00.000Z"])
    assert [len(contents(Path(each.path))["two"][0]) for each in made[1:]] == [10, 15]


def test_progress_is_told(backend: LocalBackend, tmp_path: Path) -> None:
    told: list[Any] = []
    back_up(backend, tmp_path / "backup", progress=lambda *step: told.append(step))
    names = [f"default_tenant/default_database/{name}" for name in ("one", "two", "unused")]
    assert told == [(name, number, 3) for number, name in enumerate(names)]
    told.clear()
    restore_backup(tmp_path / "backup", tmp_path / "new", progress=lambda *step: told.append(step))
    assert told == [(name, number, 5) for number, name in enumerate(["verify", *names, "check"])]


# --- while others work ------------------------------------------------------------------------------

WRITER = """
import itertools, sys
import numpy as np
from chromadb._model.records import Records
from chromadb._storage.local.directory import LocalBackend

backend = LocalBackend(sys.argv[1], synchronous="normal")
address = backend.get_collection("default_tenant", "default_database", "two").address
print("ready", flush=True)
for number in itertools.count(100):
    ids = [f"{number}-{row}" for row in range(7)]
    with backend.open(address) as store:
        store.write("add", Records(ids=ids, vectors=np.ones((7, 8), np.float32), vector_rows=range(7)))
        store.write("upsert", Records(ids=ids, vectors=np.zeros((7, 8), np.float32), vector_rows=range(7)))
"""


def test_a_backup_beside_writers_of_this_and_another_process_is_of_one_commit(
    backend: LocalBackend, directory: Path, create: Any, tmp_path: Path
) -> None:
    stop = threading.Event()

    def churn() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            made = create(backend, f"passing-{number}")
            with backend.open(made) as store:
                store.write("add", batch(0, 20))
            backend.delete_collection("default_tenant", "default_database", f"passing-{number}")

    thread = threading.Thread(target=churn)
    with subprocess.Popen([sys.executable, "-c", WRITER, str(directory)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        thread.start()
        try:
            seen = []
            for number in range(6):
                target = tmp_path / f"backup-{number}"
                back_up(backend, target)
                manifest = json.loads((target / "backup.json").read_bytes())
                copied = LocalBackend(target)
                # Neither rows without folders nor folders without rows.
                assert copied.check() == []
                names = copied.list_collections("default_tenant", "default_database", None, 0)
                assert {str(each.id) for each in names} == {each["id"] for each in manifest["collections"]}
                with copied.open(address(copied, "two")) as store:
                    seen.append(store.count())
                copied.close()
            assert [(count - 10) % 7 for count in seen] == [0] * 6
            assert seen == sorted(seen)
            assert seen[-1] > seen[0]
        finally:
            stop.set()
            thread.join()
            writer.kill()


def test_a_collection_deleted_before_its_turn_is_left_out(backend: LocalBackend, tmp_path: Path) -> None:
    def delete(name: str, number: int, total: int) -> None:
        if number == 0:
            backend.delete_collection("default_tenant", "default_database", "two")

    assert back_up(backend, tmp_path / "backup", progress=delete).collections == 2
    assert sorted(contents(tmp_path / "backup")) == ["one", "unused"]


# --- what goes wrong --------------------------------------------------------------------------------


def test_an_interrupted_backup_is_none(backend: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever step fails, there is no backup, and the former ones are kept."""
    former = back_up(backend, tmp_path / "all", dated=True)
    steps = 0
    fail_at = 0
    sync = copies.sync

    def failing(path: Path) -> None:
        nonlocal steps
        steps += 1
        if steps == fail_at:
            raise OSError(28, "No space left on device")
        sync(path)

    for module in (copies, backups):
        monkeypatch.setattr(module, "sync", failing)
    while True:
        steps, fail_at = 0, fail_at + 1
        try:
            back_up(backend, tmp_path / "all", dated=True, keep=1)
            break
        except StorageFullError:
            pass
        left = os.listdir(tmp_path / "all")
        if steps == fail_at and len(left) == 2:
            # The last step of all: the name is there already, and what is there is whole.
            assert contents(max((tmp_path / "all").iterdir())) == contents(Path(former.path))
            break
        assert left == [Path(former.path).name]
    assert fail_at > 8


def test_a_killed_backup_leaves_what_is_no_backup(backend: LocalBackend, directory: Path, tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from chromadb._storage.local.directory import LocalBackend\n"
        "def stop(name, number, total):\n"
        "    if number == 1: os._exit(9)\n"
        "LocalBackend(sys.argv[1]).backup(Path(sys.argv[2]), False, None, stop, 'x')"
    )
    target = tmp_path / "backups" / "monday"
    assert subprocess.run([sys.executable, "-c", code, str(directory), str(target)], check=False).returncode == 9
    (left,) = target.parent.iterdir()
    assert left.name.startswith(".monday.")
    with pytest.raises(InvalidArgumentError, match="There is no backup in"):
        restore_backup(left, tmp_path / "restored")
    # It is removed with a later backup.
    long_ago = time.time() - 60
    os.utime(left, (long_ago, long_ago))
    back_up(backend, target)
    assert os.listdir(target.parent) == ["monday"]


def test_damaged_data_makes_no_backup_and_keeps_the_former_ones(
    backend: LocalBackend, directory: Path, tmp_path: Path, open_backend: Any
) -> None:
    back_up(backend, tmp_path / "all", dated=True)
    file = directory / "collections" / str(address(backend, "one").collection) / "records.sqlite3"
    backend.close()
    data = bytearray(file.read_bytes())
    data[3 * 16384 : 3 * 16384 + 4000] = bytes(4000)
    file.write_bytes(data)
    with pytest.raises(StorageCorruptError, match="damaged"):
        back_up(open_backend(), tmp_path / "all", dated=True, keep=1)
    assert len(os.listdir(tmp_path / "all")) == 1


def test_a_full_disk_is_that_of_the_backup(
    backend: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = copies.apsw.Connection

    class Full(connection):  # type: ignore[misc, valid-type]
        def backup(self, *_: Any) -> Any:
            raise copies.apsw.FullError("database or disk is full")

    monkeypatch.setattr(copies.apsw, "Connection", Full)
    with pytest.raises(StorageFullError, match=rf"disk of {tmp_path}/\.backup\..*catalog"):
        back_up(backend, tmp_path / "backup")
    assert os.listdir(tmp_path) == ["data"]


def test_a_row_that_is_not_what_was_written_makes_no_backup(
    backend: LocalBackend, directory: Path, tmp_path: Path, open_backend: Any
) -> None:
    file = directory / "collections" / str(address(backend, "one").collection) / "records.sqlite3"
    backend.close()
    data = file.read_bytes()
    assert b"document 77 of 0" in data
    file.write_bytes(data.replace(b"document 77 of 0", b"document 78 of 0"))
    with pytest.raises(StorageCorruptError, match=r"label 78: not what was written.*--repair"):
        back_up(open_backend(), tmp_path / "backup")
    assert sorted(os.listdir(tmp_path)) == ["data"]


def test_dated_backups_at_the_same_moment_do_not_remove_or_meet_each_other(
    backend: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, made = tmp_path / "all", []
    rename = os.rename

    def rename_late(source: Any, target: Any) -> None:
        # Other processes end just before: one with the same name, one with a later one.
        if Path(target).parent == folder and not made:
            made.append(Path(target))
            for name in (Path(target).name, "2999-01-01T00-00-00.000Z"):
                (folder / name).mkdir(parents=True)
                (folder / name / "backup.json").write_text("{}")
        rename(source, target)

    monkeypatch.setattr(os, "rename", rename_late)
    mine = Path(back_up(backend, folder, dated=True, keep=1).path)
    assert mine.parent == folder
    assert made[0] < mine
    assert sorted(os.listdir(folder)) == [mine.name, "2999-01-01T00-00-00.000Z"]


def test_an_old_backup_that_another_process_removes_meanwhile_is_no_error(
    backend: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    back_up(backend, tmp_path / "all", dated=True)
    remove = backups.remove_directory

    def remove_late(path: Path) -> None:
        shutil.rmtree(path)
        remove(path)

    monkeypatch.setattr(backups, "remove_directory", remove_late)
    made = back_up(backend, tmp_path / "all", dated=True, keep=1)
    assert os.listdir(tmp_path / "all") == [Path(made.path).name]


def test_a_backup_tells_what_its_collections_are(backend: LocalBackend, tmp_path: Path) -> None:
    back_up(backend, tmp_path / "opened")
    back_up(backend, tmp_path / "backup")
    expected = contents(tmp_path / "opened")
    (tmp_path / "backup" / "catalog.sqlite3").unlink()
    repair_directory(tmp_path / "backup")
    del expected["unused"]
    assert contents(tmp_path / "backup") == expected


def test_places_where_no_backup_can_be(backend: LocalBackend, directory: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file"):
        with pytest.raises(UniqueConstraintError, match="exists and is not empty"):
            back_up(backend, tmp_path / name)
    for place in (directory / "backup", directory / "collections" / "x" / "y"):
        with pytest.raises(InvalidArgumentError, match="outside of the directory"):
            back_up(backend, place)
    (tmp_path / "empty").mkdir()
    back_up(backend, tmp_path / "empty")
    for place in (tmp_path / "empty" / "inner", tmp_path / "empty" / "collections" / "all"):
        with pytest.raises(InvalidArgumentError, match="outside of other data and backups"):
            back_up(backend, place)
    assert sorted(os.listdir(tmp_path)) == ["data", "empty", "file", "full"]


def test_mount_points_are_named_or_filled(
    backend: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == mounted)
    with pytest.raises(UniqueConstraintError, match="Choose a directory in it"):
        back_up(backend, mounted)
    back_up(backend, tmp_path / "backup")
    inode = mounted.stat().st_ino
    restore_backup(tmp_path / "backup", mounted)
    assert mounted.stat().st_ino == inode
    assert sorted(os.listdir(mounted)) == ["catalog.sqlite3", "collections"]
    assert len(contents(mounted)["one"][0]) == COUNT
    with pytest.raises(UniqueConstraintError, match="cannot be put aside"):
        restore_backup(tmp_path / "backup", mounted, replace=True)


# --- restoring --------------------------------------------------------------------------------------


@pytest.fixture
def backup(backend: LocalBackend, tmp_path: Path) -> Path:
    back_up(backend, tmp_path / "backup")
    return tmp_path / "backup"


def test_damaged_backups_are_refused(backup: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(backup, whole)
    names = [name for name in files(backup) if name.endswith((".sqlite3", backups.MANIFEST))]
    assert len(names) == 4
    for name in names:
        for damage in ("cut", "flipped", "missing"):
            shutil.rmtree(backup)
            shutil.copytree(whole, backup)
            data = bytearray((backup / name).read_bytes())
            if damage == "missing":
                (backup / name).unlink()
            else:
                data[len(data) // 2] ^= 16
                (backup / name).write_bytes(data[: len(data) // 2] if damage == "cut" else data)
            with pytest.raises((StorageCorruptError, InvalidArgumentError)):
                restore_backup(backup, tmp_path / "restored")
            assert not (tmp_path / "restored").exists()


def test_damaged_index_files_of_a_backup_are_left_out_and_made_anew(
    backup: Path, directory: Path, tmp_path: Path, backend: LocalBackend
) -> None:
    backend.close()
    expected = contents(directory)
    for name in files(backup):
        if "/index/" in name or "/columns/" in name or "/text/" in name:
            data = (backup / name).read_bytes()
            (backup / name).unlink()  # it is shared with the data
            (backup / name).write_bytes(data[: len(data) // 2])
    restore_backup(backup, tmp_path / "restored")
    assert contents(tmp_path / "restored") == expected


def test_a_backup_that_was_written_to_is_refused(backup: Path, tmp_path: Path) -> None:
    opened = LocalBackend(backup)
    with opened.open(address(opened, "two")) as store:
        store.write("add", batch(50, 1))
        with pytest.raises(StorageCorruptError, match="has written to the backup"):
            restore_backup(backup, tmp_path / "restored")
    opened.close()
    with pytest.raises(StorageCorruptError, match="has written to the backup"):
        restore_backup(backup, tmp_path / "restored")


def test_a_backup_of_a_newer_version_is_refused(backup: Path, tmp_path: Path) -> None:
    (backup / "backup.json").write_text('{"format": 99, "surprise": 1}')
    with pytest.raises(StorageFormatError, match="Upgrade chromadb"):
        restore_backup(backup, tmp_path / "restored")


def test_what_is_no_backup(backup: Path, directory: Path, tmp_path: Path, backend: LocalBackend) -> None:
    for place in (directory, tmp_path / "nothing", backup / "backup.json"):
        with pytest.raises(InvalidArgumentError, match="There is no backup in"):
            restore_backup(place, tmp_path / "restored")
    back_up(backend, tmp_path / "all", dated=True)
    with pytest.raises(InvalidArgumentError, match="folder of dated backups"):
        restore_backup(tmp_path / "all", tmp_path / "restored")


def test_a_directory_that_is_not_empty_is_put_aside_only_when_that_is_said(
    backup: Path, directory: Path, tmp_path: Path, backend: LocalBackend, open_backend: Any
) -> None:
    with backend.open(address(backend, "two")) as store:
        store.delete(EVERYTHING)
    with pytest.raises(UniqueConstraintError, match="is not empty"):
        restore_backup(backup, directory)
    with pytest.raises(StorageLockedError, match="in use"):
        restore_backup(backup, directory, replace=True)
    backend.close()
    before = contents(directory)
    restore_backup(backup, directory, replace=True)
    assert len(contents(directory)["two"][0]) == 10
    (aside,) = tmp_path.glob("data.before-*")
    assert contents(aside) == before
    with pytest.raises(InvalidArgumentError, match="two places"):
        restore_backup(backup, backup / "inside")


def test_a_directory_that_is_opened_meanwhile_is_not_replaced(backup: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    LocalBackend(place).close()
    opened: list[LocalBackend] = []

    def progress(name: str, number: int, total: int) -> None:
        if not opened:
            opened.append(LocalBackend(place))

    with pytest.raises(StorageLockedError, match="in use"):
        restore_backup(backup, place, replace=True, progress=progress)
    assert opened[0].check() == []
    opened[0].close()
    assert not list(tmp_path.glob("place.before-*"))
    restore_backup(backup, place, replace=True)


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX systems")
def test_a_directory_that_is_being_repaired_is_not_replaced(backup: Path, tmp_path: Path) -> None:
    place = tmp_path / "place"
    LocalBackend(place).close()
    with alone.alone_with(place), pytest.raises(StorageLockedError, match="being repaired"):
        restore_backup(backup, place, replace=True)
    assert not list(tmp_path.glob("place.before-*"))
    restore_backup(backup, place, replace=True)


@pytest.mark.parametrize("told", ["by the system", "by its lock", "by SQLite"])
def test_a_directory_that_another_process_uses_is_not_replaced(
    backup: Path,
    directory: Path,
    backend: LocalBackend,
    open_backend: Any,
    monkeypatch: pytest.MonkeyPatch,
    told: str,
) -> None:
    backend.close()
    if told != "by the system":
        monkeypatch.setattr(alone, "users_of", lambda matches: "")
    if told == "by SQLite":
        # As on Windows.
        monkeypatch.setattr(alone, "is_open_elsewhere", alone._is_open_for_sqlite)
    with subprocess.Popen([sys.executable, "-c", WRITER, str(directory)], stdout=subprocess.PIPE) as user:
        try:
            assert user.stdout is not None
            assert user.stdout.readline() == b"ready\n"
            named = (
                rf"in use by .*process {user.pid} \("
                if told == "by the system" and sys.platform == "linux"
                else "in use"
            )
            with pytest.raises(StorageLockedError, match=named):
                restore_backup(backup, directory, replace=True)
        finally:
            user.kill()
    # What it had not written back is not lost by having been asked for.
    left = open_backend()
    with left.open(address(left, "two")) as store:
        assert store.count() >= 10
        assert store.check() == []
    left.close()
    restore_backup(backup, directory, replace=True)
    assert len(contents(directory)["two"][0]) == 10


def test_a_full_disk_leaves_the_place_as_it_was(
    backup: Path, directory: Path, tmp_path: Path, backend: LocalBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.close()
    before = contents(directory)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    for step in ("copy_derived", "_put_in_place"):
        with monkeypatch.context() as patch:
            patch.setattr(restoring, step, full)
            with pytest.raises(StorageFullError):
                restore_backup(backup, directory, replace=True)
        assert contents(directory) == before
        assert sorted(os.listdir(tmp_path)) == ["backup", "data"]


def test_index_files_of_a_later_state_beside_restored_records_are_never_used(
    backup: Path, directory: Path, tmp_path: Path, backend: LocalBackend, open_backend: Any
) -> None:
    """The records are put back alone, by hand or by restoring, and written to until their commits reach the others."""
    one = address(backend, "one")
    with backend.open(one) as store:
        for seed in range(2, 6):
            store.write("upsert", batch(0, COUNT, seed=seed))
        build(store)
    backend.close()
    place = Path("collections", str(one.collection))
    restore_backup(backup, tmp_path / "restored")
    for number, source in enumerate((backup, tmp_path / "restored")):
        mixed = tmp_path / f"mixed-{number}"
        shutil.copytree(directory, mixed)
        shutil.copy(source / place / "records.sqlite3", mixed / place)
        opened = open_backend(mixed)
        with opened.open(one) as store:
            for seed in range(12, 18):
                store.write("upsert", batch(0, COUNT, seed=seed))
        opened.close()
        assert contents(mixed)["one"][1] == [f"document {row} of 17" for row in range(COUNT)]


def test_two_restored_from_one_backup_have_nothing_to_do_with_each_other(backup: Path, tmp_path: Path) -> None:
    lineages = set()
    for name in ("first", "second"):
        restore_backup(backup, tmp_path / name)
        lineages |= {path.name for path in (tmp_path / name).glob("collections/*/text/*")}
    lineages |= {path.name for path in backup.glob("collections/*/text/*")}
    assert len(lineages) == 3
