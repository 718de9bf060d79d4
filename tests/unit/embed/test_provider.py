"""The base of the functions that ask a provider."""

from __future__ import annotations

import gc
import os
from typing import Any

import numpy as np
import pytest

from chromadb import errors
from chromadb._embed.provider import Provider, ProviderEmbeddingFunction, Purpose


class Client:
    def __init__(self) -> None:
        self.requests: list[list[str]] = []
        self.closed = False

    def __exit__(self, *details: object) -> None:
        self.closed = True


class Lengths(ProviderEmbeddingFunction):
    """A provider that tells the length of texts."""

    provider = Provider("lengths", "Lengths & Co", inputs=3, input_bytes=10)

    def __init__(self, model: str = "l", *, scale: float = 1.0, **options: Any) -> None:
        super().__init__(None, None, options)  # type: ignore[arg-type]
        self.model = model
        self.scale = scale
        self.answers: Any = lambda texts: [[len(text) * self.scale] for text in texts]

    def _connect(self) -> Any:
        return Client()

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        client.requests.append(texts)
        return self.answers(texts)


def test_requests_keep_to_the_number_of_texts_and_of_bytes() -> None:
    function = Lengths()
    vectors = function(["a", "b", "c", "dddddddd", "éé", "f" * 30, "g"])
    assert [float(each[0]) for each in vectors] == [1, 1, 1, 8, 2, 30, 1]
    assert function._client().requests == [["a", "b", "c"], ["dddddddd"], ["éé"], ["f" * 30], ["g"]]


def test_what_is_no_list_of_texts_is_an_error() -> None:
    for wrong in ("text", [1], None, {"a": 1}):
        with pytest.raises(errors.EmbeddingFunctionError, match="list of str"):
            Lengths()(wrong)  # type: ignore[arg-type]


def test_lone_surrogates_are_sent_as_question_marks() -> None:
    function = Lengths()
    function(["a\ud800b"])
    assert function._client().requests == [["a?b"]]


@pytest.mark.parametrize(
    ("given", "named"),
    [({"timeout": 0}, "timeout"), ({"max_retries": -1}, "max_retries"), ({"batch_size": 0}, "batch_size")],
)
def test_options_out_of_range_are_errors(given: dict[str, Any], named: str) -> None:
    with pytest.raises(errors.EmbeddingFunctionError, match=f"Expected {named}"):
        Lengths(**given)


def test_an_option_that_does_not_exist_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="'retries'"):
        Lengths(retries=1)


def test_only_what_differs_from_the_default_is_stored_of_keyword_parameters() -> None:
    assert Lengths().get_config() == {"model": "l"}
    assert Lengths("m", scale=2.0, batch_size=1, timeout=1).get_config() == {
        "model": "m",
        "scale": 2.0,
        "timeout": 1,
        "batch_size": 1,
    }
    assert Lengths.build_from_config({"model": "m", "max_retries": 0}).max_retries == 0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([[1.0], [2.0, 3.0]], "vectors of numbers"),
        ([["a"], ["b"]], "vectors of numbers"),
        ([], r"shape \(0,\)"),
        ([[], []], r"shape \(2, 0\)"),
        (7, r"shape \(\)"),
    ],
)
def test_answers_that_are_no_vectors_are_errors(answer: Any, said: str) -> None:
    function = Lengths()
    function.answers = lambda texts: answer
    with pytest.raises(errors.EmbeddingAnswerError, match=said):
        function(["a", "b"])


def test_requests_that_answer_in_two_dimensions_are_an_error() -> None:
    function = Lengths(batch_size=1)
    function.answers = lambda texts: np.ones((1, len(texts[0])))
    with pytest.raises(errors.EmbeddingAnswerError, match=r"dimensions \[1, 2\]"):
        function(["a", "bb"])


def test_errors_that_are_about_no_request_reach_the_caller_as_they_are() -> None:
    function = Lengths()

    def fail(texts: list[str]) -> Any:
        raise MemoryError

    function.answers = fail
    with pytest.raises(MemoryError):
        function(["a"])


def test_the_client_is_made_at_the_first_request_kept_and_closed_with_the_function() -> None:
    function = Lengths()
    assert function._connection is None
    function(["a"])
    client = function._client()
    function(["b"])
    assert function._client() is client
    del function
    gc.collect()
    assert client.closed


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes by fork here")
def test_a_child_makes_a_client_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    function = Lengths()
    client = function._client()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    assert function._client() is not client
    assert not client.closed, "it belongs to the parent"
