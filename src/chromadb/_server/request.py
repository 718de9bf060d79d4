"""Requests: what ASGI hands over, as far as it is needed."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

from chromadb._model.entities import UserIdentity
from chromadb._server.refusals import Disconnected, Refusal
from chromadb._wire.dialects import Dialect, client_dialect
from chromadb.errors import RequestTooLargeError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_SANE_ID = re.compile(rb"[A-Za-z0-9._:/+=-]{1,128}")


class Request:
    """A request: method, path and headers at once, the body when it is read."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.scope = scope
        self._receive = receive
        self.all_headers: list[tuple[bytes, bytes]] = scope["headers"]
        self.headers: dict[bytes, bytes] = dict(self.all_headers)
        """Of those given twice the last."""
        self.path = self._path()
        self.id = self._id()
        self.received = 0
        """Bytes of the body."""
        self.identity: UserIdentity | None = None
        """Who asks, from before the body is read; None where nobody has to prove it."""

    def _path(self) -> str:
        raw = self.scope.get("raw_path")
        path = raw.split(b"?", 1)[0].decode("latin-1") if raw else str(self.scope["path"])
        root = self.scope.get("root_path", "").rstrip("/")
        return path[len(root) :] if root and path.startswith(f"{root}/") else path

    def _id(self) -> str:
        given = self.headers.get(b"x-request-id")
        if given is not None and _SANE_ID.fullmatch(given):
            return given.decode()
        return os.urandom(8).hex()

    @property
    def dialect(self) -> Dialect:
        """The dialect of the client."""
        agent, content_type = self.headers.get(b"user-agent", b""), self.headers.get(b"content-type", b"")
        return client_dialect(self.path, agent.decode("latin-1"), content_type.decode("latin-1"))

    @property
    def client(self) -> str:
        """The address that the request came from."""
        client = self.scope.get("client")
        return str(client[0]) if client else ""

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query; of those given twice the last."""
        raw: bytes = self.scope.get("query_string", b"")
        if not raw:
            return {}
        try:
            return dict(parse_qsl(raw.decode("latin-1"), keep_blank_values=False, errors="strict", max_num_fields=100))
        except ValueError:
            raise Refusal(
                400, "InvalidArgumentError", f"Expected the query of the URL to be UTF-8, got {raw[:80]!r}."
            ) from None

    async def body(self, limit: int, seconds: float) -> bytes:
        """Read the body.

        Args:
            limit: bytes that it may have. A longer one is read to its end all the same, and thrown away, because many
                clients listen only after they have sent everything.
            seconds: that it may take.

        Raises:
            RequestTooLargeError: it is longer.
            Refusal: it takes longer.
            Disconnected: the client went away.
        """
        buffer = bytearray()
        more = True
        with _Deadline(seconds) as deadline:
            while more:
                try:
                    message = await self._receive()
                except asyncio.CancelledError:
                    if deadline.passed:
                        raise self._too_slow() from None
                    raise
                if message["type"] == "http.disconnect":
                    raise Disconnected
                chunk: bytes = message.get("body", b"")
                more = message.get("more_body", False)
                self.received += len(chunk)
                if not more and self.received == len(chunk) <= limit:
                    return chunk
                if self.received <= limit:
                    buffer += chunk
                else:
                    buffer.clear()
        return bytes(buffer) if self.received <= limit else self._too_large(limit)

    def _too_slow(self) -> Refusal:
        return Refusal(
            408,
            "RequestTimeout",
            f"Expected the body of the request within chroma_server_request_timeout_seconds, got {self.received} bytes "
            "of it by then.",
            ((b"connection", b"close"),),
        )

    def _too_large(self, limit: int) -> bytes:
        raise RequestTooLargeError(
            f"Expected the body of a request to have at most {limit} bytes, got {self.received}. Send fewer records at "
            "once, or raise chroma_server_max_body_bytes."
        )


class _Deadline:
    """Cancels the task that enters it if it has not left by then.

    What `asyncio.timeout` does, which Python 3.10 lacks; `asyncio.wait_for` makes a task for every message.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.passed = False

    def __enter__(self) -> _Deadline:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._pass)
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()

    def _pass(self) -> None:
        self.passed = True
        self._task.cancel()
