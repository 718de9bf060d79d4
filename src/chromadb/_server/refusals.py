"""Refusals: requests that are answered before there is an operation."""

from __future__ import annotations

from collections.abc import Sequence

from chromadb._wire.errors import ErrorBody, Failure

Header = tuple[bytes, bytes]


class Refusal(Exception):
    """A request that is not served.

    Args:
        status: of HTTP.
        name: of the error.
        message: what was wrong, and what to do.
        headers: that belong to the answer.
        kind: the class of the error, for our own clients, where the name tells them something else.
        detail: what servers of 0.x say alone.
    """

    def __init__(
        self,
        status: int,
        name: str,
        message: str,
        headers: Sequence[Header] = (),
        *,
        kind: str = "",
        detail: str | None = None,
    ) -> None:
        super().__init__(message)
        self.failure = Failure(status, ErrorBody(name, message, kind, detail=detail))
        self.headers = tuple(headers)


class Disconnected(Exception):
    """The client went away before its request was complete."""
