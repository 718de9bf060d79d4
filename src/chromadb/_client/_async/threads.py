"""Calling what blocks without blocking the event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


async def in_thread_if(slow: bool, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what `function` returns, called in another thread if it may be slow: to change threads costs 0.1 ms."""
    return await in_thread(function, *args, **kwargs) if slow else function(*args, **kwargs)


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what `function` returns, called in another thread."""
    # Not with this module: `import chromadb` does without an event loop.
    import asyncio

    return await asyncio.to_thread(function, *args, **kwargs)
