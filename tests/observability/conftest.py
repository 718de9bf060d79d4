"""A collector in this process, which takes OTLP over gRPC and over HTTP."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc

os.environ.setdefault("OTEL_BSP_SCHEDULE_DELAY", "100")
os.environ.setdefault("OTEL_METRIC_EXPORT_INTERVAL", "300")


class Received:
    """A span as it arrived."""

    def __init__(self, span: Any, service: str, resource: dict[str, Any]) -> None:
        self.name: str = span.name
        self.kind: int = span.kind
        self.trace: str = span.trace_id.hex()
        self.id: str = span.span_id.hex()
        self.parent: str = span.parent_span_id.hex()
        self.began: int = span.start_time_unix_nano
        self.ended: int = span.end_time_unix_nano
        self.failed: bool = span.status.code == 2
        self.attributes = _values(span.attributes)
        self.text = str(span)
        self.service = service
        self.resource = resource


def _values(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


class Collector:
    """Takes traces and metrics, and keeps them.

    Args:
        protocol: "grpc" or "http".
    """

    def __init__(self, protocol: str) -> None:
        self.protocol = protocol
        self.spans: list[Received] = []
        self.metrics: dict[str, list[Any]] = {}
        self.headers: list[dict[str, str]] = []
        self._changed = threading.Condition()
        if protocol == "grpc":
            self._server = grpc.server(ThreadPoolExecutor(4))
            traces_grpc.add_TraceServiceServicer_to_server(_Traces(self), self._server)
            metrics_grpc.add_MetricsServiceServicer_to_server(_Metrics(self), self._server)
            self.port = self._server.add_insecure_port("127.0.0.1:0")
            self._server.start()
        else:
            self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
            self.port = self._http.server_address[1]
            threading.Thread(target=self._http.serve_forever, daemon=True).start()

    @property
    def settings(self) -> dict[str, Any]:
        """Settings that send everything here."""
        protocol = "grpc" if self.protocol == "grpc" else "http/protobuf"
        return {
            "chroma_otel_collection_endpoint": f"http://127.0.0.1:{self.port}",
            "chroma_otel_protocol": protocol,
            "chroma_otel_granularity": "all",
        }

    def close(self) -> None:
        """Stop listening."""
        if self.protocol == "grpc":
            self._server.stop(None).wait()
        else:
            self._http.shutdown()
            self._http.server_close()

    def wait(self, until: Callable[[], Any], seconds: float = 20) -> Any:
        """Wait until something is true of what arrived, and return it."""
        latest = time.monotonic() + seconds
        with self._changed:
            while not (found := until()):
                left = latest - time.monotonic()
                assert left > 0, f"did not arrive; there are {[span.name for span in self.spans]}"
                self._changed.wait(left)
        return found

    def named(self, name: str) -> list[Received]:
        """Return the spans of a name."""
        return [span for span in self.spans if span.name == name]

    def take(self, request: Any, headers: dict[str, str]) -> None:
        """Keep what arrived."""
        with self._changed:
            self.headers.append(headers)
            for of_resource in getattr(request, "resource_spans", ()):
                resource = _values(of_resource.resource.attributes)
                for of_scope in of_resource.scope_spans:
                    self.spans += [Received(span, resource["service.name"], resource) for span in of_scope.spans]
            for of_resource in getattr(request, "resource_metrics", ()):
                for of_scope in of_resource.scope_metrics:
                    for metric in of_scope.metrics:
                        data = getattr(metric, metric.WhichOneof("data"))
                        self.metrics.setdefault(metric.name, []).extend(data.data_points)
            self._changed.notify_all()


class _Traces(traces_grpc.TraceServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._collector.take(request, dict(context.invocation_metadata()))
        return traces.ExportTraceServiceResponse()


class _Metrics(metrics_grpc.MetricsServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._collector.take(request, dict(context.invocation_metadata()))
        return metrics.ExportMetricsServiceResponse()


def _handler(collector: Collector) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            kind = {
                "/v1/traces": traces.ExportTraceServiceRequest,
                "/v1/metrics": metrics.ExportMetricsServiceRequest,
            }.get(self.path)
            if kind is None:
                self.send_error(404)
                return
            collector.take(kind.FromString(body), {name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            return

    return Handler


@pytest.fixture(params=["grpc", "http"])
def any_collector(request: pytest.FixtureRequest) -> Iterator[Collector]:
    """A collector of either protocol."""
    collector = Collector(request.param)
    yield collector
    collector.close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector over HTTP."""
    collector = Collector("http")
    yield collector
    collector.close()


@pytest.fixture
def grpc_collector() -> Iterator[Collector]:
    """A collector over gRPC."""
    collector = Collector("grpc")
    yield collector
    collector.close()


@pytest.fixture(autouse=True)
def alone(clean_environment: pytest.MonkeyPatch) -> Iterator[None]:
    """End the observers that a test made, whose collectors are gone."""
    yield
    from chromadb._observability import observer

    for each in list(observer._observers.values()):
        each.close(1)
