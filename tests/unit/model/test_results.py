from __future__ import annotations

import enum
from typing import Any

import numpy as np
import pytest

from chromadb._model.results import FIELDS, GET_DEFAULT, QUERY_DEFAULT, IncludeEnum, check_count, check_include
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError


def test_the_defaults() -> None:
    assert GET_DEFAULT == ("metadatas", "documents")
    assert QUERY_DEFAULT == ("metadatas", "documents", "distances")
    assert {member.value for member in IncludeEnum} == set(FIELDS)


@pytest.mark.parametrize(
    ("include", "fields"),
    [
        ([], ()),
        (["documents"], ("documents",)),
        (("uris", "data"), ("uris", "data")),
        (["embeddings", "documents", "embeddings"], ("embeddings", "documents")),
        ([IncludeEnum.documents, "metadatas"], ("documents", "metadatas")),
        (list(IncludeEnum), tuple(member.value for member in IncludeEnum)),
        (np.array(["documents"]), ("documents",)),
        (iter(["documents"]), ("documents",)),
    ],
)
def test_fields_come_once_each_in_the_order_given(include: Any, fields: tuple[str, ...]) -> None:
    checked = check_include(include, query=True)
    assert checked == fields
    assert not any(isinstance(field, enum.Enum) for field in checked)


def test_only_a_query_has_distances() -> None:
    with pytest.raises(InvalidArgumentError, match=r"got 'distances'\. Only a query has distances") as error:
        check_include(["distances"], query=False)
    assert "metadatas, documents, embeddings, uris, data" in str(error.value)
    with pytest.raises(InvalidArgumentError, match="Only a query"):
        check_include([IncludeEnum.distances], query=False)


@pytest.mark.parametrize("item", ["foo", "ids", "Documents", "", 1, None, ["documents"]])
def test_an_unknown_field_is_refused(item: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="include to be among metadatas, documents, distances,") as error:
        check_include(["documents", item], query=True)
    assert repr(item) in str(error.value)


@pytest.mark.parametrize("include", ["documents", None, 5, True])
def test_something_else_than_a_list_is_refused(include: Any) -> None:
    with pytest.raises(InvalidArgumentTypeError, match=r"Expected include to be a list of .*; got") as error:
        check_include(include, query=True)
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize(("given", "count"), [(None, None), (0, 0), (5, 5), (np.int64(5), 5), (np.uint8(3), 3)])
def test_counts(given: Any, count: int | None) -> None:
    checked = check_count(given, "limit")
    assert checked == count
    assert checked is None or type(checked) is int


@pytest.mark.parametrize("value", ["2", 2.0, True, np.float64(2), [2], b"2"])
def test_a_count_is_an_int(value: Any) -> None:
    with pytest.raises(InvalidArgumentTypeError, match="Expected limit to be an int, got") as error:
        check_count(value, "limit")
    assert isinstance(error.value, (TypeError, ValueError))


def test_a_count_has_a_least_value() -> None:
    with pytest.raises(InvalidArgumentTypeError, match="Expected offset to be an int of at least 0, got -1"):
        check_count(-1, "offset")
    for number in (0, -1):
        with pytest.raises(TypeError, match=f"n_results to be an int of at least 1, got {number}"):
            check_count(number, "n_results", least=1)
