from __future__ import annotations

import itertools
import logging
import math
from typing import Any

import numpy as np
import pytest

import chromadb
from chromadb.errors import (
    DuplicateIDError,
    EmbeddingFunctionError,
    InvalidArgumentError,
    InvalidArgumentTypeError,
    InvalidDimensionException,
)

Client = chromadb.ClientAPI
Collection = chromadb.Collection

EVERYTHING: Any = ["metadatas", "documents", "embeddings", "uris"]
GET_KEYS = {"ids", "embeddings", "documents", "uris", "data", "metadatas", "included"}


def stored(collection: Collection) -> list[tuple[Any, ...]]:
    """Return everything that is stored, one tuple per record."""
    result: Any = collection.get(include=EVERYTHING)
    return list(
        zip(
            result["ids"],
            result["embeddings"].tolist(),
            result["documents"],
            result["metadatas"],
            result["uris"],
            strict=True,
        )
    )


@pytest.fixture
def one(collection: Collection) -> Collection:
    """Return a collection of one record that has everything."""
    collection.add(ids="z", embeddings=[0, 1], documents="old", metadatas={"o": 1, "k": "v"}, uris="u")
    return collection


OLD = ("z", [0.0, 1.0], "old", {"o": 1, "k": "v"}, "u")


# --- add ---------------------------------------------------------------------------------------------


def test_adding_returns_nothing_and_stores_everything(one: Collection) -> None:
    assert stored(one) == [OLD]
    assert one.add(ids=["a"], embeddings=[[1, 2]]) is None
    assert one.upsert(ids=["a"], embeddings=[[1, 2]]) is None
    assert one.update(ids=["a"], embeddings=[[1, 2]]) is None
    assert stored(one) == [OLD, ("a", [1.0, 2.0], None, None, None)]


def test_arguments_by_position(collection: Collection) -> None:
    collection.add(["a"], [[1, 2]], [{"x": 1}], ["d"], None, ["u"])
    collection.upsert(["b"], [[1, 2]], [{"x": 1}], ["d"], None, ["u"])
    collection.update(["a"], [[3, 4]], [{"x": 2}], ["e"], None, ["v"])
    assert stored(collection) == [
        ("a", [3.0, 4.0], "e", {"x": 2}, "v"),
        ("b", [1.0, 2.0], "d", {"x": 1}, "u"),
    ]


def test_ids_that_exist_are_left_as_they_are(one: Collection, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="chromadb")
    one.add(ids=["n", "z"], embeddings=[[8, 8], [9, 9]], documents=["new", "x"], metadatas=[None, {"o": 2}])
    assert stored(one) == [OLD, ("n", [8.0, 8.0], "new", None, None)]
    assert "'z'" in caplog.text


@pytest.mark.parametrize("method", ["add", "upsert", "update", "get", "delete"])
def test_an_id_twice_in_one_call(one: Collection, method: str) -> None:
    arguments: Any = {"embeddings": [[1, 2]] * 3} if method in ("add", "upsert", "update") else {}
    with pytest.raises(DuplicateIDError, match=r"more than once: \['a'\]") as error:
        getattr(one, method)(ids=["a", "b", "a"], **arguments)
    assert isinstance(error.value, ValueError)
    assert stored(one) == [OLD]


@pytest.mark.parametrize("method", ["add", "upsert", "update", "get", "delete"])
@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([], "non-empty list"),
        ([1], r"got 1 \(int\) at ids\[0\]"),
        ([None], r"at ids\[0\]"),
        ([""], "non-empty str"),
        ("", "non-empty str"),
        (5, r"got 5 \(int\)"),
        ({"z"}, r"\(set\)"),
        ([["z"]], r"at ids\[0\]"),
        (["\ud800"], "valid Unicode"),
    ],
)
def test_bad_ids(one: Collection, method: str, ids: Any, message: str) -> None:
    arguments: Any = {"embeddings": [[1, 2]]} if method in ("add", "upsert", "update") else {}
    with pytest.raises(InvalidArgumentError, match=message):
        getattr(one, method)(ids=ids, **arguments)
    assert stored(one) == [OLD]


def test_ids_are_any_text(collection: Collection) -> None:
    ids = ["a", " a ", "a\0b", "😀", "é", "e\u0301", "%", "_", "'", '"', "\\", "\n", "x" * 5000, "A"]
    collection.add(ids=ids, embeddings=[[i] for i in range(len(ids))])
    assert collection.get()["ids"] == ids
    for id in ids:
        assert collection.get(ids=id)["ids"] == [id]
    assert collection.delete(ids=ids) == {"deleted": len(ids)}


def test_one_or_many(collection: Collection) -> None:
    collection.add(ids="a", embeddings=[1, 2], documents="d", metadatas={"x": 1}, uris="u")
    collection.upsert(ids="b", embeddings=np.array([1, 2]), documents=["d"], metadatas=[{"x": 1}], uris=["u"])
    collection.add(ids=("c", "d"), embeddings=((1, 2), (1, 2)), documents=("d", "d"), metadatas=({"x": 1}, {"x": 1}))
    collection.update(ids="c", embeddings=[1, 2], uris="u")
    collection.update(ids=["d"], embeddings=[np.array([1, 2])], uris=["u"])
    assert {record[1:4] + record[4:] == ([1.0, 2.0], "d", {"x": 1}, "u") for record in stored(collection)} == {True}


