from __future__ import annotations

import enum
import math
from typing import Any

import numpy as np
import pytest

from chromadb._model.where import And, Compare, MatchDocument, Or, compile_pattern, parse_filter
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError


class Color(str, enum.Enum):
    RED = "red"


# --- what is understood ------------------------------------------------------------------------------


def test_no_filter_is_none() -> None:
    assert parse_filter() is None
    assert parse_filter(None, None) is None


@pytest.mark.parametrize("operator", ["$eq", "$ne"])
@pytest.mark.parametrize("operand", ["x", "", 1, 1.5, True, 0, False])
def test_equality_takes_every_scalar(operator: str, operand: Any) -> None:
    assert parse_filter({"a": {operator: operand}}) == Compare("a", operator, operand)


@pytest.mark.parametrize("operand", ["x", 1, 1.5, True])
def test_a_bare_value_is_equality(operand: Any) -> None:
    assert parse_filter({"a": operand}) == Compare("a", "$eq", operand)


@pytest.mark.parametrize("operator", ["$gt", "$gte", "$lt", "$lte"])
def test_order_takes_numbers(operator: str) -> None:
    assert parse_filter({"a": {operator: 1}}) == Compare("a", operator, 1)
    assert parse_filter({"a": {operator: np.float32(0.5)}}) == Compare("a", operator, 0.5)


@pytest.mark.parametrize("operator", ["$in", "$nin"])
@pytest.mark.parametrize(
    "given", [["x", "y"], [1, 2], [1, 2.5], (1, 2), np.array([1, 2]), [True], [Color.RED], [np.int64(1), 2]]
)
def test_sets_take_lists_of_one_type(operator: str, given: Any) -> None:
    parsed = parse_filter({"a": {operator: given}})
    assert isinstance(parsed, Compare)
    assert parsed.operand == tuple(given)
    assert {type(each) for each in parsed.operand} <= {str, int, float, bool}


@pytest.mark.parametrize("operator", ["$contains", "$not_contains"])
@pytest.mark.parametrize("operand", ["x", "", 1, 1.5, True])
def test_contains_takes_one_scalar(operator: str, operand: Any) -> None:
    assert parse_filter({"a": {operator: operand}}) == Compare("a", operator, operand)


@pytest.mark.parametrize(
    ("given", "kept"),
    [(np.int64(1), 1), (np.float64(0.5), 0.5), (np.bool_(True), True), (np.str_("x"), "x"), (Color.RED, "red")],
)
def test_operands_become_pythons_own(given: Any, kept: Any) -> None:
    parsed = parse_filter({"a": given})
    assert parsed == Compare("a", "$eq", kept)
    assert isinstance(parsed, Compare)
    assert type(parsed.operand) is type(kept)


@pytest.mark.parametrize("operator", ["$contains", "$not_contains", "$regex", "$not_regex"])
def test_documents_are_matched_by_text(operator: str) -> None:
    assert parse_filter(where_document={operator: "x"}) == MatchDocument(operator, "x")
    assert parse_filter({"#document": {operator: "x"}}) == MatchDocument(operator, "x")


def test_logic_nests() -> None:
    where = {"$or": [{"a": 1}, {"$and": [{"b": 2}, {"#document": {"$contains": "x"}}]}]}
    assert parse_filter(where) == Or(
        (Compare("a", "$eq", 1), And((Compare("b", "$eq", 2), MatchDocument("$contains", "x"))))
    )
    assert parse_filter(where_document={"$and": ({"$contains": "x"}, {"$regex": "y"})}) == And(
        (MatchDocument("$contains", "x"), MatchDocument("$regex", "y"))
    )
    assert parse_filter({"$and": [{"a": 1}]}) == And((Compare("a", "$eq", 1),))


def test_both_filters_hold_together() -> None:
    assert parse_filter({"a": 1}, {"$contains": "x"}) == And((Compare("a", "$eq", 1), MatchDocument("$contains", "x")))


