"""Sending requests without blocking the event loop. The only part of the HTTP runner that has a twin of its own."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import httpx

from chromadb import _tracing
from chromadb._client.http.options import HttpOptions
from chromadb._wire.codec import JSON, Request
from chromadb.errors import ClosedClientError


class AsyncTransport:
    """Connections to one server, a pool for each event loop: connections cannot change the loop.

    Args:
        options: how to speak with the server.
    """

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self._clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._closed = False

    async def send(self, request: Request) -> httpx.Response:
        """Send a request; return the answer, read to its end.

        Raises:
            httpx.TransportError: there is none.
            ClosedClientError: the transport is closed, or was while it waited.
        """
        method, path, query, body = request
        url = self._options.address(path)
        headers = _tracing.headers()
        if body is not None:
            headers["content-type"] = JSON
        try:
            return await self._client().request(method, url, params=query or None, content=body, headers=headers)
        except RuntimeError:
            if self._closed:  # by another task, after this one had its client
                raise _closed() from None
            raise

    async def pause(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Close the connections of this loop at once, and have other loops that still run close theirs.

        There will be no others. Calling it again does nothing.
        """
        self._closed = True
        clients, self._clients = self._clients, {}
        here = asyncio.get_running_loop()
        for loop, client in clients.items():
            if loop is here:
                await client.aclose()
            elif loop.is_running():
                with suppress(RuntimeError):  # it was closed just now
                    asyncio.run_coroutine_threadsafe(client.aclose(), loop)

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            for other in [each for each in list(self._clients) if each.is_closed()]:
                self._clients.pop(other, None)
            client = self._clients[loop] = httpx.AsyncClient(**self._options.for_httpx())
        # Last, without a lock: another thread may close meanwhile, and then this one has no connections yet.
        if self._closed:
            raise _closed()
        return client


def _closed() -> ClosedClientError:
    return ClosedClientError("The client is closed. Make a new one.")
