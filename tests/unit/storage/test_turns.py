"""One process at a time builds the index of a collection."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from chromadb._storage.local.derived import builder as builder_module
from chromadb._storage.local.derived import sealing
from chromadb._storage.local.platform.turns import turn

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no turns on this system")

HOLD = """
import sys
from pathlib import Path
from chromadb._storage.local.platform.turns import turn
with turn(Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


def test_a_turn_ends_with_the_block(tmp_path: Path) -> None:
    for _ in range(2):
        with turn(tmp_path) as first, turn(tmp_path) as second:
            assert (first, second) == (True, False)


def test_in_memory_and_without_a_folder_it_is_always_this_process(tmp_path: Path) -> None:
    for folder in (None, tmp_path / "missing"):
        with turn(folder) as first, turn(folder) as second:
            assert (first, second) == (True, True)


def test_a_turn_ends_with_the_process_that_has_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        with turn(tmp_path) as mine:
            assert not mine
        other.kill()
        other.wait()
        with turn(tmp_path) as mine:
            assert mine


def test_a_turn_can_be_waited_for(tmp_path: Path) -> None:
    with turn(tmp_path) as first:
        assert first
        with turn(tmp_path, 0.1) as second:
            assert not second
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        timer = threading.Timer(0.2, other.kill)
        timer.start()
        with turn(tmp_path, 30) as mine:
            assert mine
        timer.join()


def test_what_one_backend_has_built_the_other_does_not_build_again(
    open_backend: Any, create: Any, records: Any, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "SEAL_FROM", 50)
    monkeypatch.setattr(builder_module, "QUIET", 1000.0)
    one, other = open_backend(), open_backend()
    address = create(one)
    folder = directory / "collections" / str(address.collection)
    never = threading.Event()

    def segments() -> list[str]:
        index = folder / "index"
        return [each.name for each in index.iterdir()] if index.exists() else []

    with one.open(address) as store, other.open(address) as same:
        store.write("add", records([str(i) for i in range(100)]))
        with turn(folder):
            assert same.build(never)  # there is more to do, later
            assert segments() == []
        assert not store.build(never)
        built = segments()
        assert len(built) == 1
        assert not same.build(never)
        assert segments() == built
        assert same.indexing_status().num_unindexed_ops == 0