@pytest.mark.parametrize("key", ["a b", "", "'", '"', "%", "_", "\0", "😀", "#x", "a.b"])
def test_any_text_is_a_key(key: str) -> None:
    assert parse_filter({key: 1}) == Compare(key, "$eq", 1)


# --- what is refused, and where ----------------------------------------------------------------------


def message_of(where: Any = None, where_document: Any = None, kind: type[Exception] = InvalidArgumentError) -> str:
    with pytest.raises(kind) as error:
        parse_filter(where, where_document)
    assert isinstance(error.value, ValueError)
    return str(error.value)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({}, "Expected where to have exactly one key, got {}. Leave the argument out for no filter."),
        ({"a": 1, "b": 2}, "Expected where to have exactly one key, got {'a': 1, 'b': 2}. Join several conditions"),
        ({"a": {}}, 'Expected where["a"] to have exactly one key, got {}'),
        ({"a": {"$gt": 1, "$lt": 3}}, 'Expected where["a"] to have exactly one key'),
        ({"$and": [{"a": 1}, {}]}, 'Expected where["$and"][1] to have exactly one key, got {}'),
        ({"$foo": 1}, "Expected where to have a metadata key or one of $and, $or, got '$foo'"),
        ({"$contains": "x"}, "To search in documents use where_document"),
        ({"$eq": 1}, "metadata key or one of $and, $or, got '$eq'"),
        ({"$not": [{"a": 1}]}, "got '$not'"),
        ({"a": {"$foo": 1}}, 'Expected the operator at where["a"] to be one of $eq, $ne, $gt'),
        ({"a": {"$regex": "x"}}, "got '$regex'"),
        ({"a": {"b": 1}}, "got 'b'"),
        ({"$or": [{"x": 1}, {"$and": [{"y": {"$bar": 1}}]}]}, 'operator at where["$or"][1]["$and"][0]["y"]'),
        ({"$and": []}, 'Expected where["$and"] to be a non-empty list of filters, got [] (list)'),
        ({"$or": {"a": 1}}, "Expected where[\"$or\"] to be a non-empty list of filters, got {'a': 1} (dict)"),
        ({"$and": None}, 'where["$and"] to be a non-empty list of filters, got None (NoneType)'),
        ({"$and": "ab"}, "got 'ab' (str)"),
        ({"a": {"$in": []}}, 'Expected where["a"]["$in"] to be a non-empty list, got [] (list)'),
        ({"a": {"$in": "x"}}, 'Expected where["a"]["$in"] to be a non-empty list, got \'x\' (str)'),
        ({"a": {"$nin": {1, 2}}}, 'where["a"]["$nin"] to be a non-empty list, got {1, 2} (set)'),
        ({"a": {"$in": None}}, "got None (NoneType)"),
        ({"a": {"$in": 5}}, "got 5 (int)"),
        ({"a": {"$in": [1, "x"]}}, 'Expected all values at where["a"]["$in"] to be of one type, got [1, \'x\']'),
        ({"a": {"$in": [True, 1]}}, "to be of one type, got [True, 1]"),
        ({"a": {"$in": [1, None]}}, 'got None (NoneType) at where["a"]["$in"][1]'),
        ({"a": {"$in": [[1]]}}, 'got [1] (list) at where["a"]["$in"][0]'),
        ({"a": {"$in": [1.0, math.nan]}}, 'finite float, got nan at where["a"]["$in"][1]'),
        ({"a": 2**63}, '64 bits, got 9223372036854775808 at where["a"]'),
        ({"a": {"$gt": -(2**63) - 1}}, 'at where["a"]["$gt"]'),
        ({"a": {"$lt": math.inf}}, 'finite float, got inf at where["a"]["$lt"]'),
        ({"a": math.nan}, 'got nan at where["a"]'),
        ({"a\ud800": 1}, "where to be valid Unicode text"),
        ({"a": "\ud800"}, 'where["a"] to be valid Unicode text'),
        ({"#document": {}}, 'Expected where["#document"] to have exactly one key'),
        ({"#document": {"$eq": "x"}}, 'operator at where["#document"] to be one of $contains, $not_contains, $regex'),
        ({"#document": {"$regex": "["}}, 'Expected where["#document"]["$regex"] to be a regular expression, got \'[\''),
    ],
)
def test_a_wrong_filter_is_refused_with_the_path_to_the_mistake(where: Any, message: str) -> None:
    assert message in message_of(where)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("a", "Expected where to be a dict, got 'a' (str)"),
        ([{"a": 1}], "Expected where to be a dict, got [{'a': 1}] (list)"),
        (5, "got 5 (int)"),
        ({1: 2}, "Expected the key of where to be a str, got 1 (int)"),
        ({None: 2}, "got None (NoneType)"),
        ({"$and": [{"a": 1}, 5]}, 'Expected where["$and"][1] to be a dict, got 5 (int)'),
        ({"$and": [{"a": 1}, None]}, 'where["$and"][1] to be a dict, got None'),
        ({"$or": [{"$and": [{"a": {5: 1}}]}]}, 'Expected the key of where["$or"][0]["$and"][0]["a"] to be a str'),
        ({"a": None}, 'Expected where["a"] to be a str, int, float or bool, got None (NoneType)'),
        ({"a": {"$eq": None}}, 'Expected where["a"]["$eq"] to be a str, int, float or bool, got None'),
        ({"a": {"$ne": None}}, 'where["a"]["$ne"]'),
        ({"a": [1, 2]}, "got [1, 2] (list). Use $in to compare with several values."),
        ({"a": (1, 2)}, "Use $in"),
        ({"a": {"$eq": {"b": 1}}}, "got {'b': 1} (dict)"),
        ({"a": {"$eq": np.array([1])}}, "(ndarray)"),
        ({"a": {"$contains": ["x"]}}, 'where["a"]["$contains"] to be a str, int, float or bool, got [\'x\'] (list)'),
        ({"a": {"$contains": None}}, "got None"),
        ({"a": {"$gt": "x"}}, 'Expected where["a"]["$gt"] to be an int or a float, got \'x\' (str)'),
        ({"a": {"$lte": True}}, 'Expected where["a"]["$lte"] to be an int or a float, got True (bool)'),
        ({"a": {"$lt": np.bool_(False)}}, "to be an int or a float"),
        ({"a": b"x"}, "got b'x' (bytes)"),
        ({"a": object}, "(type)"),
        ({"#document": "x"}, "Expected where[\"#document\"] to be a dict, got 'x' (str)"),
        ({"#document": {"$contains": 5}}, 'Expected where["#document"]["$contains"] to be a str, got 5 (int)'),
    ],
)
def test_a_wrong_type_in_a_filter_is_a_type_error_too(where: Any, message: str) -> None:
    assert message in message_of(where, kind=InvalidArgumentTypeError)


