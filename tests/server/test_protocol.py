"""Heads of requests: how long they may be, and how long they may take; and how answers are sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from chromadb._server import protocol
from chromadb._server.protocol import HttpProtocol


class Transport(asyncio.Transport):
    """Keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[bytes] = []
        """As they are sent, each by one system call."""
        self.closed = False

    @property
    def written(self) -> bytes:
        return b"".join(self.pieces)

    def write(self, data: Any) -> None:
        self.pieces.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """Answer that there is nothing to say."""
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def talk(steps: Callable[[HttpProtocol, Transport], Any]) -> Transport:
    """Make a connection, have `steps` happen on it, and return what became of its transport."""

    async def run() -> Transport:
        config = uvicorn.Config(nothing, http=HttpProtocol, ws="none", log_config=None)
        connection = HttpProtocol(config, ServerState(), {}, asyncio.get_running_loop())
        transport = Transport()
        connection.connection_made(transport)
        await steps(connection, transport)
        connection.connection_lost(None)
        return transport

    return asyncio.run(run())


def status_and_error(transport: Transport) -> tuple[int, dict[str, Any]]:
    """Return the status and the body of what was answered."""
    head, _, body = transport.written.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    return int(head.split()[1]), json.loads(body)


@pytest.fixture
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.05)
    monkeypatch.setattr(protocol, "MAX_HEAD_BYTES", 1000)


@pytest.mark.usefixtures("_short")
def test_a_head_that_trickles_is_given_up() -> None:
    async def steps(connection: HttpProtocol, transport: Transport) -> None:
        connection.data_received(b"GET / HTTP/1.1\r\nhost:")
        await asyncio.sleep(0.2)

    status, error = status_and_error(talk(steps))
    assert status == 408
    assert "head of a request within" in error["message"]


@pytest.mark.usefixtures("_short")
def test_a_connection_that_says_nothing_is_closed_without_a_word() -> None:
    async def steps(connection: HttpProtocol, transport: Transport) -> None:
        await asyncio.sleep(0.2)

    transport = talk(steps)
    assert (transport.closed, transport.written) == (True, b"")


@pytest.mark.usefixtures("_short")
def test_a_head_that_is_too_long_is_refused() -> None:
    async def steps(connection: HttpProtocol, transport: Transport) -> None:
        connection.data_received(b"GET / HTTP/1.1\r\n")
        for number in range(30):
            if not transport.closed:
                connection.data_received(b"x-%d: " % number + b"y" * 50 + b"\r\n")

    status, error = status_and_error(talk(steps))
    assert status == 431
    assert "at most 1000 bytes" in error["message"]


@pytest.mark.usefixtures("_short")
def test_a_head_that_is_complete_has_all_the_time_it_needs_for_its_body() -> None:
    async def steps(connection: HttpProtocol, transport: Transport) -> None:
        connection.data_received(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\n" + b"z" * 4000)
        await asyncio.sleep(0.2)
        assert not transport.closed

    assert b"204" in talk(steps).written


def test_what_comes_behind_a_body_is_no_header() -> None:
    seen: list[Any] = []

    async def note(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        seen.append(dict(scope["headers"]))
        await nothing(scope, receive, send)

    async def steps(connection: HttpProtocol, transport: Transport) -> None:
        connection.app = note
        chunked = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ntrailer: authorization\r\n\r\n"
        connection.data_received(chunked + b"2\r\n{}\r\n0\r\nauthorization: Bearer t0ken\r\n\r\n")
        connection.data_received(b"GET / HTTP/1.1\r\nauthorization: Bearer other\r\nhost: x\r\n\r\n")
        for _ in range(10):
            await asyncio.sleep(0)

    assert talk(steps).written.count(b"204") == 2
    assert [headers.get(b"authorization") for headers in seen] == [None, b"Bearer other"]


async def greet(scope: Any, receive: Any, send: Any) -> None:
    """Answer in two parts, once the request was received."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"10")]})
    await send({"type": "http.response.body", "body": b"hello", "more_body": True})
    await send({"type": "http.response.body", "body": b"world"})


def answered(app: Any, request: bytes) -> Transport:
    """Return the transport on which `app` has answered a request."""

    async def steps(connection: HttpProtocol, transport: Transport) -> None:
        connection.app = app
        connection.data_received(request)
        for _ in range(10):
            await asyncio.sleep(0)

    return talk(steps)


def test_a_head_is_sent_together_with_the_first_part_of_the_body() -> None:
    first, second = answered(greet, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").pieces
    assert first.startswith(b"HTTP/1.1 200 OK\r\n")
    assert first.endswith(b"\r\n\r\nhello")
    assert second == b"world"


def test_a_head_without_a_body_is_sent() -> None:
    (head,) = answered(greet, b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n").pieces
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert head.endswith(b"\r\n\r\n")


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked_at_once() -> None:
    expecting = b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"

    async def steps(connection: HttpProtocol, transport: Transport) -> None:
        connection.app = greet
        connection.data_received(expecting)
        for _ in range(10):
            await asyncio.sleep(0)
        assert transport.pieces == [b"HTTP/1.1 100 Continue\r\n\r\n"]
        connection.data_received(b"{}")
        for _ in range(10):
            await asyncio.sleep(0)

    assert talk(steps).written.endswith(b"\r\n\r\nhelloworld")


def test_the_head_of_an_answer_that_breaks_off_is_sent_before_the_connection_closes() -> None:
    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        raise ValueError("no more")

    transport = answered(fail, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert transport.written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert transport.closed


def test_answers_to_requests_that_were_sent_together_come_in_order() -> None:
    two = b"GET /a HTTP/1.1\r\nhost: x\r\n\r\nHEAD /b HTTP/1.1\r\nhost: x\r\n\r\nGET /c HTTP/1.1\r\nhost: x\r\n\r\n"
    pieces = answered(greet, two).pieces
    assert [piece[:8] for piece in pieces] == [b"HTTP/1.1", b"world", b"HTTP/1.1", b"HTTP/1.1", b"world"]
