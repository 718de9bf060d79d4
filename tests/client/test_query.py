from __future__ import annotations

import itertools
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
QUERY_KEYS = {"ids", "embeddings", "documents", "uris", "data", "metadatas", "distances", "included"}


@pytest.fixture
def four(collection: Collection) -> Collection:
    """Return a collection of four points on a line."""
    collection.add(
        ids=["a", "b", "c", "d"],
        embeddings=[[0, 1], [1, 1], [2, 1], [3, 1]],
        documents=["d0", "d1", "d2", None],
        metadatas=[{"x": 0}, {"x": 1}, {"x": 2}, None],
        uris=["u0", None, None, None],
    )
    return collection


# --- what is asked -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "queries",
    [
        [0, 1],
        [0.0, 1.0],
        [[0, 1]],
        (0, 1),
        ((0, 1),),
        np.array([0, 1]),
        np.array([[0, 1]], dtype=np.float16),
        [np.array([0, 1], dtype=np.int32)],
        [[np.float32(0), np.float64(1)]],
        np.array([[0, 1]], dtype=np.uint8),
    ],
)
def test_one_vector_in_every_form(four: Collection, queries: Any) -> None:
    result = four.query(queries, n_results=2)
    assert result["ids"] == [["a", "b"]]
    assert result["distances"] == [[0.0, 1.0]]


@pytest.mark.parametrize(
    "queries", [[[0, 1], [3, 1]], np.array([[0, 1], [3, 1]]), [np.array([0, 1]), [3, 1]], ((0, 1), (3, 1))]
)
def test_many_vectors(four: Collection, queries: Any) -> None:
    result: Any = four.query(query_embeddings=queries, n_results=2, include=["distances", "metadatas", "documents"])
    assert result["ids"] == [["a", "b"], ["d", "c"]]
    assert result["distances"] == [[0.0, 1.0], [0.0, 1.0]]
    assert result["metadatas"] == [[{"x": 0}, {"x": 1}], [None, {"x": 2}]]
    assert result["documents"] == [["d0", "d1"], [None, "d2"]]


def test_many_more_queries_than_records(four: Collection) -> None:
    result = four.query(np.tile([0.0, 1.0], (500, 1)), n_results=1)
    assert result["ids"] == [["a"]] * 500


@pytest.mark.parametrize(
    ("queries", "kind", "message"),
    [
        ([], InvalidArgumentError, "query_embeddings to be a non-empty list"),
        ([[]], InvalidArgumentError, "query_embeddings to be non-empty vectors"),
        ([[0, 1], [0]], InvalidDimensionException, r"query_embeddings\[1\]"),
        ([[0, 1], [0, 1, 2]], InvalidDimensionException, r"query_embeddings\[1\]"),
        ([0, 1, 2], InvalidDimensionException, "dimension 2.*got 3"),
        ([0], InvalidDimensionException, "dimension 2.*got 1"),
        ([[0, math.nan]], InvalidArgumentError, r"finite.*query_embeddings\[0\]\[1\]"),
        ([[0, math.inf]], InvalidArgumentError, "finite"),
        ([[0, 1e39]], InvalidArgumentError, "float32"),
        ("text", InvalidArgumentTypeError, "query_embeddings"),
        (5, InvalidArgumentTypeError, r"got 5 \(int\)"),
        ([None], InvalidArgumentError, "query_embeddings"),
        ([[True, False]], InvalidArgumentTypeError, "numbers"),
        ([["a", "b"]], InvalidArgumentTypeError, "numbers"),
        (np.zeros((1, 2, 2)), InvalidArgumentError, "shape"),
    ],
)
def test_bad_vectors(four: Collection, queries: Any, kind: Any, message: str) -> None:
    with pytest.raises(kind, match=message) as error:
        four.query(queries)
    assert isinstance(error.value, ValueError)


def test_exactly_one_kind_of_query(four: Collection) -> None:
    for arguments in (
        {},
        {"query_embeddings": [0, 1], "query_texts": "x"},
        {"query_texts": "x", "query_images": [np.ones((1, 1))]},
        {"query_embeddings": [0, 1], "query_uris": "x"},
    ):
        with pytest.raises(InvalidArgumentError, match="exactly one of query_embeddings, query_texts") as error:
            four.query(**arguments)
        assert ("none of them" if not arguments else " and ".join(arguments)) in str(error.value)


def test_texts_are_embedded(client: Client, counting: Any) -> None:
    collection = client.create_collection("abc", embedding_function=counting)
    collection.add(ids=["a", "b"], documents=["x", "xxxx"])
    counting.calls.clear()
    assert collection.query(query_texts="yy")["ids"] == [["a", "b"]]
    assert collection.query(query_texts=["yyyy", ""], n_results=1)["ids"] == [["b"], ["a"]]
    assert collection.query(query_texts=("y",), n_results=1)["ids"] == [["a"]]
    assert counting.calls == [["yy"], ["yyyy", ""], ["y"]]


