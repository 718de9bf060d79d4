"""Results: what a caller wants included, and how it is laid out."""

from __future__ import annotations

import operator
from enum import Enum
from typing import Any

import numpy as np

from chromadb._model.names import describe, shorten
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError

FIELDS = ("metadatas", "documents", "distances", "embeddings", "uris", "data")
"""What can be included."""

GET_FIELDS = tuple(field for field in FIELDS if field != "distances")
GET_DEFAULT = ("metadatas", "documents")
QUERY_DEFAULT = ("metadatas", "documents", "distances")


class IncludeEnum(str, Enum):
    """Names for `include`, as clients of 0.5 and 0.6 write them; plain strings do as well."""

    documents = "documents"
    embeddings = "embeddings"
    metadatas = "metadatas"
    distances = "distances"
    uris = "uris"
    data = "data"


def check_include(include: Any, *, query: bool) -> tuple[str, ...]:
    """Return the fields to include, once each, in the order given.

    Raises:
        InvalidArgumentError: an unknown field, or ``distances`` outside of a query.
    """
    allowed = FIELDS if query else GET_FIELDS
    if isinstance(include, np.ndarray):
        include = include.tolist()
    if isinstance(include, str) or not hasattr(include, "__iter__"):
        raise InvalidArgumentTypeError(
            f"Expected include to be a list of {', '.join(allowed)}; got {describe(include)}."
        )
    wanted: dict[str, None] = {}
    for item in include:
        name = item.value if isinstance(item, Enum) else item
        if not isinstance(name, str) or name not in allowed:
            hint = " Only a query has distances." if isinstance(name, str) and name == "distances" else ""
            raise InvalidArgumentError(
                f"Expected items of include to be among {', '.join(allowed)}; got {shorten(name)}.{hint}"
            )
        wanted[name] = None
    return tuple(wanted)


def check_count(value: Any, what: str, *, least: int = 0) -> int | None:
    """Return a count such as ``limit``; None stays None.

    Raises:
        InvalidArgumentTypeError: not an int, or less than `least`.
    """
    if value is None:
        return None
    try:
        count = int(operator.index(value))
    except TypeError:
        count = None
    if count is None or isinstance(value, bool):
        raise InvalidArgumentTypeError(f"Expected {what} to be an int, got {describe(value)}.")
    if count < least:
        raise InvalidArgumentTypeError(f"Expected {what} to be an int of at least {least}, got {count}.")
    return count
