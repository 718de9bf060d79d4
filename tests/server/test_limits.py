"""Limits: each has a setting, and an error that names it; beyond it the server goes on."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from chromadb._model import operations as op

COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"


def records(count: int) -> dict[str, Any]:
    """Return the body of a write."""
    return {"ids": [str(i) for i in range(count)], "embeddings": [[i, 1] for i in range(count)]}


def made(api: Any) -> str:
    """Make a collection and return its path."""
    return f"{COLLECTIONS}/{api.send('POST', COLLECTIONS, {'name': 'letters'}).json['id']}"


class Gate:
    """Holds up counting until it is opened."""

    def __init__(self, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open = threading.Event()
        self.begun = 0
        run = api.application._engine.run

        def held(operation: Any) -> Any:
            if isinstance(operation, op.Count):
                self.begun += 1
                assert self.open.wait(30)
            return run(operation)

        monkeypatch.setattr(api.application._engine, "run", held)


def test_a_body_that_is_too_long(make_api: Callable[..., Any]) -> None:
    api = make_api(chroma_server_max_body_bytes=1000)
    path = f"{made(api)}/add"
    body = json.dumps(records(500)).encode()
    for sent in (body, [body[:600], body[600:1200], body[1200:]]):
        answer = api.send("POST", path, sent)
        assert (answer.status, answer.json["type"]) == (413, "RequestTooLargeError")
        assert "chroma_server_max_body_bytes" in answer.json["message"]
    assert api.send("POST", path, records(10)).status == 201


def test_a_body_in_pieces(make_api: Callable[..., Any]) -> None:
    api = make_api()
    path = made(api)
    body = json.dumps(records(100)).encode()
    pieces = [body[at : at + 100] for at in range(0, len(body), 100)]
    assert api.send("POST", f"{path}/add", [*pieces, b""]).status == 201
    assert api.send("GET", f"{path}/count").json == 100


def test_a_batch_that_is_too_large(make_api: Callable[..., Any]) -> None:
    api = make_api(chroma_server_max_batch_size=10)
    path = made(api)
    assert api.send("GET", "/api/v2/pre-flight-checks").json["max_batch_size"] == 10
    for name in ("add", "update", "upsert"):
        answer = api.send("POST", f"{path}/{name}", records(11))
        assert (answer.status, answer.json["error"]) == (413, "BatchSizeExceededError")
        assert "chroma_server_max_batch_size" in answer.json["message"]
    assert api.send("POST", f"{path}/add", records(10)).status == 201


def test_a_body_that_takes_too_long_to_arrive(make_api: Callable[..., Any]) -> None:
    api = make_api(chroma_server_request_timeout_seconds=0.05)
    started = [{"type": "http.request", "body": b'{"name"', "more_body": True}]
    answer = api.drive("POST", COLLECTIONS, started)
    assert (answer.status, answer.headers["connection"]) == (408, "close")
    assert "chroma_server_request_timeout_seconds" in answer.json["message"]


def test_a_client_that_goes_away_is_not_answered(make_api: Callable[..., Any]) -> None:
    api = make_api()
    gone = [{"type": "http.request", "body": b'{"name"', "more_body": True}, {"type": "http.disconnect"}]
    assert api.drive("POST", COLLECTIONS, gone).status == 0
    assert api.send("GET", COLLECTIONS).json == []


def test_a_request_that_works_too_long(make_api: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    api = make_api(chroma_server_request_timeout_seconds=0.1)
    path = made(api)
    gate = Gate(api, monkeypatch)
    answer = api.send("GET", f"{path}/count")
    assert (answer.status, answer.json["type"]) == (504, "RequestTimeoutError")
    gate.open.set()
    assert api.send("GET", f"{path}/count").status in (200, 504)


def test_a_request_that_waits_too_long_is_not_begun(
    make_api: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    api = make_api(chroma_server_request_timeout_seconds=0.2, chroma_server_thread_pool_size=1)
    path = made(api)
    gate = Gate(api, monkeypatch)
    first, second = api.together(("GET", f"{path}/count", None), ("GET", f"{path}/count", None))
    gate.open.set()
    assert (first.status, second.status) == (504, 503)
    assert second.headers["retry-after"] == "1"
    assert gate.begun == 1


def test_more_requests_at_once_than_are_allowed(make_api: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    api = make_api(chroma_server_max_concurrent_requests=2, chroma_server_request_timeout_seconds=0.3)
    path = made(api)
    gate = Gate(api, monkeypatch)
    answers = api.together(*[("GET", f"{path}/count", None)] * 3, ("GET", "/api/v2/heartbeat", None))
    gate.open.set()
    assert [answer.status for answer in answers] == [504, 504, 503, 200]
    assert (answers[2].headers["retry-after"], answers[2].json["type"]) == ("1", "ServerBusyError")
    assert "chroma_server_max_concurrent_requests" in answers[2].json["message"]


def test_what_goes_wrong_unexpectedly_is_logged_and_told_without_its_secrets(
    make_api: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    api = make_api()

    def broken(operation: Any) -> Any:
        raise RuntimeError("the password is 1234")

    monkeypatch.setattr(api.application._engine, "run", broken)
    with caplog.at_level(logging.ERROR):
        answer = api.send("GET", COLLECTIONS)
    assert (answer.status, answer.json["error"]) == (500, "InternalError")
    assert "1234" not in answer.content.decode()
    assert answer.json["request_id"] in caplog.text
    assert "the password is 1234" in caplog.text


def test_every_request_is_a_line_of_the_access_log(make_api: Callable[..., Any]) -> None:
    api = make_api()
    api.send("POST", COLLECTIONS, {"name": "x"}, {"X-Request-Id": "mine", "user-agent": "node"})
    api.send("GET", "/nothing")
    first, second = api.log()
    assert first["request_id"] == "mine"
    assert (first["method"], first["path"], first["status"]) == ("POST", COLLECTIONS, 400)
    assert (first["operation"], first["error"]) == ("create_collection", "InvalidArgumentError")
    assert (first["received"], first["client"]) == (13, "192.0.2.1")
    assert first["sent"] > 0
    assert first["ms"] > 0
    assert (second["operation"], second["status"]) == (None, 404)


def test_an_application_without_lifespan_says_so(make_api: Callable[..., Any]) -> None:
    api = make_api()
    api.application.close()
    answer = api.send("POST", "/api/v2/tenants", {"name": "acme"})
    assert answer.status == 500
    assert "lifespan" in answer.json["message"]