def test_queries_are_embedded_by_their_own_method_where_there_is_one(client: Client, counting: Any) -> None:
    class Asymmetric(type(counting)):  # type: ignore[misc]
        def embed_query(self, input: Any) -> Any:
            return [np.array([100.0, 1.0]) for _ in input]

    collection = client.create_collection("abc", embedding_function=Asymmetric())
    collection.add(ids="a", documents="x")
    assert collection.query(query_texts="x")["distances"] == [[99.0**2]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_results": 0}, "n_results"),
        ({"n_results": "3"}, "n_results"),
        ({"where": {}}, "where"),
        ({"where": {"a": {"$foo": 1}}}, "where"),
        ({"where_document": {"$regex": "["}}, "where_document"),
        ({"include": ["foo"]}, "include"),
        ({"ids": [1]}, "ids"),
        ({"ids": ["a", "a"]}, "ids"),
        ({"query_embeddings": [1, 1]}, "exactly one"),
        ({"query_texts": []}, "query_texts"),
        ({"query_texts": ["x", None]}, "query_texts"),
        ({"query_texts": ["x", 5]}, "query_texts"),
        ({"query_texts": 5}, "query_texts"),
        ({"query_texts": ["\ud800"]}, "valid Unicode"),
        ({"query_texts": None, "query_images": ["x"]}, "images"),
        ({"query_texts": None, "query_images": []}, "images"),
        ({"query_texts": None, "query_uris": "x"}, "data loader"),
        ({"query_texts": None, "query_uris": []}, "query_uris"),
        ({"query_texts": None, "query_uris": [None]}, "query_uris"),
    ],
)
def test_a_mistake_costs_no_embedding(client: Client, counting: Any, arguments: Any, message: str) -> None:
    collection = client.create_collection("abc", embedding_function=counting)
    with pytest.raises(InvalidArgumentError, match=message):
        collection.query(**{"query_texts": ["x"], **arguments})
    assert counting.calls == []


def test_a_query_by_text_needs_a_function(four: Collection) -> None:
    with pytest.raises(EmbeddingFunctionError, match="embedding_function=None"):
        four.query(query_texts="x")


# --- how many ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "ids"), [(1, "a"), (4, "abcd"), (5, "abcd"), (10**9, "abcd"), (2**70, "abcd"), (np.int64(2), "ab")]
)
def test_the_number_of_results_is_that_of_the_matches_at_most(four: Collection, n: Any, ids: str) -> None:
    assert four.query([0, 1], n_results=n)["ids"] == [list(ids)]
    assert four.query([0, 1], n_results=n, where={"x": {"$gt": 0}})["ids"] == [["b", "c"][:n]]


def test_ten_are_asked_for_without_saying(client: Client) -> None:
    collection = client.create_collection("abc", embedding_function=None)
    collection.add(ids=[str(i) for i in range(20)], embeddings=[[i] for i in range(20)])
    assert collection.query([0])["ids"] == [[str(i) for i in range(10)]]
    assert len(collection.query([0], n_results=15)["ids"][0]) == 15


@pytest.mark.parametrize("n", [0, -1, -(2**70), "3", 3.0, None, True, [3]])
def test_a_number_of_results_that_is_none(four: Collection, n: Any) -> None:
    with pytest.raises(InvalidArgumentTypeError, match="n_results") as error:
        four.query([0, 1], n_results=n)
    assert isinstance(error.value, TypeError)
    assert isinstance(error.value, ValueError)


# --- among which -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["c", "b"], "bc"),
        ("b", "b"),
        (["b", "missing"], "b"),
        (["missing"], ""),
        ([], ""),
        (("d", "a"), "ad"),
        (np.array(["d", "a"]), "ad"),
    ],
)
def test_among_these_ids_only(four: Collection, ids: Any, expected: str) -> None:
    assert four.query([0, 1], ids=ids)["ids"] == [list(expected)]
    assert four.query([[0, 1], [0, 1]], ids=ids, n_results=1)["ids"] == [list(expected[:1])] * 2


def test_ids_and_filters_hold_together(four: Collection) -> None:
    assert four.query([0, 1], ids=["a", "b"], where={"x": {"$gt": 0}})["ids"] == [["b"]]
    assert four.query([0, 1], ids=["a", "b"], where_document={"$contains": "d0"})["ids"] == [["a"]]
    assert four.query([0, 1], ids=["a"], where={"x": 5})["ids"] == [[]]


