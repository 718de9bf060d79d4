from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import chromadb
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError

Collection = chromadb.Collection

METADATA: dict[str, Any] = {
    "i1": {"a": 1},
    "f1": {"a": 1.0},
    "T": {"a": True},
    "s1": {"a": "1"},
    "i0": {"a": 0},
    "F": {"a": False},
    "half": {"a": 0.5},
    "i2": {"a": 2},
    "odd": {"a": "%_'\"\0\\\n😀", "%_'\"\0😀": 1},
    "strs": {"a": ["x", "y"]},
    "ints": {"a": [1, 2]},
    "floats": {"a": [0.5, 1.0]},
    "bools": {"a": [True]},
    "big": {"a": 2**53 + 1},
    "other": {"b": 1},
    "none": None,
}

DOCUMENTS: dict[str, str | None] = {
    "hello": "Hello World",
    "lower": "hello",
    "percent": "100% sure",
    "under": "a_b",
    "axb": "axb",
    "quote": "it's",
    "double": 'say "x"',
    "nul": "nul\0in",
    "emoji": "smile 😀",
    "accents": "ÀÉ",
    "one": "h",
    "empty": "",
    "lines": "line1\nline2",
    "star": "*star?",
    "back": "back\\slash",
    "none": None,
}

# One collection is small, one is larger than what is tested record by record.
PADDING = {"small": 0, "large": 2500}


def fill(collection: Collection, values: dict[str, Any], column: str, size: str) -> Collection:
    """Add one record per value, and records that no filter of these tests is about."""
    padding = PADDING[size]
    collection.add(ids=list(values), embeddings=[[i, 1] for i in range(len(values))], **{column: list(values.values())})
    if padding:
        collection.add(
            ids=[f"padding {i}" for i in range(padding)],
            embeddings=[[-i, -1] for i in range(padding)],
            documents=[f"ZZZ {i}" for i in range(padding)],
            metadatas=[{"padding": i} for i in range(padding)],
        )
    return collection


@pytest.fixture(scope="module", params=["memory-small", "memory-large", "disk-small", "disk-large"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Collection]]:
    """Return collections with METADATA, and with DOCUMENTS; they are read only."""
    place, size = request.param.split("-")
    path = tmp_path_factory.mktemp("db")
    with chromadb.EphemeralClient() if place == "memory" else chromadb.PersistentClient(path) as client:
        # Out of the sight of the tests, which stop every client that they can see.
        client.clear_system_cache()
        yield {
            "metadata": fill(client.create_collection("m-1", embedding_function=None), METADATA, "metadatas", size),
            "documents": fill(client.create_collection("d-1", embedding_function=None), DOCUMENTS, "documents", size),
        }


def found(collection: Collection, **filters: Any) -> list[str]:
    """Return the ids that match, which get and query must agree upon; without the padding."""
    got = collection.get(include=[], **filters)["ids"]
    queried = collection.query([[0, 0], [5, 1]], include=[], n_results=10_000, **filters)["ids"]
    assert [set(ids) for ids in queried] == [set(got)] * 2
    assert [len(ids) for ids in queried] == [len(got)] * 2
    some = [*METADATA, *(id for id in DOCUMENTS if id not in METADATA)]
    assert collection.get(ids=some, include=[], **filters)["ids"] == [id for id in got if id in some]
    assert set(collection.query([0, 0], ids=some, include=[], n_results=99, **filters)["ids"][0]) == set(got) & set(
        some
    )
    return [id for id in got if not id.startswith("padding")]


