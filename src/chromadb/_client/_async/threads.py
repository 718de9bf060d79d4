"""Calling what blocks without blocking the event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


async def in_thread(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what `function` returns, called in another thread."""
    # Not with this module: `import chromadb` does without an event loop.
    import asyncio

    return await asyncio.to_thread(function, *args, **kwargs)
