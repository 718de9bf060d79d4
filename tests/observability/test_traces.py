"""Traces: what a client and the database tell a collector."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import chromadb
from chromadb.config import Settings
from chromadb.errors import InvalidArgumentError, InvalidCollectionException

if TYPE_CHECKING:
    from .conftest import Collector


def work(client: Any) -> None:
    """Do a little of everything."""
    collection = client.get_or_create_collection("letters")
    collection.add(
        ids=["a", "b"], embeddings=[[1.0, 0.0], [0.0, 1.0]], documents=["secret words", "x"], metadatas=[{"k": 1}] * 2
    )
    collection.query(query_embeddings=[[1.0, 0.0]], n_results=1, where={"k": 1})
    collection.get(ids=["a"])
    collection.delete(ids=["b"])


def test_an_embedded_client_sends_its_operations_and_their_parts(any_collector: Collector, tmp_path: Any) -> None:
    client = chromadb.PersistentClient(tmp_path, Settings(**any_collector.settings, chroma_otel_service_name="mine"))
    work(client)
    client.close()
    any_collector.wait(lambda: any_collector.named("delete"))
    query = any_collector.wait(lambda: any_collector.named("query"))[0]
    inside = {span.name for span in any_collector.spans if span.trace == query.trace}
    assert {"storage.catalog", "storage.follow", "storage.filter", "index.search", "index.loose"} <= inside
    assert "storage.fetch" in inside
    children = [span for span in any_collector.spans if span.parent == query.id]
    assert children
    assert all(query.began <= each.began <= each.ended <= query.ended for each in children)
    assert query.service == "mine"
    assert query.attributes["db.operation.name"] == "query"
    assert query.attributes["chroma.filtered"] is True
    assert query.attributes["db.response.returned_rows"] == 1
    add = any_collector.named("add")[0]
    assert add.attributes["db.operation.batch.size"] == 2
    assert {"storage.lock", "storage.records", "storage.commit"} <= {
        span.name for span in any_collector.spans if span.parent == add.id
    }


def test_nothing_that_records_hold_is_sent(collector: Collector, tmp_path: Any) -> None:
    client = chromadb.PersistentClient(tmp_path, Settings(**collector.settings))
    work(client)
    with pytest.raises(InvalidCollectionException):
        client.get_collection("missing")
    client.close()
    failed = collector.wait(lambda: [span for span in collector.spans if span.failed])[0]
    assert failed.attributes["error.type"] == "InvalidCollectionException"
    assert not [span for span in collector.spans if "secret" in span.text or "does not exist" in span.text]


@pytest.mark.parametrize(
    ("granularity", "expected", "absent"),
    [
        ("operation", "query", "storage.fetch"),
        (None, "query", "storage.fetch"),
        ("operation_and_segment", "storage.fetch", "index.loose"),
        ("all", "index.loose", "nothing"),
    ],
)
def test_the_granularity_says_how_detailed_traces_are(
    collector: Collector, granularity: str | None, expected: str, absent: str
) -> None:
    settings = {**collector.settings, "chroma_otel_granularity": granularity}
    client = chromadb.EphemeralClient(Settings(**settings))
    work(client)
    client.close()
    collector.wait(lambda: collector.named("delete"))
    assert collector.named(expected)
    assert not collector.named(absent)


def test_granularity_none_sends_nothing(collector: Collector) -> None:
    client = chromadb.EphemeralClient(Settings(**{**collector.settings, "chroma_otel_granularity": "none"}))
    work(client)
    assert type(client._system.runner).__name__ == "Engine"
    client.close()
    assert not collector.spans


def test_headers_are_sent_with_every_batch(any_collector: Collector) -> None:
    headers = {"x-honeycomb-team": "abc"}
    client = chromadb.EphemeralClient(Settings(**any_collector.settings, chroma_otel_collection_headers=headers))
    client.heartbeat()
    client.close()
    any_collector.wait(lambda: any_collector.named("heartbeat"))
    assert all(given["x-honeycomb-team"] == "abc" for given in any_collector.headers)


def test_how_a_segment_was_searched_is_a_span(collector: Collector, tmp_path: Any) -> None:
    client = chromadb.PersistentClient(tmp_path, Settings(**collector.settings))
    collection = client.create_collection("many")
    vectors = np.random.default_rng(1).normal(size=(12_000, 8)).astype(np.float32)
    collection.add(ids=[str(number) for number in range(12_000)], embeddings=vectors)
    status = collection.get_indexing_status
    for _ in range(300):
        if status().num_unindexed_ops == 0:
            break
        time.sleep(0.1)
    collection.query(query_embeddings=[vectors[0]], n_results=3)
    client.close()
    collector.wait(lambda: collector.named("query"))
    segment = collector.wait(lambda: collector.named("index.segment"))[0]
    inside = {span.name for span in collector.spans if span.parent == segment.id}
    assert "index.rescore" in inside
    assert inside & {"index.walk", "index.scan", "index.cells", "index.compare"}


def test_the_variables_of_the_documentation_configure_it(
    collector: Collector, clean_environment: pytest.MonkeyPatch
) -> None:
    clean_environment.setenv("CHROMA_OTEL_COLLECTION_ENDPOINT", f"http://127.0.0.1:{collector.port}/v1/traces")
    clean_environment.setenv("CHROMA_OTEL_SERVICE_NAME", "page")
    clean_environment.setenv("CHROMA_OTEL_COLLECTION_HEADERS", '{"x-team": "abc"}')
    clean_environment.setenv("CHROMA_OTEL_GRANULARITY", "all")
    client = chromadb.EphemeralClient()
    client.heartbeat()
    client.close()
    assert collector.wait(lambda: collector.named("heartbeat"))[0].service == "page"
    assert collector.headers[0]["x-team"] == "abc"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"chroma_otel_collection_endpoint": "ftp://a"}, "to be a host, or a URL"),
        ({"chroma_otel_collection_endpoint": "http://a:99999"}, "to be a host, or a URL"),
        ({"chroma_otel_collection_endpoint": "http://u:p@a"}, "to be a host, or a URL"),
        (
            {"chroma_otel_collection_endpoint": "http://a/x", "chroma_otel_protocol": "grpc"},
            "to have no path for gRPC",
        ),
        (
            {"chroma_otel_collection_endpoint": "a", "chroma_otel_collection_headers": {"a b": "key"}},
            "names of HTTP headers",
        ),
        ({"chroma_otel_metrics": True}, "beside chroma_otel_metrics"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        chromadb.EphemeralClient(Settings(**settings))


def test_a_granularity_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="operation_and_segment"):
        Settings(chroma_otel_granularity="everything")


@pytest.mark.parametrize(
    ("endpoint", "protocol", "url"),
    [
        ("api.honeycomb.com", "grpc", "https://api.honeycomb.com:443"),
        ("http://otel-collector:4317/", "grpc", "http://otel-collector:4317"),
        ("localhost:4317", "grpc", "http://localhost:4317"),
        ("http://collector:4318", "http/protobuf", "http://collector:4318/v1/traces"),
        ("https://a/otlp", "http/protobuf", "https://a:443/otlp/v1/traces"),
        ("https://a/otlp/v1/traces", "http/protobuf", "https://a:443/otlp/v1/traces"),
        ("http://[::1]:4318", "http/protobuf", "http://[::1]:4318/v1/traces"),
    ],
)
def test_an_endpoint_says_how_it_is_spoken_with(endpoint: str, protocol: str, url: str) -> None:
    from chromadb._observability.options import read_options

    options = read_options(Settings(chroma_otel_collection_endpoint=endpoint))
    assert options is not None
    assert options.endpoint is not None
    assert (options.endpoint.protocol, options.endpoint.url("traces")) == (protocol, url)


def test_a_server_that_ends_leaves_a_client_of_the_same_process_its_traces(collector: Collector) -> None:
    from chromadb._server.app import Application

    client = chromadb.EphemeralClient(Settings(**collector.settings))
    client.heartbeat()
    application = Application(Settings(**collector.settings))
    application.open()
    application.close()
    collector.wait(lambda: collector.named("heartbeat"))
    client.count_collections()
    collector.wait(lambda: collector.named("count_collections"))
    client.close()