WHERE: list[tuple[dict[str, Any], list[str]]] = [
    ({"a": 1}, ["i1", "f1"]),
    ({"a": 1.0}, ["i1", "f1"]),
    ({"a": True}, ["T"]),
    ({"a": False}, ["F"]),
    ({"a": "1"}, ["s1"]),
    ({"a": {"$eq": 0}}, ["i0"]),
    ({"a": "%_'\"\0\\\n😀"}, ["odd"]),
    ({"a": "%"}, []),
    ({"a": ""}, []),
    ({"%_'\"\0😀": 1}, ["odd"]),
    ({"missing": 1}, []),
    ({"b": 1}, ["other"]),
    ({"a": "x"}, []),
    ({"a": 2**53 + 1}, ["big"]),
    ({"a": float(2**53)}, []),
    ({"a": {"$gt": 0}}, ["i1", "f1", "half", "i2", "big"]),
    ({"a": {"$gt": 0.5}}, ["i1", "f1", "i2", "big"]),
    ({"a": {"$gt": float(2**53)}}, ["big"]),
    ({"a": {"$gte": 1}}, ["i1", "f1", "i2", "big"]),
    ({"a": {"$lt": 1}}, ["i0", "half"]),
    ({"a": {"$lt": 2.0}}, ["i1", "f1", "i0", "half"]),
    ({"a": {"$lte": 1}}, ["i1", "f1", "i0", "half"]),
    ({"a": {"$gt": -1.5}}, ["i1", "f1", "i0", "half", "i2", "big"]),
    ({"missing": {"$lt": 5}}, []),
    ({"a": {"$in": [1, 2]}}, ["i1", "f1", "i2"]),
    ({"a": {"$in": [1, 0.5]}}, ["i1", "f1", "half"]),
    ({"a": {"$in": [True]}}, ["T"]),
    ({"a": {"$in": ["1", "x"]}}, ["s1"]),
    ({"a": {"$in": [99]}}, []),
    ({"missing": {"$in": [1]}}, []),
    ({"a": {"$contains": "x"}}, ["strs"]),
    ({"a": {"$contains": 1}}, ["ints", "floats"]),
    ({"a": {"$contains": 0.5}}, ["floats"]),
    ({"a": {"$contains": True}}, ["bools"]),
    ({"a": {"$contains": "1"}}, []),
    ({"missing": {"$contains": 1}}, []),
]

COMPLEMENT = {"$eq": "$ne", "$in": "$nin", "$contains": "$not_contains", "$regex": "$not_regex"}


@pytest.mark.parametrize(("where", "expected"), WHERE)
def test_where_and_its_complement(filled: dict[str, Collection], where: Any, expected: list[str]) -> None:
    collection = filled["metadata"]
    assert found(collection, where=where) == expected
    ((key, condition),) = where.items()
    ((operator, operand),) = (condition if isinstance(condition, dict) else {"$eq": condition}).items()
    if operator in COMPLEMENT:
        opposite = {key: {COMPLEMENT[operator]: operand}}
        assert found(collection, where=opposite) == [id for id in METADATA if id not in expected]
        everything = collection.count()
        assert len(collection.get(where=opposite, include=[])["ids"]) == everything - len(expected)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"$and": [{"a": {"$gte": 0}}, {"a": {"$lt": 1}}]}, ["i0", "half"]),
        ({"$or": [{"a": True}, {"b": 1}]}, ["T", "other"]),
        ({"$or": [{"b": 1}, {"a": True}]}, ["T", "other"]),
        ({"$and": [{"a": 1}]}, ["i1", "f1"]),
        ({"$and": [{"a": 1}, {"a": 2}]}, []),
        ({"$and": [{"$or": [{"a": 1}, {"a": 2}, {"b": 1}]}, {"a": {"$ne": 2}}]}, ["i1", "f1", "other"]),
        ({"$or": [{"$and": [{"a": 1}, {"a": 2}]}, {"$and": [{"b": 1}, {"a": {"$ne": 1}}]}]}, ["other"]),
        ({"$and": [{"a": {"$ne": 1}}, {"a": {"$nin": ["1"]}}, {"b": 1}]}, ["other"]),
        ({"$or": [{"missing": 1}, {"a": {"$in": [0]}}]}, ["i0"]),
    ],
)
def test_where_joined(filled: dict[str, Collection], where: Any, expected: list[str]) -> None:
    assert found(filled["metadata"], where=where) == expected


