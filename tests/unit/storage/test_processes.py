"""Several processes on one directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from chromadb._model.operations import Selection

EVERYTHING = Selection()

PRELUDE = """
import sys, numpy as np
from uuid import uuid4
from chromadb._model.entities import CollectionInfo
from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._model.where import parse_filter
from chromadb._storage.local.directory import LocalBackend

directory, worker = sys.argv[1:3]

def say(text):
    print(text, flush=True)

def records(ids):
    vectors = np.ones((len(ids), 2), dtype=np.float32)
    return Records(ids=ids, vectors=vectors, vector_rows=range(len(ids)), metadatas=[{"worker": worker}] * len(ids))

def take(backend, name="docs"):
    info = CollectionInfo(uuid4(), name, "default_tenant", "default_database")
    return backend.create_collection(info, get_or_create=True).address
"""


def start(script: str, directory: Path, worker: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", PRELUDE + script, str(directory), str(worker)]
    return subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def finish(processes: list[subprocess.Popen[str]]) -> list[str]:
    """Wait for the processes, which all must succeed; return what each one printed since it was last read."""
    outputs = [process.communicate(timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes)
    return outputs


WRITE = """
backend = LocalBackend(directory)
address = take(backend)
say("ready"); sys.stdin.readline()
for round in range(40):
    with backend.open(address) as store:
        ids = [f"{worker}-{round}-{i}" for i in range(3)]
        store.write("add", records(ids))
        mine = Selection(filter=parse_filter({"worker": worker}))
        assert len(store.query(np.zeros((1, 2), dtype=np.float32), 10_000, mine, ())[0].ids) == 2 * round + 3
        assert store.delete(Selection(ids[1:2])) == 1
backend.close()
"""


def test_processes_write_to_one_collection_and_lose_nothing(directory: Path, open_backend: Any) -> None:
    processes = [start(WRITE, directory, worker) for worker in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    finish(processes)
    backend = open_backend()
    (info,) = backend.list_collections("default_tenant", "default_database", None, 0)
    with backend.open(info.address) as store:
        expected = {f"{worker}-{round}-{i}" for worker in range(3) for round in range(40) for i in (0, 2)}
        assert set(store.get(EVERYTHING, None, 0, ()).ids) == expected
    assert backend.check() == []


ANSWER = """
backend = LocalBackend(directory)
address = take(backend)
for line in sys.stdin:
    command, id = line.split()
    with backend.open(address) as store:
        if command == "add":
            store.write("add", records([id]))
        elif command == "delete":
            store.delete(Selection([id]))
        say(" ".join(sorted(store.query(np.zeros((1, 2), dtype=np.float32), 10, Selection(), ())[0].ids)))
backend.close()
"""


def test_a_process_sees_what_another_one_committed_at_its_next_call(
    directory: Path, open_backend: Any, create: Any, records: Any
) -> None:
    backend = open_backend()
    address = create(backend)
    process = start(ANSWER, directory, 1)

    def tell(command: str, id: str) -> list[str]:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{command} {id}\n")
        process.stdin.flush()
        return process.stdout.readline().split()

    with backend.open(address) as store:
        assert tell("add", "theirs") == ["theirs"]
        assert store.query(np.zeros((1, 2), dtype=np.float32), 10, EVERYTHING, ())[0].ids == ["theirs"]
        store.write("add", records(["ours"]))
        assert tell("look", "-") == ["ours", "theirs"]
        assert tell("delete", "ours") == ["theirs"]
        assert store.query(np.zeros((1, 2), dtype=np.float32), 10, EVERYTHING, ())[0].ids == ["theirs"]
        assert store.count() == 1
        assert store.check() == []
    finish([process])


OPEN = """
from pathlib import Path
say("ready")
for line in sys.stdin:
    place = Path(directory) / line.strip()
    backend = LocalBackend(place)
    for name in ("one", "two"):
        with backend.open(take(backend, name)) as store:
            store.write("add", records([f"id{worker}"]))
    backend.close()
    say("done")
"""


def test_processes_that_open_a_new_directory_at_the_same_time_agree(directory: Path, open_backend: Any) -> None:
    processes = [start(OPEN, directory, worker) for worker in range(4)]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for round in range(10):
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(f"{round}\n")
            process.stdin.flush()
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "done\n"
    finish(processes)
    for round in range(10):
        backend = open_backend(directory / f"{round}")
        infos = backend.list_collections("default_tenant", "default_database", None, 0)
        assert sorted(info.name for info in infos) == ["one", "two"]
        for info in infos:
            with backend.open(info.address) as store:
                assert sorted(store.get(EVERYTHING, None, 0, ()).ids) == ["id0", "id1", "id2", "id3"]
        assert backend.check() == []
