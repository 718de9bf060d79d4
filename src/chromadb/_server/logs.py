"""Logs: where lines go, and how they look, in every process of a server."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime, timezone
from typing import TextIO

import msgspec

from chromadb import _tracing
from chromadb._settings import Settings
from chromadb.errors import InvalidArgumentError

request_id: ContextVar[str | None] = ContextVar("chromadb_request_id", default=None)
"""What the log knows the request at work by."""


def begin_logging(path: str | None, settings: Settings) -> TextIO:
    """Send what is logged in this process to a file, which is appended to, for None to standard error; return it.

    Raises:
        InvalidArgumentError: the file cannot be written.
    """
    stream = sys.stderr if path is None else _open(path)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(settings))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    return stream


class LogLine(msgspec.Struct, omit_defaults=True):
    """A line of the log, in JSON."""

    time: str
    level: str
    logger: str
    message: str
    request_id: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    exception: str | None = None
    pid: int | None = None


class JsonFormatter(logging.Formatter):
    """Writes lines of JSON, each with the ids of the request and of the trace that it belongs to.

    Args:
        trace_id: tells the present trace.
        span_id: tells the present span.
    """

    def __init__(self, trace_id: Callable[[], str | None], span_id: Callable[[], str | None]) -> None:
        super().__init__()
        self._trace_id = trace_id
        self._span_id = span_id

    def format(self, record: logging.LogRecord) -> str:
        """Return a line."""
        when = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        line = LogLine(when, record.levelname, record.name, record.getMessage(), request_id.get(), pid=record.process)
        line.trace_id, line.span_id = self._trace_id(), self._span_id()
        if record.exc_info:
            line.exception = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def _formatter(settings: Settings) -> logging.Formatter:
    if settings.chroma_log_format == "text":
        return logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    _tracing.turn_on()
    if not settings.chroma_otel_collection_endpoint:
        return JsonFormatter(lambda: None, lambda: None)
    from chromadb._observability.spans import span_id, trace_id

    return JsonFormatter(trace_id, span_id)


def _open(path: str) -> TextIO:
    try:
        return open(path, "a", encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(
            f"Expected the log path to be a file that can be written, got {path!r}: "
            f"{getattr(error, 'strerror', None) or error}."
        ) from None
