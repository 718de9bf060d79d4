"""A server of the test's own, which answers what the test says and notes what it was asked."""

from __future__ import annotations

import http.server
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import pytest


class Asked(NamedTuple):
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int
    """The port at the other end: the same for requests that share a connection."""


PRE_FLIGHT = {"max_batch_size": 100, "supports_base64_encoding": True, "extended": True}
DATABASE = {"id": "00000000-0000-0000-0000-000000000000", "name": "default_database", "tenant": "default_tenant"}


class Stub:
    """A server that is asked by a client, and what it answers."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: dict[str, Any] = {
            "/api/v2/pre-flight-checks": PRE_FLIGHT,
            "/api/v2/version": "1.5.9",
            "/api/v2/heartbeat": {"nanosecond heartbeat": 1},
            "/api/v2/tenants/default_tenant": {"name": "default_tenant"},
            "/api/v2/tenants/default_tenant/databases/default_database": DATABASE,
        }
        """What is answered by path: a value as JSON, a tuple of body, status and headers, a list of tuples to be used
        up, or a function of what was asked that gives one of these, or None to close the connection without a word."""
        self.scheme = "http"
        self.port = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def answer(self, asked: Asked) -> tuple[Any, int, dict[str, str]] | None:
        self.asked.append(asked)
        found = self.answers.get(asked.path.partition("?")[0], (b"Not Found", 404, {"content-type": "text/plain"}))
        if callable(found):
            found = found(asked)
        if isinstance(found, list) and found and isinstance(found[0], (tuple, type(None))):
            found = found.pop(0) if len(found) > 1 else found[0]
        if found is None:
            return None
        body, status, headers = (
            (*found, *(None, 200, {})[len(found) :]) if isinstance(found, tuple) else (found, 200, {})
        )
        return body if isinstance(body, bytes) else json.dumps(body).encode(), status, headers


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stub: Stub

    def setup(self) -> None:
        super().setup()
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.stub.answer(Asked(self.command, self.path, headers, body, self.client_address[1]))
        if answer is None:
            self.close_connection = True
            return
        data, status, more = answer
        self.send_response(status)
        for name, value in {"content-type": "application/json", **more}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = _do  # noqa: N815

    def log_message(self, *args: Any) -> None:
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients of these tests break connections on purpose


@contextmanager
def serving(stub: Stub, *, tls: ssl.SSLContext | None = None, family: int = socket.AF_INET) -> Iterator[Stub]:
    """Have a stub answer on a free port of this machine."""
    kind = type("Server", (_Server,), {"address_family": family})
    handler = type("Handler", (_Handler,), {"stub": stub})
    with kind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
            stub.scheme = "https"
        stub.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., Stub]]:
    """Return a function that starts a stub; all are stopped at the end."""
    with ExitStack() as stack:
        yield lambda **how: stack.enter_context(serving(Stub(), **how))


@pytest.fixture
def stub(serve: Callable[..., Stub]) -> Stub:
    """Return a server that says about itself what ours does, and knows the default tenant and database."""
    return serve()


@pytest.fixture
def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.fixture
def one_answer() -> Iterator[Callable[[bytes], int]]:
    """Return a function that listens on a port and answers every connection with these bytes; it gives the port."""
    with ExitStack() as stack:

        def start(text: bytes) -> int:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def run() -> None:
                while True:
                    try:
                        connection, _ = listener.accept()
                    except OSError:
                        return
                    with connection:
                        connection.recv(65536)
                        connection.sendall(text)

            threading.Thread(target=run, daemon=True).start()
            stack.callback(listener.shutdown, socket.SHUT_RDWR)
            port: int = listener.getsockname()[1]
            return port

        yield start


@pytest.fixture(autouse=True)
def _own_settings(clean_environment: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """No settings and no proxies from outside."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir"):
        clean_environment.delenv(name, raising=False)
        clean_environment.delenv(name.upper(), raising=False)
    clean_environment.chdir(tmp_path)
