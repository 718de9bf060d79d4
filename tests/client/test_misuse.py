"""What users do by mistake gets an error that says so."""

from __future__ import annotations

import copy
import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chromadb
from chromadb.errors import (
    EmbeddingFunctionError,
    InvalidArgumentError,
    InvalidArgumentTypeError,
    NotFoundError,
    StorageError,
    StorageReplacedError,
)


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
    with pytest.raises(StorageReplacedError, match="Make a new client"):
        client.list_collections()
    with chromadb.PersistentClient(tmp_path / "db") as again:
        assert again.list_collections() == ["new"]
        client.close()
        assert again.list_collections() == ["new"]


def test_a_new_client_begins_anew_where_the_directory_was_removed(tmp_path: Path) -> None:
    old = chromadb.PersistentClient(tmp_path / "db")
    kept = old.create_collection("old", embedding_function=None)
    shutil.rmtree(tmp_path / "db")
    with chromadb.PersistentClient(tmp_path / "db") as new, chromadb.PersistentClient(tmp_path / "db") as shared:
        new.create_collection("new", embedding_function=None).add(ids="a", embeddings=[1, 2])
        assert shared.list_collections() == ["new"]
        with pytest.raises(StorageReplacedError):
            kept.count()
        old.close()
        assert shared.get_collection("new").count() == 1


def _empty(path: Path) -> None:
    shutil.rmtree(path)
    path.mkdir()


