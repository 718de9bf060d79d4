"""A server that is watched: traces across the wire, metrics, logs, workers, and collectors that are not there."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import chromadb
from chromadb._observability.prometheus import names
from chromadb.config import Settings

if TYPE_CHECKING:
    from .conftest import Collector

Start = Callable[..., Any]


def samples(page: str) -> dict[str, float]:
    """Return what a page for Prometheus says: values by name and labels."""
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in page.splitlines() if line[0] != "#"}


def use(url: str, **settings: Any) -> None:
    client = chromadb.HttpClient(url, settings=Settings(**settings))
    collection = client.get_or_create_collection("letters")
    collection.upsert(ids=["a"], embeddings=[[1.0, 0.0]])
    collection.query(query_embeddings=[[1.0, 0.0]], n_results=1, where={"a": 1})
    client.close()


def test_a_trace_leads_from_the_client_through_the_server_to_the_storage(
    any_collector: Collector, start_server: Start
) -> None:
    server = start_server(**any_collector.settings, chroma_otel_service_name="server")
    use(server.url, **any_collector.settings, chroma_otel_service_name="client")
    assert server.stop() == 0
    asked = any_collector.wait(lambda: [span for span in any_collector.named("query") if span.service == "client"])[0]
    spans = {span.id: span for span in any_collector.spans if span.trace == asked.trace}
    fetched = next(span for span in spans.values() if span.name == "storage.fetch")
    way = []
    while fetched.parent:
        way.append((fetched.service, fetched.name))
        fetched = spans[fetched.parent]
    route = "/api/v2/tenants/{tenant}/databases/{database}/collections/{collection_id}/query"
    assert way == [("server", "storage.fetch"), ("server", "query"), ("server", f"POST {route}")]
    assert fetched is asked
    request = next(span for span in spans.values() if span.name == f"POST {route}")
    assert request.kind == 2
    assert asked.kind == 3
    assert request.attributes["http.response.status_code"] == 200
    inside = {span.name for span in spans.values() if span.parent == request.id}
    assert {"server.receive", "wire.decode", "wire.encode", "server.wait", "query"} <= inside


async def _asynchronously(url: str, settings: dict[str, Any]) -> None:
    client = await chromadb.AsyncHttpClient(url, settings=Settings(**settings))
    await client.heartbeat()
    await client.close()


def test_an_asynchronous_client_begins_a_trace_too(collector: Collector, start_server: Start) -> None:
    import asyncio

    server = start_server(**collector.settings, chroma_otel_service_name="server")
    asyncio.run(_asynchronously(server.url, {**collector.settings, "chroma_otel_service_name": "client"}))
    server.stop()
    asked = collector.wait(lambda: [span for span in collector.named("heartbeat") if span.service == "client"])[0]
    assert [span.service for span in collector.spans if span.parent == asked.id and span.kind == 2] == ["server"]


def test_a_trace_of_somebody_else_is_gone_on_with(collector: Collector, start_server: Start) -> None:
    server = start_server(**collector.settings)
    trace = "0af7651916cd43dd8448eb211c80319c"
    httpx.get(f"{server.url}/api/v2/heartbeat", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    httpx.get(f"{server.url}/api/v2/heartbeat", headers={"traceparent": "nonsense"})
    server.stop()
    found = collector.wait(lambda: len(collector.named("GET /api/v2/heartbeat")) == 2 and collector.spans)
    requests = [span for span in found if span.name == "GET /api/v2/heartbeat"]
    assert [span.parent for span in requests if span.trace == trace] == ["b7ad6b7169203331"]
    line = next(json.loads(each) for each in server.log().splitlines() if trace in each)
    assert line["trace_id"] == trace
    assert line["request_id"] == next(span for span in requests if span.trace == trace).attributes["chroma.request.id"]


def test_every_worker_sends_what_it_did(collector: Collector, start_server: Start) -> None:
    server = start_server(2, **collector.settings, chroma_otel_metrics=True, chroma_prometheus_metrics=True)
    for _ in range(40):
        httpx.get(f"{server.url}/api/v2/heartbeat")
    time.sleep(6)  # workers tell each other every five seconds
    page = httpx.get(f"{server.url}/metrics").text
    assert server.stop() == 0
    collector.wait(lambda: len(collector.named("GET /api/v2/heartbeat")) == 40)
    workers = {span.resource["process.pid"] for span in collector.spans}
    assert len(workers) == 2
    assert len({span.resource["service.instance.id"] for span in collector.spans}) == 2
    counts = {
        key: value
        for key, value in samples(page).items()
        if key.startswith("http_server_request_duration_seconds_count") and "heartbeat" in key
    }
    assert len(counts) == 2
    assert sum(counts.values()) == 40
    assert all(f'worker="{pid}"' in page for pid in workers)


def test_metrics_are_sent(any_collector: Collector, start_server: Start) -> None:
    settings = {**any_collector.settings, "chroma_otel_granularity": "none", "chroma_otel_metrics": True}
    server = start_server(**settings)
    use(server.url)
    any_collector.wait(lambda: "chroma.operation.duration" in any_collector.metrics)
    server.stop()
    assert {"http.server.request.duration", "process.memory.usage", "chroma.pool.queue"} <= set(any_collector.metrics)
    assert not any_collector.spans
    points = any_collector.metrics["chroma.operation.duration"]
    assert {pair.value.string_value for point in points for pair in point.attributes} >= {"query", "upsert"}


def test_prometheus_reads_metrics(start_server: Start) -> None:
    server = start_server(chroma_prometheus_metrics=True)
    use(server.url)
    httpx.get(f"{server.url}/api/v2/no/such/thing")
    httpx.get(f"{server.url}/api/v2/tenants/missing")
    answer = httpx.get(f"{server.url}/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = samples(answer.text)
    assert found['chroma_operation_duration_seconds_count{db_operation_name="query"}'] == 1
    assert found['chroma_operation_duration_seconds_bucket{db_operation_name="query",le="+Inf"}'] == 1
    assert (
        found['chroma_operation_duration_seconds_count{db_operation_name="get_tenant",error_type="NotFoundError"}'] == 1
    )
    assert found["chroma_collections_open"] == 1
    assert found["chroma_index_backlog"] == 1
    assert found["chroma_storage_size_bytes"] > 1000
    assert found["process_memory_usage_bytes"] > 10_000_000
    assert found["http_server_active_requests"] == 1
    assert found['chroma_pool_threads{chroma_pool_lane="write"}'] >= 1
    unknown = [key for key in found if 'http_route="unknown"' in key and key.startswith("http_server_request_duration")]
    assert unknown
    assert "/no/such" not in answer.text
    families = {line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE")}
    assert {name.partition("{")[0] for name in found} <= names()
    assert all(any(name.startswith(family) for name in names()) for family in families)


def test_there_is_no_page_of_metrics_unless_it_is_asked_for(start_server: Start) -> None:
    assert httpx.get(f"{start_server().url}/metrics").status_code == 404


def test_logs_are_json_with_the_ids_of_request_and_trace(collector: Collector, start_server: Start) -> None:
    server = start_server(chroma_log_format="json", **collector.settings)
    client = chromadb.HttpClient(server.url)
    collection = client.create_collection("letters", embedding_function=None)
    url = f"{server.url}/api/v2/tenants/default_tenant/databases/default_database/collections/{collection.id}/update"
    headers = {"x-request-id": "mine", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    httpx.post(url, json={"ids": ["missing"], "embeddings": [[1.0]]}, headers=headers)
    client.close()
    server.stop()
    lines = [json.loads(line) for line in server.log().splitlines()]
    warned = next(line for line in lines if line.get("logger") == "chromadb.engine")
    assert warned["level"] == "WARNING"
    assert "do not exist" in warned["message"]
    assert (warned["request_id"], warned["trace_id"]) == ("mine", "0af7651916cd43dd8448eb211c80319c")
    assert len(warned["span_id"]) == 16


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_collector_that_is_not_there_holds_up_nothing_and_fills_no_log(start_server: Start, protocol: str) -> None:
    server = start_server(
        chroma_otel_collection_endpoint="http://127.0.0.1:9",
        chroma_otel_protocol=protocol,
        chroma_otel_metrics=True,
        chroma_otel_granularity="all",
    )
    for _ in range(30):
        assert httpx.get(f"{server.url}/api/v2/heartbeat").status_code == 200
    time.sleep(1)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 10
    others = [line for line in server.log().splitlines() if not line.startswith('{"time"')]
    assert len(others) <= 2, others
    assert all("chroma_otel_collection_endpoint" in line for line in others)


def test_a_server_that_is_ended_sends_what_it_has(
    collector: Collector, start_server: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
    server = start_server(2, **collector.settings)
    httpx.get(f"{server.url}/api/v2/heartbeat")
    assert not collector.spans
    assert server.stop() == 0
    assert collector.named("GET /api/v2/heartbeat")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_that_was_forked_sends_for_itself(any_collector: Collector, tmp_path: Any) -> None:
    program = tmp_path / "forks.py"
    program.write_text(FORKS)
    import subprocess
    import sys

    arguments = json.dumps({**any_collector.settings, "is_persistent": True, "persist_directory": str(tmp_path / "d")})
    done = subprocess.run([sys.executable, str(program), arguments], timeout=60, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    any_collector.wait(lambda: len({span.resource["process.pid"] for span in any_collector.spans}) == 2)
    counted = {span.resource["process.pid"] for span in any_collector.named("count_collections")}
    assert len(counted) == 2


FORKS = """
import json, os, sys, time
import chromadb
from chromadb.config import Settings

