"""Traces of one's own (public path; defined in `_observability`)."""

from chromadb._observability.methods import (
    OpenTelemetryClient,
    OpenTelemetryGranularity,
    add_attributes_to_current_span,
    otel_init,
    trace_method,
)

__all__ = [
    "OpenTelemetryClient",
    "OpenTelemetryGranularity",
    "add_attributes_to_current_span",
    "otel_init",
    "trace_method",
]