@pytest.mark.parametrize(
    "dtype", [np.float16, np.float32, np.float64, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32]
)
@pytest.mark.parametrize("method", ["add", "upsert", "update"])
def test_arrays_of_every_number_type(collection: Collection, dtype: Any, method: str) -> None:
    if method == "update":
        collection.add(ids=["a", "b"], embeddings=[[0, 0], [0, 0]])
    getattr(collection, method)(ids=["a", "b"], embeddings=np.array([[1, 2], [3, 4]], dtype=dtype))
    embeddings: Any = collection.get(include=["embeddings"])["embeddings"]
    assert embeddings.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert embeddings.dtype == np.float64


def test_vectors_are_kept_as_float32(collection: Collection) -> None:
    collection.add(ids="a", embeddings=[0.1, 1e-50])
    embeddings: Any = collection.get(include=["embeddings"])["embeddings"]
    assert embeddings.tolist() == [[0.10000000149011612, 0.0]]


@pytest.mark.parametrize("dimension", [1, 384, 4096, 5000])
def test_any_dimension(collection: Collection, dimension: int) -> None:
    vectors = np.random.default_rng(0).normal(size=(3, dimension)).astype(np.float32)
    collection.add(ids=["a", "b", "c"], embeddings=vectors)
    assert np.array_equal(collection.get(include=["embeddings"])["embeddings"], vectors)  # type: ignore[arg-type]
    assert collection.query(vectors, n_results=1)["ids"] == [["a"], ["b"], ["c"]]


def test_the_first_vector_fixes_the_dimension(one: Collection, client: Client) -> None:
    for handle in (one, client.get_collection("records")):
        for call in (
            lambda handle=handle: handle.add(ids=["a", "b"], embeddings=[[1, 2, 3]] * 2),
            lambda handle=handle: handle.upsert(ids="z", embeddings=[1]),
            lambda handle=handle: handle.update(ids="z", embeddings=[1, 2, 3]),
            lambda handle=handle: handle.query([1, 2, 3]),
        ):
            with pytest.raises(InvalidDimensionException, match=r"dimension 2.*got [13]") as error:
                call()
            assert isinstance(error.value, InvalidArgumentError)
            assert isinstance(error.value, ValueError)
    assert stored(one) == [OLD]
    one.delete(ids="z")
    with pytest.raises(InvalidDimensionException):
        one.add(ids="a", embeddings=[1, 2, 3])
    assert client.get_collection("records").get_model().dimension == 2


BAD_COLUMNS: list[tuple[str, Any, str]] = [
    ("embeddings", [[1, 2], [3]], "same dimension"),
    ("embeddings", [[1, 2], [math.nan, 1]], r"finite.*embeddings\[1\]\[0\]"),
    ("embeddings", [[1, 2], [math.inf, 1]], "finite"),
    ("embeddings", [[1, 2], [1e39, 1]], "float32"),
    ("embeddings", [["1", "2"], [1, 2]], "numbers"),
    ("embeddings", [[True, False], [1, 2]], "numbers"),
    ("embeddings", [[1, 2]], "as many embeddings as ids, got 1 embeddings and 2 ids"),
    ("embeddings", [1, 2], "as many embeddings as ids"),
    ("embeddings", [], "embeddings"),
    ("embeddings", [[], []], "non-empty"),
    ("embeddings", np.zeros((2, 2, 2)), "shape"),
    ("embeddings", 5, "embeddings"),
    ("embeddings", "text", "embeddings"),
    ("embeddings", {"a": 1}, "embeddings"),
    ("documents", ["a"], "as many documents as ids, got 1 documents and 2 ids"),
    ("documents", [], "as many documents as ids"),
    ("documents", ["a", 5], r"documents\[1\]"),
    ("documents", ["a", "\ud800"], "valid Unicode"),
    ("documents", 5, "documents"),
    ("metadatas", [{"a": 1}], "as many metadatas as ids"),
    ("metadatas", [{"a": 1}, {}], r"metadatas\[1\] to be a non-empty dict"),
    ("metadatas", [{"a": 1}, {"a": {"b": 1}}], "Expected metadata value to be"),
    ("metadatas", [{"a": 1}, {"a": []}], "Expected metadata value to be"),
    ("metadatas", [{"a": 1}, {"a": [1, "x"]}], "Expected metadata value to be"),
    ("metadatas", [{"a": 1}, {"a": math.nan}], "finite"),
    ("metadatas", [{"a": 1}, {"a": 2**63}], "64 bits"),
    ("metadatas", [{"a": 1}, {1: 2}], "key"),
    ("metadatas", [{"a": 1}, {"chroma:document": "x"}], "chroma:"),
    ("metadatas", [1, 2], r"metadatas\[0\] to be a dict or None"),
    ("metadatas", "text", "metadatas"),
    ("uris", ["a"], "as many uris as ids"),
    ("uris", ["a", 5], r"uris\[1\]"),
]


@pytest.mark.parametrize("method", ["add", "upsert", "update"])
@pytest.mark.parametrize(("column", "values", "message"), BAD_COLUMNS)
def test_one_bad_item_anywhere_writes_nothing(
    one: Collection, method: str, column: str, values: Any, message: str
) -> None:
    arguments = {"embeddings": [[1, 2], [3, 4]], column: values}
    with pytest.raises(InvalidArgumentError, match=message):
        getattr(one, method)(ids=["a", "z"], **arguments)
    assert stored(one) == [OLD]


def test_a_bad_metadata_value_is_told_in_the_words_that_others_look_for(collection: Collection) -> None:
    with pytest.raises(ValueError, match="Expected metadata value to be"):
        collection.add(ids="a", embeddings=[1], metadatas={"a": {"b": 1}})


