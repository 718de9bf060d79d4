"""Journals: one line of JSON after the other, appended before and after each call.

What is appended lies with the system when the call returns: it outlives the process, as what the store has acknowledged
does. A kill can cut the last line; then that line was not written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Journal:
    """A file that lines are appended to.

    Args:
        path: of the file, made if it is missing.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        written = path.read_bytes()
        os.ftruncate(self._descriptor, written.rfind(b"\n") + 1)

    def write(self, *line: Any) -> None:
        """Append a line."""
        os.write(self._descriptor, json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def lines(path: Path) -> Iterator[list[Any]]:
    """Yield what was written."""
    if path.exists():
        with path.open(encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):
                    yield json.loads(line)
