"""Memory of the process: what is free goes back to the system."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache


def give_back_memory() -> None:
    """Return to the system what was freed, where the C library would keep it for later.

    After 100,000 vectors of 384 dimensions were sealed, glibc kept 230 of 325 MB. Takes some milliseconds.
    """
    _trim()(0)


@cache
def _trim() -> Callable[[int], object]:
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim.argtypes = [ctypes.c_size_t]
            return trim  # type: ignore[no-any-return]
    return lambda _: None
