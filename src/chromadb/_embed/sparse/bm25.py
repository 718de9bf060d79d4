"""BM25 on this machine: the weights of words in a text, without a model."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from chromadb._embed.loaded import load_once, package
from chromadb._embed.sparse.base import SparseEmbeddingFunction
from chromadb._embed.stored import StoredByParameters, checked_texts
from chromadb._model.names import shorten
from chromadb._model.sparse import SparseVector, SparseVectors, sparse_vector
from chromadb._model.types import Documents
from chromadb.errors import EmbeddingFunctionError

_WORD = re.compile(r"\w+")

_STOPWORDS = """
a about above after again against ain all am an and any are aren as at be because been before being below between
both but by can couldn d did didn do does doesn doing don down during each few for from further had hadn has hasn
have haven having he her here hers herself him himself his how i if in into is isn it its itself just ll m ma me
mightn more most mustn my myself needn no nor not now o of off on once only or other our ours ourselves out over own
re s same shan she should shouldn so some such t than that the their theirs them themselves then there these they
this those through to too under until up ve very was wasn we were weren what when where which while who whom why
will with won wouldn y you your yours yourself yourselves
"""
STOPWORDS = frozenset(_STOPWORDS.split())
"""English words that say nothing of what a text is about."""


class ChromaBm25EmbeddingFunction(StoredByParameters, SparseEmbeddingFunction[Documents]):
    """Weigh the words of a text by BM25, ``pip install chromadb[bm25]``.

    A word is a run of letters, digits and underscores, in lower case, brought to its stem by the English Snowball
    stemmer. Its index is the absolute value of MurmurHash3 (32 bits, signed, seed 0) of the stem, its value
    ``n (k + 1) / (n + k (1 - b + b length / avg_doc_length))``, n being how often it occurs and length the number of
    words. How rare a word is among all documents is left to the search. Queries are embedded as documents are.

    Args:
        k: how fast further occurrences of a word lose weight.
        b: how much long texts are set back, from 0 to 1.
        avg_doc_length: the number of words of a usual text.
        token_max_length: words with more characters are left out.
        stopwords: words that are left out; None: the English ones.
        include_tokens: whether vectors have the stems as their labels.

    Raises:
        EmbeddingFunctionError: a number is out of its range, or the packages are not installed.
    """

    _may_change = frozenset({"include_tokens"})

    def __init__(
        self,
        k: float = 1.2,
        b: float = 0.75,
        avg_doc_length: float = 256.0,
        token_max_length: int = 40,
        stopwords: Iterable[str] | None = None,
        include_tokens: bool = False,
    ) -> None:
        allowed = (("k", k, k >= 0), ("b", b, 0 <= b <= 1), ("avg_doc_length", avg_doc_length, avg_doc_length > 0))
        for name, value, fits in (*allowed, ("token_max_length", token_max_length, token_max_length >= 1)):
            if not fits:
                raise EmbeddingFunctionError(
                    "Expected k to be at least 0, b from 0 to 1, avg_doc_length above 0 and token_max_length at least "
                    f"1, got {shorten(value)} as {name}."
                )
        self.k = float(k)
        self.b = float(b)
        self.avg_doc_length = float(avg_doc_length)
        self.token_max_length = int(token_max_length)
        self.stopwords = None if stopwords is None else list(stopwords)
        self.include_tokens = bool(include_tokens)
        self._left_out = STOPWORDS if self.stopwords is None else frozenset(word.lower() for word in self.stopwords)
        self._index = package("mmh3", self, "bm25").hash
        snowball = package("snowballstemmer", self, "bm25")
        self._stem = load_once("snowball", {}, lambda: _remembering(snowball.stemmer("english").stemWord))

    def __call__(self, input: Documents) -> SparseVectors:
        """Return one sparse vector per text, empty for a text without words.

        Raises:
            EmbeddingFunctionError: `input` is not a list of texts.
        """
        return [self._embed(text) for text in checked_texts(input)]

    def _embed(self, text: str) -> SparseVector:
        stems = [self._stem(word) for word in self._words(text)]
        counts: Counter[int] = Counter()
        labels: dict[int, str] = {}
        for stem in stems:
            index = abs(self._index(stem))
            counts[index] += 1
            labels[index] = stem
        length = self.k * (1 - self.b + self.b * len(stems) / self.avg_doc_length)
        weights = {index: count * (self.k + 1) / (count + length) for index, count in counts.items()}
        return sparse_vector(weights, labels if self.include_tokens and labels else None)

    def _words(self, text: str) -> Iterable[str]:
        for found in _WORD.findall(text):
            word = found.lower()
            if len(word) <= self.token_max_length and word not in self._left_out:
                yield word

    @staticmethod
    def name() -> str:
        """Return ``"chroma_bm25"``."""
        return "chroma_bm25"


def _remembering(stem: Any) -> Any:
    # The stemmer keeps its state in attributes: threads share it only through what is remembered.
    lock = threading.Lock()

    @lru_cache(maxsize=100_000)
    def stem_of(word: str) -> str:
        with lock:
            return str(stem(word))

    return stem_of
