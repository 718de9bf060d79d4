"""The HTTP protocol: what uvicorn's does, within limits of its own for heads, and with errors in JSON."""

from __future__ import annotations

import asyncio
from typing import cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from chromadb._wire.errors import ErrorBody, Failure

MAX_HEAD_BYTES = 64 * 1024
"""The longest head of a request."""

HEAD_SECONDS = 20.0
"""How long the head of a request may take to arrive, and a new connection to begin with one."""


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    _head: asyncio.TimerHandle | None = None
    """Runs while the head of a request is awaited."""
    _head_bytes = 0
    _head_complete = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_arrived()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_complete = False
        self._await_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes behind a body would be taken for headers, past a proxy that looks at those alone.
        if not self._head_complete:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._head_arrived()
        self._head_complete = True
        super().on_headers_complete()
        if self.cycle.scope["method"] != "HEAD":
            self.cycle.transport = cast(asyncio.Transport, _Joined(self.cycle))

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._head is not None and not self.transport.is_closing():
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(431, f"Expected the head of a request to have at most {MAX_HEAD_BYTES} bytes, got more.")

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "Expected a request of HTTP/1.1, got something else.")

    def _await_head(self) -> None:
        if self._head is None:
            self._head_bytes = 0
            self._head = self.loop.call_later(HEAD_SECONDS, self._head_late)

    def _head_arrived(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _head_late(self) -> None:
        self._head = None
        if self._head_bytes:
            self._refuse(408, f"Expected the head of a request within {HEAD_SECONDS:g} seconds, got a part of it.")
        else:
            self.transport.close()

    def _refuse(self, status: int, message: str) -> None:
        self._head_arrived()
        body = Failure(status, ErrorBody("InvalidHTTPVersion" if status == 400 else "ChromaError", message)).body()
        self.transport.write(
            STATUS_LINE[status] + b"content-type: application/json\r\ncontent-length: %d\r\n"
            b"connection: close\r\n\r\n%s" % (len(body), body)
        )
        self.transport.close()


class _Joined:
    """Where an answer is written to: its head waits for the first part of its body, to be sent together with it.

    Alone it would be a system call of its own, by which the client wakes up in vain.
    """

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._transport = cycle.transport
        self._head: bytes | None = None
        """None before it is known, empty when it is sent."""

    def write(self, data: bytes) -> None:
        if self._head:
            self._transport.writelines((self._head, data))
            self._head = b""
        elif self._head is None and self._cycle.response_started:
            self._head = data
        else:
            self._transport.write(data)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        if self._head:
            self._transport.write(self._head)
        self._transport.close()