WHERE_DOCUMENT: list[tuple[str, str, list[str]]] = [
    ("$contains", "hello", ["lower"]),
    ("$contains", "HELLO", []),
    ("$contains", "Hello", ["hello"]),
    ("$contains", "lo W", ["hello"]),
    ("$contains", "%", ["percent"]),
    ("$contains", "0% s", ["percent"]),
    ("$contains", "_", ["under"]),
    ("$contains", "a_b", ["under"]),
    ("$contains", "'", ["quote"]),
    ("$contains", '"', ["double"]),
    ("$contains", "\0", ["nul"]),
    ("$contains", "l\0i", ["nul"]),
    ("$contains", "😀", ["emoji"]),
    ("$contains", "e 😀", ["emoji"]),
    ("$contains", "É", ["accents"]),
    ("$contains", "é", []),
    ("$contains", "h", ["lower", "one", "back"]),
    ("$contains", "he", ["lower"]),
    ("$contains", "*", ["star"]),
    ("$contains", "?", ["star"]),
    ("$contains", "\\", ["back"]),
    ("$contains", "\n", ["lines"]),
    ("$contains", "1\nl", ["lines"]),
    ("$contains", "AND", []),
    ("$contains", "x" * 10_000, []),
    ("$regex", "^hello$", ["lower"]),
    ("$regex", "(?i)^hello", ["hello", "lower"]),
    ("$regex", "h.llo", ["lower"]),
    ("$regex", "line1.line2", []),
    ("$regex", "(?s)line1.line2", ["lines"]),
    ("$regex", "^line2", []),
    ("$regex", "(?m)^line2", ["lines"]),
    ("$regex", "^$", ["empty"]),
    ("$regex", r"\bhello\b", ["lower"]),
    ("$regex", "100%", ["percent"]),
    ("$regex", "a_b|a.b", ["under", "axb"]),
    ("$regex", "l\0i", ["nul"]),
    ("$regex", r"l\x00i", ["nul"]),
    ("$regex", "[😀]", ["emoji"]),
    ("$regex", r"\p{Lu}É", ["accents"]),
    ("$regex", r"\\s", ["back"]),
    ("$regex", "'s$", ["quote"]),
]


@pytest.mark.parametrize(("operator", "operand", "expected"), WHERE_DOCUMENT)
def test_where_document_and_its_complement(
    filled: dict[str, Collection], operator: str, operand: str, expected: list[str]
) -> None:
    collection = filled["documents"]
    rest = [id for id in DOCUMENTS if id not in expected]
    assert found(collection, where_document={operator: operand}) == expected
    assert found(collection, where={"#document": {operator: operand}}) == expected
    assert found(collection, where_document={COMPLEMENT[operator]: operand}) == rest
    assert found(collection, where={"#document": {COMPLEMENT[operator]: operand}}) == rest


@pytest.mark.parametrize(
    ("where_document", "expected"),
    [
        ({"$or": [{"$contains": "hello"}, {"$contains": "World"}]}, ["hello", "lower"]),
        ({"$and": [{"$contains": "e"}, {"$not_contains": "l"}]}, ["percent"]),
        ({"$and": [{"$contains": "line1"}, {"$regex": "line2$"}]}, ["lines"]),
        ({"$and": [{"$not_contains": "ZZZ"}, {"$not_regex": "."}]}, ["empty", "none"]),
        (
            {"$or": [{"$and": [{"$contains": "a"}, {"$contains": "b"}]}, {"$regex": "^h$"}]},
            [
                "under",
                "axb",
                "one",
                "back",
            ],
        ),
        ({"$and": [{"$contains": "sure"}]}, ["percent"]),
    ],
)
def test_where_document_joined(filled: dict[str, Collection], where_document: Any, expected: list[str]) -> None:
    assert found(filled["documents"], where_document=where_document) == expected


def nested(leaf: Any, depth: int) -> Any:
    node = leaf
    for level in range(depth):
        node = {("$and", "$or")[level % 2]: [node, leaf]}
    return node


