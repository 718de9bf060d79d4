"""The application in this process, without sockets."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from chromadb._server.app import Application
from chromadb.config import Settings

NEW = {"user-agent": "Chroma Python Client v1.5.9 (https://github.com/chroma-core/chroma)"}
OLD = {"user-agent": "python-httpx/0.27.0"}
DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"
COLLECTIONS = f"{DATABASE}/collections"


class Answer(NamedTuple):
    """What the application answered."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        """The body."""
        return json.loads(self.content)


class Api:
    """An application, driven as an ASGI server drives it."""

    def __init__(self, settings: Settings) -> None:
        self.lines = io.StringIO()
        self.application = Application(settings, self.lines)
        self.application.open()
        self._loop = asyncio.new_event_loop()

    def log(self) -> list[dict[str, Any]]:
        """Return the lines of the access log so far."""
        self.application._log.flush()
        return [json.loads(line) for line in self.lines.getvalue().splitlines()]

    def close(self) -> None:
        """Close it."""
        self.application.close()
        self._loop.close()

    def send(
        self, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None, **scope: Any
    ) -> Answer:
        """Send a request; its body is bytes, a list of bytes that come one by one, or something to encode as JSON."""
        chunks = body if isinstance(body, list) and body and isinstance(body[0], bytes) else None
        if chunks is None:
            chunks = [body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()]
        messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": chunk, "more_body": place < len(chunks) - 1}
            for place, chunk in enumerate(chunks)
        ]
        return self.drive(method, target, messages, headers, **scope)

    def drive(
        self,
        method: str,
        target: str,
        messages: list[dict[str, Any]],
        headers: dict[str, str] | None = None,
        **scope: Any,
    ) -> Answer:
        """Have the application receive these messages, and then nothing more."""
        return self._loop.run_until_complete(self._drive(method, target, messages, headers or NEW, scope))

    def together(self, *requests: tuple[str, str, Any]) -> list[Answer]:
        """Send requests (method, target, body) at the same time."""

        async def all_of_them() -> list[Answer]:
            sent = []
            for method, target, body in requests:
                message = {"type": "http.request", "body": json.dumps(body).encode() if body is not None else b""}
                sent.append(self._drive(method, target, [message], NEW, {}))
            return list(await asyncio.gather(*sent))

        return self._loop.run_until_complete(all_of_them())

    async def _drive(
        self, method: str, target: str, messages: list[dict[str, Any]], headers: dict[str, str], scope: dict[str, Any]
    ) -> Answer:
        path, _, query = target.partition("?")
        answered: list[Any] = []
        waiting = list(messages)

        async def receive() -> dict[str, Any]:
            if not waiting:
                await asyncio.sleep(3600)
            return waiting.pop(0)

        async def send(message: Any) -> None:
            answered.append(message)

        pairs = headers.items() if isinstance(headers, dict) else headers
        encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in pairs]
        full = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": encoded,
            "client": ("192.0.2.1", 1234),
            "root_path": "",
            **scope,
        }
        await self.application(full, receive, send)
        if not answered:
            return Answer(0, {}, b"")
        head = {name.decode(): value.decode() for name, value in answered[0]["headers"]}
        return Answer(answered[0]["status"], head, b"".join(each.get("body", b"") for each in answered[1:]))


@pytest.fixture
def make_api(clean_environment: pytest.MonkeyPatch) -> Iterator[Callable[..., Api]]:
    """Make applications on memory, with settings."""
    made: list[Api] = []

    def make(**settings: Any) -> Api:
        made.append(Api(Settings(**settings)))
        return made[-1]

    yield make
    for api in made:
        api.close()


@pytest.fixture
def api(make_api: Callable[..., Api]) -> Api:
    """An application that may be reset."""
    return make_api(allow_reset=True)


@pytest.fixture
def collection(api: Api) -> str:
    """The path of a collection with three records of two dimensions."""
    made = api.send("POST", COLLECTIONS, {"name": "letters"}).json
    path = f"{COLLECTIONS}/{made['id']}"
    records = {
        "ids": ["a", "b", "c"],
        "embeddings": [[1, 0], [0, 1], [1, 1]],
        "documents": ["one", "two", "three"],
        "metadatas": [{"n": 1}, {"n": 2, "tag": "x"}, None],
    }
    assert api.send("POST", f"{path}/add", records).status == 201
    return path