def test_none_among_metadatas_documents_and_uris(collection: Collection) -> None:
    collection.add(
        ids=["a", "b"], embeddings=[[1], [2]], metadatas=[None, {"x": 1}], documents=[None, ""], uris=["u", None]
    )
    assert stored(collection) == [("a", [1.0], None, None, "u"), ("b", [2.0], "", {"x": 1}, None)]


def test_values_come_back_with_their_types(collection: Collection) -> None:
    metadata = {
        "str": "x",
        "empty": "",
        "odd": "\0'\"%_\\\n😀",
        "int": 5,
        "least": -(2**63),
        "most": 2**63 - 1,
        "float": 1.0,
        "big": 1e300,
        "tiny": 5e-324,
        "e16": 1e16,
        "bool": True,
        "false": False,
        "strs": ["a", "b"],
        "ints": [1, 2],
        "floats": [1.0, 2.0],
        "bools": [True, False],
        "": "empty key",
        "k'\"%\0😀": 1,
    }
    collection.add(ids="a", embeddings=[1], metadatas=metadata)
    back: Any = collection.get()["metadatas"][0]  # type: ignore[index]
    assert back == metadata
    assert {key: type(value) for key, value in back.items()} == {key: type(value) for key, value in metadata.items()}
    assert [type(value) for value in back["floats"]] == [float, float]
    assert list(back) == list(metadata)


def test_documents_are_any_text(collection: Collection) -> None:
    documents = ["", "\0", "a\0b", "😀", "e\u0301", "line\r\nline", "x" * 5_000_000, "'; DROP TABLE records; --"]
    collection.add(ids=[str(i) for i in range(8)], embeddings=[[i] for i in range(8)], documents=documents)
    assert collection.get()["documents"] == documents


def test_the_callers_values_stay_theirs(collection: Collection) -> None:
    metadata, vectors, ids = {"a": [1]}, np.ones((1, 2), dtype=np.float32), ["a"]
    collection.add(ids=ids, embeddings=vectors, metadatas=[metadata])
    vectors[:] = 9
    metadata["a"].append(2)
    assert (metadata, ids) == ({"a": [1, 2]}, ["a"])
    assert stored(collection) == [("a", [1.0, 1.0], None, {"a": [1]}, None)]
    first: Any = collection.get(include=["embeddings"])["embeddings"]
    first[:] = 7
    assert stored(collection)[0][1] == [1.0, 1.0]


# --- what to embed -----------------------------------------------------------------------------------


def test_nothing_to_store_a_vector_from(one: Collection) -> None:
    for write in (one.add, one.upsert):
        for arguments in ({}, {"metadatas": {"x": 1}}):
            with pytest.raises(InvalidArgumentError, match="embeddings, documents, images or uris; got none of them"):
                write(ids="z", **arguments)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match=r"got none of them"):
        one.upsert(ids="z", uris=None)
    assert stored(one) == [OLD]


def test_documents_are_embedded(client: Client, counting: Any) -> None:
    collection = client.create_collection("abc", embedding_function=counting)
    collection.add(ids=["a", "b"], documents=["x", "yy"], metadatas=[{"n": 1}, None], uris=["u", None])
    collection.upsert(ids=["b", "c"], documents=["yyy", "z"])
    collection.update(ids="a", documents="xxxx")
    assert counting.calls == [["x", "yy"], ["yyy", "z"], ["xxxx"]]
    assert stored(collection) == [
        ("a", [4.0, 1.0], "xxxx", {"n": 1}, "u"),
        ("b", [3.0, 1.0], "yyy", None, None),
        ("c", [1.0, 1.0], "z", None, None),
    ]


def test_given_embeddings_cost_no_call(client: Client, counting: Any) -> None:
    collection = client.create_collection("abc", embedding_function=counting)
    collection.add(ids="a", documents="x", embeddings=[1, 2])
    collection.upsert(ids="a", documents="y", embeddings=[1, 2])
    collection.update(ids="a", documents="z", embeddings=[1, 2])
    collection.update(ids="a", metadatas={"x": 1})
    collection.add(ids="b", images=np.ones((2, 2)), embeddings=[1, 2])
    assert counting.calls == []
    assert stored(collection) == [("a", [1.0, 2.0], "z", {"x": 1}, None), ("b", [1.0, 2.0], None, None, None)]


@pytest.mark.parametrize("method", ["add", "upsert", "update"])
@pytest.mark.parametrize(
    ("column", "values"), [(column, values) for column, values, _ in BAD_COLUMNS if column != "embeddings"]
)
def test_a_mistake_costs_no_embedding(client: Client, counting: Any, method: str, column: str, values: Any) -> None:
    collection = client.create_collection("abc", embedding_function=counting)
    with pytest.raises(InvalidArgumentError):
        getattr(collection, method)(ids=["a", "b"], **{"documents": ["x", "y"], column: values})
    with pytest.raises(DuplicateIDError):
        getattr(collection, method)(ids=["a", "a"], documents=["x", "y"])
    assert (counting.calls, collection.count()) == ([], 0)


def test_a_missing_document_cannot_be_embedded(client: Client, counting: Any) -> None:
    collection = client.create_collection("abc", embedding_function=counting)
    for write in (collection.add, collection.upsert):
        with pytest.raises(
            InvalidArgumentError, match=r"document for every record to embed, got None at documents\[1\]"
        ):
            write(ids=["a", "b"], documents=["x", None])
    collection.add(ids=["a", "b"], documents=["x", "yy"])
    counting.calls.clear()
    collection.update(ids=["a", "b"], documents=[None, "yyy"], metadatas=[{"n": 1}, None])
    collection.update(ids=["a", "b"], documents=[None, None])
    assert counting.calls == [["yyy"]]
    assert stored(collection) == [("a", [1.0, 1.0], "x", {"n": 1}, None), ("b", [3.0, 1.0], "yyy", None, None)]


