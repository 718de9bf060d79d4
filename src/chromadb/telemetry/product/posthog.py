"""The client of PostHog (public path; defined in `_telemetry`)."""

from chromadb._telemetry.clients import Posthog

__all__ = ["Posthog"]
