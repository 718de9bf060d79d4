"""Observability: traces and metrics through OpenTelemetry, which is imported here alone, and late.

=============== =============================================================================================
``options``     what the settings ask for, checked
``provider``    the OpenTelemetry providers of a process: exporters, shutdown, forks
``spans``       a recorder of ``chromadb._tracing`` on an OpenTelemetry tracer
``runner``      runners that record every operation
``instruments`` what is measured, and under which names
``observer``    one of these for each set of options and process
``prometheus``  the same in Prometheus' text format, for all processes of a server
=============== =============================================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chromadb._observability.observer import Observer
    from chromadb._settings import Settings


def observe(settings: Settings, *, server: bool = False) -> Observer | None:
    """Return who records what settings ask for, None if that is nothing; OpenTelemetry is loaded only if it is needed.

    Args:
        settings: of a client or a server.
        server: whether Prometheus can ask for metrics.

    Raises:
        InvalidArgumentError: the settings are not allowed, or need packages that are not here.
    """
    asked = settings.chroma_otel_collection_endpoint or settings.chroma_otel_metrics
    if not (asked or (server and settings.chroma_prometheus_metrics)):
        return None
    from chromadb._observability.options import read_options

    options = read_options(settings, server=server)
    if options is None:
        return None
    from chromadb._observability.observer import observer_of

    observer = observer_of(options)
    observer.users += 1
    return observer