def test_images_are_embedded_and_not_stored(client: Client, counting: Any) -> None:
    collection = client.create_collection("abc", embedding_function=counting)
    collection.add(ids=["a", "b"], images=[np.ones((2, 2)), np.ones((3, 3, 3))], uris=["u", None])
    collection.add(ids="c", images=np.ones((2, 3)))
    assert stored(collection) == [
        ("a", [4.0, 2.0], None, None, "u"),
        ("b", [27.0, 2.0], None, None, None),
        ("c", [6.0, 2.0], None, None, None),
    ]
    collection.update(ids="a", images=[np.zeros((1, 1))])
    assert stored(collection)[0][1] == [0.0, 2.0]


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (["text"], r"image to be a numpy array, got 'text' \(str\) at images\[0\]"),
        ("text", "images to be a numpy array or a non-empty list"),
        ([], "non-empty list"),
        (5, r"got 5 \(int\)"),
        ([np.ones((2, 2)), None], r"at images\[1\]"),
        ([np.ones((2, 2))] * 2, "as many images as ids, got 2 images and 1 ids"),
    ],
)
def test_bad_images(client: Client, counting: Any, images: Any, message: str) -> None:
    collection = client.create_collection("abc", embedding_function=counting)
    for write in (collection.add, collection.upsert, collection.update):
        with pytest.raises(InvalidArgumentError, match=message):
            write(ids="a", images=images)
    assert (counting.calls, collection.count()) == ([], 0)


def test_documents_and_images_at_once_are_not_embedded(client: Client, counting: Any) -> None:
    collection = client.create_collection("abc", embedding_function=counting)
    for write in (collection.add, collection.upsert, collection.update):
        with pytest.raises(InvalidArgumentError, match="documents or images to embed, got both"):
            write(ids="a", documents="x", images=[np.ones((2, 2))])
    assert counting.calls == []


class Loader:
    """Loads for each URI an array of as many ones as it has letters."""

    def __init__(self) -> None:
        self.calls: list[list[Any]] = []

    def __call__(self, uris: Any) -> Any:
        self.calls.append(list(uris))
        return [np.ones((1, len(uri))) for uri in uris]


def test_uris_are_loaded_and_embedded(client: Client, counting: Any) -> None:
    loader = Loader()
    collection = client.create_collection("abc", embedding_function=counting, data_loader=loader)
    collection.add(ids=["a", "b"], uris=["x", "yyy"])
    collection.upsert(ids="b", uris="yyyy")
    assert loader.calls == [["x", "yyy"], ["yyyy"]]
    assert stored(collection) == [("a", [1.0, 2.0], None, None, "x"), ("b", [4.0, 2.0], None, None, "yyyy")]
    collection.update(ids="a", uris="zz")
    assert stored(collection)[0] == ("a", [2.0, 2.0], None, None, "zz")
    assert loader.calls[2:] == [["zz"]]
    with pytest.raises(InvalidArgumentError, match=r"URI for every record to embed, got None at uris\[0\]"):
        collection.add(ids=["c", "d"], uris=[None, "x"])  # type: ignore[list-item]


def test_many_uris_are_loaded_and_embedded_in_portions(client: Client, counting: Any) -> None:
    loader = Loader()
    collection = client.create_collection("abc", embedding_function=counting, data_loader=loader)
    uris = ["u" * (number % 7 + 1) for number in range(150)]
    collection.add(ids=[f"{number:03}" for number in range(150)], uris=uris)
    assert [len(call) for call in loader.calls] == [64, 64, 22]
    assert [row[1][0] for row in stored(collection)] == [float(len(uri)) for uri in uris]
    collection.query(query_uris=uris[:70], n_results=1)
    assert [len(call) for call in loader.calls[3:]] == [64, 6]


def test_portions_of_other_dimensions_are_an_error(client: Client) -> None:
    def narrower(images: Any) -> Any:
        return [[1.0] * (2 if len(images) == 64 else 3)] * len(images)

    collection = client.create_collection("abc", embedding_function=narrower, data_loader=Loader())
    with pytest.raises(EmbeddingFunctionError, match=r"one dimension, got vectors of dimensions \[2, 3\]"):
        collection.add(ids=[str(number) for number in range(65)], uris=["u"] * 65)
    assert collection.count() == 0


def test_a_loader_that_gives_nothing_is_an_error_that_names_the_uri(client: Client, counting: Any) -> None:
    collection = client.create_collection(
        "abc", embedding_function=counting, data_loader=lambda uris: [None] * len(uris)
    )
    for call in (
        lambda: collection.add(ids="a", uris="lost"),
        lambda: collection.upsert(ids="a", uris="lost"),
        lambda: collection.query(query_uris="lost"),
    ):
        with pytest.raises(InvalidArgumentError, match="gives nothing for the URI 'lost'"):
            call()
    assert (counting.calls, collection.count()) == ([], 0)


def test_uris_without_a_loader(client: Client, counting: Any) -> None:
    collection = client.create_collection("abc", embedding_function=counting)
    for call in (
        lambda: collection.add(ids="a", uris="x"),
        lambda: collection.upsert(ids="a", uris="x"),
        lambda: collection.query(query_uris="x"),
        lambda: collection.get(include=["data"]),
    ):
        with pytest.raises(InvalidArgumentError, match="no data loader") as error:
            call()
        assert "data_loader=" in str(error.value)
    assert collection.count() == 0


