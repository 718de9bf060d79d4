"""The embedding functions that Chroma Cloud computes, over plain HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from typing_extensions import Unpack

from chromadb._embed.http import connect, part, post
from chromadb._embed.provider import Options, Provider, ProviderEmbeddingFunction, ProviderFunction, Purpose
from chromadb._embed.sparse.base import SparseEmbeddingFunction
from chromadb._model.names import shorten
from chromadb._model.sparse import SparseVector, SparseVectors
from chromadb._model.types import Documents
from chromadb.errors import EmbeddingAnswerError, EmbeddingFunctionError

_ADDRESS = "https://embed.trychroma.com"


class ChromaCloudQwenEmbeddingModel(str, Enum):
    """The dense models of Chroma Cloud."""

    QWEN3_EMBEDDING_0p6B = "Qwen/Qwen3-Embedding-0.6B"


class ChromaCloudQwenEmbeddingTarget(str, Enum):
    """What is embedded."""

    DOCUMENTS = "documents"
    QUERY = "query"


class ChromaCloudSpladeEmbeddingModel(str, Enum):
    """The sparse models of Chroma Cloud."""

    SPLADE_PP_EN_V1 = "prithivida/Splade_PP_en_v1"


Instructions = Mapping[str, Mapping[str, str]]

CHROMA_CLOUD_QWEN_DEFAULT_INSTRUCTIONS: Instructions = {
    "nl_to_code": {
        "documents": "",
        "query": "Given a question about coding, retrieval code or passage that can solve user's question",
    }
}


class ChromaCloudQwenEmbeddingFunction(ProviderEmbeddingFunction):
    """Embed texts with the Qwen models that Chroma Cloud runs.

    Args:
        model: ``"Qwen/Qwen3-Embedding-0.6B"``, or of ``ChromaCloudQwenEmbeddingModel``.
        task: which of `instructions` go with the texts; None: none.
        instructions: what the model is told of ``"documents"`` and of a ``"query"``, by task.
        api_key_env_var: the environment variable of the key.
        api_base: another address than that of Chroma Cloud.
        options: see :class:`Options`.

    Raises:
        EmbeddingFunctionError: `instructions` have nothing for `task`.
    """

    provider = Provider("chroma-cloud-qwen", "Chroma Cloud")

    def __init__(
        self,
        model: str,
        task: str | None,
        instructions: dict[str, dict[str, str]] = CHROMA_CLOUD_QWEN_DEFAULT_INSTRUCTIONS,  # type: ignore[assignment]
        api_key_env_var: str = "CHROMA_API_KEY",
        *,
        api_base: str = _ADDRESS,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(None, api_key_env_var, options)
        self.model = _plain(model)
        self.task = task
        self.instructions = {
            name: {_plain(target): text for target, text in texts.items()} for name, texts in instructions.items()
        }
        self.api_base = api_base
        if task is not None and task not in self.instructions:
            raise EmbeddingFunctionError(
                f"Expected task to be {' or '.join(map(repr, self.instructions)) or 'None'}, which there are "
                f"instructions for, got {shorten(task)}. Give instructions for it, or None for none."
            )

    def _connect(self) -> Any:
        return _connected(self, self.model)

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        told = self.instructions[self.task] if self.task is not None else {}
        instructions = told.get("query" if purpose == "query" else "documents", "")
        return part(post(client, self.api_base, {"instructions": instructions, "texts": texts}), "embeddings")

    def get_config(self) -> dict[str, Any]:
        """Return the parameters of the constructor, without the key."""
        # Whole: tasks are names of the caller's, which may look like those of secrets.
        return super().get_config() | {"instructions": self.instructions}


class ChromaCloudSpladeEmbeddingFunction(ProviderFunction, SparseEmbeddingFunction[Documents]):
    """Embed texts with the sparse models that Chroma Cloud runs.

    Args:
        api_key_env_var: the environment variable of the key.
        model: ``"prithivida/Splade_PP_en_v1"``, or of ``ChromaCloudSpladeEmbeddingModel``.
        include_tokens: whether vectors have the tokens as their labels.
        api_base: another address than that of Chroma Cloud.
        options: see :class:`Options`.
    """

    provider = Provider("chroma-cloud-splade", "Chroma Cloud")

    def __init__(
        self,
        api_key_env_var: str = "CHROMA_API_KEY",
        model: str = ChromaCloudSpladeEmbeddingModel.SPLADE_PP_EN_V1.value,
        include_tokens: bool = False,
        *,
        api_base: str = _ADDRESS,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(None, api_key_env_var, options)
        self.model = _plain(model)
        self.include_tokens = bool(include_tokens)
        self.api_base = api_base

    def __call__(self, input: Documents) -> SparseVectors:
        """Return one sparse vector per text, in the order of the texts; queries are embedded as documents are.

        Raises:
            EmbeddingProviderError: the provider cannot or will not embed the texts; the class says why.
        """
        return [vector for vectors in self._vectors(input, "document") for vector in vectors]

    def _connect(self) -> Any:
        return _connected(self, self.model)

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        body = {"texts": texts, "task": "", "target": "", "fetch_tokens": str(self.include_tokens).lower()}
        return part(post(client, f"{self.api_base}/embed_sparse", body), "embeddings")

    def _checked(self, answer: Any, texts: list[str]) -> SparseVectors:
        if not isinstance(answer, list) or len(answer) != len(texts):
            raise EmbeddingAnswerError(
                f"Expected {self.provider.title} to answer with {len(texts)} sparse vectors, one per text, got "
                f"{shorten(answer)}. Check the address and the model."
            )
        return [self._vector(each) for each in answer]

    def _vector(self, item: Any) -> SparseVector:
        indices, values = part(item, "indices"), part(item, "values")
        labels = item.get("labels") if self.include_tokens else None
        try:
            order = sorted(range(len(indices)), key=indices.__getitem__)
            return SparseVector(
                [indices[place] for place in order],
                [float(values[place]) for place in order],
                None if labels is None else [labels[place] for place in order],
            )
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise EmbeddingAnswerError(
                f"Expected {self.provider.title} to answer with indices and values of sparse vectors, got "
                f"{shorten(item)} ({error}). Check the address and the model."
            ) from error


def _connected(function: ProviderFunction, model: str) -> Any:
    headers = {"x-chroma-token": str(function._api_key), "x-chroma-embedding-model": model}
    return connect(function.timeout, headers=headers)


def _plain(value: str) -> str:
    return str(value.value) if isinstance(value, Enum) else value
