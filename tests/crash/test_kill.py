"""A process that is killed in the middle of its work loses nothing that it was told is written."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chromadb._model.operations import Selection
from chromadb._storage.local.directory import LocalBackend

if os.name != "posix":
    pytest.skip("SIGKILL is of POSIX systems", allow_module_level=True)

EVERYTHING = Selection()

# Each batch of 20 writes ten new records, updates the same ten, and every third one deletes what the last one wrote.
# "started" is told before a batch, "done" after its last call has returned.
WRITER = """
import sys
import numpy as np
from uuid import uuid4
from chromadb._model.entities import CollectionInfo
from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._storage.local.directory import LocalBackend

directory, first = sys.argv[1], int(sys.argv[2])
backend = LocalBackend(directory)
info = CollectionInfo(uuid4(), "docs", "default_tenant", "default_database")
address = backend.create_collection(info, get_or_create=True).address

def records(ids, batch):
    vectors = np.full((len(ids), 64), batch, dtype=np.float32)
    documents = [f"text of {batch} " * 20] * len(ids)
    return Records(ids=ids, vectors=vectors, vector_rows=range(len(ids)), documents=documents,
                   metadatas=[{"batch": batch}] * len(ids))

for batch in range(first, first + 100_000):
    ids = [f"{batch}-{i}" for i in range(10)]
    print("started", batch, flush=True)
    with backend.open(address) as store:
        if batch % 3 == 0 and batch > first:
            assert store.delete(Selection([f"{batch - 1}-{i}" for i in range(10)])) == 10
        # The records "shared-*" are rewritten by every batch: all of them or none.
        store.write("upsert", records(ids + [f"shared-{i}" for i in range(10)], batch))
        if batch % 5 == 0:
            store.query(np.zeros((1, 64), dtype=np.float32), 3, Selection(), ())
    print("done", batch, flush=True)
"""


def run_until_killed(directory: Path, first: int, seconds: float) -> tuple[int, int]:
    """Let the writer run for a while after its first batch, kill it; return the last batch started and done."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory), str(first)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines = [process.stdout.readline()]
    time.sleep(seconds)
    process.kill()
    lines += process.stdout.readlines()
    process.stdout.close()
    process.wait()
    told = [line.split() for line in lines if line.endswith("\n")]
    last = {"started": first - 1, "done": first - 1}
    last.update({word: int(batch) for word, batch in told})
    return last["started"], last["done"]


def test_every_acknowledged_batch_is_there_and_none_is_there_by_half(directory: Path) -> None:
    rng = random.Random(20)
    complete: dict[int, bool] = {}  # batches that must be there (True) or may be (False)
    first = 0
    for _ in range(8):
        started, done = run_until_killed(directory, first, rng.uniform(0.0, 0.12))
        for batch in range(first, done + 1):
            complete[batch] = True
            if batch % 3 == 0 and batch > first:
                complete.pop(batch - 1, None)
        if started > done:
            complete[started] = False
            if started % 3 == 0 and started > first:
                complete[started - 1] = False
        check(directory, complete, done)
        first = started + 1
    assert first > 16, "the writer came to nothing before it was killed"


def check(directory: Path, complete: dict[int, bool], done: int) -> None:
    backend = LocalBackend(directory)
    assert backend.check() == []
    infos = backend.list_collections("default_tenant", "default_database", None, 0)
    if not infos:
        assert not complete or not any(complete.values())
        backend.close()
        return
    with backend.open(infos[0].address) as store:
        found = store.get(EVERYTHING, None, 0, ("documents", "metadatas", "embeddings"))
        there: dict[int, set[str]] = {}
        shared: set[int] = set()
        for id, document, metadata, vector in rows(found):
            batch = metadata["batch"]
            assert document == f"text of {batch} " * 20
            assert np.all(vector == batch)
            name, _ = id.split("-")
            if name == "shared":
                shared.add(batch)
            else:
                assert int(name) == batch
                there.setdefault(batch, set()).add(id)
        assert all(len(ids) == 10 for ids in there.values())
        assert len(shared) <= 1
        assert not shared or max(shared) >= done
        for batch, must in list(complete.items()):
            assert batch in there or not must
            if not must:
                # From now on what is there stays there, and what is not does not come back.
                complete.pop(batch)
                if batch in there:
                    complete[batch] = True
        assert set(there) == set(complete)
        assert store.count() == len(found.ids)
    backend.close()


def rows(found: Any) -> Any:
    return zip(found.ids, found.documents, found.metadatas, found.vectors, strict=True)


def test_a_process_killed_right_after_its_first_steps_leaves_a_usable_directory(tmp_path: Path) -> None:
    """Killed while it makes the directory, the catalog or the first collection."""
    script = "import sys; print('go', flush=True)\n" + WRITER
    rng = random.Random(21)
    for number in range(5):
        directory = tmp_path / f"{number}"
        # Imports take their time; what follows takes a few milliseconds.
        marked = script.replace("directory, first", "print('loaded', flush=True)\ndirectory, first", 1)
        process = subprocess.Popen(
            [sys.executable, "-c", marked, str(directory), "0"], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        while process.stdout.readline() != "loaded\n":
            pass
        time.sleep(rng.uniform(0.0, 0.02))
        process.kill()
        process.communicate()
        backend = LocalBackend(directory)
        assert backend.check() == []
        assert backend.count_collections("default_tenant", "default_database") <= 1
        backend.close()