def test_data_is_loaded_where_it_is_included(client: Client, counting: Any) -> None:
    loader = Loader()
    client.create_collection("abc", embedding_function=counting).add(
        ids=["a", "b", "c"],
        embeddings=[[1, 1], [2, 1], [3, 1]],
        uris=["x", None, "yyy"],  # type: ignore[list-item]
    )
    collection = client.get_collection("abc", data_loader=loader, embedding_function=counting)
    result: Any = collection.get(include=["data"])
    assert result["ids"] == ["a", "b", "c"]
    assert [None if data is None else data.shape for data in result["data"]] == [(1, 1), None, (1, 3)]
    assert result["uris"] == ["x", None, "yyy"]
    assert set(result["included"]) == {"data", "uris"}
    assert loader.calls == [["x", "yyy"]]
    found: Any = collection.query([3, 1], include=["data", "distances"], n_results=2)
    assert [[None if data is None else data.shape for data in row] for row in found["data"]] == [[(1, 3), None]]
    nothing: Any = collection.get(ids="none", include=["data"])
    assert (nothing["data"], nothing["uris"]) == ([], [])
    assert collection.query(query_uris=["zz"], n_results=1)["ids"] == [["b"]]
    assert collection.query(query_uris="zz", n_results=1)["ids"] == [["b"]]
    assert collection.query(query_images=[np.ones((3, 1))], n_results=1)["ids"] == [["c"]]
    assert collection.query(query_images=np.ones((3, 1)), n_results=1)["ids"] == [["c"]]


@pytest.mark.parametrize("loaded", [[], [np.ones(1)], None, 5])
def test_a_loader_that_gives_something_else_is_a_typed_error(client: Client, counting: Any, loaded: Any) -> None:
    collection = client.create_collection("abc", embedding_function=counting, data_loader=lambda uris: loaded)
    collection.add(ids=["a", "b"], embeddings=[[1, 1], [2, 1]], uris=["x", "y"])
    with pytest.raises(InvalidArgumentError, match="loader"):
        collection.get(include=["data"])
    with pytest.raises(InvalidArgumentError, match="loader"):
        collection.query([1, 1], include=["data"])


def test_what_replaces_what_when_the_kind_of_record_changes(client: Client, counting: Any) -> None:
    collection = client.create_collection("abc", embedding_function=counting, data_loader=Loader())
    for write in (collection.upsert, collection.update):
        collection.upsert(ids="a", documents="text", metadatas={"n": 1})
        write(ids="a", images=[np.ones((2, 2))])
        assert stored(collection) == [("a", [4.0, 2.0], None, {"n": 1}, None)]
        write(ids="a", documents="again")
        assert stored(collection) == [("a", [5.0, 1.0], "again", {"n": 1}, None)]
    collection.upsert(ids="a", uris="xx")
    assert stored(collection) == [("a", [2.0, 2.0], None, {"n": 1}, "xx")]
    collection.upsert(ids="a", documents="doc")
    assert stored(collection) == [("a", [3.0, 1.0], "doc", {"n": 1}, None)]
    collection.update(ids="a", embeddings=[0, 0], uris="beside")
    collection.upsert(ids="a", documents="newer")
    assert stored(collection) == [("a", [5.0, 1.0], "newer", {"n": 1}, "beside")]
    collection.upsert(ids="a", embeddings=[7, 7])
    assert stored(collection) == [("a", [7.0, 7.0], "newer", {"n": 1}, "beside")]


def test_a_record_that_an_update_leaves_alone_keeps_its_uri(client: Client, counting: Any) -> None:
    collection = client.create_collection("abc", embedding_function=counting)
    collection.add(ids=["a", "b"], embeddings=[[1, 1], [2, 2]], uris=["x", "y"])
    collection.update(ids=["a", "b"], documents=["text", None])  # type: ignore[list-item]
    assert stored(collection)[1] == ("b", [2.0, 2.0], None, None, "y")


# --- upsert and update -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["upsert", "update"])
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"embeddings": [5, 5]}, ("z", [5.0, 5.0], "old", {"o": 1, "k": "v"}, "u")),
        ({"documents": "x"}, ("z", [5.0, 5.0], "x", {"o": 1, "k": "v"}, "u")),
        ({"documents": [None]}, ("z", [5.0, 5.0], "old", {"o": 1, "k": "v"}, "u")),
        ({"documents": ""}, ("z", [5.0, 5.0], "", {"o": 1, "k": "v"}, "u")),
        ({"metadatas": {"x": 1}}, ("z", [5.0, 5.0], "old", {"o": 1, "k": "v", "x": 1}, "u")),
        ({"metadatas": {"k": 2}}, ("z", [5.0, 5.0], "old", {"o": 1, "k": 2}, "u")),
        ({"metadatas": {"k": None}}, ("z", [5.0, 5.0], "old", {"o": 1}, "u")),
        ({"metadatas": {"k": None, "x": 1}}, ("z", [5.0, 5.0], "old", {"o": 1, "x": 1}, "u")),
        ({"metadatas": {"k": None, "o": None}}, ("z", [5.0, 5.0], "old", None, "u")),
        ({"metadatas": {"no": None}}, ("z", [5.0, 5.0], "old", {"o": 1, "k": "v"}, "u")),
        ({"metadatas": [None]}, ("z", [5.0, 5.0], "old", {"o": 1, "k": "v"}, "u")),
        ({"metadatas": {"k": ["a", "b"]}}, ("z", [5.0, 5.0], "old", {"o": 1, "k": ["a", "b"]}, "u")),
        ({"uris": "w"}, ("z", [5.0, 5.0], "old", {"o": 1, "k": "v"}, "w")),
    ],
)
def test_what_is_not_given_stays(one: Collection, method: str, arguments: Any, expected: Any) -> None:
    getattr(one, method)(ids="z", **{"embeddings": [5, 5], **arguments})
    assert stored(one) == [expected]


