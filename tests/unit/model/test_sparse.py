from __future__ import annotations

from typing import Any

import pytest

import chromadb
from chromadb.api.types import SparseVector
from chromadb.errors import InvalidArgumentError


def test_a_vector_is_the_same_after_a_round_trip() -> None:
    vector = SparseVector([1, 7], [0.5, 2.0])
    assert vector.to_dict() == {"#type": "sparse_vector", "indices": [1, 7], "values": [0.5, 2.0]}
    assert SparseVector.from_dict(vector.to_dict()) == vector
    assert chromadb.SparseVector is SparseVector


def test_labels_are_called_tokens_in_requests() -> None:
    vector = SparseVector(indices=[1], values=[0.5], labels=["cat"])
    assert vector.to_dict()["tokens"] == ["cat"]
    assert SparseVector.from_dict(vector.to_dict()) == vector


def test_a_vector_may_be_empty_and_its_values_negative() -> None:
    assert SparseVector([], []).to_dict() == {"#type": "sparse_vector", "indices": [], "values": []}
    assert SparseVector([2**32], [-1.0]).values == [-1.0]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (([2, 1], [0.5, 1.0]), r"1 after 2 at indices\[1\]"),
        (([1, 1], [0.5, 1.0]), r"1 after 1 at indices\[1\]"),
        (([1], [0.5, 1.0]), "1 indices and 2 values"),
        (([-1], [0.5]), r"-1 at indices\[0\]"),
        (([1.5], [0.5]), r"1.5 at indices\[0\]"),
        (([True], [0.5]), r"True at indices\[0\]"),
        (([1], ["a"]), r"'a' at values\[0\]"),
        (([1], [float("nan")]), r"nan at values\[0\]"),
        (([1], [float("inf")]), r"inf at values\[0\]"),
        (((1,), [0.5]), "indices of a sparse vector to be a list"),
        (([1], (0.5,)), "values of a sparse vector to be a list"),
        (([1], [0.5], ["a", "b"]), "2 labels for 1 indices"),
        (([1], [0.5], [3]), r"labels\[0\]"),
    ],
)
def test_what_is_no_sparse_vector_is_an_error_that_says_where(given: Any, says: str) -> None:
    with pytest.raises(InvalidArgumentError, match=says) as caught:
        SparseVector(*given)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("data", [{"indices": [1], "values": [1.0]}, {"#type": "other"}, 3, {"#type": "sparse_vector"}])
def test_a_dict_of_another_kind_is_an_error(data: Any) -> None:
    with pytest.raises(InvalidArgumentError):
        SparseVector.from_dict(data)
