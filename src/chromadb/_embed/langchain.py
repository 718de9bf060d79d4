"""Embeddings of LangChain as an embedding function, and the other way about."""

from __future__ import annotations

from typing import Any, cast, overload

import numpy as np

from chromadb._embed.base import EmbeddingFunction
from chromadb._embed.loaded import package
from chromadb._embed.stored import checked_texts
from chromadb._model.names import describe
from chromadb._model.types import Documents, Embeddings
from chromadb.errors import EmbeddingFunctionError


class ChromaLangchainEmbeddingFunction(EmbeddingFunction[Documents]):
    """Use an ``Embeddings`` of LangChain as an embedding function, ``pip install chromadb[langchain]``.

    It keeps the methods of LangChain's interface, so that it can be passed to LangChain too.

    Args:
        embedding_function: an object of a class of ``langchain_core.embeddings.Embeddings``.

    Raises:
        EmbeddingFunctionError: it is something else, or langchain-core is not installed.
    """

    def __init__(self, embedding_function: Any) -> None:
        interface = package("langchain_core.embeddings", self, "langchain").Embeddings
        if not isinstance(embedding_function, interface):
            raise EmbeddingFunctionError(
                "Expected embedding_function to be an Embeddings of langchain_core, got "
                f"{describe(embedding_function)}. Functions of Chroma need no adapter."
            )
        self.embedding_function = embedding_function

    def __call__(self, input: Documents) -> Embeddings:
        """Return one float32 array per text; per picture, where the model of LangChain embeds pictures by their URIs.

        Raises:
            EmbeddingFunctionError: `input` is not a list of texts.
        """
        return [np.asarray(each, dtype=np.float32) for each in self.embed_documents(checked_texts(input))]

    def embed_documents(self, documents: list[str]) -> list[list[float]]:
        """Return one list of numbers per text, as LangChain expects it."""
        return cast("list[list[float]]", self.embedding_function.embed_documents(documents))

    @overload
    def embed_query(self, input: str) -> list[float]: ...
    @overload
    def embed_query(self, input: Documents) -> Embeddings: ...
    def embed_query(self, input: str | Documents) -> list[float] | Embeddings:
        """Return the list of numbers of one query, as LangChain expects it, or one array per query of a list."""
        if isinstance(input, str):
            return cast("list[float]", self.embedding_function.embed_query(input))
        queries = checked_texts(input)
        vectors: Embeddings = [np.asarray(self.embedding_function.embed_query(each), np.float32) for each in queries]
        return vectors

    def embed_image(self, uris: list[str]) -> list[list[float]]:
        """Return one list of numbers per picture.

        Raises:
            EmbeddingFunctionError: the model of LangChain does not embed pictures.
        """
        embed_image = getattr(self.embedding_function, "embed_image", None)
        if embed_image is None:
            raise EmbeddingFunctionError(
                f"{type(self.embedding_function).__name__} does not define embed_image(uris), so it embeds no "
                "pictures. Use a model that does, such as that of langchain-experimental for OpenCLIP."
            )
        return cast("list[list[float]]", embed_image(uris))

    @staticmethod
    def name() -> str:
        """Return ``"langchain"``."""
        return "langchain"

    def get_config(self) -> dict[str, Any]:
        """Return the name of LangChain's class: objects of LangChain cannot be built from what is stored."""
        return {"embedding_function_class": type(self.embedding_function).__name__}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> ChromaLangchainEmbeddingFunction:
        """Raise an error: the object of LangChain has to be made and passed again."""
        raise EmbeddingFunctionError(
            f"An embedding function of LangChain ({config.get('embedding_function_class', 'unknown')}) cannot be built "
            "from what is stored. Pass embedding_function=create_langchain_embedding(...) when opening the collection."
        )


def create_langchain_embedding(langchain_embedding_fn: Any) -> ChromaLangchainEmbeddingFunction:
    """Return an embedding function of an ``Embeddings`` of LangChain.

    Raises:
        EmbeddingFunctionError: it is something else, or langchain-core is not installed.
    """
    return ChromaLangchainEmbeddingFunction(langchain_embedding_fn)
