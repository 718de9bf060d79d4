"""The disk that loses power: what was synced is there, of the rest anything may be."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from torture.power import CREATE, MKDIR, RENAME, SYNC, TRUNCATE, UNLINK, WRITE, Disk, Event

ROOT = "/data"


def play(*events: tuple[int, str, int, bytes]) -> Disk:
    disk = Disk(ROOT)
    for op, path, offset, data in events:
        disk.play(Event(op, f"{ROOT}/{path}".rstrip("/"), offset, data))
    return disk


def left(disk: Disk, target: Path, variant: str, seed: int = 0) -> dict[str, bytes]:
    disk.lose_power(target, variant, random.Random(seed))
    return {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}


WRITTEN = [(CREATE, "a", 0, b""), (WRITE, "a", 0, b"12345678")]
SYNCED = [*WRITTEN, (SYNC, "a", 0, b""), (SYNC, "", 0, b"")]


def test_what_was_synced_is_there(tmp_path: Path) -> None:
    for variant in ("strict", "names", "random"):
        assert left(play(*SYNCED), tmp_path / variant, variant) == {"a": b"12345678"}


def test_without_a_sync_of_the_directory_there_is_no_file(tmp_path: Path) -> None:
    disk = play(*SYNCED[:3])
    assert left(disk, tmp_path / "strict", "strict") == {}
    assert left(disk, tmp_path / "names", "names") == {"a": b"12345678"}


def test_without_a_sync_of_the_file_there_are_no_bytes(tmp_path: Path) -> None:
    assert left(play(*WRITTEN, (SYNC, "", 0, b"")), tmp_path / "names", "names") == {"a": b""}


def test_any_part_of_what_was_not_synced_may_be_there(tmp_path: Path) -> None:
    disk = play(*SYNCED, (WRITE, "a", 2, b"xx"), (TRUNCATE, "a", 6, b""), (WRITE, "a", 6, b"yy"))
    found = {left(disk, tmp_path / str(seed), "random", seed)["a"] for seed in range(60)}
    assert {b"12345678", b"12xx56yy", b"123456", b"12xx56"} <= found
    assert all(len(content) in (6, 8) for content in found)


@pytest.mark.parametrize("variant", ["strict", "names"])
def test_a_name_is_the_new_one_once_the_directory_was_synced(tmp_path: Path, variant: str) -> None:
    events = [*SYNCED, (RENAME, "a", 0, f"{ROOT}/b".encode())]
    before = left(play(*events), tmp_path / "before", variant)
    assert list(before) == (["a"] if variant == "strict" else ["b"])
    assert list(left(play(*events, (SYNC, "", 0, b"")), tmp_path / "after", variant)) == ["b"]


def test_what_was_removed_comes_back_without_a_sync(tmp_path: Path) -> None:
    assert left(play(*SYNCED, (UNLINK, "a", 0, b"")), tmp_path / "strict", "strict") == {"a": b"12345678"}


def test_a_folder_whose_name_was_not_synced_takes_its_files_with_it(tmp_path: Path) -> None:
    events = [(MKDIR, "f", 0, b""), (CREATE, "f/a", 0, b""), (SYNC, "f/a", 0, b""), (SYNC, "f", 0, b"")]
    assert left(play(*events), tmp_path / "one", "strict") == {}
    assert left(play(*events, (SYNC, "", 0, b"")), tmp_path / "two", "strict") == {"f/a": b""}


def test_shared_memory_is_not_on_a_disk(tmp_path: Path) -> None:
    assert left(play((CREATE, "a-shm", 0, b"")), tmp_path / "names", "names") == {}
