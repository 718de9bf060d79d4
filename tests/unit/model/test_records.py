from __future__ import annotations

import enum
import math
from typing import Any

import numpy as np
import pytest

from chromadb._model.records import check_ids, check_records, check_texts
from chromadb.errors import (
    DuplicateIDError,
    InvalidArgumentError,
    InvalidArgumentTypeError,
    InvalidDimensionException,
)


class Key(str, enum.Enum):
    A = "a"


# --- ids ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ("abc", ["abc"]),
        (["a", "b"], ["a", "b"]),
        (("a", "b"), ["a", "b"]),
        (np.array(["a", "b"]), ["a", "b"]),
        ([np.str_("a")], ["a"]),
        ([Key.A], ["a"]),
        ([" a ", "\0", "😀", "x" * 5000], [" a ", "\0", "😀", "x" * 5000]),
    ],
)
def test_one_id_or_many(given: Any, ids: list[str]) -> None:
    checked = check_ids(given)
    assert checked == ids
    assert {type(each) for each in checked} == {str}


@pytest.mark.parametrize("given", [None, 5, {"a"}, {"a": 1}, b"a", iter("ab"), True])
def test_something_else_than_a_list_of_ids_is_refused(given: Any) -> None:
    with pytest.raises(InvalidArgumentTypeError, match="Expected ids to be a str or a list of str, got") as error:
        check_ids(given)
    assert type(given).__name__ in str(error.value)
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize("given", [[], (), np.array([], dtype=str)])
def test_no_id_at_all_is_refused(given: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="Expected ids to be a non-empty list, got"):
        check_ids(given)


@pytest.mark.parametrize(
    ("given", "got"),
    [
        (["a", 1], "got 1 (int) at ids[1]"),
        ([None], "got None (NoneType) at ids[0]"),
        ([["a"]], "got ['a'] (list) at ids[0]"),
        ([b"a"], "got b'a' (bytes) at ids[0]"),
        (np.array([1, 2]), "(int64) at ids[0]"),
    ],
)
def test_an_id_that_is_no_text_is_refused_with_its_place(given: Any, got: str) -> None:
    with pytest.raises(InvalidArgumentTypeError, match="Expected every id to be a str") as error:
        check_ids(given)
    assert got in str(error.value)


def test_an_empty_id_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"every id to be a non-empty str, got '' at ids\[1\]"):
        check_ids(["a", ""])
    with pytest.raises(InvalidArgumentError, match=r"at ids\[0\]"):
        check_ids("")


def test_a_surrogate_in_an_id_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"ids\[1\] to be valid Unicode"):
        check_ids(["a", "\ud800"])


def test_ids_that_stand_twice_are_named() -> None:
    with pytest.raises(DuplicateIDError, match=r"ids to be unique within one call, got more than once: \['b', 'a'\]"):
        check_ids(["a", "b", "c", "b", "a", "b"])
    with pytest.raises(DuplicateIDError, match=r"\['a'\]"):
        check_ids([Key.A, "a"])
    assert issubclass(DuplicateIDError, ValueError)


def test_an_array_without_axes_is_no_list_of_ids() -> None:
    with pytest.raises(InvalidArgumentError, match="Expected ids"):
        check_ids(np.array("a"))


# --- texts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "count", "texts"),
    [
        (None, 3, None),
        ("one", 1, ["one"]),
        (["a", None, ""], 3, ["a", None, ""]),
        (("a", "b"), 2, ["a", "b"]),
        (np.array(["a", "b"]), 2, ["a", "b"]),
        ([Key.A, np.str_("b")], 2, ["a", "b"]),
    ],
)
def test_one_text_or_many(given: Any, count: int, texts: Any) -> None:
    checked = check_texts(given, count, "documents")
    assert checked == texts
    assert {type(each) for each in checked or []} <= {str, type(None)}


@pytest.mark.parametrize("given", [5, {"a": 1}, iter(["a"]), b"a"])
def test_something_else_than_texts_is_refused(given: Any) -> None:
    with pytest.raises(InvalidArgumentTypeError, match="Expected uris to be a str or a list of str, got"):
        check_texts(given, 1, "uris")


def test_a_text_of_another_type_is_refused_with_its_place() -> None:
    with pytest.raises(InvalidArgumentTypeError, match=r"to be a str or None, got 5 \(int\) at documents\[1\]"):
        check_texts(["a", 5], 2, "documents")
    with pytest.raises(InvalidArgumentError, match=r"documents\[1\] to be valid Unicode"):
        check_texts(["a", "\udfff"], 2, "documents")


@pytest.mark.parametrize(("given", "length"), [("a", 1), ([], 0), (["a", "b", "c"], 3)])
def test_another_number_of_texts_than_ids_is_refused_with_both_numbers(given: Any, length: int) -> None:
    with pytest.raises(InvalidArgumentError, match=f"as many documents as ids, got {length} documents and 2 ids"):
        check_texts(given, 2, "documents")


