from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from chromadb._embed import registry
from chromadb._embed.base import EmbeddingFunction
from chromadb._embed.default import DefaultEmbeddingFunction
from chromadb._embed.onnx_minilm import ONNXMiniLM_L6_V2
from chromadb._embed.registry import (
    build,
    conflict,
    describe,
    known_embedding_functions,
    register_embedding_function,
)
from chromadb._embed.sparse.base import sparse_known_embedding_functions
from chromadb._embed.table import FUNCTIONS
from chromadb._model.types import Documents, Embeddings
from chromadb.errors import EmbeddingFunctionError
from chromadb.utils.embedding_functions import config_to_embedding_function


class Scaled(EmbeddingFunction[Documents]):
    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def __call__(self, input: Documents) -> Embeddings:
        return [[self.scale] for _ in input]  # type: ignore[misc]

    @staticmethod
    def name() -> str:
        return "scaled"

    def get_config(self) -> dict[str, Any]:
        return {"scale": self.scale}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> Scaled:
        return Scaled(config["scale"])


class Nameless(EmbeddingFunction[Documents]):
    def __call__(self, input: Documents) -> Embeddings:
        return [[1.0] for _ in input]  # type: ignore[misc]


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_embedding_functions, "_entries", dict(known_embedding_functions._entries))


def test_the_built_in_names_are_known() -> None:
    assert {"default", "onnx_mini_lm_l6_v2", "sentence_transformer", "openai"} < set(known_embedding_functions)
    assert known_embedding_functions["default"] is DefaultEmbeddingFunction
    rows = {name: row for row in FUNCTIONS if row.kind != "sparse" for name in (row.name, row.also) if name}
    assert set(known_embedding_functions) == set(rows)
    for name, function_class in known_embedding_functions.items():
        assert function_class.name() == rows[name].name  # type: ignore[attr-defined]


def test_every_name_that_the_published_version_registers_is_known() -> None:
    dense = """
        amazon_bedrock baseten chroma-cloud-qwen chroma_langchain cloudflare_workers_ai cohere default google_gemini
        google_genai google_generative_ai google_palm google_vertex huggingface huggingface_server instructor jina
        mistral morph nomic ollama onnx_mini_lm_l6_v2 open_clip openai perplexity roboflow sentence_transformer text2vec
        together_ai voyageai
    """
    sparse = "bm25 chroma-cloud-splade chroma_bm25 fastembed_sparse huggingface_sparse"
    assert set(dense.split()) <= set(known_embedding_functions)
    assert set(sparse.split()) <= set(sparse_known_embedding_functions)


@pytest.mark.parametrize("decorator", [register_embedding_function, register_embedding_function()])
def test_a_registered_class_is_built_again_from_what_was_stored(decorator: Any) -> None:
    assert decorator(Scaled) is Scaled
    stored = json.loads(json.dumps(describe(Scaled(2.5))))
    assert stored == {"type": "known", "name": "scaled", "config": {"scale": 2.5}}
    built = build(stored)
    assert isinstance(built, Scaled)
    assert built.scale == 2.5


def test_a_class_that_cannot_be_stored_is_not_registered_and_the_error_says_what_is_missing() -> None:
    with pytest.raises(EmbeddingFunctionError, match=r"name\(\), get_config\(\), build_from_config\(\)"):
        register_embedding_function(Nameless)

    class NoConfig(Nameless):
        @staticmethod
        def name() -> str:
            return "no-config"

        @staticmethod
        def build_from_config(config: dict[str, Any]) -> NoConfig:
            return NoConfig()

    with pytest.raises(EmbeddingFunctionError, match=r"NoConfig .* without get_config\(\)\."):
        register_embedding_function(NoConfig)

    class NameOfInstances(Scaled):
        def name(self) -> str:  # type: ignore[override]
            return "x"

    with pytest.raises(EmbeddingFunctionError, match="staticmethod"):
        register_embedding_function(NameOfInstances)
    with pytest.raises(EmbeddingFunctionError, match="as a class"):
        register_embedding_function(Scaled())  # type: ignore[call-overload]


def test_what_is_stored_of_each_kind_of_function() -> None:
    assert describe(None) is None
    assert describe(Scaled(3)) == {"type": "known", "name": "scaled", "config": {"scale": 3}}
    assert describe(DefaultEmbeddingFunction()) == {"type": "known", "name": "default", "config": {}}
    nameless = describe(Nameless())
    assert nameless is not None
    assert nameless["type"] == "legacy"
    assert nameless["class"].endswith("test_registry.Nameless")
    plain = describe(lambda input: [])
    assert plain is not None
    assert plain["type"] == "legacy"
    assert "<lambda>" in plain["class"]


