"""Logs: where lines go, in every process of a server."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

from chromadb.errors import InvalidArgumentError


def begin_logging(path: str | None) -> TextIO:
    """Send what is logged in this process to a file, which is appended to, for None to standard error; return it.

    Raises:
        InvalidArgumentError: the file cannot be written.
    """
    stream = sys.stderr if path is None else _open(path)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    return stream


def _open(path: str) -> TextIO:
    try:
        return open(path, "a", encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidArgumentError(
            f"Expected the log path to be a file that can be written, got {path!r}: "
            f"{getattr(error, 'strerror', None) or error}."
        ) from None