@pytest.mark.parametrize("depth", [1, 20, 150])
def test_filters_nested_deeply(filled: dict[str, Collection], depth: int) -> None:
    assert found(filled["metadata"], where=nested({"a": 1}, depth)) == ["i1", "f1"]
    assert found(filled["documents"], where_document=nested({"$contains": "hello"}, depth)) == ["lower"]


# --- delete ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(0, len(WHERE), 3))
@pytest.mark.parametrize("size", PADDING)
def test_delete_selects_like_get(number: int, size: str) -> None:
    where, expected = WHERE[number]
    padding = PADDING[size]
    with chromadb.EphemeralClient() as client:
        collection = fill(client.create_collection("abc", embedding_function=None), METADATA, "metadatas", size)
        assert collection.delete(where=where) == {"deleted": len(expected)}
        left = [id for id in METADATA if id not in expected]
        assert [id for id in collection.get(include=[])["ids"] if not id.startswith("padding")] == left
        assert collection.count() == len(left) + padding
        assert collection.get(where=where)["ids"] == []


@pytest.mark.parametrize("number", range(0, len(WHERE_DOCUMENT), 3))
@pytest.mark.parametrize("size", PADDING)
def test_delete_selects_documents_like_get(number: int, size: str) -> None:
    operator, operand, expected = WHERE_DOCUMENT[number]
    padding = PADDING[size]
    with chromadb.EphemeralClient() as client:
        collection = fill(client.create_collection("abc", embedding_function=None), DOCUMENTS, "documents", size)
        assert collection.delete(where_document={operator: operand}) == {"deleted": len(expected)}
        assert collection.count() == len(DOCUMENTS) + padding - len(expected)
        rest = collection.delete(where_document={COMPLEMENT[operator]: operand})
        assert rest == {"deleted": len(DOCUMENTS) + padding - len(expected)}
        assert collection.count() == 0


# --- metadata and documents together, and what changes ------------------------------------------------


def test_filters_on_both_hold_together(collection: Collection) -> None:
    collection.add(
        ids=["a", "b", "c", "d"],
        embeddings=[[0], [1], [2], [3]],
        documents=["cat", "cat", "dog", None],
        metadatas=[{"n": 1}, {"n": 2}, {"n": 1}, {"n": 1}],
    )
    assert collection.get(where={"n": 1}, where_document={"$contains": "cat"})["ids"] == ["a"]
    assert collection.query([0], where={"n": 1}, where_document={"$not_contains": "cat"})["ids"] == [["c", "d"]]
    mixed: Any = {"$or": [{"#document": {"$contains": "dog"}}, {"n": 2}]}
    assert collection.get(where=mixed)["ids"] == ["b", "c"]
    assert collection.get(where=mixed, ids=["a", "b"])["ids"] == ["b"]
    assert collection.query([0], where=mixed, ids=["a", "c"], where_document={"$regex": "o"})["ids"] == [["c"]]
    assert collection.delete(where={"n": 1}, where_document={"$contains": "dog"}) == {"deleted": 1}


def test_filters_see_every_change(collection: Collection) -> None:
    collection.add(ids=["a", "b"], embeddings=[[0], [1]], documents=["cat", "dog"], metadatas=[{"n": 1}, None])
    assert collection.get(where={"n": 1})["ids"] == ["a"]
    collection.update(ids="b", metadatas={"n": 1})
    assert collection.get(where={"n": 1})["ids"] == ["a", "b"]
    collection.update(ids="a", metadatas={"n": True})
    assert collection.get(where={"n": 1})["ids"] == ["b"]
    assert collection.get(where={"n": True})["ids"] == ["a"]
    collection.update(ids="a", metadatas={"n": None})
    assert collection.get(where={"n": {"$ne": 1}})["ids"] == ["a"]
    collection.update(ids="a", embeddings=[5], documents="dog")
    assert collection.get(where_document={"$contains": "dog"})["ids"] == ["a", "b"]
    collection.delete(ids="b")
    collection.add(ids="c", embeddings=[2], metadatas={"n": ["x"]}, documents="bird")
    assert collection.get(where={"n": {"$contains": "x"}})["ids"] == ["c"]
    assert collection.get(where={"n": 1})["ids"] == []
    assert collection.query([0], where_document={"$contains": "bird"})["ids"] == [["c"]]


