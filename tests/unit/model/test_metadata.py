from __future__ import annotations

import datetime
import enum
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from chromadb._model.metadata import check_collection_metadata, check_metadata, check_scalar, merge_metadata
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError


class Color(str, enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


def check(value: Any, **options: Any) -> Any:
    checked = check_metadata({"k": value}, "metadatas[2]", **options)
    assert checked is not None
    return checked["k"]


# --- values ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("text", "text"),
        ("", ""),
        ("\0'\"%_\\😀", "\0'\"%_\\😀"),
        (Color.RED, "red"),
        (np.str_("np"), "np"),
        (5, 5),
        (Level.HIGH, 3),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (1.5, 1.5),
        (-0.0, 0.0),
        (5e-324, 5e-324),
        (1.7976931348623157e308, 1.7976931348623157e308),
        (True, True),
        (np.bool_(True), True),
        *[(kind(7), 7) for kind in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64)],
        *[(kind(0.5), 0.5) for kind in (np.float16, np.float32, np.float64, np.longdouble)],
    ],
)
def test_scalars_come_back_as_pythons_own(given: Any, kept: Any) -> None:
    value = check(given)
    assert value == kept
    assert type(value) is type(kept)
    assert type(value) in (str, int, float, bool)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["a", "b"], ["a", "b"]),
        ([Color.RED], ["red"]),
        (("a", "b"), ["a", "b"]),
        ([1, 2], [1, 2]),
        ([1.0, 0.5], [1.0, 0.5]),
        ([True, False], [True, False]),
        (np.array([1, 2], dtype=np.int32), [1, 2]),
        (np.array([0.5], dtype=np.float32), [0.5]),
        (np.array(["x"]), ["x"]),
        ([np.int64(1), 2], [1, 2]),
    ],
)
def test_lists_of_one_type_are_kept_as_lists(given: Any, kept: list[Any]) -> None:
    value = check(given)
    assert value == kept
    assert [type(item) for item in value] == [type(item) for item in kept]
    assert type(value) is list


@pytest.mark.parametrize(
    ("given", "got"),
    [
        (object(), "object"),
        ({"x": 1}, "dict"),
        ({1, 2}, "set"),
        (b"bytes", "bytes"),
        (1j, "complex"),
        (Decimal("1"), "Decimal"),
        (datetime.date(2024, 1, 1), "date"),
        (np.datetime64("2024-01-01"), "datetime64"),
    ],
)
def test_another_type_is_refused_with_the_sentence_that_others_look_for(given: Any, got: str) -> None:
    with pytest.raises(InvalidArgumentTypeError, match="Expected metadata value to be a str, int, float or bool") as e:
        check(given)
    assert isinstance(e.value, ValueError)
    assert isinstance(e.value, TypeError)
    assert f"({got})" in str(e.value)
    assert "metadatas[2]['k']" in str(e.value)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 2**64, np.uint64(2**63), 10**400])
def test_an_int_beyond_64_bits_is_refused(number: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"Expected metadata value to be an int of 64 bits, got -?\d+") as e:
        check(number)
    assert "metadatas[2]['k']" in str(e.value)
    assert "Store it as a str or a float" in str(e.value)


def test_an_int_of_thousands_of_digits_is_refused_like_any_other() -> None:
    with pytest.raises(InvalidArgumentError, match="64 bits"):
        check(10**5000)


@pytest.mark.parametrize(
    "number", [math.nan, math.inf, -math.inf, np.float32("nan"), np.float16("inf"), np.longdouble("1e4000")]
)
def test_a_float_that_is_not_finite_is_refused(number: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="Expected metadata value to be a finite float, got") as e:
        check(number)
    assert "metadatas[2]['k']" in str(e.value)


@pytest.mark.parametrize(
    ("given", "got"),
    [
        ([], "got an empty list"),
        ((), "got an empty list"),
        (np.array([]), "got an empty list"),
        ([1, "a"], "got int and str"),
        ([1, 2.0], "got float and int"),
        ([True, 1], "got bool and int"),
        (["a", None], "got None (NoneType) at metadatas[2]['k'][1]"),
        ([[1]], "got [1] (list) at metadatas[2]['k'][0]"),
        ([{"a": 1}], "at metadatas[2]['k'][0]"),
        (np.array([[1]]), "at metadatas[2]['k'][0]"),
        ([1.0, math.nan], "got nan at metadatas[2]['k'][1]"),
        ([1, 2**63], "at metadatas[2]['k'][1]"),
        (["a", "\ud800"], "metadatas[2]['k'][1] to be valid Unicode text"),
    ],
)
def test_a_list_that_is_empty_mixed_or_nested_is_refused(given: Any, got: str) -> None:
    with pytest.raises(InvalidArgumentError) as error:
        check(given)
    assert got in str(error.value)


def test_an_array_without_axes_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="Expected metadata value to be"):
        check(np.array(5))


