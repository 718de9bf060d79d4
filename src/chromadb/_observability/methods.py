"""Spans around functions of an application, by the names of 0.6; OpenTelemetry is loaded when tracing begins."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeVar, cast

from chromadb import _tracing
from chromadb._observability import observe
from chromadb._observability.options import LEVELS
from chromadb._settings import Settings
from chromadb._settings.classes import HasSettings
from chromadb._tracing import Recorder, Span, Value

T = TypeVar("T", bound=Callable[..., Any])


class OpenTelemetryGranularity(Enum):
    """How detailed traces are."""

    NONE = "none"
    OPERATION = "operation"
    OPERATION_AND_SEGMENT = "operation_and_segment"
    ALL = "all"


class OpenTelemetryClient:
    """Begins tracing as the ``chroma_otel_...`` settings of a system say.

    Args:
        system: what has the ``settings``.
    """

    def __init__(self, system: HasSettings) -> None:
        global _own
        observer = observe(system.settings)
        _own = None if observer is None else observer.recorder


def otel_init(
    otel_service_name: str | None,
    otel_collection_endpoint: str | None,
    otel_collection_headers: dict[str, str] | None,
    otel_granularity: OpenTelemetryGranularity,
) -> None:
    """Begin tracing functions that `trace_method` marks, outside of clients too.

    Raises:
        InvalidArgumentError: an argument is not allowed, or the packages of OpenTelemetry are not here.
    """
    global _own
    settings = Settings(
        chroma_otel_service_name=otel_service_name or "",
        chroma_otel_collection_endpoint=otel_collection_endpoint or "",
        chroma_otel_collection_headers=otel_collection_headers or {},
        chroma_otel_granularity=otel_granularity,
    )
    observer = observe(settings)
    _own = None if observer is None else observer.recorder


_own: Recorder | None = None


def trace_method(
    trace_name: str, trace_granularity: OpenTelemetryGranularity, attributes: Mapping[str, Value] | None = None
) -> Callable[[T], T]:
    """Make every call of a function a span, where traces are as detailed as that.

    Args:
        trace_name: of the span.
        trace_granularity: the least at which it is recorded.
        attributes: of the span.
    """
    level = LEVELS[trace_granularity.value]

    def begun() -> Span:
        recorder = _tracing.present() or _own
        return _tracing.NOTHING if recorder is None else recorder.span(trace_name, level)

    def decorate(function: T) -> T:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                with begun() as span:
                    _note(span, attributes)
                    return await function(*args, **kwargs)

            return cast(T, awaited)

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            with begun() as span:
                _note(span, attributes)
                return function(*args, **kwargs)

        return cast(T, called)

    return decorate


def add_attributes_to_current_span(attributes: Mapping[str, Value | None]) -> None:
    """Add attributes to the present span; those that are None are left out. Outside of a trace nothing happens."""
    if _tracing.present() or _own:
        from opentelemetry import trace

        span = trace.get_current_span()
        for name, value in attributes.items():
            if value is not None:
                span.set_attribute(name, value)


def _note(span: Span, attributes: Mapping[str, Value] | None) -> None:
    for name, value in (attributes or {}).items():
        span.note(name, value)
