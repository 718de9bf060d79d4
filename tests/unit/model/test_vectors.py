from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from chromadb._model.vectors import to_matrix, to_rows
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError, InvalidDimensionException

FLOATS = [np.float16, np.float32, np.float64, np.longdouble]
INTS = [np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64]
ROWS = [[1.0, 2.0], [3.0, 4.0]]


class Tensor:
    """Stands for an array of another library."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array(ROWS, dtype=dtype)


@pytest.mark.parametrize("dtype", FLOATS + INTS)
@pytest.mark.parametrize("form", ["matrix", "list of arrays", "list of scalars"])
def test_every_float_and_int_type_becomes_float32(dtype: Any, form: str) -> None:
    array = np.array(ROWS, dtype=dtype)
    given: Any = {"matrix": array, "list of arrays": list(array), "list of scalars": [list(row) for row in array]}[form]
    matrix = to_matrix(given, "embeddings")
    assert matrix.dtype == np.float32
    assert matrix.flags.c_contiguous
    assert matrix.tolist() == ROWS


@pytest.mark.parametrize(
    "given",
    [
        [[1, 2], [3, 4]],
        ((1, 2), (3, 4)),
        [(1, 2), [3.0, 4]],
        [np.array([1, 2]), [3, 4]],
        np.array(ROWS, order="F"),
        np.array([[1, 0, 2, 0], [3, 0, 4, 0]])[:, ::2],
        np.array(ROWS, dtype=">f4"),
        np.array(ROWS, dtype=">i8"),
        Tensor(),
    ],
)
def test_every_form_of_two_vectors(given: Any) -> None:
    matrix = to_matrix(given, "embeddings")
    assert matrix.tolist() == ROWS
    assert matrix.dtype == np.float32
    assert matrix.dtype.isnative
    assert matrix.flags.c_contiguous


@pytest.mark.parametrize(
    "given", [[1, 2], (1.0, 2.0), np.array([1, 2]), [np.float32(1), np.int64(2)], [[1, 2]], np.array([[1, 2]])]
)
def test_every_form_of_one_vector(given: Any) -> None:
    assert to_matrix(given, "embeddings").tolist() == [[1.0, 2.0]]


@pytest.mark.parametrize("dimension", [1, 2, 4096, 20000])
def test_any_dimension(dimension: int) -> None:
    assert to_matrix([[0.5] * dimension], "x").shape == (1, dimension)


def test_a_python_int_of_any_size_within_float32() -> None:
    assert to_matrix([[2**70, 1]], "x")[0, 0] == np.float32(2**70)


def test_tiny_numbers_become_zero() -> None:
    assert to_matrix([[1e-50, 1.0]], "x").tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e39, -1e39])
@pytest.mark.parametrize("dtype", [None, np.float64])
def test_a_number_that_float32_cannot_hold_is_refused_with_its_place(bad: float, dtype: Any) -> None:
    rows = [[1.0, 2.0], [3.0, bad]]
    with pytest.raises(InvalidArgumentError, match=r"finite numbers within float32, got") as error:
        to_matrix(rows if dtype is None else np.array(rows, dtype=dtype), "embeddings")
    assert "at embeddings[1][1]" in str(error.value)
    assert str(bad)[:3] in str(error.value)


@pytest.mark.parametrize(
    ("given", "shape"),
    [
        ([[]], "(1, 0)"),
        ([[], []], "(2, 0)"),
        (np.empty((0, 5)), "(0, 5)"),
        (np.empty((5, 0)), "(5, 0)"),
        (np.empty(0), "(1, 0)"),
    ],
)
def test_empty_vectors_are_refused(given: Any, shape: str) -> None:
    with pytest.raises(InvalidArgumentError, match="Expected embeddings to be non-empty vectors") as error:
        to_matrix(given, "embeddings")
    assert shape in str(error.value)


@pytest.mark.parametrize("given", [[], ()])
def test_an_empty_list_is_refused(given: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="Expected query_embeddings to be a non-empty list, got"):
        to_matrix(given, "query_embeddings")


@pytest.mark.parametrize(("given", "shape"), [(np.zeros((2, 2, 2)), "(2, 2, 2)"), (np.array(5.0), "()")])
def test_another_number_of_axes_is_refused(given: Any, shape: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"an array of shape .n, dimension.; got an array of shape") as error:
        to_matrix(given, "embeddings")
    assert shape in str(error.value)


@pytest.mark.parametrize("given", [5, 1.5, None, {"a": 1}, "text", b"bytes", iter([[1, 2]]), {1, 2}])
def test_something_else_than_a_sequence_is_refused(given: Any) -> None:
    with pytest.raises(InvalidArgumentTypeError, match="Expected embeddings to be a vector, a list of vectors or") as e:
        to_matrix(given, "embeddings")
    assert type(given).__name__ in str(e.value)


@pytest.mark.parametrize(
    "given",
    [
        ["a", "b"],
        [["a", "b"]],
        [[None, 1]],
        [[True, False]],
        [True, False],
        np.array([[True, False]]),
        np.array([[1j, 2]]),
        np.array([[1, 2]], dtype=object),
        np.array([["1", "2"]]),
        np.array([["2020-01-01"]], dtype="datetime64[D]"),
        [[object(), 1]],
    ],
)
def test_something_else_than_numbers_is_refused(given: Any) -> None:
    with pytest.raises(InvalidArgumentTypeError, match=r"Expected embeddings to be vectors of .*numbers, got"):
        to_matrix(given, "embeddings")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[1, 2], [3]], r"the same dimension, got 2 at embeddings\[0\] and 1 at embeddings\[1\]"),
        ([[1], [2], [3, 4]], r"got 1 at embeddings\[0\] and 2 at embeddings\[2\]"),
        ([np.zeros(2), np.zeros(3)], r"got 2 at embeddings\[0\] and 3 at embeddings\[1\]"),
        ([(1, 2), [1, 2, 3]], r"and 3 at embeddings\[1\]"),
    ],
)
def test_vectors_of_different_lengths_are_refused_with_both_places(given: Any, message: str) -> None:
    with pytest.raises(InvalidDimensionException, match=message) as error:
        to_matrix(given, "embeddings")
    assert isinstance(error.value, InvalidArgumentError)
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize(("given", "place"), [([[1, 2], None], 1), ([None, [1, 2]], 0), ([[1, 2], 3], 1)])
def test_an_item_that_is_no_vector_is_refused_with_its_place(given: Any, place: int) -> None:
    with pytest.raises(InvalidArgumentTypeError, match=f"to be a vector, got .* at embeddings.{place}."):
        to_matrix(given, "embeddings")


def test_vectors_of_vectors_of_different_lengths_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="embeddings"):
        to_matrix([[[1], [2]], [[1], [2, 3]]], "embeddings")


def test_only_none_is_refused_where_vectors_are_needed() -> None:
    with pytest.raises(InvalidArgumentError, match="embeddings"):
        to_matrix([None], "embeddings")


# --- updates -----------------------------------------------------------------------------------------


def test_none_keeps_what_is_stored() -> None:
    matrix, rows = to_rows([[1, 2], None, np.array([3, 4])], 3)
    assert matrix is not None
    assert matrix.tolist() == ROWS
    assert rows == [0, 2]


def test_none_everywhere_is_no_vector_at_all() -> None:
    assert to_rows([None, None], 2) == (None, [])


@pytest.mark.parametrize("given", [ROWS, np.array(ROWS), tuple(ROWS), list(np.array(ROWS))])
def test_without_none_every_row_counts(given: Any) -> None:
    matrix, rows = to_rows(given, 2)
    assert matrix is not None
    assert matrix.tolist() == ROWS
    assert rows == [0, 1]


def test_the_rest_of_an_update_is_checked_as_well() -> None:
    with pytest.raises(InvalidDimensionException):
        to_rows([[1, 2], None, [3]], 3)
    with pytest.raises(InvalidArgumentError, match="finite"):
        to_rows([None, [1, math.nan]], 2)
