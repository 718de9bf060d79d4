"""Decoders of typed JSON, each made once, one at a time.

msgspec lays out a type at its first use. Where that type holds others, a second thread that uses it at that moment
reads a layout without its end, and the process crashes (msgspec 0.22).
"""

from __future__ import annotations

import os
import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}

_laying_out = threading.Lock()
"""Held while a decoder is made, which takes some 50 us."""


def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """Return the decoder of a type, which many threads may use at once."""
    made = _decoders.get(kind)
    if made is None:
        with _laying_out:
            made = _decoders.setdefault(kind, msgspec.json.Decoder(kind))
    return made


def laid_out(kind: type[T]) -> type[T]:
    """Return a type that many threads may convert to at once."""
    decoder(kind)
    return kind


if hasattr(os, "register_at_fork"):
    # A child must not find the lock held, nor a layout without its end, by a thread that it does not have.
    os.register_at_fork(
        before=_laying_out.acquire, after_in_parent=_laying_out.release, after_in_child=_laying_out.release
    )
