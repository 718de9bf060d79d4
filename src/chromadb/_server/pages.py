"""Pages: what is served besides the routes of the table. They need nothing from anywhere else."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import NamedTuple

from chromadb._server import openapi


class Page(NamedTuple):
    """Something to read."""

    content: Callable[[], bytes]
    content_type: bytes


@cache
def _docs() -> bytes:
    return resources.files("chromadb._server").joinpath("static/docs.html").read_bytes()


PAGES: dict[str, Page] = {
    "/openapi.json": Page(openapi.encoded, b"application/json"),
    "/docs": Page(_docs, b"text/html; charset=utf-8"),
}
"""Pages by path."""
