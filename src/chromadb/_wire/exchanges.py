"""Exchanges: how an operation and its result travel, seen from both sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypeAlias

from msgspec import Meta, Struct

from chromadb._model.names import DEFAULT_DATABASE, DEFAULT_TENANT
from chromadb._wire.dialects import Dialect

Count: TypeAlias = Annotated[int, Meta(ge=0)]
"""A number of things."""


class Parameters(Struct, frozen=True):
    """What may stand in a path or a query; API v1 leaves tenant and database to their defaults."""

    tenant: str = DEFAULT_TENANT
    database: str = DEFAULT_DATABASE
    name: str = ""
    collection_id: str = ""
    limit: Count | None = None
    offset: Count | None = None


class Asked(NamedTuple):
    """An operation as a client sends it."""

    parameters: dict[str, Any]
    body: Any = None
    """Something that encodes as JSON; None for no body."""


@dataclass(frozen=True)
class Exchange:
    """How one operation travels.

    Args:
        parse: for servers: from parameters and body to the operation.
        answer: for servers: from result and operation to something that encodes as JSON.
        ask: for clients: from the operation to what is sent, given the dialect and whether base64 is understood.
        result: for clients: from what was answered to the result.
        body: the type of the body of the request, None for none.
        answered: the type of the body of the answer.
    """

    parse: Callable[[Parameters, Any], Any]
    answer: Callable[[Any, Any, Dialect], Any]
    ask: Callable[[Any, Dialect, bool], Asked]
    result: Callable[[Any, Any], Any]
    body: Any = None
    answered: Any = None


def unchanged(result: Any, operation: Any, dialect: Dialect) -> Any:
    """Answer with the result itself."""
    return result


def as_it_is(answered: Any, operation: Any) -> Any:
    """Take what was answered as the result."""
    return answered


def nothing(result: Any, operation: Any, dialect: Dialect) -> Any:
    """Answer that it was done."""
    return None if dialect.old else {}


def no_result(answered: Any, operation: Any) -> None:
    """Pass over what was answered."""
