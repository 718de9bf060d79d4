"""What the settings ask for."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit

from chromadb import _tracing
from chromadb._settings import Settings
from chromadb.errors import InvalidArgumentError

logger = logging.getLogger("chromadb.observability")

LEVELS = {
    "none": 0,
    "operation": _tracing.OPERATION,
    "operation_and_segment": _tracing.SEGMENT,
    "all": _tracing.ALL,
}
"""Granularity -> how detailed spans may be."""

GRPC, HTTP = "grpc", "http/protobuf"

_PORTS = {GRPC: 4317, HTTP: 4318}
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HEADER = re.compile(r"[a-z0-9_.-]+")


@dataclass(frozen=True)
class Endpoint:
    """Where traces and metrics are sent."""

    protocol: str
    secure: bool
    address: str
    """Host and port."""
    path: str
    """Below which the paths of the signals lie; of HTTP alone."""

    def url(self, signal: str) -> str:
        """Return what an exporter of "traces" or "metrics" is given."""
        scheme = "https" if self.secure else "http"
        below = f"{self.path}/v1/{signal}" if self.protocol == HTTP else ""
        return f"{scheme}://{self.address}{below}"


@dataclass(frozen=True)
class Options:
    """What is recorded, and where it goes."""

    service: str
    endpoint: Endpoint | None
    headers: tuple[tuple[str, str], ...]
    level: int
    """How detailed spans may be; 0: there are none."""
    metrics: bool
    """Whether metrics are sent to the endpoint."""
    prometheus: bool
    """Whether metrics are kept for Prometheus."""


def check_observability(settings: Settings) -> None:
    """Raise if a server could not do what the settings ask for, and log a line about what has no effect.

    Raises:
        InvalidArgumentError: as `read_options`.
    """
    read_options(settings, server=True)
    if settings.chroma_otel_granularity not in (None, "none") and not settings.chroma_otel_collection_endpoint:
        logger.warning("chroma_otel_granularity has no effect without chroma_otel_collection_endpoint")


def read_options(settings: Settings, *, server: bool = False) -> Options | None:
    """Return what the settings ask for, None if that is nothing.

    Args:
        settings: of a client or a server.
        server: whether there is somebody whom Prometheus can ask.

    Raises:
        InvalidArgumentError: a setting is not allowed, contradicts another, or needs packages that are not here.
    """
    endpoint = _endpoint(settings)
    granularity = settings.chroma_otel_granularity
    level = 0 if endpoint is None else LEVELS[granularity or "operation"]
    if settings.chroma_otel_metrics and endpoint is None:
        raise InvalidArgumentError(
            "Expected chroma_otel_collection_endpoint beside chroma_otel_metrics, got none. Say where metrics are to "
            "be sent, or leave chroma_otel_metrics out; for Prometheus there is chroma_prometheus_metrics."
        )
    metrics, prometheus = settings.chroma_otel_metrics, server and settings.chroma_prometheus_metrics
    if not (level or metrics or prometheus):
        return None
    _require_packages(endpoint)
    service = settings.chroma_otel_service_name or "chromadb"
    return Options(service, endpoint, _headers(settings), level, metrics, prometheus)


def _endpoint(settings: Settings) -> Endpoint | None:
    text = (settings.chroma_otel_collection_endpoint or "").strip()
    if not text:
        return None
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    scheme = parts.scheme or ("http" if host in _LOOPBACK else "https")
    if not host or scheme not in ("http", "https") or parts.username or parts.query or parts.fragment:
        raise InvalidArgumentError(
            "Expected chroma_otel_collection_endpoint to be a host, or a URL like http://collector:4317, got "
            f"{settings.chroma_otel_collection_endpoint!r}. Keys belong into chroma_otel_collection_headers."
        )
    path = re.sub(r"(/v1/(traces|metrics))?/*$", "", parts.path)
    told = settings.chroma_otel_protocol
    protocol = told or (HTTP if port == _PORTS[HTTP] or parts.path.strip("/") else GRPC)
    if protocol == GRPC and path:
        raise InvalidArgumentError(
            f"Expected chroma_otel_collection_endpoint to have no path for gRPC, got {path!r}. Set "
            f"chroma_otel_protocol to {HTTP!r}, or leave the path out."
        )
    secure = scheme == "https"
    default = 443 if secure else _PORTS[protocol]
    name = f"[{host}]" if ":" in host else host
    return Endpoint(protocol, secure, f"{name}:{port or default}", path)


def _headers(settings: Settings) -> tuple[tuple[str, str], ...]:
    headers = {name.strip().lower(): value for name, value in settings.chroma_otel_collection_headers.items()}
    for name, value in headers.items():
        if not _HEADER.fullmatch(name) or not value.isascii() or not value.isprintable():
            raise InvalidArgumentError(
                "Expected chroma_otel_collection_headers to hold names of HTTP headers and printable ASCII values, got "
                f"something else under {name[:40]!r}."
            )
    return tuple(headers.items())


def _require_packages(endpoint: Endpoint | None) -> None:
    needed = ["opentelemetry.sdk"]
    if endpoint is not None:
        needed.append(f"opentelemetry.exporter.otlp.proto.{'grpc' if endpoint.protocol == GRPC else 'http'}")
    missing = [name for name in needed if not _is_here(name)]
    if missing:
        raise InvalidArgumentError(
            f"Expected the packages of OpenTelemetry for traces and metrics; {' and '.join(missing)} cannot be found. "
            "Install them: pip install 'chromadb[otel]'. Or leave the settings chroma_otel_... and "
            "chroma_prometheus_metrics out."
        )


def _is_here(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # of a parent
        return False
