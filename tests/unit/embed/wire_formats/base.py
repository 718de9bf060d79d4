"""A loopback server that speaks the documented format of one provider, with its faults."""

from __future__ import annotations

import http.server
import inspect
import json
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from chromadb import errors
from chromadb.utils import embedding_functions

KEY = "sk-the-right-key-0123456789"
"""The key that the server accepts."""
DIMENSION = 6
TOO_LONG = 5_000
"""Characters of a text from which on the server refuses it."""
NO_MODEL = "no-such-model"
"""A model that the server does not have."""


class Fault(NamedTuple):
    """What the server does instead of answering, once."""

    status: int = 0
    """0: none; an answer comes, after `delay`."""
    headers: dict[str, str] = {}
    body: Any = None
    """None: what the provider documents for the status."""
    delay: float = 0
    fewer: bool = False
    """Whether a vector is left out."""


class Asked(NamedTuple):
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: Any


class WireFormat:
    """What a provider documents: addresses, requests, answers, errors.

    Subclasses are the entries of the table of cases, one per provider.
    """

    name: str
    """Of the embedding function."""
    class_name: str
    path: str
    """Where requests for embeddings go."""
    key_header = "authorization"
    tells_queries = False
    """Whether requests say if they are about queries."""
    has_key = True
    """Whether the server wants a key."""

    @property
    def takes_key(self) -> bool:
        """Whether the published constructor takes the key itself, beside the name of its variable."""
        return self.has_key and "api_key" in inspect.signature(getattr(embedding_functions, self.class_name)).parameters

    quota: tuple[int, Any] | None = None
    """Status and body for an account without credit, where that is documented."""
    arguments: dict[str, Any] = {}
    """For the constructor, beside the address and the key."""
    heavy = False
    """Whether the client library is installed for `make test-heavy` only."""
    model_parameter: str | None = "model_name"
    space = "cosine"
    """Of collections that name none."""
    no_model_error: type[errors.ChromaError] = errors.EmbeddingModelNotFoundError

    def function(self, url: str, **more: Any) -> Any:
        """Return the embedding function, pointed at a server."""
        return getattr(embedding_functions, self.class_name)(**{**self.address(url), **self.arguments, **more})

    def address(self, url: str) -> dict[str, Any]:
        """Return the arguments that point the function at a server."""
        return {"api_base": url}

    def environment(self, url: str) -> dict[str, str]:
        """Return variables that are set, beside that of the key."""
        return {}

    def key(self, headers: dict[str, str]) -> str:
        """Return the key of a request."""
        return headers.get(self.key_header, "").removeprefix("Bearer ")

    def knows(self, asked: Asked) -> bool:
        """Tell whether the server has such an address."""
        return asked.path.partition("?")[0] == self.path

    def texts(self, asked: Asked) -> list[str]:
        """Return the texts of a request."""
        texts = asked.body["input"]
        assert isinstance(texts, list)
        return texts

    def model(self, asked: Asked) -> str:
        """Return the model of a request."""
        return str(asked.body.get("model"))

    def purpose(self, asked: Asked) -> str | None:
        """Return ``"query"`` or ``"document"``, None where a request does not tell."""
        return None

    def dimension(self, asked: Asked) -> int:
        """Return the dimension that a request asks for."""
        return asked.body.get("dimensions") or DIMENSION

    def vector(self, text: str, purpose: str | None = None, dimension: int = DIMENSION) -> list[float]:
        """Return the vector of a text: the first number tells queries, the second the text."""
        code = zlib.crc32(text.encode())
        return [1.0 if purpose == "query" else 0.0, (code % 1000) / 8, *([0.5] * (dimension - 2))]

    def answer(self, vectors: list[list[float]], asked: Asked) -> Any:
        """Return the body of an answer."""
        raise NotImplementedError

    def error(self, status: int, text: str, asked: Asked) -> Any:
        """Return the body that goes with a status."""
        raise NotImplementedError

    def wrong_key(self, asked: Asked) -> tuple[int, Any]:
        """Return status and body for a key that the server does not accept."""
        return 401, self.error(401, f"the key {self.key(asked.headers)} is not valid", asked)

    def no_model(self, asked: Asked) -> tuple[int, Any]:
        """Return status and body for a model that does not exist."""
        return 404, self.error(404, f"The model `{self.model(asked)}` does not exist", asked)

    def too_long(self, asked: Asked) -> tuple[int, Any]:
        """Return status and body for a text that is too long."""
        return 400, self.error(400, "This model's maximum context length is 512 tokens", asked)


class Provider:
    """A running server: what it was asked, and what it will do wrong."""

    def __init__(self, wire: WireFormat) -> None:
        self.wire = wire
        self.asked: list[Asked] = []
        self.faults: list[Fault] = []
        self.url = ""

    def texts(self) -> list[list[str]]:
        """Return the texts of each request."""
        return [self.wire.texts(asked) for asked in self.asked]

    def respond(self, asked: Asked) -> tuple[int, dict[str, str], Any]:
        """Return status, headers and body."""
        self.asked.append(asked)
        wire = self.wire
        fault = self.faults.pop(0) if self.faults else Fault()
        time.sleep(fault.delay)
        if fault.status:
            body = wire.error(fault.status, "a fault", asked) if fault.body is None else fault.body
            return fault.status, fault.headers, body
        if not wire.knows(asked):
            return 404, {}, wire.error(404, f"no such address: {asked.path}", asked)
        if wire.has_key and wire.key(asked.headers) != KEY:
            status, body = wire.wrong_key(asked)
            return status, {}, body
        if wire.model(asked) == NO_MODEL:
            status, body = wire.no_model(asked)
            return status, {}, body
        texts = wire.texts(asked)
        if any(len(text) > TOO_LONG for text in texts):
            status, body = wire.too_long(asked)
            return status, {}, body
        purpose, dimension = wire.purpose(asked), wire.dimension(asked)
        vectors = [wire.vector(text, purpose, dimension) for text in texts]
        return 200, {}, wire.answer(vectors[: len(vectors) - fault.fewer], asked)


@contextmanager
def serve(wire: WireFormat) -> Iterator[Provider]:
    """Run a server of a format on a free port of the loopback interface."""
    provider = Provider(wire)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, more, body = provider.respond(Asked(self.path, headers, json.loads(content)))
            payload = body if isinstance(body, bytes) else json.dumps(body).encode()
            try:
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **more}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)
            except OSError:  # whoever asked did not wait
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