def test_a_filter_on_an_empty_collection(collection: Collection) -> None:
    assert collection.get(where={"a": {"$ne": 1}}, where_document={"$not_contains": "x"})["ids"] == []
    assert collection.query([1], where={"a": 1})["ids"] == [[]]
    assert collection.delete(where={"a": {"$ne": 1}}) == {"deleted": 0}


# --- mistakes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filters", "path"),
    [
        ({"where": {}}, "where to have exactly one key, got {}"),
        ({"where_document": {}}, "where_document to have exactly one key, got {}"),
        ({"where": {"a": 1, "b": 2}}, "where to have exactly one key"),
        ({"where": "a"}, "where to be a dict"),
        ({"where": {"$and": [{"a": 1}, {"$or": [{"b": {"$foo": 1}}]}]}}, 'where["$and"][1]["$or"][0]["b"]'),
        ({"where": {"a": {"$in": []}}}, 'where["a"]["$in"]'),
        ({"where": {"a": {"$in": [1, "x"]}}}, 'where["a"]["$in"]'),
        ({"where": {"a": {"$gt": "x"}}}, 'where["a"]["$gt"]'),
        ({"where": {"a": None}}, 'where["a"]'),
        ({"where": {"a": float("nan")}}, 'where["a"]'),
        ({"where": {"a": 2**63}}, 'where["a"]'),
        (
            {"where_document": {"$and": [{"$contains": "x"}, {"$contains": 5}]}},
            'where_document["$and"][1]["$contains"]',
        ),
        ({"where_document": {"$regex": "["}}, 'where_document["$regex"] to be a regular expression'),
        ({"where_document": {"$regex": r"(a)\1"}}, "no back references"),
        ({"where_document": {"$regex": "(?=a)"}}, "no look-around"),
        ({"where_document": {"$like": "x"}}, "'$like'"),
        ({"where": {"#document": {"$eq": "x"}}}, 'where["#document"]'),
        ({"where": nested({"a": 1}, 15), "where_document": nested({"$contains": 5}, 3)}, 'where_document["$and"][0]'),
    ],
)
@pytest.mark.parametrize("method", ["get", "query", "delete"])
def test_a_mistake_is_told_with_its_path_and_does_nothing(
    collection: Collection, method: str, filters: Any, path: str
) -> None:
    collection.add(ids="a", embeddings=[1], metadatas={"a": 1}, documents="x")
    for ids in ({}, {"ids": ["a"]}):
        with pytest.raises(InvalidArgumentError) as error:
            getattr(collection, method)(**({"query_embeddings": [1]} if method == "query" else {}), **ids, **filters)
        assert path in str(error.value)
        assert isinstance(error.value, ValueError)
    assert collection.count() == 1


def test_a_filter_nested_a_thousand_deep_is_a_typed_error(collection: Collection) -> None:
    where: Any = {"a": 1}
    for _ in range(1000):
        where = {"$and": [where]}
    for call in (collection.get, collection.delete, lambda where: collection.query([1], where=where)):
        with pytest.raises(InvalidArgumentError, match="nested at most 200 deep"):
            call(where=where)  # type: ignore[operator]


def test_validators_of_the_public_types() -> None:
    from chromadb.api.types import validate_where, validate_where_document

    assert validate_where({"a": 1}) == {"a": 1}
    assert validate_where_document({"$contains": "x"}) == {"$contains": "x"}
    with pytest.raises(InvalidArgumentTypeError, match=r'where\["a"\]'):
        validate_where({"a": None})
    with pytest.raises(InvalidArgumentError, match="where_document"):
        validate_where_document({"$foo": "x"})
