"""The router: from method and path to a route of the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from chromadb._server.refusals import Refusal
from chromadb._wire.errors import UNKNOWN_PATH
from chromadb._wire.routes import Route, Template, templates


class Match(NamedTuple):
    """A route, and what stands in the places of its path."""

    route: Route
    template: Template
    """The one of the route's that the path fits."""
    parameters: Mapping[str, str]


REMEMBERED, LONG = 1_000, 500
"""Paths whose routes are remembered, for most requests are for few collections, and the longest of them."""


@dataclass
class _Node:
    literal: dict[str, _Node] = field(default_factory=dict)
    any: _Node | None = None
    methods: dict[str, tuple[Route, Template]] = field(default_factory=dict)


def _tree() -> _Node:
    root = _Node()
    for route, _, template in templates():
        node = root
        for segment in template.path.split("/")[1:]:
            if segment.startswith("{"):
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.literal.setdefault(segment, _Node())
        node.methods[route.method] = (route, template)
        if route.method == "GET":
            node.methods["HEAD"] = (route, template)
    return root


_ROOT = _tree()


def match(method: str, path: str) -> Match:
    """Return the route for a path as it stands in the request, percent-encoded; a slash at its end does not matter.

    Raises:
        Refusal: 404 or 405.
    """
    return _remembered(method, path) if len(path) <= LONG else _match(method, path)


def _match(method: str, path: str) -> Match:
    segments = path.split("/")[1:]
    if len(segments) > 1 and not segments[-1]:
        segments.pop()
    found = _walk(_ROOT, segments, 0)
    if found is None:
        message = f"There is nothing at {path[:200]!r}. GET /docs shows what there is."
        raise Refusal(404, "NotFoundError", message, kind=UNKNOWN_PATH)
    node, values = found
    if method not in node.methods:
        allowed = ", ".join(sorted(node.methods))
        raise Refusal(
            405,
            "MethodNotAllowed",
            f"Expected the method to be one of {allowed} for {path[:200]!r}; got {method[:40]!r}.",
            ((b"allow", allowed.encode()),),
            kind=UNKNOWN_PATH,
        )
    route, template = node.methods[method]
    return Match(route, template, dict(zip(template.segments, map(_unquoted, values), strict=True)))


_remembered = lru_cache(REMEMBERED)(_match)


def _walk(node: _Node, segments: list[str], place: int) -> tuple[_Node, tuple[str, ...]] | None:
    if place == len(segments):
        return (node, ()) if node.methods else None
    segment = segments[place]
    literal = node.literal.get(segment)
    if literal is not None:
        found = _walk(literal, segments, place + 1)
        if found is not None:
            return found
    if node.any is not None and segment:
        found = _walk(node.any, segments, place + 1)
        if found is not None:
            return found[0], (segment, *found[1])
    return None


def _unquoted(segment: str) -> str:
    try:
        return unquote(segment, errors="strict") if "%" in segment else segment
    except UnicodeDecodeError:
        raise Refusal(
            400, "InvalidArgumentError", f"Expected the path to be UTF-8, got {segment[:80]!r} in it."
        ) from None
