"""Logs: where lines go, in every process of a server."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

from chromadb._server.access_log import logger as access_logger
from chromadb.errors import InvalidArgumentError

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def begin_logging(path: str | None) -> None:
    """Send what is logged in this process to a file, which is appended to; for None to standard error.

    Raises:
        InvalidArgumentError: the file cannot be written.
    """
    if path is None:
        stream = sys.stderr
    else:
        try:
            stream = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115
        except (OSError, ValueError) as error:
            raise InvalidArgumentError(
                f"Expected the log path to be a file that can be written, got {path!r}: "
                f"{getattr(error, 'strerror', None) or error}."
            ) from None
    root = logging.getLogger()
    root.handlers[:] = [_handler(stream, _FORMAT)]
    root.setLevel(logging.WARNING)
    access_logger.handlers[:] = [_handler(stream, "%(message)s")]
    access_logger.setLevel(logging.INFO)
    access_logger.propagate = False


def _handler(stream: TextIO, form: str) -> logging.Handler:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter(form))
    return handler