def test_an_update_needs_no_vector(one: Collection) -> None:
    one.update(ids="z")
    one.update(ids="z", embeddings=[None])  # type: ignore[list-item]
    assert stored(one) == [OLD]
    one.add(ids="y", embeddings=[3, 3])
    one.update(ids=["y", "z"], embeddings=[None, [9, 9]], metadatas=[{"y": 1}, None])  # type: ignore[list-item]
    assert stored(one) == [("z", [9.0, 9.0], "old", {"o": 1, "k": "v"}, "u"), ("y", [3.0, 3.0], None, {"y": 1}, None)]
    for write in (one.add, one.upsert):
        with pytest.raises(InvalidArgumentError, match="embeddings"):
            write(ids=["y", "z"], embeddings=[None, [9, 9]])  # type: ignore[list-item]


def test_none_as_a_value_in_new_records(collection: Collection) -> None:
    with pytest.raises(InvalidArgumentTypeError, match="Expected metadata value to be") as error:
        collection.add(ids="a", embeddings=[1], metadatas={"k": None, "x": 1})
    assert isinstance(error.value, TypeError)
    assert isinstance(error.value, ValueError)
    collection.upsert(ids=["a", "b"], embeddings=[[1], [2]], metadatas=[{"k": None, "x": 1}, {"k": None}])
    assert collection.get()["metadatas"] == [{"x": 1}, None]


def test_lists_are_replaced_and_deleted_like_other_values(collection: Collection) -> None:
    collection.add(ids="a", embeddings=[1], metadatas={"k": ["a", "b"]})
    for value in (["c"], "s", [1], 5):
        collection.update(ids="a", metadatas={"k": value})
        assert collection.get()["metadatas"] == [{"k": value}]
    collection.update(ids="a", metadatas={"k": None})
    assert collection.get()["metadatas"] == [None]


def test_updates_of_missing_ids_are_ignored_and_logged(one: Collection, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="chromadb")
    one.update(ids=["missing", "z"], embeddings=[[1, 1], [2, 2]], documents=["no", "yes"])
    assert stored(one) == [("z", [2.0, 2.0], "yes", {"o": 1, "k": "v"}, "u")]
    (record,) = [record for record in caplog.records if record.name.startswith("chromadb")]
    assert record.levelno == logging.WARNING
    assert "'missing'" in record.getMessage()


def test_an_upsert_changes_and_adds(one: Collection, caplog: pytest.LogCaptureFixture) -> None:
    one.upsert(ids=["n", "z"], embeddings=[[1, 1], [2, 2]], documents=["new", None], metadatas=[None, {"x": 1}])
    assert stored(one) == [
        ("z", [2.0, 2.0], "old", {"o": 1, "k": "v", "x": 1}, "u"),
        ("n", [1.0, 1.0], "new", None, None),
    ]
    assert caplog.records == []


# --- delete ------------------------------------------------------------------------------------------


