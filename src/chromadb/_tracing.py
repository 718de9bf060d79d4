"""The seam for tracing: whatever takes time says so here, and whoever records says how.

Where nobody records, which is the default, a span costs a look at one variable. A recorder is of a runner, not of the
process: it is in force while that runner is at work on an operation, in the context of the caller.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextvars import ContextVar, Token, copy_context
from types import TracebackType
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

Value = str | bool | int | float

OPERATION, SEGMENT, ALL = 1, 2, 3
"""How detailed a span is: an operation; a part of the storage or of the index; everything else."""


class Span(Protocol):
    """A stretch of time that is recorded: from entering to leaving it."""

    def __enter__(self) -> Span: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...

    def note(self, name: str, value: Value) -> None:
        """Add an attribute."""
        ...


class Recorder(Protocol):
    """Records spans."""

    def span(self, name: str, level: int) -> Span:
        """Return a span inside of the present one; one that does nothing if it is too detailed."""
        ...

    def headers(self) -> dict[str, str]:
        """Return the HTTP headers that tell a server which trace a request belongs to."""
        ...


class _Nothing:
    """A span that nobody records."""

    __slots__ = ()

    def __enter__(self) -> _Nothing:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def note(self, name: str, value: Value) -> None:
        return None


NOTHING: Span = _Nothing()

_on = False
"""Whether anybody of this process has ever recorded, or asked that contexts be carried."""

_recorder: ContextVar[Recorder | None] = ContextVar("chromadb_recorder", default=None)


def turn_on() -> None:
    """Have contexts carried into the threads that work on requests."""
    global _on
    _on = True


def begin(recorder: Recorder | None) -> Token[Recorder | None]:
    """Have a recorder record in the present context, until `end`."""
    turn_on()
    return _recorder.set(recorder)


def end(token: Token[Recorder | None]) -> None:
    """Let whoever recorded before record again."""
    _recorder.reset(token)


def span(name: str, level: int = SEGMENT) -> Span:
    """Return a span inside of the present one."""
    recorder = _recorder.get() if _on else None
    return NOTHING if recorder is None else recorder.span(name, level)


def spanned(name: str, level: int = SEGMENT) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make every call of a function a span."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def traced(*args: P.args, **kwargs: P.kwargs) -> R:
            if not _on:
                return function(*args, **kwargs)
            with span(name, level):
                return function(*args, **kwargs)

        return traced

    return decorate


def present() -> Recorder | None:
    """Return the recorder of the present context, None if nobody records."""
    return _recorder.get() if _on else None


def headers() -> dict[str, str]:
    """Return the HTTP headers that tell a server which trace a request belongs to; none outside of a trace."""
    recorder = _recorder.get() if _on else None
    return {} if recorder is None else recorder.headers()


def carried(call: Callable[[], R]) -> Callable[[], R]:
    """Return a call that has the present context wherever it is made."""
    return functools.partial(copy_context().run, call) if _on else call
