"""Spans by OpenTelemetry."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import TracebackType

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chromadb import _tracing
from chromadb._tracing import Value


class _Muted(threading.local):
    on = False


muted = _Muted()
"""Whether what OpenTelemetry logs in this thread is about our spans; ``provider`` says it in fewer words."""

_propagator = TraceContextTextMapPropagator()


class SpanRecorder:
    """Records spans with a tracer; a recorder of the seam ``chromadb._tracing``.

    Args:
        tracer: of OpenTelemetry.
        level: how detailed spans may be.
    """

    def __init__(self, tracer: Tracer, level: int) -> None:
        self._tracer = tracer
        self.level = level

    def span(self, name: str, level: int) -> _tracing.Span:
        """Return a span inside of the present one; one that does nothing if it is too detailed."""
        return RecordedSpan(self._tracer, name) if level <= self.level else _tracing.NOTHING

    def operation(self, name: str, kind: SpanKind, attributes: Mapping[str, Value]) -> RecordedSpan:
        """Return the span of an operation."""
        return RecordedSpan(self._tracer, name, kind, attributes)

    def request(self, name: str, headers: Mapping[str, str], attributes: Mapping[str, Value]) -> RecordedSpan:
        """Return the span of a request to a server, of the trace that its headers tell of."""
        return RecordedSpan(self._tracer, name, SpanKind.SERVER, attributes, _propagator.extract(headers, Context()))

    def past(self, name: str, level: int, began: int) -> None:
        """Record a span that began at a time, in ns since the epoch, and ends now."""
        if level <= self.level:
            _end(self._tracer.start_span(name, start_time=began))

    def headers(self) -> dict[str, str]:
        """Return the HTTP headers that tell a server which trace a request belongs to."""
        carried: dict[str, str] = {}
        _propagator.inject(carried)
        return carried


class RecordedSpan:
    """A span that is recorded, and the present one while it lasts."""

    __slots__ = ("_attributes", "_context", "_kind", "_name", "_span", "_token", "_tracer")

    _span: Span

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Mapping[str, Value] | None = None,
        within: Context | None = None,
    ) -> None:
        self._tracer = tracer
        self._name = name
        self._kind = kind
        self._attributes = attributes
        self._context = within

    def __enter__(self) -> RecordedSpan:
        within = self._context
        self._span = self._tracer.start_span(self._name, within, self._kind, self._attributes)
        self._token = context.attach(trace.set_span_in_context(self._span, within))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            # Not the message, which may show what callers store.
            self.fail(kind.__name__)
        _end(self._span)
        context.detach(self._token)

    def note(self, name: str, value: Value) -> None:
        """Add an attribute."""
        self._span.set_attribute(name, value)

    def rename(self, name: str) -> None:
        """Give it another name."""
        self._span.update_name(name)

    def fail(self, error: str) -> None:
        """Say which error it ends with."""
        self._span.set_attribute("error.type", error)
        self._span.set_status(Status(StatusCode.ERROR))


def _end(span: Span) -> None:
    muted.on = True
    span.end()
    muted.on = False


def trace_id() -> str | None:
    """Return the id of the present trace, None outside of one."""
    present = trace.get_current_span().get_span_context()
    return f"{present.trace_id:032x}" if present.is_valid else None


def span_id() -> str | None:
    """Return the id of the present span, None outside of one."""
    present = trace.get_current_span().get_span_context()
    return f"{present.span_id:016x}" if present.is_valid else None
