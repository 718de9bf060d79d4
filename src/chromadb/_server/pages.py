"""Pages: what is served besides the routes of the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Page(NamedTuple):
    """Something to read."""

    content: Callable[[], bytes]
    content_type: bytes


PAGES: dict[str, Page] = {}
"""Pages by path."""
