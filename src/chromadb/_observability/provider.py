"""The OpenTelemetry providers of this process: they batch what is recorded, and send it in threads of their own.

They are not made the global ones of OpenTelemetry, which belong to the application. What OpenTelemetry reads from the
environment holds here too: ``OTEL_RESOURCE_ATTRIBUTES``, ``OTEL_TRACES_SAMPLER``, ``OTEL_BSP_*``,
``OTEL_METRIC_EXPORT_INTERVAL``.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    InMemoryMetricReader,
    MetricExporter,
    MetricReader,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from chromadb._observability.options import GRPC, Endpoint, Options
from chromadb._observability.spans import muted

logger = logging.getLogger("chromadb.observability")

QUIET = 60.0
"""Seconds between two lines of the log that say that a collector cannot be reached."""


class Providers:
    """The providers for some options, in one process.

    Args:
        options: what is recorded, and where it goes.
    """

    def __init__(self, options: Options) -> None:
        resource = Resource.create(
            {
                "service.name": options.service,
                "service.instance.id": str(uuid.uuid4()),
                "process.pid": os.getpid(),
            }
        )
        self._closing: list[Callable[[], object]] = []
        self._exporters: list[SpanExporter | MetricExporter] = []
        self.tracers: TracerProvider | None = None
        self.meters: MeterProvider | None = None
        self.memory: InMemoryMetricReader | None = None
        """Gives the metrics as they are now, for Prometheus."""
        endpoint = options.endpoint
        if options.level and endpoint is not None:
            self.tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
            self.tracers.add_span_processor(BatchSpanProcessor(self._sending(_span_exporter(endpoint, options))))
            self._closing.append(self.tracers.shutdown)
        readers: list[MetricReader] = []
        if options.metrics and endpoint is not None:
            readers.append(PeriodicExportingMetricReader(self._sending(_metric_exporter(endpoint, options))))
        if options.prometheus:
            self.memory = InMemoryMetricReader()
            readers.append(self.memory)
        if readers:
            self.meters = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
            self._closing.append(self.meters.shutdown)
        _mute_exporters()

    def flush(self, seconds: float) -> None:
        """Send what waits; a collector that cannot be reached is given `seconds`."""
        providers = [each for each in (self.tracers, self.meters) if each is not None]
        _within(seconds, [each.force_flush for each in providers])

    def close(self, seconds: float) -> None:
        """Send what waits, and end; a collector that cannot be reached is given `seconds`."""
        closing, self._closing = self._closing, []
        if not _within(seconds, closing):
            for exporter in self._exporters:
                _quietly(exporter.shutdown)

    def _sending(self, exporter: Any) -> Any:
        """Return an exporter that says in few lines of its own that it cannot send, rather than in many."""
        exporter.export = _Sender(exporter.export)
        self._exporters.append(exporter)
        return exporter


def _within(seconds: float, calls: list[Callable[[], object]]) -> bool:
    """Make calls at the same time; return whether all of them returned in time."""
    threads = [threading.Thread(target=_quietly, args=(each,), daemon=True) for each in calls]
    for thread in threads:
        thread.start()
    latest = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, latest - time.monotonic()))
    return not any(thread.is_alive() for thread in threads)


def _quietly(call: Callable[[], object]) -> None:
    muted.on = True
    with suppress(Exception):
        call()


def _span_exporter(endpoint: Endpoint, options: Options) -> SpanExporter:
    url = endpoint.url("traces")
    if endpoint.protocol == GRPC:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter

        return GrpcExporter(endpoint=url, insecure=not endpoint.secure, headers=options.headers or None)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter

    return HttpExporter(endpoint=url, headers=dict(options.headers) or None)


def _metric_exporter(endpoint: Endpoint, options: Options) -> MetricExporter:
    url = endpoint.url("metrics")
    if endpoint.protocol == GRPC:
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter

        return GrpcExporter(endpoint=url, insecure=not endpoint.secure, headers=options.headers or None)
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter

    return HttpExporter(endpoint=url, headers=dict(options.headers) or None)


class _Sender:
    """The method `export` of an exporter, which logs a line a minute while nothing arrives."""

    def __init__(self, export: Callable[..., Any]) -> None:
        self._export = export
        self._failing_since = 0.0
        self._told = 0.0
        self._lost = 0

    def __call__(self, batch: Any, *args: Any, **kwargs: Any) -> Any:
        muted.on = True
        try:
            result = self._export(batch, *args, **kwargs)
        finally:
            muted.on = False
        if result.name == "SUCCESS":
            if self._told:
                logger.warning("the collector takes traces and metrics again; %d batches were lost", self._lost)
            self._told, self._lost = 0.0, 0
            return result
        self._lost += 1
        now = time.monotonic()
        if not self._told or now - self._told >= QUIET:
            self._told = now
            logger.warning(
                "traces or metrics could not be sent: %s; %d batches were lost so far. Check "
                "chroma_otel_collection_endpoint. Nothing else is affected.",
                _reasons.last or "the collector refuses them",
                self._lost,
            )
        return result


class _Reasons(logging.Filter):
    """Keeps the lines of exporters at work for us out of the log, and the last of them in mind."""

    last = ""
    _next_loss = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if not muted.on:
            return True
        with suppress(Exception):
            said = record.getMessage()[:300]
            if said.startswith("Queue full"):
                self._tell_of_loss()
            elif "hutdown" not in said:  # a consequence, not a reason
                self.last = said
        return False

    def _tell_of_loss(self) -> None:
        now = time.monotonic()
        if now >= self._next_loss:
            self._next_loss = now + QUIET
            logger.warning(
                "spans are lost: more of them come than the collector takes. Choose a coarser chroma_otel_granularity, "
                "or sample them (OTEL_TRACES_SAMPLER)."
            )


_reasons = _Reasons()


def _mute_exporters() -> None:
    """Keep the loggers of exporters, which exist once their modules are loaded, to one line a minute in all."""
    for name in list(logging.Logger.manager.loggerDict):
        if name.startswith(("opentelemetry.", "urllib3")):
            logging.getLogger(name).addFilter(_reasons)