REMOVALS = {
    "removed": shutil.rmtree,
    "removed and made again": _empty,
    "moved away": lambda path: path.rename(path.with_name("moved")),
    "emptied, its logs left": lambda path: (
        shutil.rmtree(path / "collections"),
        (path / "catalog.sqlite3").unlink(),
    ),
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not remove what is open")
@pytest.mark.parametrize("forked", [False, True])
@pytest.mark.parametrize("how", REMOVALS)
def test_a_new_client_works_at_once_however_the_directory_went(tmp_path: Path, how: str, forked: bool) -> None:
    path = tmp_path / "db"
    old = chromadb.PersistentClient(path)
    kept = old.create_collection("docs", embedding_function=None)
    kept.add(ids="old", embeddings=[1, 2])
    if forked:
        # The files are closed for the moment of a fork, so that nothing holds on to those that are removed.
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    REMOVALS[how](path)
    with chromadb.PersistentClient(path, chromadb.Settings(allow_reset=True)) as new:
        assert new.list_collections() == []
        collection = new.create_collection("docs", embedding_function=None)
        collection.add(ids="new", embeddings=[1, 2])
        assert collection.query(query_embeddings=[1, 2])["ids"] == [["new"]]
        # Where nothing held on to the old file, the new one can be taken for it: then the collection is not there.
        with pytest.raises((StorageReplacedError, NotFoundError)):
            kept.count()
        assert new.check() == []
    old.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not remove what is open")
def test_a_new_client_works_at_once_where_threads_of_the_old_one_go_on(tmp_path: Path) -> None:
    path = tmp_path / "db"
    old = chromadb.PersistentClient(path)
    kept = old.create_collection("docs", embedding_function=None)
    errors: list[BaseException] = []

    def go_on() -> None:
        try:
            for number in range(100_000):
                kept.upsert(ids=[str(number % 50)], embeddings=[[number, 2]])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=go_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    while kept.count() < 50:
        time.sleep(0.01)
    path.rename(tmp_path / "away")
    with chromadb.PersistentClient(path) as new:
        assert new.list_collections() == []
        new.create_collection("docs", embedding_function=None).add(ids="new", embeddings=[1, 2])
        for thread in threads:
            thread.join(30)
        assert [type(error) for error in errors] == [StorageReplacedError] * 4
        assert new.get_collection("docs", embedding_function=None).get()["ids"] == ["new"]
    old.close()


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


@pytest.mark.parametrize("value", [np.array([1, 2]), np.zeros((2, 2)), int, 1.0, True, "1"], ids=repr)
@pytest.mark.parametrize(
    "call",
    [
        lambda client, collection, value: collection.get(limit=value),
        lambda client, collection, value: collection.get(offset=value),
        lambda client, collection, value: collection.peek(value),
        lambda client, collection, value: collection.delete(where={"a": 1}, limit=value),
        lambda client, collection, value: collection.query(query_embeddings=[1.0, 2.0], n_results=value),
        lambda client, collection, value: client.list_collections(limit=value),
    ],
    ids=["get-limit", "get-offset", "peek", "delete", "query", "list_collections"],
)
def test_a_count_that_is_no_int_is_named(client: Any, call: Any, value: Any) -> None:
    collection = client.create_collection("counts", embedding_function=None)
    collection.add(ids=["a"], embeddings=[[1.0, 2.0]], metadatas=[{"a": 1}])
    with pytest.raises(InvalidArgumentTypeError, match="to be an int"):
        call(client, collection, value)
    assert collection.count() == 1


def test_include_takes_arrays_of_names_and_refuses_others(client: Any) -> None:
    collection = client.create_collection("includes", embedding_function=None)
    collection.add(ids=["a"], embeddings=[[1.0, 2.0]], documents=["one"])
    assert collection.get(include=np.array(["documents"]))["documents"] == ["one"]
    for bad in (np.zeros((2, 2)), np.array("documents"), [["documents"]], 5):
        with pytest.raises(InvalidArgumentError, match="include"):
            collection.get(include=bad)


@pytest.mark.parametrize("loader", [5, int, np.array([1, 2]), "load"], ids=repr)
def test_a_data_loader_that_cannot_be_called_is_refused_before_anything_is_made(client: Any, loader: Any) -> None:
    for make in (client.create_collection, client.get_or_create_collection):
        with pytest.raises(InvalidArgumentTypeError, match="data_loader"):
            make("loads", data_loader=loader, embedding_function=None)
    assert client.list_collections() == []


def test_the_value_that_is_no_number_is_named_with_its_place(client: Any) -> None:
    collection = client.create_collection("numbers", embedding_function=None)
    with pytest.raises(InvalidArgumentTypeError, match=r"got None \(NoneType\) at \[0\]\[1\]"):
        collection.add(ids=["a", "b"], embeddings=[[1, None], [1, 2]])


def test_texts_in_the_place_of_vectors_are_sent_where_they_belong(client: Any) -> None:
    collection = client.create_collection("texts", embedding_function=None)
    with pytest.raises(InvalidArgumentTypeError, match="documents="):
        collection.add(["1"], ["text"])
    with pytest.raises(InvalidArgumentTypeError, match="query_texts="):
        collection.query("pets")
    with pytest.raises(InvalidArgumentError, match="query_texts"):
        collection.query(query_texts=np.array(5))


def test_paths_that_sqlite_cannot_hold_are_explained(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="path"):
        chromadb.PersistentClient("lone\udcff")
    with pytest.raises(StorageError, match="too long"):
        chromadb.PersistentClient(tmp_path / ("a" * 200) / ("b" * 200) / ("c" * 200))


def test_listed_collections_are_copied_and_pickled_as_names(client: Any) -> None:
    client.create_collection("listed", embedding_function=None)
    listed = client.list_collections()
    assert copy.deepcopy(listed) == pickle.loads(pickle.dumps(listed)) == ["listed"]


@pytest.mark.parametrize("ids", [(each for each in "ab"), {"a", "b"}, {"a": 1}.keys(), map(str, "ab")], ids=repr)
def test_ids_that_only_have_to_be_made_a_list(client: Any, ids: Any) -> None:
    collection = client.create_collection("abc", embedding_function=None)
    for call in (lambda: collection.add(ids=ids, embeddings=[[1, 2], [3, 4]]), lambda: collection.get(ids=ids)):
        with pytest.raises(InvalidArgumentTypeError, match=r"ids to be a str or a list of str.* Pass list\(ids\)\."):
            call()
    with pytest.raises(InvalidArgumentTypeError, match=r"Pass list\(documents\)\."):
        collection.add(ids=["a", "b"], embeddings=[[1, 2], [3, 4]], documents=ids)
    with pytest.raises(InvalidArgumentTypeError, match=r"got 5 \(int\)\.$"):
        collection.get(ids=5)
    with pytest.raises(InvalidArgumentTypeError, match=r"\(dict\)\.$"):
        collection.get(ids={"a": 1})


class Column:
    """What pandas' Series looks like from here."""

    def __iter__(self) -> Any:
        return iter("ab")


def test_columns_of_other_libraries_only_have_to_be_made_a_list(client: Any) -> None:
    collection = client.create_collection("abc", embedding_function=None)
    with pytest.raises(InvalidArgumentTypeError, match=r"\(Column\)\. Pass list\(ids\)\."):
        collection.add(ids=Column(), embeddings=[[1, 2], [3, 4]])


class Named(Function):
    def __init__(self) -> None:
        pass

    @staticmethod
    def name() -> str:
        return "named"

    def get_config(self) -> dict[str, Any]:
        return {}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> Named:
        return Named()


def test_another_embedding_function_names_the_collection_and_both_functions(client: Any) -> None:
    client.create_collection("letters")
    message = r"Collection 'letters' was made with the embedding function 'default', but .* 'named'"
    with pytest.raises(EmbeddingFunctionError, match=message):
        client.get_collection("letters", embedding_function=Named())
    with pytest.raises(EmbeddingFunctionError, match=message):
        client.get_or_create_collection("letters", embedding_function=Named())
    with pytest.raises(EmbeddingFunctionError, match=message):
        client.get_collection("letters").modify(configuration={"embedding_function": Named()})


def test_a_stored_function_that_is_unknown_here_names_the_collection(client: Any) -> None:
    client.create_collection("letters", embedding_function=Named())
    with pytest.raises(EmbeddingFunctionError, match=r"Collection 'letters' was made with .* 'named', which"):
        client.get_collection("letters").add(ids="a", documents="x")
