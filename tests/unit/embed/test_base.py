from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from chromadb._embed.base import EmbeddingFunction, embed
from chromadb._model.types import Documents, Embeddings
from chromadb.errors import EmbeddingFunctionError


class Lengths(EmbeddingFunction[Documents]):
    def __init__(self, scale: float) -> None:  # does not call the base class
        self.scale = scale

    def __call__(self, input: Documents) -> Embeddings:
        return [np.array([len(text) * self.scale, 1.0]) for text in input]


class Tensor:
    """Stands for a tensor of another library, on a device that numpy cannot read."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError("on a device")

    def detach(self) -> Tensor:
        return self

    def tolist(self) -> Any:
        return self.rows


ROWS = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.mark.parametrize(
    "output",
    [
        ROWS,
        tuple(tuple(row) for row in ROWS),
        [np.array(row, dtype=np.float64) for row in ROWS],
        [np.array(row, dtype=np.float16) for row in ROWS],
        np.array(ROWS, dtype=np.float32),
        np.asfortranarray(np.array(ROWS)),
        [[1, 2, 3], [4, 5, 6]],
        np.array(ROWS, dtype=np.int8),
        np.array(ROWS, dtype=np.uint64),
        [[np.float32(value) for value in row] for row in ROWS],
        Tensor(ROWS),
        [Tensor(row) for row in ROWS],
    ],
)
def test_every_form_of_vectors_becomes_one_float32_array(output: Any) -> None:
    vectors = embed(lambda input: output, ["a", "b"])
    assert vectors.dtype == np.float32
    assert vectors.flags.c_contiguous
    np.testing.assert_array_equal(vectors, np.array(ROWS, dtype=np.float32))


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (None, "to return vectors, got None"),
        ([[1.0, 2.0]], "2 vectors, one per input; got 1"),
        ([[1.0, 2.0]] * 3, "2 vectors, one per input; got 3"),
        ([[1.0], [1.0, 2.0]], r"dimensions \[1, 2\]"),
        ([[], []], "dimension 0"),
        ([1.0, 2.0], "one vector per input"),
        ([[[1.0]], [[1.0]]], "one vector per input"),
        ([["a"], ["b"]], "vectors of numbers, got list of str_"),
        ([[True], [False]], "vectors of numbers, got"),
        ([[1.0, None], [1.0, 2.0]], "vectors of numbers, got"),
        ("text", "vectors of numbers, got"),
        ({"a": 1}, "vectors of numbers, got"),
        ([[1.0, 2.0], [float("nan"), 2.0]], "got nan for input 1"),
        ([[float("inf")], [1.0]], "got inf for input 0"),
        ([[1.0], [1e300]], r"got 1e\+300 for input 1"),
    ],
)
def test_unusable_vectors_are_an_error_that_names_the_function_and_the_fault(output: Any, message: str) -> None:
    class Faulty(EmbeddingFunction[Documents]):
        def __call__(self, input: Documents) -> Embeddings:
            return output  # type: ignore[no-any-return]

    with pytest.raises(EmbeddingFunctionError, match=message) as caught:
        embed(Faulty(), ["a", "b"])
    assert "Faulty" in str(caught.value)


def test_no_inputs_need_no_call() -> None:
    def never(input: Documents) -> Embeddings:
        raise AssertionError("called")

    assert embed(never, []).shape == (0, 0)


def test_an_error_of_the_function_itself_is_passed_on() -> None:
    def failing(input: Documents) -> Embeddings:
        raise KeyError("quota")

    with pytest.raises(KeyError, match="quota"):
        embed(failing, ["a"])


def test_something_that_cannot_be_called_is_an_error() -> None:
    with pytest.raises(EmbeddingFunctionError, match=r"to be callable .* got 'all-MiniLM-L6-v2' \(str\)"):
        embed("all-MiniLM-L6-v2", ["a"])


def test_functions_of_before_0_4_16_and_plain_functions_work() -> None:
    class Legacy(EmbeddingFunction):  # type: ignore[type-arg]
        def __call__(self, texts: Documents) -> Embeddings:
            return [[float(len(text))] for text in texts]  # type: ignore[misc]

    def plain(words: list[str]) -> list[list[int]]:
        return [[len(word)] for word in words]

    for function in (Legacy(), plain, lambda x: [[len(y)] for y in x]):
        assert embed(function, ["a", "bcd"]).tolist() == [[1.0], [3.0]]


def test_queries_go_to_embed_query_where_there_is_one() -> None:
    class Asymmetric(Lengths):
        def embed_query(self, input: Documents) -> Embeddings:
            return [np.array([-1.0, -1.0]) for _ in input]

    class Duck:
        def __call__(self, input: Documents) -> list[list[float]]:
            return [[1.0] for _ in input]

    assert embed(Asymmetric(1.0), ["abc"]).tolist() == [[3.0, 1.0]]
    assert embed(Asymmetric(1.0), ["abc"], queries=True).tolist() == [[-1.0, -1.0]]
    assert embed(Lengths(2.0), ["abc"], queries=True).tolist() == [[6.0, 1.0]]
    assert embed(Duck(), ["abc"], queries=True).tolist() == [[1.0]]


def test_defaults_of_the_protocol() -> None:
    function = Lengths(1.0)
    assert function.default_space() == "l2"
    assert function.supported_spaces() == ["cosine", "l2", "ip"]
    assert isinstance(function, EmbeddingFunction)
    function.validate_config({"anything": 1})
    function.validate_config_update({"a": 1}, {"a": 2})


def test_a_function_is_legacy_until_it_says_what_to_store() -> None:
    class Named(Lengths):
        @staticmethod
        def name() -> str:
            return "lengths"

    class Configured(Lengths):
        def get_config(self) -> dict[str, Any]:
            return {"scale": self.scale}

    assert Lengths(1.0).is_legacy()
    assert not Named(1.0).is_legacy()
    assert not Configured(1.0).is_legacy()
