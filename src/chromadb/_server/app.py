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

from chromadb._auth.actions import AuthzAction
from chromadb._auth.protection import Protection, read_protection
from chromadb._limits.chosen import request_enforcer
from chromadb._model import operations as op
from chromadb._model.entities import CollectionInfo, UserIdentity
from chromadb._model.operations import Operation
from chromadb._observability import observe
from chromadb._server.access import Access, placed, run_for
from chromadb._server.access_log import AccessLog, Line, TracedLine, now
from chromadb._server.advice import for_clients
from chromadb._server.cors import allowed_origins
from chromadb._server.logs import request_id
from chromadb._server.observed import METRICS, ObservedServer
from chromadb._server.pages import PAGES
from chromadb._server.pool import Pool
from chromadb._server.quick import SLOW, QuickReads, clock
from chromadb._server.rates import RequestRates, retry_after
from chromadb._server.refusals import Disconnected, Header, Refusal
from chromadb._server.request import Receive, Request, Scope, Send
from chromadb._server.router import Match, match
from chromadb._settings import Settings
from chromadb._telemetry import told
from chromadb._tracing import span
from chromadb._wire import codec
from chromadb._wire.errors import Failure, encode_error
from chromadb.errors import BatchSizeExceededError, ChromaError, InternalError, RateLimitError

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
_OF_DATA = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
"""Headers of answers with data: no browser and no proxy keeps them, or takes them for something else."""
_OF_PAGES = (
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src data:; "
        b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
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
        protection: the providers that `settings` name, where they were made before.
        shared: a folder that the processes of the server share; None for one that is alone.
    """

    def __init__(
        self,
        settings: Settings,
        log: TextIO | None = None,
        protection: Protection | None = None,
        shared: str | None = None,
    ) -> None:
        self.settings = settings
        self._log = None if log is None else AccessLog(log)
        self._engine: op.Runner | None = None
        self._pool = Pool(
            settings.chroma_server_thread_pool_size,
            settings.chroma_server_max_concurrent_requests,
            settings.chroma_server_request_timeout_seconds,
        )
        self._quick = QuickReads(lambda _: False)
        self._shared = shared
        self._observed: ObservedServer | None = None
        self._protection = protection
        self._access: Access | None = None
        self._rates: RequestRates | None = None
        self._http = self._serve
        origins = allowed_origins(settings)
        if origins:
            from starlette.middleware.cors import CORSMiddleware

            self._http = CORSMiddleware(
                self._serve,
                allow_origins=origins,
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
            ChromaError: the directory cannot be opened, or what protects the server cannot be had.
        """
        from chromadb._engine.local import open_engine, wrapped

        settings = self.settings
        guarded = self._protection or read_protection(settings)
        if guarded is not None:
            self._access = Access(
                guarded, settings.chroma_server_max_concurrent_requests, settings.chroma_server_request_timeout_seconds
            )
        enforcer = request_enforcer(settings, self._shared)
        self._rates = None if enforcer is None else RequestRates(enforcer)
        path = os.path.realpath(settings.persist_directory) if settings.is_persistent else None
        observer = observe(settings, server=True)
        most = settings.chroma_server_max_batch_size

        def opened() -> op.Runner:
            engine = open_engine(path, settings, max_batch_size=most)
            self._quick = QuickReads(engine.is_ready)
            return wrapped(engine, settings, observer)

        self._engine = told(opened, settings, server=True)
        if observer is not None:
            self._observed = ObservedServer(observer, self._pool, self._shared)

    def close(self) -> None:
        """Close the engine. Calling it again does nothing."""
        engine, self._engine = self._engine, None
        self._pool.close()
        if self._access is not None:
            self._access.close()
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
            elif request.path == "/" and request.method in ("GET", "HEAD"):
                # Relative, as the server may lie behind a path that it knows nothing of.
                response = Response(307, b"", ((b"location", b"docs"),))
            else:
                found = match(request.method, request.path)
                response = await self._respond(request, found)
        except Disconnected:
            response = Response(499, b"", error="Disconnected")
        except Refusal as refusal:
            response = _failed(refusal.failure, request, refusal.headers)
        except ChromaError as error:
            failure = encode_error(for_clients(error), request.dialect)
            if failure.status == 500:
                logger.error("request %s failed: %s", request.id, error.message())
            again: Sequence[Header] = retry_after(error) if isinstance(error, RateLimitError) else ()
            response = _failed(failure, request, (_RETRY,) if failure.status == 503 else again)
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
        """Answer Prometheus; where users have to prove who they are, one who may see what concerns all tenants."""
        if self._access is not None:
            await self._access.admit_to(AuthzAction.METRICS, request)
        return Response(200, await asyncio.to_thread(scraped.page), ((b"content-type", scraped.content_type),))

    async def _respond(self, request: Request, found: Match) -> Response:
        engine, access = self._engine, self._access
        if engine is None:
            raise InternalError("The server is not open. Run it with the lifespan protocol of ASGI on.")
        user: UserIdentity | None = None
        if access is not None:
            with span("server.identify"):
                user = request.identity = await access.identify(request, found.route)
        if self._rates is None:
            return await self._work(engine, request, found, user)
        return await self._rates.within(request, found, lambda: self._work(engine, request, found, user))

    async def _work(self, engine: op.Runner, request: Request, found: Match, user: UserIdentity | None) -> Response:
        settings, access = self.settings, self._access
        parameters = {**request.query, **found.parameters}
        if access is not None and user is not None:
            with span("server.admit"):
                parameters = await access.admit(user, found, parameters, self._find)
        with span("server.receive"):
            body = await request.body(
                settings.chroma_server_max_body_bytes, settings.chroma_server_request_timeout_seconds
            )
        dialect, kind = request.dialect, found.route.operation

        def decode() -> Operation[Any]:
            operation = codec.decode_request(found.route, parameters, body, dialect)
            return operation if user is None else placed(operation, parameters)

        def answer(operation: Operation[Any]) -> Response:
            result = engine.run(operation) if user is None else run_for(user, engine, operation)
            status = 503 if kind is op.CheckHealth and not result else found.route.status
            return Response(status, codec.encode_result(operation, result, dialect))

        if kind in _AT_ONCE:
            return answer(decode())
        if kind is not None and issubclass(kind, op.Write):
            return await self._write(decode, answer, user)
        if len(body) <= _SMALL:
            return await self._read(decode(), answer)
        return await self._pool.run(lambda: answer(decode()), writes=False)

    async def _read(self, operation: Operation[Any], answer: Callable[[Operation[Any]], Response]) -> Response:
        """Answer a read in place if it is a quick one, else in a thread."""
        if self._quick.allows(operation) and not self._pool.writing:
            began = time.perf_counter()
            response = answer(operation)
            seconds = time.perf_counter() - began
            if seconds > SLOW:
                self._quick.note(operation, seconds)
            return response

        def measured() -> tuple[Response, float]:
            began = clock()
            return answer(operation), clock() - began

        response, seconds = await self._pool.run(measured, writes=False)
        if not self._pool.writing:
            self._quick.note(operation, seconds)
        return response

    async def _find(self, id: UUID) -> CollectionInfo:
        """Look a collection up by its id, wherever it is."""
        engine = self._engine
        assert engine is not None
        return await self._pool.run(lambda: engine.run(op.LocateCollection(id)), writes=False)

    async def _write(
        self,
        decode: Callable[[], Operation[Any]],
        answer: Callable[[Operation[Any]], Response],
        user: UserIdentity | None,
    ) -> Response:
        """Answer a write in a thread; reads of its collection are not known to be quick any more."""
        touched: list[UUID] = []

        def work() -> Response:
            operation = decode()
            if user is not None and self._access is not None:
                self._access.confirm(user, operation)
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
        *(_OF_DATA if response.headers[0] is _JSON else _OF_PAGES),
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
        request.identity.user_id if request.identity is not None else None,
    )
