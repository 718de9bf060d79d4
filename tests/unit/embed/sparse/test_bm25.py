"""BM25 without a model. The figures were observed of the published package 1.5.9."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from chromadb.errors import EmbeddingFunctionError
from chromadb.utils.embedding_functions import (
    ChromaBm25EmbeddingFunction,
    SparseEmbeddingFunction,
    sparse_known_embedding_functions,
)


def labelled(text: str, **more: Any) -> dict[str, float]:
    (vector,) = ChromaBm25EmbeddingFunction(include_tokens=True, **more)([text])
    return dict(zip(vector.labels or [], vector.values, strict=True))


def test_words_have_the_places_and_weights_that_the_published_function_gives_them() -> None:
    hello, empty = ChromaBm25EmbeddingFunction(include_tokens=True)(["Hello world hello", "the of"])
    assert hello.indices == [74040069, 613153351]
    assert hello.values == [1.6786885245901642, 1.904311073541843]
    assert hello.labels == ["world", "hello"]
    assert (empty.indices, empty.values, empty.labels) == ([], [], None)


def test_words_are_brought_to_their_stems_in_lower_case() -> None:
    assert set(labelled("The quick brown Foxes jumped over lazy dogs.")) == {
        "quick",
        "brown",
        "fox",
        "jump",
        "lazi",
        "dog",
    }
    assert labelled("running runner runs ran") == {
        "run": 1.9014179608372723,
        "ran": 1.6741973840665876,
        "runner": 1.6741973840665876,
    }


def test_words_are_runs_of_letters_digits_and_underscores_in_any_script() -> None:
    found = labelled("don't stop-me now_2 a1b2 3.14 über naïve 東京 İstanbul x²")
    assert set(found) == {"stop", "now_2", "a1b2", "3", "14", "über", "naïv", "東京", "i̇stanbul", "x²"}


def test_long_words_are_left_out() -> None:
    assert list(labelled(f"{'a' * 41} {'b' * 40}")) == ["b" * 40]
    assert list(labelled("short longer", token_max_length=5)) == ["short"]


def test_the_parameters_are_those_of_the_formula() -> None:
    found = labelled("cat cat dog", k=2.0, b=0.5, avg_doc_length=6)
    length = 2.0 * (1 - 0.5 + 0.5 * 3 / 6)
    assert found == {"cat": pytest.approx(2 * 3 / (2 + length)), "dog": pytest.approx(1 * 3 / (1 + length))}


def test_stop_words_can_be_others() -> None:
    assert list(labelled("The cat sat", stopwords=["Cat"])) == ["sat", "the"]
    assert len(labelled("to be or not to be", stopwords=[])) == 4
    assert labelled("to be or not to be") == {}


def test_queries_are_embedded_as_documents_are() -> None:
    function = ChromaBm25EmbeddingFunction()
    assert function.embed_query(["hello world"]) == function(["hello world"])
    assert function([]) == []
    assert function(["hello"])[0].labels is None


@pytest.mark.parametrize(
    "given", [{"k": -1}, {"b": 2}, {"b": -0.1}, {"avg_doc_length": 0}, {"token_max_length": 0}, {"k": float("nan")}]
)
def test_a_number_out_of_its_range_is_an_error(given: dict[str, float]) -> None:
    with pytest.raises(EmbeddingFunctionError, match=rf"as {next(iter(given))}\."):
        ChromaBm25EmbeddingFunction(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize("texts", ["hello", [1], None])
def test_something_else_than_texts_is_an_error(texts: object) -> None:
    with pytest.raises(EmbeddingFunctionError, match="list of str"):
        ChromaBm25EmbeddingFunction()(texts)  # type: ignore[arg-type]


def test_a_configuration_makes_the_same_function_again() -> None:
    function = ChromaBm25EmbeddingFunction(k=1.5, stopwords=["a"], include_tokens=True)
    config = json.loads(json.dumps(function.get_config()))
    assert config == {
        "k": 1.5,
        "b": 0.75,
        "avg_doc_length": 256.0,
        "token_max_length": 40,
        "stopwords": ["a"],
        "include_tokens": True,
    }
    again = sparse_known_embedding_functions["chroma_bm25"].build_from_config(config)  # type: ignore[attr-defined]
    assert again(["a cat"]) == function(["a cat"])
    assert ChromaBm25EmbeddingFunction.build_from_config({}).get_config() == ChromaBm25EmbeddingFunction().get_config()


@pytest.mark.parametrize("bad", [{"surprise": 1}, {"k": "a"}, {"stopwords": 3}])
def test_a_configuration_that_does_not_fit_is_an_error_that_names_the_parameter(bad: dict[str, Any]) -> None:
    with pytest.raises(EmbeddingFunctionError, match=next(iter(bad))):
        ChromaBm25EmbeddingFunction.build_from_config(bad)


def test_what_would_give_other_weights_must_not_change() -> None:
    function = ChromaBm25EmbeddingFunction()
    function.validate_config_update({"k": 1.2}, {"k": 1.2, "include_tokens": True})
    with pytest.raises(EmbeddingFunctionError, match="could not be compared"):
        function.validate_config_update({"k": 1.2}, {"k": 3.0})


def test_threads_may_share_a_function() -> None:
    function = ChromaBm25EmbeddingFunction()
    texts = [f"running{number} walking{number} houses{number % 7}ness" for number in range(2_000)]
    alone = function(texts)
    found: list[Any] = []
    fresh = [f"{text} jumping{place}" for place in range(4) for text in texts]
    threads = [
        threading.Thread(target=lambda part=fresh[place::4]: found.append((part, function(part)))) for place in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert function(texts) == alone
    assert all(vectors == function(part) for part, vectors in found)


def test_it_is_a_sparse_embedding_function() -> None:
    assert isinstance(ChromaBm25EmbeddingFunction(), SparseEmbeddingFunction)


def test_without_the_packages_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EmbeddingFunctionError, match=r"chromadb\[bm25\]"):
        ChromaBm25EmbeddingFunction()
