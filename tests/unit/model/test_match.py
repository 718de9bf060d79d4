from __future__ import annotations

from typing import Any

import pytest

from chromadb._model.match import document_test, identity, matches, value_test
from chromadb._model.where import COMPLEMENTS, Compare, MatchDocument, parse_filter


def holds(where: Any, metadata: Any = None, document: str | None = None) -> bool:
    parsed = parse_filter(where)
    assert parsed is not None
    return matches(parsed, metadata, document)


VALUES: list[Any] = [1, 1.0, True, "1", 0, 0.0, False, 0.5, 2, -3, "", "x", ["x"], [1], [1.0], [True], [], None]
"""What a record may have under a key; None for a record without the key."""


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"$eq": 1}, [1, 1.0]),
        ({"$eq": 1.0}, [1, 1.0]),
        ({"$eq": True}, [True]),
        ({"$eq": False}, [False]),
        ({"$eq": "1"}, ["1"]),
        ({"$eq": ""}, [""]),
        ({"$eq": 0}, [0, 0.0]),
        ({"$eq": -0.0}, [0, 0.0]),
        ({"$eq": "x"}, ["x"]),
        ({"$gt": 0}, [1, 1.0, 0.5, 2]),
        ({"$gt": 0.5}, [1, 1.0, 2]),
        ({"$gte": 1}, [1, 1.0, 2]),
        ({"$lt": 1}, [0, 0.0, 0.5, -3]),
        ({"$lte": 1}, [1, 1.0, 0, 0.0, 0.5, -3]),
        ({"$gt": 100}, []),
        ({"$in": [1, 2]}, [1, 1.0, 2]),
        ({"$in": [1, 0.5]}, [1, 1.0, 0.5]),
        ({"$in": [True]}, [True]),
        ({"$in": ["1", "x"]}, ["1", "x"]),
        ({"$contains": "x"}, [["x"]]),
        ({"$contains": 1}, [[1], [1.0]]),
        ({"$contains": True}, [[True]]),
        ({"$contains": ""}, []),
    ],
)
def test_an_operator_and_its_complement(condition: dict[str, Any], expected: list[Any]) -> None:
    found = [value for value in VALUES if holds({"k": condition}, None if value is None else {"k": value})]
    assert [(type(value), value) for value in found] == [(type(value), value) for value in expected]
    ((operator, operand),) = condition.items()
    opposite = {positive: negative for negative, positive in COMPLEMENTS.items()}.get(operator)
    if opposite:
        rest = [value for value in VALUES if holds({"k": {opposite: operand}}, None if value is None else {"k": value})]
        assert len(rest) + len(found) == len(VALUES)
        assert None in rest


def test_a_record_without_metadata_matches_complements_only() -> None:
    assert holds({"k": {"$ne": 1}}, None)
    assert holds({"k": {"$nin": [1]}}, None)
    assert holds({"k": {"$not_contains": 1}}, None)
    assert not holds({"k": 1}, None)
    assert not holds({"k": {"$lt": 1}}, None)
    assert holds({"k": {"$ne": 1}}, {"other": 1})


def test_large_numbers_are_compared_exactly() -> None:
    assert not holds({"k": float(2**53)}, {"k": 2**53 + 1})
    assert holds({"k": {"$gt": float(2**53)}}, {"k": 2**53 + 1})
    assert holds({"k": 2**63 - 1}, {"k": 2**63 - 1})


def test_logic() -> None:
    metadata = {"a": 1, "b": "x"}
    assert holds({"$and": [{"a": 1}, {"b": "x"}]}, metadata)
    assert not holds({"$and": [{"a": 1}, {"b": "y"}]}, metadata)
    assert holds({"$or": [{"a": 2}, {"b": "x"}]}, metadata)
    assert not holds({"$or": [{"a": 2}, {"b": "y"}]}, metadata)
    assert holds({"$and": [{"$or": [{"a": 2}, {"b": "x"}]}, {"#document": {"$contains": "d"}}]}, metadata, "doc")
    assert not holds({"$and": [{"a": 1}, {"#document": {"$contains": "z"}}]}, metadata, "doc")


def test_deep_filters_are_evaluated() -> None:
    where: Any = {"a": 1}
    for _ in range(150):
        where = {"$and": [where, {"$or": [{"a": 1}, {"b": 1}]}]}
    assert holds(where, {"a": 1})
    assert not holds(where, {"a": 2})


DOCUMENTS: list[str | None] = [
    "Hello World",
    "hello",
    "100% sure",
    "a_b",
    "it's",
    "nul\0in",
    "😀",
    "",
    "a\nb",
    "\\",
    None,
]


@pytest.mark.parametrize(
    ("operator", "operand", "expected"),
    [
        ("$contains", "hello", ["hello"]),
        ("$contains", "lo W", ["Hello World"]),
        ("$contains", "%", ["100% sure"]),
        ("$contains", "_", ["a_b"]),
        ("$contains", "'", ["it's"]),
        ("$contains", "\0", ["nul\0in"]),
        ("$contains", "l\0i", ["nul\0in"]),
        ("$contains", "😀", ["😀"]),
        ("$contains", "\n", ["a\nb"]),
        ("$contains", "\\", ["\\"]),
        ("$regex", "^hello$", ["hello"]),
        ("$regex", "(?i)^hello", ["Hello World", "hello"]),
        ("$regex", "^$", [""]),
        ("$regex", "l\0i", ["nul\0in"]),
    ],
)
def test_a_document_operator_and_its_complement(operator: str, operand: str, expected: list[str]) -> None:
    test = document_test(MatchDocument(operator, operand))
    assert [document for document in DOCUMENTS if test(document)] == expected
    opposite = {"$contains": "$not_contains", "$regex": "$not_regex"}[operator]
    test = document_test(MatchDocument(opposite, operand))
    rest = [document for document in DOCUMENTS if test(document)]
    assert rest == [document for document in DOCUMENTS if document not in expected]
    assert None in rest


def test_identity_is_equality_to_a_filter() -> None:
    assert identity(1) == identity(1.0)
    assert identity(1) != identity(True)
    assert identity("1") != identity(1)
    assert identity(None) != identity(0)


def test_a_value_can_be_tested_alone() -> None:
    test = value_test(Compare("k", "$ne", 1))
    assert test(None)
    assert test(2)
    assert not test(1.0)
