"""What the thin client leaves out: it is the same source without the database, the server and the default model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from chromadb.errors import ThinClientError


@contextmanager
def full_package(what: str, instead: str) -> Iterator[None]:
    """Import what only the full package has.

    Args:
        what: is wanted, for the message.
        instead: what to do in the thin client.

    Raises:
        ThinClientError: this is the thin client.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("chromadb."):
            raise
        raise ThinClientError(
            f"{what} is not part of the thin client, chromadb-client. {instead}, or install chromadb in its place."
        ) from None
