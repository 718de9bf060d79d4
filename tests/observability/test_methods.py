"""Spans around functions of an application, by the names of 0.6."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import chromadb
from chromadb.config import Settings
from chromadb.telemetry import opentelemetry
from chromadb.telemetry.opentelemetry import (
    OpenTelemetryClient,
    OpenTelemetryGranularity,
    add_attributes_to_current_span,
    otel_init,
    trace_method,
)

if TYPE_CHECKING:
    import pytest

    from .conftest import Collector


@trace_method("mine", OpenTelemetryGranularity.OPERATION, {"a": 1})
def mine(client: chromadb.ClientAPI) -> int:
    """Count."""
    add_attributes_to_current_span({"b": 2, "none": None})
    return client.count_collections()


@trace_method("detailed", OpenTelemetryGranularity.ALL)
async def detailed(value: int) -> int:
    """Wait."""
    return value


def test_granularity_has_the_documented_values() -> None:
    assert [each.value for each in OpenTelemetryGranularity] == ["none", "operation", "operation_and_segment", "all"]
    assert Settings(chroma_otel_granularity=OpenTelemetryGranularity.ALL).chroma_otel_granularity == "all"


def test_without_tracing_functions_are_as_they_are() -> None:
    with chromadb.EphemeralClient() as client:
        assert mine(client) >= 0
    assert asyncio.run(detailed(3)) == 3
    assert mine.__name__ == "mine"


def test_functions_of_an_application_are_spans_around_operations(
    grpc_collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chromadb._observability import methods

    collector = grpc_collector
    monkeypatch.setattr(methods, "_own", None)
    url = f"http://127.0.0.1:{collector.port}"
    otel_init("chromadb", url, {"x-key": "k"}, OpenTelemetryGranularity.OPERATION)
    settings = Settings(
        chroma_otel_collection_endpoint=url,
        chroma_otel_collection_headers={"x-key": "k"},
        chroma_otel_granularity="operation",
    )
    with chromadb.EphemeralClient(settings) as client:
        assert mine(client) >= 0
    assert asyncio.run(detailed(3)) == 3
    inner = collector.wait(lambda: collector.named("count_collections"))[0]
    outer = collector.wait(lambda: collector.named("mine"))[0]
    assert inner.parent == outer.id
    assert (outer.attributes["a"], outer.attributes["b"]) == (1, 2)
    assert not collector.named("detailed")

    class System:
        def __init__(self) -> None:
            self.settings = Settings(**collector.settings)

    OpenTelemetryClient(System())
    assert asyncio.run(detailed(3)) == 3
    assert collector.wait(lambda: collector.named("detailed"))
    assert opentelemetry.__all__