def test_none_deletes_a_key_in_updates_only() -> None:
    assert check(None, update=True) is None
    with pytest.raises(InvalidArgumentTypeError, match=r"Expected metadata value to be .*got None at") as error:
        check(None)
    assert isinstance(error.value, ValueError)
    assert "Leave the key out" in str(error.value)


def test_a_surrogate_in_a_value_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"metadatas\[2\]\['k'\] to be valid Unicode text"):
        check("a\ud800")


# --- keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "a b", "\0", "😀", "hnsw:anything", "Chroma:x", "#a", "$a", "a.b", "'\""])
def test_any_text_is_a_key(key: str) -> None:
    assert check_metadata({key: 1}, "m") == {key: 1}


@pytest.mark.parametrize("key", [Color.RED, np.str_("red")])
def test_a_key_becomes_plain_text(key: Any) -> None:
    checked = check_metadata({key: 1}, "m")
    assert checked == {"red": 1}
    assert [type(each) for each in checked] == [str]


@pytest.mark.parametrize("key", [1, None, 1.5, ("a",), b"a"])
def test_a_key_of_another_type_is_refused(key: Any) -> None:
    with pytest.raises(InvalidArgumentTypeError, match="Expected every key of m to be a str, got") as error:
        check_metadata({key: 1}, "m")
    assert type(key).__name__ in str(error.value)


@pytest.mark.parametrize("key", ["chroma:document", "chroma:x", "chroma:"])
def test_keys_of_the_database_itself_are_refused(key: str) -> None:
    with pytest.raises(InvalidArgumentError, match="not to start with 'chroma:'") as error:
        check_metadata({key: 1}, "m")
    assert repr(key) in str(error.value)


def test_a_surrogate_in_a_key_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="the keys of m to be valid Unicode text"):
        check_metadata({"\ud800": 1}, "m")


# --- the whole ---------------------------------------------------------------------------------------


def test_none_is_no_metadata_and_an_empty_dict_is_refused() -> None:
    assert check_metadata(None, "m") is None
    with pytest.raises(InvalidArgumentError, match=r"Expected m to be a non-empty dict, got \{\}. Pass None"):
        check_metadata({}, "m")


@pytest.mark.parametrize("value", ["x", 5, [("a", 1)], ({"a": 1},)])
def test_something_else_than_a_dict_is_refused(value: Any) -> None:
    with pytest.raises(InvalidArgumentTypeError, match=r"Expected metadatas\[7\] to be a dict or None, got"):
        check_metadata(value, "metadatas[7]")


def test_what_the_caller_holds_is_not_shared() -> None:
    tags = ["a"]
    given = {"tags": tags}
    checked = check_metadata(given, "m")
    tags.append("b")
    assert checked == {"tags": ["a"]}
    assert given == {"tags": ["a", "b"]}


def test_any_mapping_will_do() -> None:
    from types import MappingProxyType

    checked = check_metadata(MappingProxyType({"a": 1}), "m")
    assert type(checked) is dict


def test_the_metadata_of_a_collection_has_no_lists() -> None:
    assert check_collection_metadata(None) is None
    assert check_collection_metadata({"a": np.int64(1), "b": Color.RED}) == {"a": 1, "b": "red"}
    with pytest.raises(InvalidArgumentError, match=r"Expected metadata value to be .*got a list at metadata\['a'\]"):
        check_collection_metadata({"a": ["x"]})


def test_none_leaves_a_key_of_a_collection_out_in_updates_only() -> None:
    assert check_collection_metadata({"a": None, "b": 1}, update=True) == {"b": 1}
    assert check_collection_metadata({"a": None}, update=True) is None
    with pytest.raises(InvalidArgumentTypeError, match="got None at metadata"):
        check_collection_metadata({"a": None})


@pytest.mark.parametrize(
    ("old", "new", "merged"),
    [
        (None, None, None),
        (None, {"a": 1}, {"a": 1}),
        ({"a": 1}, None, {"a": 1}),
        ({"a": 1, "b": 2}, {"b": 3, "c": 4}, {"a": 1, "b": 3, "c": 4}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": 1}, {"a": None}, None),
        (None, {"a": None}, None),
        ({"a": 1}, {"zz": None}, {"a": 1}),
        ({"a": ["x"]}, {"a": "y"}, {"a": "y"}),
        ({"a": 0, "b": False, "c": ""}, {"d": 0}, {"a": 0, "b": False, "c": "", "d": 0}),
    ],
)
def test_merging_goes_key_by_key_and_none_deletes(old: Any, new: Any, merged: Any) -> None:
    assert merge_metadata(old, new) == merged


def test_merging_changes_neither_side() -> None:
    old, new = {"a": 1}, {"a": None, "b": 2}
    merge_metadata(old, new)
    assert (old, new) == ({"a": 1}, {"a": None, "b": 2})


def test_a_single_value_is_checked_alike() -> None:
    assert check_scalar(np.float32(0.5), "x") == 0.5
    with pytest.raises(InvalidArgumentTypeError, match=r"got None \(NoneType\) at x"):
        check_scalar(None, "x")
