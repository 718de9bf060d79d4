"""Embeddings of LangChain as an embedding function, with LangChain's own library where it is installed."""

from __future__ import annotations

import importlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import chromadb
from chromadb.errors import EmbeddingFunctionError
from chromadb.utils.embedding_functions import known_embedding_functions
from chromadb.utils.embedding_functions.chroma_langchain_embedding_function import (
    ChromaLangchainEmbeddingFunction,
    create_langchain_embedding,
)


@pytest.fixture
def langchain() -> Any:
    return importlib.import_module("langchain_core.embeddings")


@pytest.mark.heavy
def test_embeddings_of_langchain_embed_the_documents_of_a_collection(langchain: Any) -> None:
    class Lengths(langchain.Embeddings):  # type: ignore[misc, name-defined]
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [[float(len(text)), 0.0] for text in texts]

        def embed_query(self, text: str) -> list[float]:
            return [float(len(text)), 1.0]

    function = create_langchain_embedding(Lengths())
    assert [each.tolist() for each in function(["ab", "abc"])] == [[2.0, 0.0], [3.0, 0.0]]
    assert function(["ab"])[0].dtype == np.float32
    collection = chromadb.EphemeralClient().create_collection("from-langchain", embedding_function=function)
    collection.add(ids=["1", "2"], documents=["ab", "abcdef"])
    assert collection.query(query_texts=["xyzabc"], n_results=1)["distances"] == [[1.0]]


@pytest.mark.heavy
def test_the_adapter_serves_langchain_as_well(langchain: Any) -> None:
    function = create_langchain_embedding(langchain.DeterministicFakeEmbedding(size=3))
    fake = function.embedding_function
    assert function.embed_documents(["a"]) == fake.embed_documents(["a"])
    assert function.embed_query("a") == fake.embed_query("a")
    np.testing.assert_allclose(function.embed_query(["a", "b"])[1], fake.embed_query("b"), rtol=1e-6)


@pytest.mark.heavy
def test_pictures_are_embedded_where_the_model_does(langchain: Any) -> None:
    class Pictures(langchain.DeterministicFakeEmbedding):  # type: ignore[misc, name-defined]
        def embed_image(self, uris: list[str]) -> list[list[float]]:
            return [[1.0, 2.0]] * len(uris)

    assert create_langchain_embedding(Pictures(size=2)).embed_image(["a.png"]) == [[1.0, 2.0]]
    with pytest.raises(EmbeddingFunctionError, match="DeterministicFakeEmbedding does not define embed_image"):
        create_langchain_embedding(langchain.DeterministicFakeEmbedding(size=2)).embed_image(["a.png"])


@pytest.mark.heavy
@pytest.mark.parametrize("given", [3, "model", len])
def test_something_else_is_an_error(langchain: Any, given: object) -> None:
    with pytest.raises(EmbeddingFunctionError, match="Embeddings of langchain_core"):
        create_langchain_embedding(given)


@pytest.mark.heavy
def test_a_collection_remembers_the_class_and_says_what_to_pass(langchain: Any) -> None:
    function = create_langchain_embedding(langchain.DeterministicFakeEmbedding(size=3))
    assert function.get_config() == {"embedding_function_class": "DeterministicFakeEmbedding"}
    assert (function.name(), function.default_space()) == ("langchain", "l2")


@pytest.mark.parametrize("name", ["langchain", "chroma_langchain"])
def test_what_is_stored_cannot_be_built_and_says_so(name: str) -> None:
    assert known_embedding_functions[name] is ChromaLangchainEmbeddingFunction
    with pytest.raises(EmbeddingFunctionError, match=r"OpenAIEmbeddings.*create_langchain_embedding"):
        ChromaLangchainEmbeddingFunction.build_from_config({"embedding_function_class": "OpenAIEmbeddings"})


def test_without_langchain_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EmbeddingFunctionError, match=r"chromadb\[langchain\]"):
        create_langchain_embedding(object())


def test_importing_the_adapter_imports_no_langchain() -> None:
    module = "chromadb.utils.embedding_functions.chroma_langchain_embedding_function"
    program = f"import sys, {module}; sys.exit('langchain_core' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
