from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chromadb
from chromadb import EmbeddingFunction
from chromadb._embed import vector_cache
from chromadb._embed.registry import known_embedding_functions
from chromadb._embed.vector_cache import VectorCache
from chromadb.errors import EmbeddingFunctionError, InvalidArgumentError
from chromadb.utils.embedding_functions import CachedEmbeddingFunction, register_embedding_function


class Lengths(EmbeddingFunction[Any]):
    """Embeds a text by its length, an image by its sum, and notes what it was asked."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor
        self.asked: list[list[Any]] = []

    def __call__(self, input: Any) -> Any:
        self.asked.append(list(input))
        return [[self.factor * (len(each) if isinstance(each, str) else float(each.sum())), 0.1] for each in input]

    @staticmethod
    def name() -> str:
        return "lengths-of-the-cache"

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> Lengths:
        return Lengths(**config)

    def default_space(self) -> Any:
        return "ip"


class Asymmetric(Lengths):
    """Embeds queries in another way."""

    def embed_query(self, input: Any) -> Any:
        return [[-value for value in vector] for vector in self(input)]

    @staticmethod
    def name() -> str:
        return "asymmetric-of-the-cache"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "cache.sqlite3"


def rows(vectors: Any) -> list[list[float]]:
    return [[round(float(value), 5) for value in vector] for vector in vectors]


def test_only_what_is_new_is_embedded_and_once(path: Path) -> None:
    inner = Lengths()
    cached = CachedEmbeddingFunction(inner, path)
    assert rows(cached(["a", "bb", "a"])) == [[1, 0.1], [2, 0.1], [1, 0.1]]
    assert rows(cached(["ccc", "bb"])) == [[3, 0.1], [2, 0.1]]
    assert inner.asked == [["a", "bb"], ["ccc"]]
    again = CachedEmbeddingFunction(Lengths(), path)
    assert rows(again(["ccc", "a"])) == [[3, 0.1], [1, 0.1]]
    assert again.inner.asked == []
    assert all(vector.dtype == np.float32 for vector in again(["a"]))
    assert cached([]) == []
    assert len(cached.cache) == 3


def test_another_name_or_configuration_is_another_function(path: Path) -> None:
    CachedEmbeddingFunction(Lengths(), path)(["a"])
    assert rows(CachedEmbeddingFunction(Lengths(2.0), path)(["a"])) == [[2, 0.1]]
    other = Asymmetric()
    assert rows(CachedEmbeddingFunction(other, path)(["a"])) == [[1, 0.1]]
    assert other.asked == [["a"]]


def test_queries_are_apart_where_the_function_tells_them_apart(path: Path) -> None:
    alike, apart = Lengths(), Asymmetric()
    for function in (alike, apart):
        cached = CachedEmbeddingFunction(function, path)
        cached(["a"])
        cached.embed_query(["a"])
    assert alike.asked == [["a"]]
    assert apart.asked == [["a"], ["a"]]
    cached = CachedEmbeddingFunction(apart, path)
    assert (rows(cached(["a"])), rows(cached.embed_query(["a"]))) == ([[1, 0.1]], [[-1, -0.1]])


def test_images_are_told_by_shape_type_and_values(path: Path) -> None:
    inner = Lengths()
    cached = CachedEmbeddingFunction(inner, path)
    image = np.arange(12, dtype=np.uint8).reshape(3, 4)
    different = [image, image.T, image.astype(np.int16), image.reshape(4, 3), image + 1, "text"]
    cached(different)
    assert len(inner.asked[0]) == 6
    cached([image.copy(), np.asfortranarray(image), image[::1]])
    assert len(inner.asked) == 1
    with pytest.raises(EmbeddingFunctionError, match="texts or arrays, got 5"):
        cached([5])
    with pytest.raises(EmbeddingFunctionError, match="texts or arrays"):
        cached([np.array([object()])])


def test_a_text_that_is_no_unicode_is_cached_too(path: Path) -> None:
    cached = CachedEmbeddingFunction(Lengths(), path)
    cached(["a\ud800", "a?"])
    assert cached.inner.asked == [["a\ud800", "a?"]]


def test_what_the_function_raises_reaches_the_caller_and_nothing_is_kept(path: Path) -> None:
    class Failing(Lengths):
        def __call__(self, input: Any) -> Any:
            raise ConnectionError("down")

    cached = CachedEmbeddingFunction(Failing(), path)
    with pytest.raises(ConnectionError, match="down"):
        cached(["a"])
    assert len(cached.cache) == 0


def test_vectors_that_cannot_be_used_are_not_kept(path: Path) -> None:
    class Wrong(Lengths):
        def __call__(self, input: Any) -> Any:
            return [[float("nan")] for _ in input]

    cached = CachedEmbeddingFunction(Wrong(), path)
    with pytest.raises(EmbeddingFunctionError, match="finite"):
        cached(["a"])
    assert len(cached.cache) == 0


def test_a_change_of_dimension_under_the_same_name_is_an_error(path: Path) -> None:
    class Wider(Lengths):
        def __call__(self, input: Any) -> Any:
            return [[1.0, 2.0, 3.0] for _ in input]

    CachedEmbeddingFunction(Lengths(), path)(["a"])
    with pytest.raises(EmbeddingFunctionError, match=r"dimensions \[2, 3\].*another file"):
        CachedEmbeddingFunction(Wider(), path)(["a", "b"])


@pytest.mark.parametrize("function", [lambda texts: [[1.0]] * len(texts), None], ids=["no name", "none"])
def test_a_function_without_a_name_cannot_be_cached(path: Path, function: Any) -> None:
    with pytest.raises(EmbeddingFunctionError, match=r"name\(\) and get_config\(\)"):
        CachedEmbeddingFunction(function, path)


# --- in a collection ---------------------------------------------------------------------------------


@pytest.fixture
def registered() -> Any:
    before = dict(known_embedding_functions)
    register_embedding_function(Lengths)
    yield
    known_embedding_functions.clear()
    known_embedding_functions.update(before)


def test_a_collection_stores_the_inner_function(path: Path, tmp_path: Path, registered: None) -> None:
    with chromadb.PersistentClient(tmp_path / "db") as client:
        made = client.create_collection("abc", embedding_function=CachedEmbeddingFunction(Lengths(3.0), path))
        made.add(ids=["a", "b"], documents=["x", "yy"])
        assert made.configuration_json["embedding_function"] == {
            "type": "known",
            "name": "lengths-of-the-cache",
            "config": {"factor": 3.0},
        }
        assert made.configuration_json["hnsw"]["space"] == "ip"
    with chromadb.PersistentClient(tmp_path / "db") as client:
        assert isinstance(client.get_collection("abc")._embedding.function, Lengths)
        cached = CachedEmbeddingFunction(Lengths(3.0), path)
        opened = client.get_collection("abc", embedding_function=cached)
        opened.add(ids="c", documents="yy")
        assert opened.query(query_texts=["x"], n_results=1, include=["embeddings"])["ids"] != [[]]
        assert cached.inner.asked == [], "documents and query were embedded before"
        with pytest.raises(EmbeddingFunctionError, match="asymmetric"):
            client.get_collection("abc", embedding_function=CachedEmbeddingFunction(Asymmetric(), path))


# --- the file ----------------------------------------------------------------------------------------


def test_the_file_keeps_to_its_size_and_to_what_was_used_last(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = VectorCache(path, 400_000)
    now = 1_000_000.0
    monkeypatch.setattr(vector_cache.time, "time", lambda: now)
    vector = np.ones(384, dtype=np.float32)
    cache.put({b"often": vector})
    for number in range(1000):
        now += 60
        cache.put({f"seldom {number}".encode(): vector})
        assert cache.get([b"often"])
    assert 50 < len(cache) < 260
    assert not cache.get([b"seldom 0"])
    assert cache.get([b"seldom 999"])
    cache.close()
    assert path.stat().st_size < 500_000


def test_clearing_gives_the_disk_back(path: Path) -> None:
    cache = VectorCache(path, 10_000_000)
    cache.put({bytes([number]): np.ones(1000, dtype=np.float32) for number in range(200)})
    cache.clear()
    assert len(cache) == 0
    cache.close()
    assert path.stat().st_size < 100_000


@pytest.mark.parametrize("limit", [10, 99_999])
def test_a_limit_that_holds_nothing_is_refused(path: Path, limit: int) -> None:
    with pytest.raises(InvalidArgumentError, match="max_bytes"):
        CachedEmbeddingFunction(Lengths(), path, max_bytes=limit)


@pytest.mark.parametrize("limit", [1e9, True, None])
def test_a_limit_is_an_int(path: Path, limit: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="max_bytes"):
        CachedEmbeddingFunction(Lengths(), path, max_bytes=limit)


def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    text, database = tmp_path / "notes.txt", tmp_path / "other.sqlite3"
    text.write_text("not a database, " * 100)
    with sqlite3.connect(database) as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    before = text.read_bytes(), database.read_bytes()
    for path in (text, database, tmp_path):
        with pytest.raises(InvalidArgumentError, match="Name another file"):
            CachedEmbeddingFunction(Lengths(), path)
    assert (text.read_bytes(), database.read_bytes()) == before


def test_a_file_that_is_damaged_later_costs_only_time(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cached = CachedEmbeddingFunction(Lengths(), path)
    cached(["a"])
    cached.cache.close()
    path.write_bytes(b"damaged" * 10_000)
    for extra in path.parent.glob("*-*"):
        extra.unlink()
    with caplog.at_level(logging.WARNING):
        assert rows(cached(["a"])) == [[1, 0.1]]
    assert "not usable at present" in caplog.text


def test_a_file_that_is_locked_costs_only_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_cache, "_BUSY_SECONDS", 0.05)
    cached = CachedEmbeddingFunction(Lengths(), path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        assert rows(cached(["a"])) == [[1, 0.1]]
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert len(cached.cache) == 0


def test_threads_share_a_cache(path: Path) -> None:
    cached = CachedEmbeddingFunction(Lengths(), path)
    results: list[Any] = []

    def work(start: int) -> None:
        for number in range(start, start + 40):
            results.append(rows(cached(["x" * number])) == [[number, 0.1]])

    threads = [threading.Thread(target=work, args=(start,)) for start in (1, 1, 21, 21)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 160
    assert len(cached.cache) == 60


PROGRAM = """
import sys
import numpy as np
from chromadb._embed.vector_cache import VectorCache
cache = VectorCache(sys.argv[1], 10_000_000)
for number in range(150):
    cache.put({f"{number}".encode(): np.full(8, number, dtype=np.float32)})
    assert all(vector[0] == int(key) for key, vector in cache.get([b"0", f"{number}".encode()]).items())
