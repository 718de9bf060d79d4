from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import tenacity

from chromadb import errors
from chromadb._embed.base import EmbeddingFunction
from chromadb._embed.sparse.base import SparseEmbeddingFunction
from chromadb._model.sparse import SparseVector, SparseVectors
from chromadb._model.types import Documents, Embeddings


class Failing(EmbeddingFunction[Documents]):
    """Raises one failure after another, then gives vectors."""

    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)
        self.calls = 0

    def __call__(self, input: Documents) -> Embeddings:
        self.calls += 1
        if self.failures:
            raise self.failures.pop(0)
        return [[len(text), 1] for text in input]  # type: ignore[misc]


class FailingSparse(SparseEmbeddingFunction[Documents]):
    def __init__(self, *failures: BaseException) -> None:
        self.failures = list(failures)

    def __call__(self, input: Documents) -> SparseVectors:
        if self.failures:
            raise self.failures.pop(0)
        return [SparseVector([1], [0.5]) for _ in input]


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    noted: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", noted.append)
    return noted


def test_a_function_that_fails_is_called_again_with_growing_pauses_and_its_vectors_are_checked(
    waits: list[float],
) -> None:
    function = Failing(OSError("first"), ValueError("second"), errors.EmbeddingRateLimitError("third"))
    (vector,) = function.embed_with_retries(["abc"])
    assert vector.dtype == np.float32
    assert vector.tolist() == [3, 1]
    assert function.calls == 4
    assert [0.5 <= waits[0] <= 1.5, 1 <= waits[1] <= 2, 2 <= waits[2] <= 3] == [True] * 3


def test_after_six_attempts_the_last_failure_is_raised_as_it_is(waits: list[float]) -> None:
    function = Failing(*(OSError(f"number {number}") for number in range(1, 10)))
    with pytest.raises(OSError, match="number 6"):
        function.embed_with_retries(["text"])
    assert function.calls == 6
    assert len(waits) == 5


@pytest.mark.parametrize(
    "failure",
    [
        errors.EmbeddingAuthenticationError("the key is missing"),
        errors.EmbeddingInputTooLongError("the text is too long"),
        KeyboardInterrupt(),
    ],
)
def test_what_does_not_pass_is_raised_at_once(failure: BaseException, waits: list[float]) -> None:
    function = Failing(failure)
    with pytest.raises(type(failure)):
        function.embed_with_retries(["text"])
    assert function.calls == 1
    assert waits == []


def test_vectors_that_cannot_be_used_are_an_error_at_once(waits: list[float]) -> None:
    function = Failing()
    function.__class__ = type("Ragged", (Failing,), {"__call__": lambda self, input: [[1.0], [1.0, 2.0]]})
    with pytest.raises(errors.EmbeddingFunctionError, match="vectors of one dimension"):
        function.embed_with_retries(["a", "b"])
    assert waits == []


def test_arguments_of_tenacity_decide_and_its_error_is_raised_as_in_the_published_version(waits: list[float]) -> None:
    function = Failing(*[OSError("away")] * 9)
    with pytest.raises(tenacity.RetryError):
        function.embed_with_retries(["text"], stop=tenacity.stop_after_attempt(3))
    assert function.calls == 3
    with pytest.raises(OSError, match="away"):
        function.embed_with_retries(["text"], stop=tenacity.stop_after_attempt(2), reraise=True)
    assert function.calls == 5
    with pytest.raises(OSError, match="away"):
        function.embed_with_retries(["text"], retry=tenacity.retry_if_exception_type(ValueError))
    assert function.calls == 6
    waits.clear()
    function.embed_with_retries(["text"], wait=tenacity.wait_fixed(7))
    assert waits == [7, 7, 7]


def test_an_argument_that_tenacity_does_not_know_is_an_error_before_the_function_is_called() -> None:
    function = Failing()
    with pytest.raises(TypeError, match="attempts"):
        function.embed_with_retries(["text"], attempts=3)
    assert function.calls == 0


def test_no_inputs_give_no_vectors() -> None:
    function = Failing(OSError("never called"))
    assert function.embed_with_retries([]) == []
    assert function.calls == 0


def test_sparse_functions_are_repeated_too(waits: list[float]) -> None:
    assert FailingSparse(OSError("away")).embed_with_retries(["text"]) == [SparseVector([1], [0.5])]
    assert len(waits) == 1
    never: Any = FailingSparse(*[OSError("away")] * 3)
    with pytest.raises(tenacity.RetryError):
        never.embed_with_retries(["text"], stop=tenacity.stop_after_attempt(2))


def test_tenacity_is_imported_when_something_is_repeated() -> None:
    program = "import sys; import chromadb.utils.embedding_functions; sys.exit('tenacity' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
