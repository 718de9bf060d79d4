"""Sparse embedding functions by name, and the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chromadb._embed.table import FUNCTIONS
from chromadb.api.types import Documents, SparseEmbeddingFunction, SparseVector, SparseVectors
from chromadb.errors import EmbeddingFunctionError
from chromadb.utils.embedding_functions import (
    known_embedding_functions,
    register_sparse_embedding_function,
    sparse_known_embedding_functions,
)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = dict(sparse_known_embedding_functions)
    yield
    for name in set(sparse_known_embedding_functions) - set(before):
        del sparse_known_embedding_functions[name]


class Letters(SparseEmbeddingFunction[Documents]):
    def __call__(self, input: Documents) -> SparseVectors:
        return [SparseVector([len(text)], [1.0]) for text in input]

    @staticmethod
    def name() -> str:
        return "letters"

    def get_config(self) -> dict[str, Any]:
        return {}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> Letters:
        return Letters()


def test_the_names_are_those_of_the_table_and_no_dense_function_is_among_them() -> None:
    assert set(sparse_known_embedding_functions) == {row.name for row in FUNCTIONS if row.kind == "sparse"}
    assert not set(sparse_known_embedding_functions) & set(known_embedding_functions)


def test_a_class_of_ones_own_is_registered() -> None:
    assert register_sparse_embedding_function(Letters) is Letters
    assert sparse_known_embedding_functions["letters"] is Letters
    assert "letters" not in known_embedding_functions
    assert Letters().embed_query(["abc"]) == [SparseVector([3], [1.0])]


def test_a_class_without_what_is_stored_is_refused() -> None:
    class Bare(SparseEmbeddingFunction[Documents]):
        def __call__(self, input: Documents) -> SparseVectors:
            return []

    with pytest.raises(EmbeddingFunctionError, match=r"name\(\), get_config\(\), build_from_config\(\)"):
        register_sparse_embedding_function(Bare)
    with pytest.raises(EmbeddingFunctionError, match="as a class"):
        register_sparse_embedding_function(Letters())  # type: ignore[type-var]