"""


def test_processes_share_a_cache(path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, str(path)], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    assert [process.communicate(timeout=120)[1] for process in processes] == [""] * 4
    cache = VectorCache(path, 10_000_000)
    assert len(cache) == 150
    cache.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_forked_child_has_a_connection_of_its_own(path: Path) -> None:
    cached = CachedEmbeddingFunction(Lengths(), path)
    cached(["a"])
    context = multiprocessing.get_context("fork")

    def child() -> None:
        cached(["a", "bb"])
        raise SystemExit(0 if cached.inner.asked == [["a"], ["bb"]] else 1)

    process = context.Process(target=child)
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert rows(cached(["bb"])) == [[2, 0.1]]
    assert cached.inner.asked == [["a"]]


def test_a_spawned_child_gets_the_cache_by_its_file(path: Path) -> None:
    cached = CachedEmbeddingFunction(Lengths(), path)
    cached(["a"])
    copy = pickle.loads(pickle.dumps(cached))
    assert rows(copy(["a"])) == [[1, 0.1]]
    assert copy.inner.asked == [["a"]], "as it was when copied"
    assert copy.cache is not cached.cache


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_forks_while_other_threads_write_hang_nobody(path: Path) -> None:
    cached = CachedEmbeddingFunction(Lengths(), path)
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            cached([f"text {number}"])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        context = multiprocessing.get_context("fork")
        for number in range(10):
            child = context.Process(target=cached, args=([f"child {number}", "text 1"],))
            child.start()
            child.join(60)
            assert child.exitcode == 0
    finally:
        done.set()
        writer.join()
    assert len(cached.cache) > 10
