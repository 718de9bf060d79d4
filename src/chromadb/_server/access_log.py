"""The access log: one line of JSON per request."""

from __future__ import annotations

import logging
from datetime import datetime, timezone

import msgspec

logger = logging.getLogger("chromadb.access")


class Line(msgspec.Struct):
    """A request that was answered."""

    time: str
    request_id: str
    client: str
    method: str
    path: str
    status: int
    ms: float
    received: int
    sent: int
    operation: str | None = None
    error: str | None = None


def log(line: Line) -> None:
    """Write a line."""
    logger.info("%s", msgspec.json.encode(line).decode())


def now() -> str:
    """Return the time as lines show it."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