@pytest.fixture
def four(collection: Collection) -> Collection:
    collection.add(
        ids=["a", "b", "c", "d"],
        embeddings=[[0], [1], [2], [3]],
        documents=["d0", "d1", "d2", "d3"],
        metadatas=[{"x": 0}, {"x": 1}, {"x": 2}, {"x": 3}],
    )
    return collection


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        ({"ids": "a"}, "bcd"),
        ({"ids": ["a", "c"]}, "bd"),
        ({"ids": ["a", "missing"]}, "bcd"),
        ({"ids": ["missing"]}, "abcd"),
        ({"where": {"x": {"$gt": 1}}}, "ab"),
        ({"where": {"x": 9}}, "abcd"),
        ({"where_document": {"$contains": "d1"}}, "acd"),
        ({"ids": ["a", "b"], "where": {"x": 1}}, "acd"),
        ({"ids": ["a", "b"], "where_document": {"$contains": "d3"}}, "abcd"),
        ({"where": {"x": {"$gt": 0}}, "where_document": {"$not_contains": "2"}}, "ac"),
        ({"where": {"x": {"$gte": 0}}, "limit": 2}, "cd"),
        ({"where": {"x": {"$gte": 0}}, "limit": 0}, "abcd"),
        ({"where": {"x": {"$gte": 0}}, "limit": 100}, ""),
        ({"where_document": {"$contains": "d"}, "limit": 1}, "bcd"),
        ({"ids": ["d", "b", "c"], "where": {"x": {"$gt": 1}}, "limit": 1}, "abd"),
    ],
)
def test_delete_counts_what_was_there(four: Collection, arguments: Any, left: str) -> None:
    assert four.delete(**arguments) == {"deleted": 4 - len(left)}
    assert four.get()["ids"] == list(left)
    assert four.count() == len(left)
    assert sorted(four.query([0])["ids"][0]) == list(left)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "ids, where or where_document to say what to delete"),
        ({"limit": 2}, "ids, where or where_document"),
        ({"ids": ["a"], "limit": 1}, "limit together with where or where_document"),
        ({"ids": []}, "non-empty"),
        ({"where": {}}, "exactly one key"),
        ({"where_document": {}}, "exactly one key"),
        ({"ids": [], "where": {"x": 1}}, "non-empty"),
        ({"where": {"x": 1}, "limit": -1}, "limit to be an int of at least 0, got -1"),
        ({"where": {"x": 1}, "limit": "1"}, "limit to be an int, got '1'"),
        ({"where": {"x": 1}, "limit": True}, "limit to be an int, got True"),
        ({"where": {"x": 1}, "limit": 1.0}, "limit to be an int"),
        ({"ids": ["a"], "where": {"x": {"$foo": 1}}}, r"where\[\"x\"\]"),
    ],
)
def test_a_delete_that_is_not_clear_deletes_nothing(four: Collection, arguments: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        four.delete(**arguments)
    assert four.count() == 4


def test_nothing_of_a_deleted_record_comes_back(one: Collection) -> None:
    assert one.delete(ids="z") == {"deleted": 1}
    assert one.delete(ids="z") == {"deleted": 0}
    one.add(ids="z", embeddings=[3, 4])
    assert stored(one) == [("z", [3.0, 4.0], None, None, None)]
    assert one.get(where={"o": 1})["ids"] == []
    assert one.get(where_document={"$contains": "old"})["ids"] == []


# --- get, peek, count --------------------------------------------------------------------------------


@pytest.mark.parametrize("length", range(6))
def test_every_combination_of_what_to_include(one: Collection, client: Client, length: int) -> None:
    values: dict[str, Any] = {"metadatas": [{"o": 1, "k": "v"}], "documents": ["old"], "uris": ["u"], "data": [b"u"]}
    handle = client.get_collection(one.name, data_loader=lambda uris: [uri.encode() for uri in uris])
    for include in itertools.combinations(("metadatas", "documents", "embeddings", "uris", "data"), length):
        result: Any = handle.get(include=list(include))  # type: ignore[arg-type]
        assert set(result) == GET_KEYS
        assert result["ids"] == ["z"]
        wanted = {*include, *(["uris"] if "data" in include else [])}
        for field, value in values.items():
            assert result[field] == (value if field in wanted else None)
        if "embeddings" in wanted:
            assert isinstance(result["embeddings"], np.ndarray)
            assert result["embeddings"].tolist() == [[0.0, 1.0]]
            assert result["embeddings"].dtype == np.float64
        else:
            assert result["embeddings"] is None
        assert result["included"][: len(include)] == list(include)
        assert {type(field) for field in result["included"]} <= {str}


def test_what_is_included_without_asking(one: Collection) -> None:
    result = one.get()
    assert (result["documents"], result["metadatas"], result["included"]) == (
        *(["old"], [{"o": 1, "k": "v"}]),
        ["metadatas", "documents"],
    )
    assert (result["embeddings"], result["uris"], result["data"]) == (None, None, None)


def test_members_of_the_enum_and_the_other_name_of_include(one: Collection) -> None:
    from chromadb.api.types import IncludeEnum

    assert one.get(include=[IncludeEnum.documents])["included"] == ["documents"]  # type: ignore[list-item]
    assert one.get(includes=["documents"])["metadatas"] is None
    assert one.query([1, 1], includes=["documents"])["distances"] is None
    with pytest.raises(InvalidArgumentError, match="include or includes, got both"):
        one.get(include=["documents"], includes=["documents"])


@pytest.mark.parametrize(
    ("include", "message"),
    [
        (["distances"], "Only a query has distances"),
        (["foo"], "got 'foo'"),
        (["ids"], "got 'ids'"),
        ("documents", "include to be a list"),
        (None, "include to be a list"),
        ([1], "got 1"),
    ],
)
def test_a_bad_include(one: Collection, include: Any, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        one.get(include=include)


def test_nothing_found(one: Collection, client: Client) -> None:
    empty = client.create_collection("empty")
    for result in (
        one.get(ids="no", include=EVERYTHING),
        one.get(where={"x": 9}, include=EVERYTHING),
        empty.get(include=EVERYTHING),
        one.get(limit=0, include=EVERYTHING),
    ):
        assert set(result) == GET_KEYS
        assert (result["ids"], result["documents"], result["metadatas"], result["uris"]) == ([], [], [], [])
        embeddings: Any = result["embeddings"]
        assert isinstance(embeddings, np.ndarray)
        assert len(embeddings) == 0
        assert embeddings.dtype == np.float64
    assert empty.peek()["ids"] == []


def test_order_is_that_of_insertion(collection: Collection) -> None:
    collection.add(ids=["c", "a", "b"], embeddings=[[3], [1], [2]], metadatas=[{"k": 1}] * 3, documents=["x"] * 3)
    collection.add(ids=["e", "d"], embeddings=[[5], [4]], metadatas=[{"k": 1}] * 2, documents=["x"] * 2)

    def orders() -> set[str]:
        results = (
            collection.get(),
            collection.get(ids=[id for id in "fedcba" if collection.get(ids=id)["ids"]]),
            collection.get(where={"k": 1}),
            collection.get(where_document={"$contains": "x"}),
            collection.get(where={"$or": [{"k": 2}, {"k": 1}]}),
            collection.peek(),
        )
        return {"".join(result["ids"]) for result in results}

    assert orders() == {"cabed"}
    collection.update(ids=["a", "c"], embeddings=[[9], [9]], metadatas=[{"n": 1}] * 2)
    collection.upsert(ids="b", embeddings=[9])
    assert orders() == {"cabed"}
    collection.delete(ids="a")
    assert orders() == {"cbed"}
    collection.add(ids="a", embeddings=[1], metadatas={"k": 1}, documents="x")
    assert orders() == {"cbeda"}
    collection.delete(ids="a")
    collection.add(ids=["f", "a"], embeddings=[[1], [1]], metadatas=[{"k": 1}] * 2, documents=["x"] * 2)
    assert orders() == {"cbedfa"}


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        ({"limit": 2}, "ab"),
        ({"limit": 0}, ""),
        ({"limit": 100}, "abcd"),
        ({"offset": 2}, "cd"),
        ({"offset": 0}, "abcd"),
        ({"offset": 100}, ""),
        ({"limit": 2, "offset": 1}, "bc"),
        ({"limit": 2, "offset": 3}, "d"),
        ({"limit": np.int64(2)}, "ab"),
        ({"limit": 2**70}, "abcd"),
        ({"offset": 2**70}, ""),
        ({"limit": 2**63 - 1, "offset": 2**63 - 1}, ""),
        ({"ids": ["c", "b", "a"], "limit": 2}, "ab"),
        ({"ids": ["a", "b", "c"], "offset": 1}, "bc"),
        ({"ids": ["a", "b", "c"], "limit": 2**70, "offset": 1}, "bc"),
        ({"where": {"x": {"$gt": 0}}, "limit": 1}, "b"),
        ({"where": {"x": {"$gt": 0}}, "limit": 1, "offset": 1}, "c"),
        ({"where": {"x": {"$gt": 0}}, "limit": 2**70, "offset": 2}, "d"),
        ({"where_document": {"$contains": "d"}, "offset": 3}, "d"),
        ({"ids": ["a", "b"], "where": {"x": 1}}, "b"),
        ({"ids": "b", "where_document": {"$contains": "d1"}}, "b"),
        ({"ids": ["missing", "d"]}, "d"),
    ],
)
def test_limit_and_offset(four: Collection, arguments: Any, ids: str) -> None:
    assert four.get(**arguments)["ids"] == list(ids)


