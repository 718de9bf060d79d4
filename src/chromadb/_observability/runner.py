"""Runners that record every operation: a span, and how long it took."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind

from chromadb import _tracing
from chromadb._model import operations as op
from chromadb._model.operations import AsyncRunner, Operation, R, Runner
from chromadb._tracing import Value

if TYPE_CHECKING:
    from chromadb._observability.observer import Observer
    from chromadb._observability.spans import RecordedSpan

ENGINE, CLIENT = "chroma.operation.duration", "db.client.operation.duration"
"""Where durations go: of work in this process, or of waiting for a server."""


class ObservedRunner:
    """A runner whose every operation is recorded.

    Args:
        runner: executes them.
        observer: records them.
        duration: ENGINE or CLIENT.
        at_close: called when it is closed.
    """

    def __init__(
        self, runner: Runner, observer: Observer, duration: str, at_close: Sequence[Callable[[], None]] = ()
    ) -> None:
        self.runner = runner
        self._observer = observer
        self._duration = duration
        self._at_close = at_close

    def run(self, operation: Operation[R]) -> R:
        """Execute one operation."""
        with _Observed(self._observer, self._duration, operation) as observed:
            result = self.runner.run(operation)
            observed.returned(result)
        return result

    def close(self) -> None:
        """Close the runner."""
        for each in self._at_close:
            each()
        self.runner.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.runner, name)


class AsyncObservedRunner:
    """The same for a runner that does not block.

    Args:
        runner: executes operations.
        observer: records them.
    """

    def __init__(self, runner: AsyncRunner, observer: Observer) -> None:
        self.runner = runner
        self._observer = observer

    async def run(self, operation: Operation[R]) -> R:
        """Execute one operation."""
        with _Observed(self._observer, CLIENT, operation) as observed:
            result = await self.runner.run(operation)
            observed.returned(result)
        return result

    async def close(self) -> None:
        """Close the runner."""
        await self.runner.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.runner, name)


class _Observed:
    """An operation at work."""

    def __init__(self, observer: Observer, duration: str, operation: Operation[Any]) -> None:
        self._observer = observer.here()
        self._duration = duration
        self._operation = operation
        self._name = operation_name(operation)
        self._span: RecordedSpan | None = None

    def __enter__(self) -> _Observed:
        recorder = self._observer.recorder
        if recorder is not None:
            self._token = _tracing.begin(recorder)
            kind = SpanKind.CLIENT if self._duration == CLIENT else SpanKind.INTERNAL
            self._span = recorder.operation(self._name, kind, _attributes(self._name, self._operation))
            self._span.__enter__()
        self._began = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        seconds = perf_counter() - self._began
        if self._span is not None:
            self._span.__exit__(kind, error, traceback)
            _tracing.end(self._token)
        instruments = self._observer.instruments
        if instruments is not None:
            labels = {"db.operation.name": self._name}
            if kind is not None:
                labels["error.type"] = kind.__name__
            instruments.record(self._duration, seconds, labels)

    def returned(self, result: Any) -> None:
        """Note how much came back."""
        span = self._span
        if span is None:
            return
        if isinstance(self._operation, op.Get):
            span.note("db.response.returned_rows", len(result["ids"]))
        elif isinstance(self._operation, op.Query):
            span.note("db.response.returned_rows", sum(map(len, result["ids"])))
        elif isinstance(self._operation, op.Delete):
            span.note("db.response.returned_rows", result)


def operation_name(operation: Operation[Any]) -> str:
    """Return what an operation is called in traces and metrics."""
    kind = type(operation)
    name = _names.get(kind)
    if name is None:
        name = _names[kind] = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()
    return name


_names: dict[type, str] = {}


def _attributes(name: str, operation: Operation[Any]) -> dict[str, Value]:
    """Return what is said of an operation: how much it is about, never what records hold."""
    said: dict[str, Value] = {"db.system.name": "chroma", "db.operation.name": name}
    address = getattr(operation, "address", None)
    tenant = getattr(address or operation, "tenant", None)
    database = getattr(address or operation, "database", None)
    if tenant and database:
        said["db.namespace"] = f"{tenant}|{database}"
    if address is not None:
        said["chroma.collection.id"] = str(address.collection)
    elif isinstance(operation, (op.CreateCollection, op.GetCollection, op.DeleteCollection)):
        said["db.collection.name"] = operation.name
    if isinstance(operation, (op.Add, op.Update, op.Upsert)):
        said["db.operation.batch.size"] = len(operation.records)
    if isinstance(operation, op.Query):
        said["chroma.query.vectors"] = len(operation.vectors)
        said["chroma.query.n_results"] = operation.n_results
    if isinstance(operation, (op.Query, op.Get, op.Delete)):
        said["chroma.filtered"] = operation.selection.filter is not None
        if operation.selection.ids is not None:
            said["chroma.ids"] = len(operation.selection.ids)
    return said
