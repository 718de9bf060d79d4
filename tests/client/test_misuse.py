"""What users do by mistake gets an error that says so."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chromadb
from chromadb.errors import EmbeddingFunctionError, InvalidArgumentError, InvalidArgumentTypeError, StorageError


def test_a_directory_removed_under_a_client_is_noticed_by_the_next_call(tmp_path: Path) -> None:
    client = chromadb.PersistentClient(tmp_path / "db")
    collection = client.create_collection("abc", embedding_function=None)
    collection.add(ids="a", embeddings=[1, 2])
    shutil.rmtree(tmp_path / "db")
    for call in (
        lambda: collection.add(ids="b", embeddings=[1, 2]),
        collection.count,
        lambda: client.create_collection("other"),
    ):
        with pytest.raises(StorageError, match="removed or replaced while it was open"):
            call()
    assert not (tmp_path / "db").exists()


def test_a_directory_replaced_by_another_process_is_noticed(tmp_path: Path) -> None:
    client = chromadb.PersistentClient(tmp_path / "db")
    client.create_collection("old")
    shutil.rmtree(tmp_path / "db")
    script = "import chromadb, sys; chromadb.PersistentClient(sys.argv[1]).create_collection('new')"
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "db")], check=True)
    with pytest.raises(StorageError, match="Close every client"):
        client.list_collections()
    client.close()
    with chromadb.PersistentClient(tmp_path / "db") as again:
        assert again.list_collections() == ["new"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of this kind")
def test_many_collections_are_used_with_few_file_handles(tmp_path: Path) -> None:
    script = """
import resource, sys, chromadb
resource.setrlimit(resource.RLIMIT_NOFILE, (128, 128))
client = chromadb.PersistentClient(sys.argv[1])
collections = [client.create_collection(f"c-{i}", embedding_function=None) for i in range(100)]
for collection in collections:
    collection.add(ids="a", embeddings=[1.0, 2.0])
print(sum(collection.count() for collection in collections))
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "db")], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "100"


class Function(chromadb.EmbeddingFunction[Any]):
    def __call__(self, input: Any) -> Any:
        return [np.ones(2) for _ in input]


def test_the_class_of_an_embedding_function_is_not_one(client: Any) -> None:
    with pytest.raises(EmbeddingFunctionError, match=r"got the class Function\. Call it"):
        client.create_collection("abc", embedding_function=Function)


@pytest.mark.parametrize("settings", ["x", {}, {"allow_reset": True}, 5])
def test_settings_of_another_type(tmp_path: Path, settings: Any) -> None:
    for make in (
        lambda: chromadb.Client(settings),
        lambda: chromadb.EphemeralClient(settings),
        lambda: chromadb.PersistentClient(tmp_path / "db", settings=settings),
        lambda: chromadb.AdminClient(settings),
    ):
        with pytest.raises(InvalidArgumentTypeError, match=r"settings to be chromadb\.Settings"):
            make()


def test_an_int_beyond_every_float(client: Any) -> None:
    collection = client.create_collection("abc", embedding_function=None)
    with pytest.raises(InvalidArgumentError, match="int beyond it"):
        collection.add(ids="a", embeddings=[10**400, 1])


def test_filters_do_not_take_one_type_for_another_in_a_query(client: Any) -> None:
    collection = client.create_collection("abc", embedding_function=None)
    collection.add(ids=["int", "bool"], embeddings=[[1, 0], [0, 1]], metadatas=[{"k": 1}, {"k": True}])
    for _ in range(2):
        assert collection.query([1, 0], where={"k": 1})["ids"] == [["int"]]
        assert collection.query([1, 0], where={"k": True})["ids"] == [["bool"]]


def test_a_new_record_without_a_vector_is_refused(client: Any) -> None:
    collection = client.create_collection("abc", embedding_function=None)
    for embeddings in ([None], [None, None]):
        with pytest.raises(InvalidArgumentError, match="vector for every record"):
            collection.upsert(ids=["a", "b"][: len(embeddings)], embeddings=embeddings)
    assert collection.count() == 0


def test_what_is_not_there_yet_says_so() -> None:
    with pytest.raises(AttributeError, match=r"HttpClient is not part of this version.*docs/differences\.md"):
        chromadb.HttpClient  # noqa: B018
