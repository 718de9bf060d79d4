"""Rates: how often requests may come, as the enforcer says that the settings name."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import Request as StarletteRequest

from chromadb._limits.enforcers import AsyncRateLimitEnforcer
from chromadb._model import operations as op
from chromadb._server.refusals import Header
from chromadb._server.request import Request
from chromadb._server.router import Match
from chromadb.errors import RateLimitError

R = TypeVar("R")

UNCOUNTED = (op.Heartbeat, op.GetVersion, op.GetMaxBatchSize, op.CheckHealth)
"""What clients ask before they know anything, and what watches a server: it costs next to nothing."""


class RequestRates:
    """Has an enforcer look at every request.

    Args:
        enforcer: decides.
    """

    def __init__(self, enforcer: AsyncRateLimitEnforcer) -> None:
        self._enforcer = enforcer

    async def within(self, request: Request, found: Match, work: Callable[[], Awaitable[R]]) -> R:
        """Return what working on a request returns.

        Raises:
            RateLimitError: there are too many; it was not begun.
        """
        if found.route.operation in UNCOUNTED:
            return await work()

        async def handler(**given: object) -> R:
            return await work()

        handler.__name__ = found.route.name
        asked = StarletteRequest(request.scope)
        asked.state.user_identity = request.identity
        named = found.parameters
        limited = self._enforcer.rate_limit(handler)
        return await limited(
            request=asked,
            tenant=named.get("tenant"),
            database_name=named.get("database"),
            collection_id=named.get("collection_id"),
        )


def retry_after(error: RateLimitError) -> tuple[Header, ...]:
    """Return the header that says when to try again."""
    seconds = error.retry_after
    return () if seconds is None else ((b"retry-after", b"%d" % max(1, math.ceil(seconds))),)
