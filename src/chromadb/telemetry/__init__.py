"""Telemetry: product usage in `product`, traces in `opentelemetry` (public paths; defined below)."""
