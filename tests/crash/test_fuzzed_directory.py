"""Chance damages any file of a directory: nothing but typed errors, no wrong value, no dead process; then a repair.

``CHROMA_FUZZ_ROUNDS`` and ``CHROMA_FUZZ_SEED`` in the environment make it longer, and another.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chromadb
from chromadb._model.operations import Selection
from chromadb._storage.local.derived import builder, columns, sealing
from chromadb._storage.local.derived.text import documents
from chromadb._storage.local.directory import LocalBackend
from chromadb._storage.local.repairing.repair import repair_directory
from chromadb.errors import ChromaError

ROUNDS = int(os.environ.get("CHROMA_FUZZ_ROUNDS", "60"))
SEED = int(os.environ.get("CHROMA_FUZZ_SEED", "1"))
COUNT, DIMENSION = 300, 16
WORDS = ["amber", "birch", "cedar", "delta", "ember", "frost", "grove", "heath", "inlet", "jetty"]

History = dict[str, dict[str, list[list[Any]]]]
"""By collection and id all that a record ever was: vector, document, metadata; the last is what it is."""


def build_of_few() -> None:
    sealing.SEAL_FROM = columns.SEAL_FROM = documents.INDEX_FROM = 100
    builder.QUIET = 3600.0


def make(path: Path, target: Path) -> History:
    """Make a directory as a process that was killed leaves it: with logs, and with everything built."""
    history: History = {}
    chance = np.random.default_rng(1)
    with chromadb.PersistentClient(path) as client:
        for name in ("one", "two"):
            known = history[name] = {}
            collection = client.create_collection(name, embedding_function=None)
            write(collection, "add", known, [str(row) for row in range(COUNT)], chance)
    backend = LocalBackend(path)
    for info in backend.list_collections("default_tenant", "default_database", None, 0):
        with backend.open(info.address) as store:
            store.query(np.zeros((1, DIMENSION), dtype=np.float32), 1, Selection(), ())
            while store.build(threading.Event()):  # type: ignore[attr-defined]
                pass
    backend.close()
    with chromadb.PersistentClient(path) as client:
        for name, known in history.items():
            collection = client.get_collection(name, embedding_function=None)
            write(collection, "update", known, [str(row) for row in range(0, COUNT, 9)], chance)
            collection.delete(ids=[str(row) for row in range(1, COUNT, 50)])
            for row in range(1, COUNT, 50):
                known[str(row)].append([])
            write(collection, "add", known, [f"late {row}" for row in range(20)], chance)
        shutil.copytree(path, target)
    return history


def write(collection: Any, mode: str, known: dict[str, list[list[Any]]], ids: list[str], chance: Any) -> None:
    vectors = chance.normal(size=(len(ids), DIMENSION)).astype(np.float32)
    texts = [f"{WORDS[int(chance.integers(10))]} {id} {mode} " * int(chance.integers(1, 40)) for id in ids]
    metadatas = [{"row": int(chance.integers(1000)), "mode": mode} for _ in ids]
    getattr(collection, mode)(ids=ids, embeddings=vectors, documents=texts, metadatas=metadatas)
    for id, vector, text, metadata in zip(ids, vectors, texts, metadatas, strict=True):
        known.setdefault(id, []).append([vector.tobytes().hex(), text, metadata])


# --- in a process of its own ----------------------------------------------------------------------


def harm(file: Path, chance: random.Random) -> str:
    """Damage a file; return how."""
    data = bytearray(file.read_bytes())
    if not data:
        file.write_bytes(chance.randbytes(100))
        return "garbage in an empty file"
    place = chance.randrange(min(len(data), chance.choice([100, 16384, len(data)])))
    size = min(len(data) - place, chance.choice([1, 8, 512, 16384]))
    how = chance.choice(["flip", "flip", "flip", "flips", "zeros", "garbage", "cut", "copy", "extend"])
    if how == "flip":
        data[place] ^= 1 << chance.randrange(8)
    elif how == "flips":
        for _ in range(20):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif how == "zeros":
        data[place : place + size] = bytes(size)
    elif how == "garbage":
        data[place : place + size] = chance.randbytes(size)
    elif how == "cut":
        del data[place:]
    elif how == "copy":
        source = chance.randrange(len(data) - size + 1)
        data[place : place + size] = data[source : source + size]
    else:
        data += chance.randbytes(size)
    file.write_bytes(data)
    return f"{how} of {size} bytes at {place}"


def look(path: Path, history: History, former: bool) -> tuple[bool, bool]:
    """Use a directory in every way; return whether an error was told, and whether everything that was read is complete.

    Args:
        path: the directory.
        history: what the records are, and were.
        former: whether what they were is right, too, as the log is damaged.
    """
    told, complete = False, True

    def attempt(call: Any, *arguments: Any, **named: Any) -> Any:
        nonlocal told
        try:
            return call(*arguments, **named)
        except ChromaError:
            told = True
            return None

    client = attempt(chromadb.PersistentClient, path)
    if client is None:
        return told, True
    with client:
        names = attempt(client.list_collections) or []
        complete = told or sorted(names) == ["one", "two"]
        for name in set(names) & set(history):
            collection = attempt(client.get_collection, name, embedding_function=None)
            if collection is None:
                continue
            known = history[name]
            fields = ["embeddings", "documents", "metadatas"]
            before = told
            got = attempt(collection.get, include=fields)
            if got is not None:
                are_true(got, known, former)
                alive = {id for id, versions in known.items() if versions[-1]}
                complete &= told or former or set(got["ids"]) == alive
            question = np.full((2, DIMENSION), 0.1, dtype=np.float32)
            found = attempt(collection.query, query_embeddings=question, n_results=20, include=fields)
            if found is not None:
                for row in range(2):
                    are_true({key: found[key][row] for key in ("ids", *fields)}, known, former)
                assert former or told or len(found["ids"][0]) == 20
            for asked in (
                {"where": {"row": {"$lt": 500}}},
                {"where_document": {"$contains": "amber"}},
                {"ids": ["0", "9", "late 3"]},
            ):
                got = attempt(collection.get, include=fields, **asked)
                if got is not None:
                    are_true(got, known, former)
            told = told or before
        for finding in attempt(client.check) or []:
            told = True
            assert finding.what
        for name in set(names) & set(history):
            collection = attempt(client.get_collection, name, embedding_function=None)
            if collection is not None:
                vector = [[1.0] * DIMENSION]
                attempt(collection.upsert, ids=["9"], embeddings=vector, documents=["x"])
                attempt(collection.add, ids=["fresh"], embeddings=vector, documents=["x"])
                attempt(collection.delete, ids=["18"])
                attempt(collection.modify, metadata={"a": 1})
                for id in ("9", "fresh"):
                    history[name].setdefault(id, []).append([np.float32(vector[0]).tobytes().hex(), "x", None])
    return told, complete


def are_true(got: Any, known: dict[str, list[list[Any]]], former: bool) -> None:
    """Assert that records are what was written."""
    for id, vector, text, metadata in zip(
        got["ids"], got["embeddings"], got["documents"], got["metadatas"], strict=True
    ):
        versions = known.get(id)
        assert versions is not None, f"{id!r} was never written"
        record = [np.asarray(vector, dtype=np.float32).tobytes().hex(), text]
        right = [version[:2] for version in (versions if former else versions[-1:])]
        assert record in right, f"{id!r} is not what was written"
        assert metadata is None or not former or isinstance(metadata, dict)
        if not former and versions[-1][2] is not None:
            assert metadata == versions[-1][2], f"the metadata of {id!r} is not what was written"


def fuzz(folder: Path, target: Path, rounds: int, seed: int) -> None:
    """Damage one copy after the other, of a directory with logs, and of one without."""
    build_of_few()
    whole: History = json.loads((folder / "history.json").read_text(encoding="utf-8"))
    counts: Counter[str] = Counter()
    for number in range(rounds):
        source = folder / ("with logs" if number % 4 == 0 else "closed")
        files = sorted(file.relative_to(source) for file in source.rglob("*") if file.is_file())
        stores = [file for file in files if "sqlite3" in file.name]
        chance = random.Random(1000 * seed + number)
        history: History = json.loads(json.dumps(whole))
        path = target / str(number)
        shutil.copytree(source, path)
        file = chance.choice(stores if number % 3 else files)
        how = f"round {number}: {file}: {harm(path / file, chance)}"
        try:
            former = file.name.endswith("-wal")
            told, complete = look(path, history, former)
            assert told or complete, "records are missing, and nobody says so"
            if "sqlite3" not in file.name:
                assert not told, "an index is no reason for an error"
            counts["told" if told else "harmless"] += 1
            try:
                done = repair_directory(path)
            except ChromaError:
                counts["not repairable"] += 1
            else:
                counts["repaired"] += bool(done)
                for versions in (versions for known in history.values() for versions in known.values()):
                    # Deleted, or written, just before.
                    versions.append([])
                look(path, history, True)
                with chromadb.PersistentClient(path) as client:
                    assert not [each.what for each in client.check() if not done or not done[-1].error]
        except BaseException:
            print(how, file=sys.stderr, flush=True)
            raise
        shutil.rmtree(path)
    print(json.dumps(counts))


if __name__ == "__main__":
    fuzz(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    with pytest.MonkeyPatch.context() as patch:
        for module, constant in ((sealing, "SEAL_FROM"), (columns, "SEAL_FROM"), (documents, "INDEX_FROM")):
            patch.setattr(module, constant, 100)
        patch.setattr(builder, "QUIET", 3600.0)
        history = make(folder / "closed", folder / "with logs")
    (folder / "history.json").write_text(json.dumps(history), encoding="utf-8")
    assert list(folder.glob("with logs/*/*/records.sqlite3-wal"))
    assert not list(folder.glob("closed/*/*/records.sqlite3-wal"))
    return folder


def test_damage_by_chance_gives_errors_and_nothing_worse(source: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", __file__, str(source), str(tmp_path), str(ROUNDS), str(SEED)],
        capture_output=True,
        text=True,
        timeout=60 + 5 * ROUNDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    counts = json.loads(done.stdout)
    assert counts["told"] > ROUNDS // 10
    assert counts["repaired"] > ROUNDS // 10