@pytest.mark.parametrize(
    ("where_document", "message"),
    [
        ({}, "Expected where_document to have exactly one key, got {}"),
        ({"$contains": "a", "$regex": "b"}, "Expected where_document to have exactly one key"),
        ({"a": {"$contains": "x"}}, "Expected the operator at where_document to be one of $contains, $not_contains"),
        ({"$eq": "x"}, "$regex, $not_regex, $and, $or; got '$eq'"),
        ({"$like": "x%"}, "got '$like'"),
        ({"$and": []}, 'Expected where_document["$and"] to be a non-empty list of filters'),
        ({"$or": [{"$contains": "x"}, {"$foo": 1}]}, 'operator at where_document["$or"][1]'),
        ({"$contains": "\ud800"}, 'where_document["$contains"] to be valid Unicode text'),
        ({"$not_regex": "("}, "Expected where_document[\"$not_regex\"] to be a regular expression, got '('"),
    ],
)
def test_a_wrong_document_filter_is_refused_with_the_path(where_document: Any, message: str) -> None:
    assert message in message_of(where_document=where_document)


@pytest.mark.parametrize("operator", ["$contains", "$not_contains", "$regex", "$not_regex"])
@pytest.mark.parametrize("operand", [5, None, ["x"], b"x", {"a": 1}, True])
def test_a_document_is_matched_by_text_only(operator: str, operand: Any) -> None:
    message = message_of(where_document={operator: operand}, kind=InvalidArgumentTypeError)
    assert f'Expected where_document["{operator}"] to be a str, got' in message
    assert type(operand).__name__ in message