# --- all columns -------------------------------------------------------------------------------------


def test_one_record_without_lists() -> None:
    records = check_records("a", embeddings=[1, 2], documents="d", metadatas={"k": 1}, uris="u", modality="document")
    assert len(records) == 1
    assert records.ids == ["a"]
    assert records.vectors is not None
    assert records.vectors.tolist() == [[1.0, 2.0]]
    assert list(records.vector_rows) == [0]
    assert (records.documents, records.metadatas, records.uris) == (["d"], [{"k": 1}], ["u"])
    assert records.modality == "document"


def test_columns_that_are_not_given_are_none() -> None:
    records = check_records(["a", "b"])
    assert (records.vectors, records.documents, records.metadatas, records.uris) == (None,) * 4
    assert list(records.vector_rows) == []


def test_none_among_metadatas_and_texts() -> None:
    records = check_records(["a", "b"], metadatas=[None, {"k": 1}], documents=[None, "x"])
    assert records.metadatas == [None, {"k": 1}]
    assert records.documents == [None, "x"]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("embeddings", [[1, 2]]),
        ("embeddings", np.zeros((3, 2))),
        ("embeddings", [1, 2]),
        ("metadatas", [{"a": 1}]),
        ("metadatas", []),
        ("metadatas", {"a": 1}),
        ("documents", ["a"]),
        ("documents", "a"),
        ("uris", ["a", "b", "c"]),
    ],
)
@pytest.mark.parametrize("update", [False, True])
def test_another_length_than_that_of_the_ids_is_refused(column: str, values: Any, update: bool) -> None:
    with pytest.raises(InvalidArgumentError, match=rf"as many {column} as ids, got \d {column} and 2 ids"):
        check_records(["a", "b"], update=update, **{column: values})


@pytest.mark.parametrize("values", [5, "text", np.array([{"a": 1}]), iter([{"a": 1}])])
def test_metadatas_that_are_no_list_of_dicts_are_refused(values: Any) -> None:
    with pytest.raises(InvalidArgumentTypeError, match="metadatas to be a dict or a list of dicts, got"):
        check_records(["a"], metadatas=values)


def test_metadata_is_checked_with_its_place() -> None:
    with pytest.raises(InvalidArgumentError, match=r"metadatas\[1\] to be a non-empty dict"):
        check_records(["a", "b"], metadatas=[{"a": 1}, {}])
    with pytest.raises(InvalidArgumentTypeError, match=r"got None at metadatas\[1\]\['k'\]"):
        check_records(["a", "b"], metadatas=[None, {"k": None}])
    records = check_records(["a"], metadatas=[{"k": None}], update=True)
    assert records.metadatas == [{"k": None}]


def test_vectors_may_be_missing_in_an_update_only() -> None:
    records = check_records(["a", "b", "c"], embeddings=[None, [1, 2], None], update=True)
    assert records.vectors is not None
    assert records.vectors.tolist() == [[1.0, 2.0]]
    assert list(records.vector_rows) == [1]
    nothing = check_records(["a"], embeddings=[None], update=True)
    assert nothing.vectors is None
    assert list(nothing.vector_rows) == []
    with pytest.raises(InvalidArgumentError, match="embeddings"):
        check_records(["a", "b"], embeddings=[None, [1, 2]])


@pytest.mark.parametrize(
    "one", [[1, 2], (1.0, 2.0), np.array([1, 2]), [np.float32(1), np.float64(2)], [np.int8(1), np.uint8(2)]]
)
@pytest.mark.parametrize("update", [False, True])
def test_one_vector_is_one_vector_in_updates_too(one: Any, update: bool) -> None:
    vectors = check_records("a", embeddings=one, update=update).vectors
    assert vectors is not None
    assert vectors.tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("bad", [5, 1.5, {"a": 1}, "a", iter([[1, 2]]), np.array(5.0), object()])
@pytest.mark.parametrize("update", [False, True])
def test_embeddings_of_another_kind_are_refused(bad: Any, update: bool) -> None:
    with pytest.raises(InvalidArgumentError, match="embeddings"):
        check_records(["a"], embeddings=bad, update=update)


@pytest.mark.parametrize("update", [False, True])
def test_vectors_are_checked(update: bool) -> None:
    with pytest.raises(InvalidDimensionException):
        check_records(["a", "b"], embeddings=[[1, 2], [1]], update=update)
    with pytest.raises(InvalidArgumentError, match=r"finite.*embeddings\[1\]\[0\]"):
        check_records(["a", "b"], embeddings=[[1, 2], [math.nan, 1]], update=update)
    with pytest.raises(InvalidArgumentError):
        check_records(["a"], embeddings=[], update=update)
