"""The four ways to a database, made to look alike: memory, disk, HTTP, asynchronous HTTP."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

import chromadb
from chromadb.api.async_client import AsyncAdminClient, AsyncClient
from chromadb.api.client import AdminClient
from chromadb.api.models.AsyncCollection import AsyncCollection
from chromadb.config import Settings


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Any]) -> str:
    """Return the URL of a server of our own: four processes on one directory, whichever of them answers."""
    return str(start_server(workers=4, allow_reset=True, chroma_synchronous="normal").url)


class Blocking:
    """An asynchronous client, collection or admin client, whose methods are waited for."""

    def __init__(self, wrapped: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._wrapped = wrapped
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._wrapped, name)
        if not inspect.iscoroutinefunction(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._wrap(self._loop.run_until_complete(found(*args, **kwargs)))

        return call

    def _wrap(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._wrap(each) for each in value]
        return Blocking(value, self._loop) if isinstance(value, AsyncCollection) else value


Place = tuple[Any, Any]
"""A client and an admin client of one place."""

WAYS = ("memory", "disk", "http", "async")


@pytest.fixture
def open_way(server: str, tmp_path: Path) -> Iterator[Callable[[str], Place]]:
    """Return a function that gives clients of an empty place, reached in one of the ways."""
    with ExitStack() as stack:

        def embedded(client: chromadb.ClientAPI) -> Place:
            stack.enter_context(client)
            client.reset()
            return client, stack.enter_context(AdminClient.from_system(client._system))

        def remote() -> Place:
            client = stack.enter_context(chromadb.HttpClient(host=server))
            client.reset()
            return client, stack.enter_context(AdminClient.from_system(client._system))

        def remote_async() -> Place:
            loop = asyncio.new_event_loop()
            stack.callback(loop.close)
            made: AsyncClient = loop.run_until_complete(chromadb.AsyncHttpClient(host=server))
            admin = AsyncAdminClient.from_system(made._system)
            stack.callback(lambda: [loop.run_until_complete(each.close()) for each in (admin, made)])
            client = Blocking(made, loop)
            client.reset()
            return client, Blocking(admin, loop)

        settings = Settings(allow_reset=True, chroma_synchronous="normal")
        opened = {
            "memory": lambda: embedded(chromadb.EphemeralClient(settings)),
            "disk": lambda: embedded(chromadb.PersistentClient(tmp_path / "db", settings)),
            "http": remote,
            "async": remote_async,
        }
        yield lambda way: opened[way]()
