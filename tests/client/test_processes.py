"""One directory, and all the ways in which Python programs come to many processes, threads and tasks."""

from __future__ import annotations

import asyncio
import multiprocessing
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import chromadb

# A program of its own: processes that are spawned import it anew.
PROGRAM = """
import multiprocessing, sys
import chromadb

def fill(path, name, client=None):
    client = client or chromadb.PersistentClient(path)
    collection = client.get_or_create_collection("docs", embedding_function=None)
    for number in range(10):
        id = f"{name}-{number}"
        collection.upsert(ids=[id], embeddings=[[number, 1.0]], metadatas=[{"name": name}], documents=[name])
        assert id in collection.get(where={"name": name})["ids"]
        near = collection.query(query_embeddings=[[number, 1.0]], n_results=1, where={"name": name})
        assert near["ids"] == [[id]], near
    collection.delete(ids=[f"{name}-0"])

if __name__ == "__main__":
    method, before, path = sys.argv[1:]
    client = None
    if before != "nothing":
        client = chromadb.PersistentClient(path)
    if before == "used":
        fill(path, "parent", client)
    context = multiprocessing.get_context(method)
    # A client goes along with a fork; it is not pickled.
    mine = client if method == "fork" else None
    processes = [context.Process(target=fill, args=(path, f"child{number}", mine)) for number in range(4)]
    for process in processes:
        process.start()
    fill(path, "parent", client)
    for process in processes:
        process.join(50)
    assert [process.exitcode for process in processes] == [0] * 4
    with chromadb.PersistentClient(path) as last:
        assert last.check() == []
        print(last.get_collection("docs").count())
"""


@pytest.mark.parametrize("before", ["nothing", "opened", "used"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_multiprocessing_write_to_one_directory(tmp_path: Path, method: str, before: str) -> None:
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("this system does not start processes so")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    ran = subprocess.run(
        [sys.executable, str(program), method, before, str(tmp_path / "db")],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.split() == [str(5 * 9)]


def at_once(count: int, task: Callable[[int], Any]) -> None:
    """Run a task in so many threads; raise what the first one that failed has raised."""
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            task(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_64_threads_share_a_client(client: Any) -> None:
    collection = client.create_collection("docs", embedding_function=None)

    def work(number: int) -> None:
        mine = client.get_collection("docs", embedding_function=None)
        for turn in range(3):
            mine.add(ids=[f"{number}-{turn}"], embeddings=[[number, turn]], metadatas=[{"thread": number}])
            assert len(mine.get(where={"thread": number})["ids"]) == turn + 1
        assert mine.query(query_embeddings=[[number, 1]], n_results=1, where={"thread": number})["ids"] == [
            [f"{number}-1"]
        ]
        mine.delete(ids=[f"{number}-0"])

    at_once(64, work)
    assert collection.count() == 64 * 2
    assert client.check() == []


def test_64_tasks_of_asyncio_share_a_client(client: Any) -> None:
    collection = client.create_collection("docs", embedding_function=None)

    async def work(number: int) -> None:
        await asyncio.to_thread(collection.add, ids=[str(number)], embeddings=[[number, 1]])
        found = await asyncio.to_thread(collection.get, ids=[str(number)])
        assert found["ids"] == [str(number)]

    async def all_of_them() -> None:
        await asyncio.gather(*(work(number) for number in range(64)))

    asyncio.run(all_of_them())
    assert collection.count() == 64


def test_64_threads_make_clients_of_one_directory_and_close_them(tmp_path: Path) -> None:
    def work(number: int) -> None:
        for turn in range(3):
            with chromadb.PersistentClient(tmp_path / "db") as client:
                collection = client.get_or_create_collection("docs", embedding_function=None)
                collection.add(ids=[f"{number}-{turn}"], embeddings=[[number, turn]])

    at_once(64, work)
    with chromadb.PersistentClient(tmp_path / "db") as client:
        assert client.get_collection("docs", embedding_function=None).count() == 64 * 3
        assert client.check() == []