@pytest.mark.parametrize("operator", ["$contains", "$not_contains", "$regex", "$not_regex"])
def test_an_empty_text_is_no_filter(operator: str) -> None:
    message = message_of(where_document={operator: ""})
    assert f'where_document["{operator}"]' in message
    assert "non-empty" in message


def test_an_array_without_axes_is_no_set() -> None:
    assert 'where["a"]["$in"]' in message_of({"a": {"$in": np.array(1)}})


# --- depth -------------------------------------------------------------------------------------------


def nested(depth: int, leaf: Any) -> Any:
    node = leaf
    for level in range(depth):
        node = {"$or" if level % 2 else "$and": [node]}
    return node


@pytest.mark.parametrize("depth", [1, 150, 200])
def test_deep_filters_are_understood(depth: int) -> None:
    parsed: Any = parse_filter(nested(depth, {"a": 1}))
    for _ in range(depth):
        (parsed,) = parsed.clauses
    assert parsed == Compare("a", "$eq", 1)
    assert parse_filter(where_document=nested(depth, {"$contains": "x"})) is not None


@pytest.mark.parametrize("depth", [201, 1000, 100_000])
def test_deeper_filters_are_refused_with_the_limit(depth: int) -> None:
    assert "nested at most 200 deep" in message_of(nested(depth, {"a": 1}))
    assert "nested at most 200 deep" in message_of(where_document=nested(depth, {"$contains": "x"}))


def test_a_mistake_above_a_deep_filter_can_be_shown() -> None:
    assert "exactly one key" in message_of({"a": 1, **nested(5000, {"b": 1})})


# --- regular expressions -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("^hello$", "hello", True),
        ("^hello$", "hello\n", False),
        ("h.llo", "say hello", True),
        ("a.b", "a\nb", False),
        ("(?s)a.b", "a\nb", True),
        ("^b", "a\nb", False),
        ("(?m)^b", "a\nb", True),
        ("(?i)HELLO", "hello", True),
        ("HELLO", "hello", False),
        (r"\d+", "no 5", True),
        (r"\bcat\b", "concat", False),
        (r"\p{L}", "é", True),
        ("😀+", "a😀😀", True),
        ("^.$", "😀", True),
        ("a\0b", "xa\0by", True),
        (r"\x00", "a\0", True),
        ("[äö]", "ö", True),
        (r"100%", "100% sure", True),
        (r"a_b", "axb", False),
        ("a|", "zzz", True),
    ],
)
def test_patterns_are_searched_for_anywhere(pattern: str, text: str, found: bool) -> None:
    assert compile_pattern(pattern)(text) is found


@pytest.mark.parametrize("pattern", ["[", "(", "*", r"(a)\1", "(?=a)", "(?!a)", "(?<=a)b", r"a{2000}", "\\", "a**"])
def test_a_pattern_that_is_none_is_refused_with_the_reason(pattern: str) -> None:
    message = message_of(where_document={"$regex": pattern})
    assert 'Expected where_document["$regex"] to be a regular expression, got' in message
    assert repr(pattern) in message
    assert "RE2" in message
    assert not message.startswith("b'")


def test_a_pattern_takes_linear_time() -> None:
    assert compile_pattern("(a+)+$")("a" * 5000 + "b") is False