client = chromadb.Client(Settings(**json.loads(sys.argv[1])))
client.count_collections()
time.sleep(0.5)
child = os.fork()
client.count_collections()
client.close()
if child:
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))
"""

USERS = """
users:
- id: watcher
  role: watcher
  tokens: [token-watcher]
- id: reader
  role: reader
  tokens: [token-reader]
roles_mapping:
  watcher:
    actions: ["system:metrics"]
  reader:
    actions: ["collection:get"]
"""


def test_metrics_are_for_those_who_may_see_them(start_server: Start, tmp_path: Any) -> None:
    users = tmp_path / "users.yaml"
    users.write_text(USERS)
    server = start_server(
        chroma_prometheus_metrics=True,
        chroma_server_authn_provider="chromadb.auth.token_authn.TokenAuthenticationServerProvider",
        chroma_server_authn_credentials_file=str(users),
        chroma_server_authz_provider="chromadb.auth.simple_rbac_authz.SimpleRBACAuthorizationProvider",
        chroma_server_authz_config_file=str(users),
    )

    def ask(token: str | None) -> int:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return httpx.get(f"{server.url}/metrics", headers=headers).status_code

    assert [ask(token) for token in (None, "wrong", "token-reader", "token-watcher")] == [403, 403, 403, 200]


def test_metrics_can_be_opened_to_everybody(start_server: Start) -> None:
    server = start_server(
        chroma_prometheus_metrics=True,
        chroma_server_authn_provider="chromadb.auth.token_authn.TokenAuthenticationServerProvider",
        chroma_server_authn_credentials="token-of-mine",
        chroma_server_auth_ignore_paths={"/metrics": ["GET"]},
    )
    assert httpx.get(f"{server.url}/metrics").status_code == 200
    assert httpx.get(f"{server.url}/api/v2/tenants/default_tenant").status_code == 403


def test_settings_that_cannot_be_keep_a_server_from_starting(start_server: Start) -> None:
    with pytest.raises(AssertionError, match="to be a host, or a URL"):
        start_server(chroma_otel_collection_endpoint="ftp://collector")
