"""Sparse models of the fastembed package: SPLADE and BM25."""

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


class FastembedSparseEmbeddingFunction(StoredByParameters, SparseEmbeddingFunction[Documents]):
    """Embed texts with a sparse model of fastembed, ``pip install chromadb[fastembed]``.

    A model is loaded once per process.

    Args:
        model_name: such as ``"prithivida/Splade_PP_en_v1"``.
        task: as what texts are embedded, ``"document"`` or ``"query"``.
        cache_dir: where models are kept.
        threads: of the computation.
        cuda: whether to compute on a graphics card.
        device_ids: of the graphics cards.
        lazy_load: whether the model is loaded with the first text.
        query_config: ``{"task": "document"}`` embeds queries as documents; None: as queries.
        kwargs: further arguments of ``fastembed.SparseTextEmbedding``: text, numbers, bools or None.

    Raises:
        EmbeddingFunctionError: an argument cannot be stored with a collection, or the package is not installed.
    """

    _may_change = frozenset({"cache_dir", "threads", "cuda", "device_ids", "lazy_load"})

    def __init__(
        self,
        model_name: str,
        task: Literal["document", "query"] | None = "document",
        cache_dir: str | None = None,
        threads: int | None = None,
        cuda: bool | None = None,
        device_ids: list[int] | None = None,
        lazy_load: bool | None = None,
        query_config: QueryConfig | None = None,
        **kwargs: Any,
    ) -> None:
        check_task(task)
        check_task(query_task(query_config), "the task of query_config")
        check_storable(kwargs)
        self.model_name = model_name
        self.task = task
        self.cache_dir = cache_dir
        self.threads = threads
        self.cuda = cuda
        self.device_ids = device_ids
        self.lazy_load = lazy_load
        self.query_config = query_config
        self.kwargs = kwargs
        options = ("cache_dir", "threads", "cuda", "device_ids", "lazy_load")
        given = {name: getattr(self, name) for name in options if getattr(self, name) is not None}
        self._model = _load(self, model_name, {**given, **kwargs})

    def __call__(self, input: Documents) -> SparseVectors:
        """Return one sparse vector per text.

        Raises:
            EmbeddingFunctionError: `input` is not a list of texts.
        """
        return _embed(self._model, input, self.task or "document")

    def embed_query(self, input: Documents) -> SparseVectors:
        """Return one sparse vector per query."""
        return _embed(self._model, input, query_task(self.query_config))

    @staticmethod
    def name() -> str:
        """Return ``"fastembed_sparse"``."""
        return "fastembed_sparse"


class Bm25EmbeddingFunction(StoredByParameters, SparseEmbeddingFunction[Documents]):
    """Weigh words by the BM25 of fastembed, ``pip install chromadb[fastembed]``.

    :class:`ChromaBm25EmbeddingFunction` does the like without files that are downloaded; its vectors are others.

    Args:
        avg_len: the number of words of a usual text.
        task: as what texts are embedded, ``"document"`` or ``"query"``.
        cache_dir: where the lists of stop words are kept.
        k: how fast further occurrences of a word lose weight.
        b: how much long texts are set back, from 0 to 1.
        language: of the stemmer and the stop words, ``"english"``.
        token_max_length: longer words are left out.
        disable_stemmer: whether words are kept as they are.
        specific_model_path: a folder with the lists of stop words.
        query_config: ``{"task": "document"}`` embeds queries as documents; None: as queries.
        kwargs: further arguments of ``fastembed.SparseTextEmbedding``: text, numbers, bools or None.

    Raises:
        EmbeddingFunctionError: an argument cannot be stored with a collection, or the package is not installed.
    """

    _may_change = frozenset({"cache_dir", "specific_model_path"})

    def __init__(
        self,
        avg_len: float | None = None,
        task: Literal["document", "query"] | None = "document",
        cache_dir: str | None = None,
        k: float | None = None,
        b: float | None = None,
        language: str | None = None,
        token_max_length: int | None = None,
        disable_stemmer: bool | None = None,
        specific_model_path: str | None = None,
        query_config: QueryConfig | None = None,
        **kwargs: Any,
    ) -> None:
        check_task(task)
        check_task(query_task(query_config), "the task of query_config")
        check_storable(kwargs)
        self.avg_len = avg_len
        self.task = task
        self.cache_dir = cache_dir
        self.k = k
        self.b = b
        self.language = language
        self.token_max_length = token_max_length
        self.disable_stemmer = disable_stemmer
        self.specific_model_path = specific_model_path
        self.query_config = query_config
        self.kwargs = kwargs
        options = ("avg_len", "cache_dir", "k", "b", "language", "token_max_length", "disable_stemmer")
        given = {name: getattr(self, name) for name in (*options, "specific_model_path")}
        self._model = _load(
            self, "Qdrant/bm25", {**{name: value for name, value in given.items() if value is not None}, **kwargs}
        )

    def __call__(self, input: Documents) -> SparseVectors:
        """Return one sparse vector per text.

        Raises:
            EmbeddingFunctionError: `input` is not a list of texts.
        """
        return _embed(self._model, input, self.task or "document")

    def embed_query(self, input: Documents) -> SparseVectors:
        """Return one sparse vector per query."""
        return _embed(self._model, input, query_task(self.query_config))

    @staticmethod
    def name() -> str:
        """Return ``"bm25"``."""
        return "bm25"


def _load(function: object, model_name: str, arguments: dict[str, Any]) -> Any:
    fastembed = package("fastembed", function, "fastembed")
    return load_once(
        "fastembed",
        {"model_name": model_name, **arguments},
        lambda: fastembed.SparseTextEmbedding(model_name=model_name, **arguments),
    )


def _embed(model: Any, texts: Documents, task: Task) -> SparseVectors:
    texts = checked_texts(texts)
    found = model.query_embed(texts) if task == "query" else model.embed(texts)
    return [sparse_vector(dict(zip(each.indices.tolist(), each.values.tolist(), strict=True))) for each in found]
