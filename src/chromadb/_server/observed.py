"""What a server records: a span and durations of every request, the pool, and the page that Prometheus reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from time import perf_counter, time_ns
from types import TracebackType
from typing import TYPE_CHECKING, Any

from chromadb import _tracing
from chromadb._server.pool import Pool
from chromadb._server.request import Request

if TYPE_CHECKING:
    from chromadb._observability.instruments import Instruments, Reading
    from chromadb._observability.observer import Observer
    from chromadb._observability.prometheus import Scraped
    from chromadb._observability.spans import SpanRecorder

METRICS = "/metrics"

SHARING = 5.0
"""Seconds between two times that a worker tells the others its metrics."""

_UNKNOWN = "unknown"
"""The route of requests for what there is not: paths of all kinds would make a metric of each."""

_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS")


class ObservedServer:
    """Records the requests of an application.

    Args:
        observer: of the process.
        pool: where the requests are worked on.
        folder: that the processes of a server share; None for one that is alone.
    """

    def __init__(self, observer: Observer, pool: Pool, folder: str | None) -> None:
        from chromadb._observability.spans import trace_id

        self.trace_id: Callable[[], str | None] = trace_id
        self._observer = observer
        self.recorder: SpanRecorder | None = observer.recorder
        self.instruments: Instruments | None = observer.instruments
        self.active = 0
        """Requests that are not answered yet."""
        self._pool = pool
        pool.wrap = self._in_pool
        self.scraped: Scraped | None = None
        self._timer: asyncio.TimerHandle | None = None
        if observer.providers.memory is not None:
            from chromadb._observability.prometheus import Scraped as Page

            self.scraped = Page(observer.providers.memory, folder)
        self._forget = [] if self.instruments is None else list(self._watch(self.instruments))

    def request(self, request: Request) -> ObservedRequest:
        """Return a context for the time of a request."""
        if self._timer is None and self.scraped is not None:
            self._share()
        return ObservedRequest(self, request)

    def close(self, seconds: float) -> None:
        """Send what waits, for so many seconds at most."""
        if self._timer is not None:
            self._timer.cancel()
        for forget in self._forget:
            forget()
        self._observer.leave(seconds)

    def _share(self) -> None:
        assert self.scraped is not None
        loop = asyncio.get_running_loop()
        loop.run_in_executor(None, self.scraped.share)
        self._timer = loop.call_later(SHARING, self._share)

    def _watch(self, instruments: Instruments) -> Iterable[Callable[[], None]]:
        def lanes(field: str) -> Callable[[], Iterable[Reading]]:
            return lambda: [
                (getattr(state, field), {"chroma.pool.lane": lane}) for lane, state in self._pool.lanes().items()
            ]

        yield instruments.watch("http.server.active_requests", lambda: [(self.active, {})])
        yield instruments.watch("chroma.pool.requests", lanes("busy"))
        yield instruments.watch("chroma.pool.queue", lanes("waiting"))
        yield instruments.watch("chroma.pool.threads", lanes("started"))

    def _in_pool(self, call: Callable[[], Any], lane: str) -> Callable[[], Any]:
        """Return a call that says how long it waited for a thread."""
        asked = time_ns()

        def begun() -> Any:
            if self.recorder is not None:
                self.recorder.past("server.wait", _tracing.SEGMENT, asked)
            if self.instruments is not None:
                seconds = (time_ns() - asked) / 1e9
                self.instruments.record("chroma.pool.wait.duration", seconds, {"chroma.pool.lane": lane})
            return call()

        return begun


class ObservedRequest:
    """A request at work."""

    def __init__(self, server: ObservedServer, request: Request) -> None:
        self._server = server
        self._request = request
        self._method = request.method if request.method in _METHODS else "_OTHER"
        self._span: Any = None

    def __enter__(self) -> ObservedRequest:
        server, request = self._server, self._request
        server.active += 1
        if server.recorder is not None:
            told = {"http.request.method": self._method, "url.path": request.path, "client.address": request.client}
            told["chroma.request.id"] = request.id
            headers = {
                name: value.decode("latin-1")
                for name in ("traceparent", "tracestate")
                if (value := request.headers.get(name.encode())) is not None
            }
            self._token = _tracing.begin(server.recorder)
            self._span = server.recorder.request(self._method, headers, told)
            self._span.__enter__()
        self._began = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.active -= 1
        if self._span is not None:
            self._span.__exit__(kind, error, traceback)
            _tracing.end(self._token)

    def answered(self, route: str | None, status: int, error: str | None, sent: int) -> None:
        """Tell how it ended.

        Args:
            route: the template of the path; None for what there is not.
            status: of the answer.
            error: the name of the error in it.
            sent: bytes of the body of the answer.
        """
        labels: dict[str, str | int] = {
            "http.request.method": self._method,
            "http.route": route or _UNKNOWN,
            "http.response.status_code": status,
        }
        span = self._span
        if span is not None:
            span.rename(f"{self._method} {route}" if route else self._method)
            for name, value in labels.items():
                span.note(name, value)
            if status >= 500:
                span.fail(error or str(status))
            elif error is not None:
                span.note("error.type", error)
        instruments = self._server.instruments
        if instruments is not None:
            if error is not None:
                labels["error.type"] = error
            instruments.record("http.server.request.duration", perf_counter() - self._began, labels)
            sizes = {name: labels[name] for name in ("http.request.method", "http.route")}
            instruments.record("http.server.request.body.size", self._request.received, sizes)
            instruments.record("http.server.response.body.size", sent, sizes)
