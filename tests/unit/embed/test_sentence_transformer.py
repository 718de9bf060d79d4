from __future__ import annotations

import sys
import types
from importlib.machinery import ModuleSpec
from typing import Any, ClassVar

import numpy as np
import pytest

from chromadb._embed import loaded
from chromadb._embed.base import embed
from chromadb._embed.registry import build, describe
from chromadb._embed.sentence_transformer import SentenceTransformerEmbeddingFunction
from chromadb.errors import EmbeddingFunctionError


class Model:
    """Stands for a model: the package itself and its weights are too large for a unit test."""

    made: ClassVar[list[dict[str, Any]]] = []

    def __init__(self, **arguments: Any) -> None:
        self.made.append(arguments)

    def encode(self, texts: list[str], *, normalize_embeddings: bool, **_: Any) -> Any:
        vectors = np.array([[3.0, 4.0]] * len(texts), dtype=np.float64)
        return vectors / 5 if normalize_embeddings else vectors


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    module = types.ModuleType("sentence_transformers")
    module.SentenceTransformer = Model  # type: ignore[attr-defined]
    module.__spec__ = ModuleSpec("sentence_transformers", None)
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)
    monkeypatch.setattr(loaded, "_models", {})
    monkeypatch.setattr(Model, "made", [])
    return Model.made


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(EmbeddingFunctionError, match=r"chromadb\[sentence-transformers\]"):
        SentenceTransformerEmbeddingFunction()


def test_a_model_is_loaded_once_per_name_device_and_arguments(package: list[dict[str, Any]]) -> None:
    SentenceTransformerEmbeddingFunction()
    SentenceTransformerEmbeddingFunction(normalize_embeddings=True)
    SentenceTransformerEmbeddingFunction(device="cuda")
    SentenceTransformerEmbeddingFunction(model_name="other", trust_remote_code=False)
    assert [(made["model_name_or_path"], made["device"]) for made in package] == [
        ("all-MiniLM-L6-v2", "cpu"),
        ("all-MiniLM-L6-v2", "cuda"),
        ("other", "cpu"),
    ]
    assert package[2]["trust_remote_code"] is False


def test_vectors_are_normalised_where_asked_for(package: list[dict[str, Any]]) -> None:
    assert embed(SentenceTransformerEmbeddingFunction(), ["a"]).tolist() == [[3.0, 4.0]]
    unit = embed(SentenceTransformerEmbeddingFunction(normalize_embeddings=True), ["a", "b"])
    np.testing.assert_allclose(unit, [[0.6, 0.8]] * 2, atol=1e-6)


def test_what_is_stored_builds_the_same_function(package: list[dict[str, Any]]) -> None:
    stored = describe(SentenceTransformerEmbeddingFunction("m", "cpu", True, revision="v1"))
    assert stored == {
        "type": "known",
        "name": "sentence_transformer",
        "config": {
            "model_name": "m",
            "device": "cpu",
            "normalize_embeddings": True,
            "kwargs": {"revision": "v1"},
        },
    }
    assert describe(build(stored)) == stored


def test_an_argument_that_cannot_be_stored_is_an_error(package: list[dict[str, Any]]) -> None:
    with pytest.raises(EmbeddingFunctionError, match=r"model_kwargs .* got \{'a': 1\} \(dict\)"):
        SentenceTransformerEmbeddingFunction(model_kwargs={"a": 1})


def test_the_model_of_a_collection_cannot_be_changed(package: list[dict[str, Any]]) -> None:
    function = SentenceTransformerEmbeddingFunction("m")
    function.validate_config_update(function.get_config(), {**function.get_config(), "device": "cuda"})
    with pytest.raises(EmbeddingFunctionError, match=r"to be 'm', .* got 'n'"):
        function.validate_config_update(function.get_config(), {"model_name": "n"})