def test_a_function_that_only_looks_like_one_is_stored_by_its_name() -> None:
    class Duck:
        def __call__(self, input: Documents) -> list[list[float]]:
            return [[1.0] for _ in input]

        def name(self) -> str:
            return "duck"

    assert describe(Duck()) == {"type": "known", "name": "duck", "config": {}}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"client": object()}, "JSON data"),
        ({"rate": float("nan")}, "JSON data"),
        ({1: "a"}, "keys of type str"),
        ("text", r"to return a dict, got 'text' \(str\)"),
    ],
)
def test_a_configuration_that_is_not_json_is_an_error(config: Any, message: str) -> None:
    function = Scaled()
    function.get_config = lambda: config  # type: ignore[method-assign]
    with pytest.raises(EmbeddingFunctionError, match=message) as caught:
        describe(function)
    assert "scaled" in str(caught.value)


def test_a_name_that_is_not_text_is_an_error() -> None:
    class Numbered(Scaled):
        @staticmethod
        def name() -> Any:
            return 7

    with pytest.raises(EmbeddingFunctionError, match=r"to return a str, got 7 \(int\)"):
        describe(Numbered())


def test_an_unknown_name_says_what_is_stored_and_what_to_do() -> None:
    stored = describe(Scaled())
    assert stored is not None
    with pytest.raises(EmbeddingFunctionError, match=r"'scaled'.*embedding_function=.*register"):
        build(stored)


def test_a_function_without_a_name_must_be_passed_again() -> None:
    stored = describe(Nameless())
    assert stored is not None
    with pytest.raises(EmbeddingFunctionError, match=r"Nameless.*embedding_function="):
        build(stored)
    with pytest.raises(EmbeddingFunctionError, match="without a name"):
        build({"type": "unknown"})


def test_a_stored_name_never_leads_to_an_import() -> None:
    for name in ("antigravity:geohash", "antigravity", "os:system"):
        with pytest.raises(EmbeddingFunctionError, match="not registered"):
            build({"type": "known", "name": name, "config": {}})
    with pytest.raises(EmbeddingFunctionError):
        build({"type": "legacy", "class": "antigravity.geohash"})
    assert "antigravity" not in sys.modules


@pytest.mark.parametrize("config", [{}, {"scale": 1, "other": 2}, ["scale"], 5])
def test_a_stored_configuration_that_the_class_refuses_is_a_typed_error(config: Any) -> None:
    class Strict(Scaled):
        @staticmethod
        def build_from_config(config: dict[str, Any]) -> Scaled:
            scale = config.pop("scale")
            if config:
                raise TypeError(f"unexpected {config}")
            return Scaled(scale)

    register_embedding_function(Strict)
    with pytest.raises(EmbeddingFunctionError, match="'scaled'"):
        build({"type": "known", "name": "scaled", "config": config})


def test_functions_of_one_name_fit_whatever_their_configuration() -> None:
    assert conflict(describe(Scaled(1)), describe(Scaled(2))) is None


def test_another_function_is_a_conflict_that_names_both() -> None:
    text = conflict(describe(DefaultEmbeddingFunction()), describe(Scaled()))
    assert text is not None
    assert "'default'" in text
    assert "'scaled'" in text
    text = conflict(describe(Scaled()), describe(Nameless()))
    assert text is not None
    assert "'scaled'" in text
    assert "Nameless" in text


def test_the_two_names_of_the_default_model_fit_each_other() -> None:
    default, onnx = describe(DefaultEmbeddingFunction()), describe(ONNXMiniLM_L6_V2())
    assert conflict(default, onnx) is None
    assert conflict(onnx, default) is None


def test_nothing_conflicts_with_a_collection_that_remembers_no_function() -> None:
    for stored in (None, describe(Nameless()), {"type": "unknown"}):
        for given in (None, describe(Nameless()), describe(Scaled())):
            assert conflict(stored, given) is None
    assert conflict(describe(Scaled()), None) is None


def test_the_published_way_to_build_from_a_configuration() -> None:
    built = config_to_embedding_function({"name": "onnx_mini_lm_l6_v2", "config": {"preferred_providers": None}})
    assert isinstance(built, ONNXMiniLM_L6_V2)
    assert registry.describe(built) == {
        "type": "known",
        "name": "onnx_mini_lm_l6_v2",
        "config": {"preferred_providers": None},
    }
