"""The interfaces of enforcers, which may be of somebody else: names and signatures are those of 0.6."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, TypeVar

from chromadb._settings.classes import Component

T = TypeVar("T", bound=Callable[..., Any])
A = TypeVar("A", bound=Callable[..., Awaitable[Any]])


class Action(str, Enum):
    """What an operation does that a quota may be about."""

    CREATE_DATABASE = "create_database"
    CREATE_COLLECTION = "create_collection"
    LIST_COLLECTIONS = "list_collections"
    UPDATE_COLLECTION = "update_collection"
    ADD = "add"
    GET = "get"
    DELETE = "delete"
    UPDATE = "update"
    UPSERT = "upsert"
    QUERY = "query"


class RateLimitEnforcer(Component, ABC):
    """Decides whether an operation may be executed now, in the thread that executes it.

    To write one, derive from it, and name the class in the setting ``chroma_rate_limit_enforcer_impl``.

    Args:
        system: what has the ``settings``.
    """

    @abstractmethod
    def rate_limit(self, func: T) -> T:
        """Return a function in place of `func`, which executes an operation, its one argument.

        It raises a RateLimitError where `func` is not to be called.
        """


class AsyncRateLimitEnforcer(Component, ABC):
    """Decides whether a request to a server may be worked on now, in its event loop.

    To write one, derive from it, and name the class in the setting ``chroma_async_rate_limit_enforcer_impl``.

    Args:
        system: what has the ``settings`` of the server.
    """

    @abstractmethod
    def rate_limit(self, func: A) -> A:
        """Return a function in place of `func`, which works on a request.

        Its name is that of the route. Its arguments have names: ``request`` is a ``starlette.requests.Request`` whose
        ``state.user_identity`` says who asks (None where nobody has to prove it); ``tenant``, ``database_name`` and
        ``collection_id`` are what its path names. It raises a RateLimitError where `func` is not to be called.
        """


class QuotaEnforcer(Component, ABC):
    """Decides whether a tenant may do something, given how much it stores or asks for.

    To write one, derive from it, and name the class in the setting ``chroma_quota_enforcer_impl``.

    Args:
        system: what has the ``settings``, and ``tenant_usage(tenant)``.
    """

    @abstractmethod
    def set_context(self, context: dict[str, Any]) -> None:
        """Take note of what the next call of `enforce` in this thread is about: ``operation`` and ``run``.

        Args:
            context: the operation, and what executes others, to look something up.
        """

    @abstractmethod
    def enforce(
        self,
        action: Action,
        tenant: str,
        metadatas: Any = None,
        documents: Any = None,
        embeddings: Any = None,
        uris: Any = None,
        ids: Any = None,
        name: str | None = None,
        new_name: str | None = None,
        metadata: Any = None,
        new_metadata: Any = None,
        limit: int | None = None,
        where: Any = None,
        where_document: Any = None,
        n_results: int | None = None,
        query_embeddings: Any = None,
    ) -> None:
        """Return if a tenant may do this; the arguments are those of the call, as far as they were given.

        Raises:
            QuotaError: it may not; nothing is done.
        """
