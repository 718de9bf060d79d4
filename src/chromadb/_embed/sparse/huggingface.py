"""Sparse models of the hub, by sentence-transformers."""

from __future__ import annotations

from typing import Any, Literal

from chromadb._embed.loaded import check_storable, load_once, package
from chromadb._embed.sparse.base import (
    QueryConfig,
    SparseEmbeddingFunction,
    Task,
    check_task,
    query_task,
)
from chromadb._embed.stored import StoredByParameters, checked_texts
from chromadb._model.sparse import SparseVectors, sparse_vector
from chromadb._model.types import Documents
from chromadb.errors import EmbeddingFunctionError


class HuggingFaceSparseEmbeddingFunction(StoredByParameters, SparseEmbeddingFunction[Documents]):
    """Embed texts with a sparse model (SPLADE) of sentence-transformers.

    ``pip install chromadb[sentence-transformers]``. A model is loaded once per process.

    Args:
        model_name: a name on the model hub, such as ``"naver/splade-v3"``, or a folder.
        device: ``"cpu"``, ``"cuda"``, ``"mps"``, ...
        task: as what texts are embedded, ``"document"`` or ``"query"``.
        query_config: ``{"task": "document"}`` embeds queries as documents; None: as queries.
        kwargs: further arguments of ``sentence_transformers.SparseEncoder``: text, numbers, bools or None.

    Raises:
        EmbeddingFunctionError: an argument cannot be stored with a collection, or the package is not installed, or is
            older than version 5.
    """

    _may_change = frozenset({"device"})

    def __init__(
        self,
        model_name: str,
        device: str,
        task: Literal["document", "query"] | None = "document",
        query_config: QueryConfig | None = None,
        **kwargs: Any,
    ) -> None:
        check_task(task)
        check_task(query_task(query_config), "the task of query_config")
        check_storable(kwargs)
        self.model_name = model_name
        self.device = device
        self.task = task
        self.query_config = query_config
        self.kwargs = kwargs
        library = package("sentence_transformers", self, "sentence-transformers")
        if not hasattr(library, "SparseEncoder"):
            raise EmbeddingFunctionError(
                f"Sparse models need sentence-transformers 5 or newer, got {library.__version__}. Run pip install "
                "--upgrade sentence-transformers."
            )
        self._model = load_once(
            "sparse_encoder",
            {"model_name": model_name, "device": device, **kwargs},
            lambda: library.SparseEncoder(model_name, device=device, **kwargs),
        )

    def __call__(self, input: Documents) -> SparseVectors:
        """Return one sparse vector per text.

        Raises:
            EmbeddingFunctionError: `input` is not a list of texts.
        """
        return self._embed(input, self.task or "document")

    def embed_query(self, input: Documents) -> SparseVectors:
        """Return one sparse vector per query."""
        return self._embed(input, query_task(self.query_config))

    def _embed(self, texts: Documents, task: Task) -> SparseVectors:
        texts = checked_texts(texts)
        if not texts:
            return []
        encode = self._model.encode_query if task == "query" else self._model.encode_document
        rows = encode(texts, convert_to_tensor=False, convert_to_sparse_tensor=True, show_progress_bar=False)
        return [_from_tensor(row) for row in rows]

    @staticmethod
    def name() -> str:
        """Return ``"huggingface_sparse"``."""
        return "huggingface_sparse"


def _from_tensor(row: Any) -> Any:
    row = row.coalesce().cpu()
    return sparse_vector(dict(zip(row.indices()[0].tolist(), row.values().tolist(), strict=True)))
