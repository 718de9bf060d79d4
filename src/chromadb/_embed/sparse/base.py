"""The protocol of functions that give sparse vectors, and the names they are known by."""

from __future__ import annotations

from typing import Any, Literal, Protocol, TypedDict, TypeVar, runtime_checkable

from chromadb._embed.registry import Registry, register_in
from chromadb._embed.retries import with_retries
from chromadb._embed.table import registered_sparse
from chromadb._model.names import shorten
from chromadb._model.sparse import SparseVectors
from chromadb._model.types import Embeddable
from chromadb.errors import EmbeddingFunctionError

D_contra = TypeVar("D_contra", bound=Embeddable, contravariant=True)
AnyFunction = TypeVar("AnyFunction", bound=type)
Task = Literal["document", "query"]


@runtime_checkable
class SparseEmbeddingFunction(Protocol[D_contra]):
    """Turn documents into sparse vectors.

    Subclasses need only ``__call__``; those that also define ``name``, ``get_config`` and ``build_from_config`` can be
    built again from what is stored.
    """

    def __call__(self, input: D_contra) -> SparseVectors:
        """Return one sparse vector per item of `input`, in order."""
        ...

    def embed_query(self, input: D_contra) -> SparseVectors:
        """Return one sparse vector per query; by default the same as for what is stored."""
        return self(input)

    def embed_with_retries(self, input: D_contra, **retry_kwargs: Any) -> SparseVectors:
        """Return the vectors, and try again where the function fails for what may be a passing reason.

        Args:
            input: what is embedded.
            retry_kwargs: what ``tenacity.Retrying`` takes; without them six attempts are made, after pauses that grow
                from 0.5 s.

        Raises:
            Exception: the function's own at the last attempt; a ``tenacity.RetryError`` where ``stop`` is given and
                ``reraise`` is not.
        """
        return with_retries(lambda: self(input), retry_kwargs)

    @staticmethod
    def name() -> str:
        """Return the name under which the function is registered."""
        return ""

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> SparseEmbeddingFunction[Any]:
        """Return the function that ``get_config`` described."""
        raise EmbeddingFunctionError(
            "The sparse embedding function does not define build_from_config(config), so it cannot be built from what "
            "is stored."
        )

    def get_config(self) -> dict[str, Any]:
        """Return what ``build_from_config`` needs, as JSON data without secrets."""
        return {}

    @staticmethod
    def validate_config(config: dict[str, Any]) -> None:
        """Raise an error where ``build_from_config`` would not accept `config`."""
        return

    def validate_config_update(self, old_config: dict[str, Any], new_config: dict[str, Any]) -> None:
        """Raise an error where one configuration must not take the place of the other."""
        return


class QueryConfig(TypedDict):
    """What is different for queries."""

    task: Task
    """As what queries are embedded."""


sparse_known_embedding_functions: Registry = Registry(registered_sparse())


def register_sparse_embedding_function(ef_class: AnyFunction) -> AnyFunction:
    """Make a class of sparse embedding functions known by its ``name()``; a decorator.

    Raises:
        EmbeddingFunctionError: the class lacks ``name``, ``get_config`` or ``build_from_config``, or its name is not
            text, or is empty.
    """
    return register_in(sparse_known_embedding_functions, ef_class, SparseEmbeddingFunction)


def query_task(query_config: QueryConfig | None) -> Task:
    """Return as what queries are embedded: as queries, unless told otherwise."""
    return "query" if query_config is None else query_config["task"]


def check_task(task: object, what: str = "task") -> None:
    """Check a task.

    Raises:
        EmbeddingFunctionError: it is neither of the two.
    """
    if task not in (None, "document", "query"):
        raise EmbeddingFunctionError(f"Expected {what} to be 'document' or 'query', got {shorten(task)}.")
