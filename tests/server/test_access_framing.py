"""Bytes on a connection: no way of framing a request leads around authentication, or brings another one along."""

from __future__ import annotations

import http.client
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest

HOST = b"host: x\r\n"
TOKEN = b"authorization: Bearer t0ken\r\n"
IDENTITY = b"GET /api/v2/auth/identity HTTP/1.1\r\n"
WRITE = b"POST /api/v2/tenants/default_tenant/databases/default_database/collections HTTP/1.1\r\n"
HIDDEN = IDENTITY + HOST + TOKEN + b"\r\n"


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Any]) -> Any:
    """A server that knows one token."""
    return start_server(
        chroma_server_authn_provider="chromadb.auth.token_authn.TokenAuthenticationServerProvider",
        chroma_server_authn_credentials="t0ken",
    )


def answers(server: Any, data: bytes) -> tuple[list[int], bytes]:
    """Send bytes, and return the statuses of what comes back, and all of it."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock:
        received = b""
        try:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while chunk := sock.recv(65536):
                received += chunk
        except OSError:
            pass  # the server has hung up
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d+)", received)], received


def test_the_request_as_it_is_meant(server: Any) -> None:
    statuses, received = answers(server, HIDDEN)
    assert statuses == [200]
    assert b"anonymous" in received


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (IDENTITY + HOST + b"authorization : Bearer t0ken\r\n\r\n", [400]),
        (IDENTITY + HOST + b"authorization: Bearer\r\n t0ken\r\n\r\n", [400]),
        (IDENTITY + HOST + b"x: a\r\n " + TOKEN + b"\r\n", [400]),
        (IDENTITY + HOST + TOKEN + TOKEN + b"\r\n", [403]),
        (IDENTITY + HOST + b"AUTHORIZATION: Bearer no\r\n" + TOKEN + b"\r\n", [403]),
        (IDENTITY + HOST + b"authorization: Bearer t0ke\xe2\x80\x8bn\r\n\r\n", [403]),
        (b"GET http://x/api/v2/heartbeat/../auth/identity HTTP/1.1\r\n" + HOST + b"\r\n", [404]),
        (b"GET http://x/api/v2/auth/identity HTTP/1.1\r\n" + HOST + b"\r\n", [403]),
        (b"GET /api/v2/auth/identity#/api/v2/heartbeat HTTP/1.1\r\n" + HOST + b"\r\n", [403]),
        (b"GET /api/v2/heartbeat\0/../auth/identity HTTP/1.1\r\n" + HOST + b"\r\n", [400]),
        (b"GET /api/v2/auth/identity HTTP/1.0\r\n\r\n", [403]),
        (b"CONNECT /api/v2/auth/identity HTTP/1.1\r\n" + HOST + b"\r\n", [405]),
        # The body of a request that is refused is no request.
        (WRITE + HOST + b"content-length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN, [403]),
        (WRITE + HOST + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN, [400]),
        (WRITE + HOST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN, [400]),
        (WRITE + HOST + b"content-length: 0\r\ncontent-length: 9\r\n\r\n" + HIDDEN, [400]),
        (WRITE + HOST + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + TOKEN + b"\r\n", [403]),
        (IDENTITY + HOST + b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\r\n", [403]),
        (IDENTITY + HOST + b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\n\r\n", [403]),
    ],
)
def test_no_way_of_framing_a_request_leads_around(server: Any, data: bytes, expected: list[int]) -> None:
    statuses, received = answers(server, data)
    assert statuses == expected
    assert b"anonymous" not in received
    assert "t0ken" not in server.log()


def test_credentials_hold_for_the_request_that_they_come_with(server: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    statuses = []
    for headers in ({"authorization": "Bearer t0ken"}, {}, {"authorization": "Bearer no"}):
        connection.request("GET", "/api/v2/auth/identity", headers=headers)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()
    assert statuses == [200, 403, 403]