@pytest.mark.parametrize("value", [-1, "2", 2.0, True, [1]])
def test_a_bad_limit_or_offset(four: Collection, value: Any) -> None:
    with pytest.raises(InvalidArgumentTypeError, match="limit"):
        four.get(limit=value)
    with pytest.raises(InvalidArgumentTypeError, match="offset"):
        four.get(offset=value)
    with pytest.raises(InvalidArgumentTypeError, match="limit"):
        four.peek(limit=value)


def test_peek(four: Collection) -> None:
    assert four.peek(2)["ids"] == ["a", "b"]
    assert four.peek(limit=100)["ids"] == ["a", "b", "c", "d"]
    assert four.peek(0)["ids"] == []
    result = four.peek(1)
    assert set(result) == GET_KEYS
    assert (result["documents"], result["metadatas"]) == (["d0"], [{"x": 0}])
    assert result["embeddings"].tolist() == [[0.0]]  # type: ignore[union-attr]
    four.add(ids=[str(i) for i in range(20)], embeddings=[[i] for i in range(20)])
    assert len(four.peek()["ids"]) == 10


def test_count(four: Collection) -> None:
    count = four.count()
    assert (count, type(count)) == (4, int)
    assert four.count(read_level="INDEX_ONLY") == 4


# --- many --------------------------------------------------------------------------------------------


def test_fifty_thousand_records_in_one_call(client: Client) -> None:
    collection = client.create_collection("large", embedding_function=None)
    n = 50_000
    vectors = np.arange(2 * n, dtype=np.float32).reshape(n, 2)
    ids = [f"id-{i}" for i in range(n)]
    metadatas = [{"n": i % 100} for i in range(n)]
    documents = [f"document {i}" for i in range(n)]
    documents[-1] = 5  # type: ignore[call-overload]
    with pytest.raises(InvalidArgumentError, match=r"documents\[49999\]"):
        collection.add(ids=ids, embeddings=vectors, metadatas=metadatas, documents=documents)
    assert collection.count() == 0
    documents[-1] = "last"
    collection.add(ids=ids, embeddings=vectors, metadatas=metadatas, documents=documents)
    assert collection.count() == n
    assert collection.get(ids=["id-49999", "id-0"])["documents"] == ["document 0", "last"]
    assert collection.get(limit=2, offset=n - 2, include=[])["ids"] == ["id-49998", "id-49999"]
    assert len(collection.get(where={"n": 7}, include=[])["ids"]) == 500
    assert collection.query(vectors[777], n_results=1)["ids"] == [["id-777"]]
    assert len(collection.get(ids=ids, include=[])["ids"]) == n
    collection.update(ids=ids, metadatas=[{"n": -1}] * n)
    assert collection.delete(ids=ids[:-1]) == {"deleted": n - 1}
    assert collection.get()["metadatas"] == [{"n": -1}]


def test_batches_for_callers_who_cut(client: Client) -> None:
    from chromadb.utils.batch_utils import create_batches

    class Api:
        def get_max_batch_size(self) -> int:
            return 2

    ids = ["a", "b", "c"]
    batches = create_batches(
        api=Api(), ids=ids, embeddings=[[1], [2], [3]], metadatas=[{"n": 1}] * 3, documents=["x", "y", "z"]
    )
    assert batches == [
        (["a", "b"], [[1], [2]], [{"n": 1}] * 2, ["x", "y"]),
        (["c"], [[3]], [{"n": 1}], ["z"]),
    ]
    collection = client.create_collection("abc", embedding_function=None)
    for batch in batches:
        collection.add(*batch)
    assert collection.get()["documents"] == ["x", "y", "z"]
    assert len(create_batches(api=client, ids=ids, documents=["x", "y", "z"])) == 1
    with pytest.raises(InvalidArgumentError, match="as many documents as ids, got 1 documents and 3 ids"):
        create_batches(api=client, ids=ids, documents=["x"])


def test_writing_with_a_function_that_is_missing(one: Collection) -> None:
    for write in (one.add, one.upsert, one.update):
        with pytest.raises(EmbeddingFunctionError, match="embedding_function=None"):
            write(ids=["a", "z"], documents=["x", "y"])
    assert stored(one) == [OLD]
