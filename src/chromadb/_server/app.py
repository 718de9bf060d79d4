"""The ASGI application: one handler for every route of the table."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO
from uuid import UUID

from msgspec import structs

from chromadb._model import operations as op
from chromadb._model.operations import Operation
from chromadb._observability import observe
from chromadb._server.access_log import AccessLog, Line, TracedLine, now
from chromadb._server.logs import request_id
from chromadb._server.observed import METRICS, ObservedServer
from chromadb._server.pages import PAGES
from chromadb._server.pool import Pool
from chromadb._server.quick import SLOW, QuickReads, clock
from chromadb._server.refusals import Disconnected, Header, Refusal
from chromadb._server.request import Receive, Request, Scope, Send
from chromadb._server.router import Match, match
from chromadb._server.unsupported import refuse_unprotected
from chromadb._settings import Settings
from chromadb._wire import codec
from chromadb._wire.errors import Failure, encode_error
from chromadb.errors import BatchSizeExceededError, ChromaError, InternalError

if TYPE_CHECKING:
    from chromadb._observability.prometheus import Scraped

logger = logging.getLogger("chromadb.server")

_AT_ONCE = (op.Heartbeat, op.GetVersion, op.GetMaxBatchSize, op.GetUserIdentity)
"""Operations that touch no storage; they are run in place, however busy the threads are."""

_SMALL = 64 * 1024
"""The longest body that is decoded in the event loop."""

FLUSH = 3.0
"""Seconds that the end of a server waits for a collector that takes nothing."""

_JSON = (b"content-type", codec.JSON.encode())
_RETRY = (b"retry-after", b"1")


class Response(NamedTuple):
    """An answer."""

    status: int
    body: bytes
    headers: Sequence[Header] = (_JSON,)
    error: str | None = None
    """The name of the error, for the log."""


class Application:
    """Chroma's HTTP API on an engine of its own, which is open between startup and shutdown of the ASGI lifespan.

    Args:
        settings: what the server is to be.
        log: where the access log is written; None for none, as under a server that has one of its own.
        shared: a folder that the processes of the server share; None for one that is alone.
    """

    def __init__(self, settings: Settings, log: TextIO | None = None, shared: str | None = None) -> None:
        self.settings = settings
        self._log = None if log is None else AccessLog(log)
        self._engine: op.Runner | None = None
        self._pool = Pool(
            settings.chroma_server_thread_pool_size,
            settings.chroma_server_max_concurrent_requests,
            settings.chroma_server_request_timeout_seconds,
        )
        self._quick = QuickReads()
        self._shared = shared
        self._observed: ObservedServer | None = None
        self._http = self._serve
        if settings.chroma_server_cors_allow_origins:
            from starlette.middleware.cors import CORSMiddleware

            self._http = CORSMiddleware(
                self._serve,
                allow_origins=settings.chroma_server_cors_allow_origins,
                allow_methods=["*"],
                allow_headers=["*"],
                expose_headers=["X-Request-Id"],
            )

    @property
    def busy(self) -> int:
        """How many requests are at work in threads."""
        return self._pool.busy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of ASGI."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    # --- lifespan ---------------------------------------------------------------------------------

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            self.open()
        except ChromaError as error:
            await send({"type": "lifespan.startup.failed", "message": error.message()})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.close()
        await send({"type": "lifespan.shutdown.complete"})

    def open(self) -> None:
        """Open the engine.

        Raises:
            ChromaError: the directory cannot be opened, or the settings ask for authentication.
        """
        refuse_unprotected(self.settings)
        from chromadb._engine.local import open_engine

        settings = self.settings
        path = os.path.realpath(settings.persist_directory) if settings.is_persistent else None
        observer = observe(settings, server=True)
        self._engine = open_engine(path, settings, observer, max_batch_size=settings.chroma_server_max_batch_size)
        if observer is not None:
            self._observed = ObservedServer(observer, self._pool, self._shared)

    def close(self) -> None:
        """Close the engine. Calling it again does nothing."""
        engine, self._engine = self._engine, None
        self._pool.close()
        if engine is not None:
            engine.close()
        observed, self._observed = self._observed, None
        if observed is not None:
            observed.close(min(FLUSH, self.settings.chroma_server_grace_seconds))
        if self._log is not None:
            self._log.flush()

    # --- requests ---------------------------------------------------------------------------------

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        request_id.set(request.id)
        if self._observed is None:
            await self._answer(request, send)
            return
        with self._observed.request(request) as observed:
            response, found = await self._answer(request, send)
            observed.answered(_template(request, found), response.status, response.error, len(response.body))

    async def _answer(self, request: Request, send: Send) -> tuple[Response, Match | None]:
        started = time.perf_counter()
        found: Match | None = None
        try:
            path = request.path.rstrip("/") if request.method in ("GET", "HEAD") else ""
            page = PAGES.get(path)
            if path == METRICS and self._observed is not None and self._observed.scraped is not None:
                response = await self._metrics(request, self._observed.scraped)
            elif page is not None:
                response = Response(200, page.content(), ((b"content-type", page.content_type),))
            else:
                found = match(request.method, request.path)
                response = await self._respond(request, found)
        except Disconnected:
            response = Response(499, b"", error="Disconnected")
        except Refusal as refusal:
            response = _failed(refusal.failure, request, refusal.headers)
        except ChromaError as error:
            failure = encode_error(error, request.dialect)
            response = _failed(failure, request, (_RETRY,) if failure.status == 503 else ())
        except Exception:
            logger.exception("request %s failed: %s %s", request.id, request.method, request.path)
            unexpected = InternalError(f"The server failed. Its log says more about request {request.id}.")
            response = _failed(encode_error(unexpected, request.dialect), request)
        if response.status != 499:
            await _send(send, request, response)
        if self._log is not None:
            line = _line(request, response, found, started)
            if self._observed is not None and (trace_id := self._observed.trace_id()):
                line = TracedLine(**structs.asdict(line), trace_id=trace_id)
            self._log.add(line)
        return response, found

    async def _metrics(self, request: Request, scraped: Scraped) -> Response:
        """Answer Prometheus."""
        return Response(200, await asyncio.to_thread(scraped.page), ((b"content-type", scraped.content_type),))

    async def _respond(self, request: Request, found: Match) -> Response:
        settings, engine = self.settings, self._engine
        if engine is None:
            raise InternalError("The server is not open. Run it with the lifespan protocol of ASGI on.")
        body = await request.body(settings.chroma_server_max_body_bytes, settings.chroma_server_request_timeout_seconds)
        parameters = {**request.query, **found.parameters}
        dialect, kind = request.dialect, found.route.operation

        def decode() -> Operation[Any]:
            return codec.decode_request(found.route, parameters, body, dialect)

        def answer(operation: Operation[Any]) -> Response:
            result = request.identity if kind is op.GetUserIdentity and request.identity else engine.run(operation)
            status = 503 if kind is op.CheckHealth and not result else found.route.status
            return Response(status, codec.encode_result(operation, result, dialect))

        if kind in _AT_ONCE:
            return answer(decode())
        if kind is not None and issubclass(kind, op.Write):
            return await self._write(decode, answer)
        if len(body) <= _SMALL:
            return await self._read(decode(), answer)
        return await self._pool.run(lambda: answer(decode()), writes=False)

    async def _read(self, operation: Operation[Any], answer: Callable[[Operation[Any]], Response]) -> Response:
        """Answer a read in place if it is a quick one, else in a thread."""
        if self._quick.allows(operation) and not self._pool.writing:
            began = time.perf_counter()
            response = answer(operation)
            self._quick.note(operation, time.perf_counter() - began, most=SLOW)
            return response

        def measured() -> tuple[Response, float]:
            began = clock()
            return answer(operation), clock() - began

        response, seconds = await self._pool.run(measured, writes=False)
        if not self._pool.writing:
            self._quick.note(operation, seconds)
        return response

    async def _write(
        self, decode: Callable[[], Operation[Any]], answer: Callable[[Operation[Any]], Response]
    ) -> Response:
        """Answer a write in a thread; reads of its collection are not known to be quick any more."""
        touched: list[UUID] = []

        def work() -> Response:
            operation = decode()
            if isinstance(operation, (op.Add, op.Update, op.Upsert)):
                self._check_batch(operation)
            if isinstance(operation, (op.Add, op.Update, op.Upsert, op.Delete, op.ModifyCollection)):
                touched.append(operation.address.collection)
            return answer(operation)

        try:
            return await self._pool.run(work, writes=True)
        finally:
            for collection in touched:
                self._quick.forget(collection)

    def _check_batch(self, operation: op.Add | op.Update | op.Upsert) -> None:
        most, count = self.settings.chroma_server_max_batch_size, len(operation.records)
        if count > most:
            raise BatchSizeExceededError(
                f"Expected a batch of at most {most} records, got {count}. Split the call, or raise "
                "chroma_server_max_batch_size."
            )


def _failed(failure: Failure, request: Request, headers: Sequence[Header] = ()) -> Response:
    return Response(failure.status, failure.body(request.id), (_JSON, *headers), failure.error.error)


async def _send(send: Send, request: Request, response: Response) -> None:
    headers = [
        *response.headers,
        (b"content-length", b"%d" % len(response.body)),
        (b"x-request-id", request.id.encode()),
    ]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    body = b"" if request.method == "HEAD" else response.body
    await send({"type": "http.response.body", "body": body})


def _template(request: Request, found: Match | None) -> str | None:
    """Return what a path is in general, None if it is that of nothing."""
    if found is None:
        path = request.path.rstrip("/")
        return path if path in PAGES or path == METRICS else None
    template = found.route.template(1 if request.path.startswith("/api/v1") else 2)
    return None if template is None else template.path


def _line(request: Request, response: Response, found: Match | None, started: float) -> Line:
    return Line(
        now(),
        request.id,
        request.client,
        request.method,
        request.path,
        response.status,
        round((time.perf_counter() - started) * 1000, 3),
        request.received,
        len(response.body),
        found.route.name if found else None,
        response.error,
    )
