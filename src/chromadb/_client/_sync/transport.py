"""Sending requests. The only part of the HTTP runner that has a twin of its own."""

from __future__ import annotations

import os
import threading
import time
from weakref import WeakSet

import httpx

from chromadb import _tracing
from chromadb._client.http.options import HttpOptions
from chromadb._wire.codec import JSON, Request
from chromadb.errors import ClosedClientError


class Transport:
    """Connections to one server, which threads may share. A child process makes connections of its own.

    Args:
        options: how to speak with the server.
    """

    def __init__(self, options: HttpOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._made: httpx.Client | None = None
        self._closed = False
        _all.add(self)

    def send(self, request: Request) -> httpx.Response:
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
            return self._client().request(method, url, params=query or None, content=body, headers=headers)
        except RuntimeError:
            if self._closed:  # by another thread, after this one had its client
                raise _closed() from None
            raise

    def pause(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def close(self) -> None:
        """Close the connections; there will be no others. Calling it again does nothing."""
        with self._lock:
            self._closed = True
            client, self._made = self._made, None
        if client is not None:
            client.close()

    def renew(self) -> None:
        """Begin anew in a child process: connections and locks of its parent are not its own."""
        self._lock = threading.Lock()
        if self._made is not None:
            _inherited.append(self._made)  # neither used nor closed here
            self._made = None

    def _client(self) -> httpx.Client:
        client = self._made
        if client is None:
            with self._lock:
                if self._closed:
                    raise _closed()
                if self._made is None:
                    self._made = httpx.Client(**self._options.for_httpx())
                client = self._made
        return client


def _closed() -> ClosedClientError:
    return ClosedClientError("The client is closed. Make a new one.")


_all: WeakSet[Transport] = WeakSet()
_inherited: list[httpx.Client] = []


def _renew_all() -> None:
    for transport in list(_all):
        transport.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