@pytest.mark.parametrize("ids", [5, [1], [""], {"a"}, b"a", "", object()])
def test_bad_ids(four: Collection, ids: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="id"):
        four.query([0, 1], ids=ids)
    with pytest.raises(DuplicateIDError):
        four.query([0, 1], ids=["a", "a"])


def test_filters_are_checked_where_no_id_is_given(four: Collection) -> None:
    with pytest.raises(InvalidArgumentError, match="where"):
        four.query([0, 1], ids=[], where={})


# --- distances and order -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        ("l2", {"0": 0.0, "1": 25.0, "2": 100.0, "3": 1.0}),
        ("ip", {"0": -24.0, "1": 1.0, "2": 26.0, "3": -20.0}),
        ("cosine", {"0": 0.0, "1": 1.0, "2": 2.0, "3": 1 - 21 / 5 / math.sqrt(18)}),
    ],
)
def test_distances_as_documented(client: Client, space: str, expected: dict[str, float]) -> None:
    collection = client.create_collection("abc", configuration={"hnsw": {"space": space}}, embedding_function=None)
    collection.add(ids=["0", "1", "2", "3"], embeddings=[[3, 4], [0, 0], [-3, -4], [3, 3]])
    result: Any = collection.query([3, 4])
    assert dict(zip(result["ids"][0], result["distances"][0], strict=True)) == pytest.approx(expected, abs=1e-6)
    assert result["distances"][0] == sorted(result["distances"][0])
    assert {type(distance) for distance in result["distances"][0]} == {float}


@pytest.mark.parametrize("space", ["l2", "ip", "cosine"])
def test_zero_vectors(client: Client, space: str) -> None:
    collection = client.create_collection("abc", metadata={"hnsw:space": space}, embedding_function=None)
    collection.add(ids=["zero", "one"], embeddings=[[0, 0], [1, 0]])
    expected = {"l2": {"zero": 0.0, "one": 1.0}, "ip": {"zero": 1.0, "one": 1.0}, "cosine": {"zero": 1.0, "one": 1.0}}
    result: Any = collection.query([0, 0])
    assert dict(zip(result["ids"][0], result["distances"][0], strict=True)) == expected[space]


def test_equally_near_records_come_in_the_order_of_insertion(client: Client) -> None:
    collection = client.create_collection("abc", embedding_function=None)
    collection.add(ids=[str(i) for i in range(300)], embeddings=[[1, 1]] * 300)
    assert collection.query([0, 0], n_results=5)["ids"] == [["0", "1", "2", "3", "4"]]
    assert collection.query([1, 1], n_results=300)["ids"] == [[str(i) for i in range(300)]]
    around = client.create_collection("around", embedding_function=None)
    around.add(ids=["e", "w", "n", "s"], embeddings=[[1, 0], [-1, 0], [0, 1], [0, -1]])
    assert around.query([0, 0])["ids"] == [["e", "w", "n", "s"]]


@pytest.mark.parametrize("space", ["l2", "ip", "cosine"])
def test_answers_are_those_of_brute_force(client: Client, space: str) -> None:
    random = np.random.default_rng(7)
    vectors = random.normal(size=(3000, 48)).astype(np.float32)
    queries = random.normal(size=(15, 48)).astype(np.float32)
    collection = client.create_collection("abc", metadata={"hnsw:space": space}, embedding_function=None)
    collection.add(ids=[str(i) for i in range(3000)], embeddings=vectors, metadatas=[{"n": i % 7} for i in range(3000)])
    wide, asked = vectors.astype(np.float64), queries.astype(np.float64)
    if space == "l2":
        exact = ((asked[:, None, :] - wide[None, :, :]) ** 2).sum(axis=2)
    else:
        if space == "cosine":
            wide /= np.linalg.norm(wide, axis=1, keepdims=True)
            asked /= np.linalg.norm(asked, axis=1, keepdims=True)
        exact = 1 - asked @ wide.T
    for where, allowed in ((None, slice(None)), ({"n": 3}, slice(3, None, 7))):
        result: Any = collection.query(queries, n_results=20, where=where)  # type: ignore[arg-type]
        for row, ids, distances in zip(exact, result["ids"], result["distances"], strict=True):
            labels = np.arange(3000)[allowed]
            nearest = labels[np.argsort(row[labels], kind="stable")[:20]]
            assert ids == [str(label) for label in nearest]
            assert distances == pytest.approx(row[nearest], rel=1e-5, abs=1e-6)


