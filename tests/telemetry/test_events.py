"""Events: what an operator is told who gave a key of their own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

import chromadb
from chromadb._telemetry import clients
from chromadb.config import Settings
from chromadb.errors import InvalidArgumentError
from chromadb.telemetry.product import (
    TELEMETRY_WHITELISTED_SETTINGS,
    ProductTelemetryClient,
    ProductTelemetryEvent,
    ServerContext,
)
from chromadb.telemetry.product.events import (
    ClientStartEvent,
    CollectionAddEvent,
    CollectionGetEvent,
    ServerStartEvent,
)
from chromadb.telemetry.product.posthog import Posthog


@pytest.fixture
def posthog(
    clean_environment: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Settings that name a PostHog in this process, and what it is told."""
    told: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    clean_environment.setattr(clients, "PAUSE", 0.2)
    clean_environment.setattr(ProductTelemetryClient, "USER_ID_PATH", str(tmp_path / "id"))
    url = f"http://127.0.0.1:{server.server_address[1]}"
    yield {"chroma_product_telemetry_api_key": "key", "chroma_product_telemetry_host": url}, told
    server.shutdown()
    server.server_close()


def events(told: list[dict[str, Any]], names: set[str]) -> dict[str, dict[str, Any]]:
    """Wait for events of all these names; return the properties of each."""
    import time

    for _ in range(200):
        found = {each["event"]: each["properties"] for batch in told for each in batch["batch"]}
        if names <= set(found):
            return found
        time.sleep(0.05)
    raise AssertionError(told)


def test_an_operator_with_a_key_is_told_how_much_is_used_and_never_what(posthog: Any, tmp_path: Path) -> None:
    settings, told = posthog
    with chromadb.PersistentClient(tmp_path / "data", Settings(**settings)) as client:
        collection = client.create_collection("hidden-name", embedding_function=None)
        for number in range(3):
            collection.add(ids=[f"hidden-{number}"], embeddings=[[1.0, 2.0]], documents=["hidden text"])
        collection.query(query_embeddings=[[1.0, 2.0]], where={"hidden": 1}, n_results=2)
        collection.get(ids=["hidden-1"], include=["documents"])
        collection.update(ids=["hidden-1"], embeddings=[[0.0, 2.0]], documents=["hidden"])
        collection.delete(ids=["hidden-2"])
        names = {"ClientStartEvent", "ClientCreateCollectionEvent", "CollectionAddEvent", "CollectionQueryEvent"}
        names |= {"CollectionGetEvent", "CollectionUpdateEvent", "CollectionDeleteEvent"}
        found = events(told, names)
    assert told[0]["api_key"] == "key"
    text = json.dumps(told)
    assert "hidden" not in text
    assert str(tmp_path) not in text
    add = found["CollectionAddEvent"]
    assert add["collection_uuid"] == str(collection.id)
    total = sum(
        each["properties"]["add_amount"]
        for batch in told
        for each in batch["batch"]
        if each["event"] == "CollectionAddEvent"
    )
    assert total == 3
    assert found["CollectionQueryEvent"]["with_metadata_filter"] == 1
    assert found["CollectionDeleteEvent"]["delete_amount"] == 1
    assert add["chroma_version"] == chromadb.__version__
    assert add["is_persistent"] is True
    assert {each["distinct_id"] for batch in told for each in batch["batch"]} == {(tmp_path / "id").read_text()}


def test_opting_out_keeps_quiet_in_spite_of_a_key(posthog: Any) -> None:
    settings, told = posthog
    with chromadb.EphemeralClient(Settings(anonymized_telemetry=False, **settings)) as client:
        client.get_or_create_collection("quiet-letters")
        assert type(client._system.runner).__name__ == "Engine"
    assert told == []


def test_a_server_tells_that_it_begins(posthog: Any) -> None:
    from chromadb._server.app import Application

    settings, told = posthog
    application = Application(Settings(**settings))
    application.open()
    assert events(told, {"ServerStartEvent"})["ServerStartEvent"]["server_context"] == "FastAPI"
    application.close()


def test_an_operator_who_cannot_be_reached_holds_up_nothing(clean_environment: pytest.MonkeyPatch) -> None:
    clean_environment.setattr(clients, "PAUSE", 0.01)
    settings = Settings(chroma_product_telemetry_api_key="key", chroma_product_telemetry_host="http://127.0.0.1:9")
    with chromadb.EphemeralClient(settings) as client:
        for number in range(5):
            client.get_or_create_collection(f"letters-{number}")
            client.delete_collection(f"letters-{number}")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"chroma_product_telemetry_api_key": "k"}, "got no host"),
        ({"chroma_product_telemetry_host": "https://a"}, "got no api_key"),
        (
            {"chroma_product_telemetry_api_key": "k", "chroma_product_telemetry_host": "a.b"},
            "to be a URL like",
        ),
        ({"chroma_product_telemetry_impl": "chromadb.config.Settings"}, "derived from ProductTelemetryClient"),
    ],
)
def test_half_of_what_it_takes_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        chromadb.EphemeralClient(Settings(**settings))


class Keeping(ProductTelemetryClient):
    """A client of somebody else's."""

    kept: list[ProductTelemetryEvent] = []  # noqa: RUF012

    def capture(self, event: ProductTelemetryEvent) -> None:
        self.kept.append(event)
        raise OSError("must not matter")


def test_a_class_of_somebody_else_is_told(clean_environment: pytest.MonkeyPatch) -> None:
    Keeping.kept.clear()
    with chromadb.EphemeralClient(Settings(chroma_product_telemetry_impl=f"{__name__}.Keeping")) as client:
        client.get_or_create_collection("told-letters")
    assert [event.name for event in Keeping.kept] == ["ClientStartEvent", "ClientCreateCollectionEvent"]


def test_the_key_is_shown_nowhere() -> None:
    settings = Settings(chroma_product_telemetry_api_key="very-secret", chroma_product_telemetry_host="https://a")
    assert "very-secret" not in repr(settings)


def test_events_of_a_kind_are_told_as_one() -> None:
    first, second = CollectionAddEvent("u", 3, 1, 1, 0), CollectionAddEvent("u", 4, 1, 1, 0)
    assert first.batch_key == second.batch_key == "uCollectionAddEvent"
    assert first.batch(second).properties == {
        "batch_size": 2,
        "collection_uuid": "u",
        "add_amount": 7,
        "with_documents": 2,
        "with_metadata": 2,
        "with_uris": 0,
    }
    with pytest.raises(ValueError, match="Compare their batch_key"):
        first.batch(CollectionGetEvent("u", 1, 1, 1, 1, 1))
    with pytest.raises(NotImplementedError):
        ClientStartEvent().batch(ServerStartEvent())


def test_the_public_names_of_0_6_are_there() -> None:
    assert TELEMETRY_WHITELISTED_SETTINGS == [
        "chroma_api_impl",
        "is_persistent",
        "chroma_server_ssl_enabled",
        "chroma_server_api_default_path",
    ]
    assert [each.value for each in ServerContext] == ["None", "FastAPI"]
    assert ProductTelemetryClient.UNKNOWN_USER_ID == "UNKNOWN"
    assert issubclass(Posthog, ProductTelemetryClient)
    assert ClientStartEvent().properties == {"batch_size": 1, "in_colab": False}
    assert ServerStartEvent().properties["batch_size"] == 1
