"""Space: what is written again and again does not grow, and what is deleted is given back, without being asked to."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._model.where import parse_filter
from chromadb._storage.local.derived import builder as builder_module
from chromadb._storage.local.derived import columns as columns_module
from chromadb._storage.local.derived import sealing
from chromadb._storage.local.derived.text import documents as text_documents
from chromadb._storage.local.vacuum import files_of

COUNT, DIMENSION, ROUNDS = 1000, 384, 100
HERE = ("default_tenant", "default_database")
TEXT = "What is written in this document is written in others too, but not all of it. "


def complete(number: int) -> Records:
    """Return all records as a round writes them, in an order and with lengths of its own."""
    rng = np.random.default_rng(number)
    order = rng.permutation(COUNT)
    return Records(
        ids=[str(row) for row in order],
        vectors=rng.normal(size=(COUNT, DIMENSION)).astype(np.float32),
        vector_rows=range(COUNT),
        documents=[f"{row} in round {number}. " + TEXT * int(rng.integers(5, 40)) for row in order],
        metadatas=[{"round": number, "n": int(row) % 7} for row in order],
    )


def size(directory: Path) -> int:
    return sum(files_of(directory).values())


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def live_size(open_backend: Any, create: Any, tmp_path: Path) -> int:
    """Bytes of a directory that was written once, with its indexes, and closed."""
    backend = open_backend(tmp_path / "fresh", synchronous="normal")
    with backend.open(create(backend)) as store:
        store.write("add", complete(ROUNDS))
        index(store)
    backend.close()
    return size(tmp_path / "fresh")


def index(store: Any) -> None:
    """Ask for every kind of index, and wait for them."""
    store.query(np.ones((1, DIMENSION), dtype=np.float32), 1, Selection(None, parse_filter({"n": 1})), ())
    store.get(Selection(None, parse_filter(None, {"$contains": "round"})), 1, 0, ())
    wait_until(lambda: store.indexing_status().num_unindexed_ops == 0)


@pytest.mark.parametrize("indexed", [True, False])
def test_a_hundred_complete_upserts_leave_at_most_one_and_a_half_times_the_live_size(
    open_backend: Any, create: Any, directory: Path, request: Any, monkeypatch: pytest.MonkeyPatch, indexed: bool
) -> None:
    if indexed:
        for module, name in ((sealing, "SEAL_FROM"), (text_documents, "INDEX_FROM"), (columns_module, "SEAL_FROM")):
            monkeypatch.setattr(module, name, 500)
    monkeypatch.setattr(builder_module, "QUIET", 0.2)
    live = request.getfixturevalue("live_size")
    backend = open_backend(synchronous="normal")
    address = create(backend)
    for number in range(1, ROUNDS + 1):
        with backend.open(address) as store:
            store.write("upsert", complete(number))
            if indexed and number % 25 == 0:
                index(store)
    # Nobody closes it, nor calls anything: it is the builder who tidies up once it is quiet.
    wait_until(lambda: size(directory) <= 1.5 * live)
    with backend.open(address) as store:
        assert store.count() == COUNT
        assert store.check() == []
    backend.close()
    assert size(directory) <= 1.5 * live


def test_a_long_log_of_changes_that_no_index_needs_is_cut(
    open_backend: Any, create: Any, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder_module, "QUIET", 0.2)
    backend = open_backend(synchronous="normal")
    with backend.open(create(backend)) as store:
        store.write("add", complete(1))
        for number in range(20):
            metadatas = [{"round": number}] * COUNT
            ids = [str(row) for row in range(COUNT)]
            store.write("update", Records(ids=ids, vectors=None, vector_rows=range(0), metadatas=metadatas))
        (log,) = directory.glob("collections/*/records.sqlite3-wal")
        wait_until(lambda: log.stat().st_size == 0)
        assert store.count() == COUNT


USER = """
import sys
from chromadb._storage.local.derived import builder
builder.PATROL = 0.2
from chromadb._storage.local.directory import LocalBackend
backend = LocalBackend(sys.argv[1])
for info in backend.list_collections("default_tenant", "default_database", None, 0):
    with backend.open(info.address) as store:
        store.count()
print("open", flush=True)
sys.stdin.readline()
"""


def open_files(process: int, directory: Path) -> list[str]:
    handles = [os.readlink(handle) for handle in Path(f"/proc/{process}/fd").iterdir()]
    return [path for path in handles if path.startswith(str(directory))]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_deleting_a_collection_gives_its_space_back_though_an_idle_process_has_it_open(
    open_backend: Any, create: Any, directory: Path
) -> None:
    backend = open_backend(synchronous="normal")
    kept = create(backend, "kept")
    gone = create(backend, "gone")
    with backend.open(gone) as store:
        store.write("add", complete(1))
    with backend.open(kept) as store:
        store.write("add", Records(["a"], np.ones((1, 2), np.float32), range(1)))
    before, live = size(directory), size(directory / "collections" / str(gone.collection))
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", USER, str(directory)], **pipes) as user:
        assert user.stdout is not None
        assert user.stdout.readline() == b"open\n"
        assert any("records" in path for path in open_files(user.pid, directory))
        backend.delete_collection(*HERE, "gone")
        assert before - size(directory) >= 0.95 * live
        # A file that somebody has open takes its space until it is closed.
        wait_until(lambda: not [path for path in open_files(user.pid, directory) if path.endswith("(deleted)")])
        assert [path for path in open_files(user.pid, directory) if str(kept.collection) in path]
        user.kill()