def test_very_large_and_very_small_vectors(client: Client) -> None:
    collection = client.create_collection("abc", embedding_function=None)
    collection.add(ids=["large", "small", "zero"], embeddings=[[3e38, 3e38], [1e-38, 0], [0, 0]])
    result: Any = collection.query([0, 0])
    assert result["ids"][0][0] in ("small", "zero")
    assert result["ids"][0][2] == "large"
    assert not any(math.isnan(distance) for distance in result["distances"][0])


# --- results -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", range(7))
def test_every_combination_of_what_to_include(four: Collection, client: Client, length: int) -> None:
    handle = client.get_collection(four.name, data_loader=lambda uris: [uri.encode() for uri in uris])
    values: dict[str, Any] = {
        "metadatas": [[{"x": 0}, {"x": 1}]],
        "documents": [["d0", "d1"]],
        "distances": [[0.0, 1.0]],
        "uris": [["u0", None]],
        "data": [[b"u0", None]],
    }
    for include in itertools.combinations(
        ("metadatas", "documents", "distances", "embeddings", "uris", "data"), length
    ):
        result: Any = handle.query([0, 1], n_results=2, include=list(include))  # type: ignore[arg-type]
        assert set(result) == QUERY_KEYS
        assert result["ids"] == [["a", "b"]]
        wanted = {*include, *(["uris"] if "data" in include else [])}
        for field, value in values.items():
            assert result[field] == (value if field in wanted else None)
        if "embeddings" in wanted:
            assert isinstance(result["embeddings"], list)
            assert [(type(each), each.dtype, each.tolist()) for each in result["embeddings"]] == [
                (np.ndarray, np.float64, [[0.0, 1.0], [1.0, 1.0]])
            ]
        else:
            assert result["embeddings"] is None
        assert result["included"][: len(include)] == list(include)


def test_what_is_included_without_asking(four: Collection) -> None:
    result = four.query([0, 1])
    assert result["included"] == ["metadatas", "documents", "distances"]
    assert (result["embeddings"], result["uris"], result["data"]) == (None, None, None)


def test_an_empty_collection(client: Client, counting: Any) -> None:
    collection = client.create_collection("abc", embedding_function=counting)
    include: Any = ["metadatas", "documents", "distances", "embeddings", "uris"]
    for queries in ({"query_embeddings": [[1, 2], [3, 4]]}, {"query_texts": ["x", "y"]}):
        result: Any = collection.query(**queries, include=include)  # type: ignore[arg-type]
        assert set(result) == QUERY_KEYS
        for field in ("ids", "metadatas", "documents", "distances", "uris"):
            assert result[field] == [[], []]
        assert [(type(each), len(each)) for each in result["embeddings"]] == [(np.ndarray, 0), (np.ndarray, 0)]
    assert collection.query([1, 2, 3], where={"a": 1})["ids"] == [[]]
    assert collection.count() == 0


def test_an_emptied_collection_keeps_its_dimension(four: Collection) -> None:
    four.delete(ids=["a", "b", "c", "d"])
    assert four.query([[0, 1], [0, 1]])["ids"] == [[], []]
    with pytest.raises(InvalidDimensionException):
        four.query([1, 2, 3])


def test_no_match(four: Collection) -> None:
    result: Any = four.query([[0, 1], [0, 1]], where={"x": 99}, include=["distances", "embeddings", "documents"])
    assert (result["ids"], result["distances"], result["documents"]) == ([[], []],) * 3
    assert [len(each) for each in result["embeddings"]] == [0, 0]


def test_queries_see_every_change(four: Collection) -> None:
    assert four.query([3, 1], n_results=1)["ids"] == [["d"]]
    four.update(ids="a", embeddings=[3, 1])
    assert four.query([3, 1], n_results=2)["ids"] == [["a", "d"]]
    four.delete(ids=["a"])
    assert four.query([3, 1], n_results=1)["ids"] == [["d"]]
    four.upsert(ids=["e", "d"], embeddings=[[3, 1], [9, 9]])
    assert four.query([3, 1], n_results=2)["ids"] == [["e", "c"]]
    four.add(ids="a", embeddings=[3, 1])
    assert four.query([3, 1], n_results=2)["ids"] == [["e", "a"]]


def test_a_result_is_the_callers_own(four: Collection) -> None:
    result: Any = four.query([0, 1], include=["embeddings", "metadatas"])
    result["embeddings"][0][:] = 9
    result["metadatas"][0][0]["x"] = 99
    assert four.query([0, 1], n_results=1)["distances"] == [[0.0]]
    assert four.get(ids="a")["metadatas"] == [{"x": 0}]


def test_the_class_behind_embedded_clients_answers_alike(four: Collection, client: Client) -> None:
    server = client._server
    result = server._query(four.id, [[0, 1]], n_results=2, where={"x": {"$gt": 0}})
    assert result["ids"] == [["b", "c"]]
