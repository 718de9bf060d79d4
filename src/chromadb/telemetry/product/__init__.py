"""Product telemetry (public path; defined in `_telemetry`)."""

from chromadb._telemetry.clients import WHITELISTED, ProductTelemetryClient, ServerContext
from chromadb._telemetry.events import ProductTelemetryEvent

TELEMETRY_WHITELISTED_SETTINGS = list(WHITELISTED)

__all__ = ["TELEMETRY_WHITELISTED_SETTINGS", "ProductTelemetryClient", "ProductTelemetryEvent", "ServerContext"]
