"""The OpenAPI document, made from the route table and the exchanges."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from chromadb._model.operations import CheckHealth
from chromadb._server.examples import BODIES, PARAMETERS, USUAL
from chromadb._wire.codec import EXCHANGES, JSON
from chromadb._wire.errors import ErrorBody
from chromadb._wire.exchanges import Parameters
from chromadb._wire.routes import Route, Template, templates

_REFERENCE = "#/components/schemas/{name}"

_ABOUT: dict[str, tuple[str, dict[str, Any]]] = {
    "tenant": ("The tenant.", {"type": "string"}),
    "database": ("The database.", {"type": "string"}),
    "name": ("The name of the collection.", {"type": "string"}),
    "collection_id": ("The id of the collection.", {"type": "string", "format": "uuid"}),
    "limit": ("How many at most.", {"type": "integer", "minimum": 0}),
    "offset": ("How many to leave out first.", {"type": "integer", "minimum": 0}),
}
_DEFAULTS = {"tenant": Parameters().tenant, "database": Parameters().database}

_PROBLEMS = {
    400: "An argument is not allowed, or the body is not JSON.",
    403: "The credentials are missing, or do not suffice; or the settings do not allow it.",
    404: "There is no such tenant, database or collection.",
    408: "The request took too long to arrive.",
    409: "There is one of this name already.",
    413: "The request or the batch is too large.",
    422: "A field is missing or has the wrong type.",
    429: "There were too many attempts to prove who asks.",
    500: "The database failed; nothing was changed.",
    501: "This version cannot do it.",
    503: "The server has too much to do; nothing was begun.",
    504: "The request was not finished in time.",
}
_TAGS = {
    **dict.fromkeys(("tenant", "database", "databases"), "Tenants and databases"),
    **dict.fromkeys(("collection", "collections", "id"), "Collections"),
    **dict.fromkeys(("records", "status"), "Records"),
}
"""The section of an operation, by the last word of its name."""

_SECTIONS = {
    "Collections": "Make a collection here first; its id goes into the paths of its records.",
    "Records": "Records are ids with vectors, documents, metadata and URIs. The server does not embed.",
    "Tenants and databases": "A tenant has databases, a database has collections.",
    "Service": "What the server is, and whether it is well.",
    "API v1": "The same for clients up to 0.5.",
    "Not supported": "Known to the published versions; this one answers 501.",
}
"""The sections in their order, and what is said about each."""

_USUAL = (400, 403, 404, 408, 409, 413, 422, 429, 500, 503, 504)

_SECURITY: dict[str, dict[str, str]] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "token": {"type": "apiKey", "in": "header", "name": "X-Chroma-Token"},
    "password": {"type": "http", "scheme": "basic"},
}
"""How callers may prove who they are; which of them a server asks for, if any, is a setting."""


@cache
def document() -> dict[str, Any]:
    """Return the document."""
    paths: dict[str, dict[str, Any]] = {}
    for route, version, template in templates():
        paths.setdefault(template.path, {})[route.method.lower()] = _operation(route, version, template)
    kinds = [*_kinds(), ErrorBody]
    _, components = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Chroma",
            "version": "1.5.9",
            "description": "The HTTP API of Chroma: v2, and v1 for older clients. A server's limits are its settings.",
        },
        "tags": [{"name": name, "description": about} for name, about in _SECTIONS.items()],
        "paths": paths,
        "components": {"schemas": components, "responses": _problems(), "securitySchemes": _SECURITY},
        "security": [{}, *({name: []} for name in _SECURITY)],
    }


def encoded() -> bytes:
    """Return the document as JSON."""
    return msgspec.json.encode(document())


def _kinds() -> list[Any]:
    kinds = [kind for exchange in EXCHANGES.values() for kind in (exchange.body, exchange.answered)]
    return [kind for kind in kinds if kind is not None]


def _operation(route: Route, version: int, template: Template) -> dict[str, Any]:
    usual = route.template(version) is template
    suffix = ("" if usual else "_short") + ("_v1" if version == 1 else "")
    examples = {**USUAL, **PARAMETERS.get(route.name, {})}
    described: dict[str, Any] = {
        "operationId": f"{route.name}{suffix}",
        "tags": [_tag(route, version)],
        "summary": _summary(route),
        "parameters": [_parameter(name, "path", examples.get(name)) for name in template.segments]
        + [_parameter(name, "query") for name in template.query],
        "responses": _responses(route),
    }
    exchange = EXCHANGES.get(route.operation) if route.operation else None
    if exchange is not None and exchange.body is not None:
        described["requestBody"] = {"required": True, "content": _content(exchange.body, BODIES.get(route.name))}
    if route.action:
        described["x-chroma-action"] = route.action
    return described


def _tag(route: Route, version: int) -> str:
    if version == 1:
        return "API v1"
    if route.operation is None:
        return "Not supported"
    return _TAGS.get(route.name.rpartition("_")[2], "Service")


def _summary(route: Route) -> str:
    if route.operation is None:
        return "Known to the published versions; this one answers 501."
    return (route.operation.__doc__ or "").strip()


def _parameter(name: str, place: str, example: str | None = None) -> dict[str, Any]:
    about, schema = _ABOUT.get(name, ("", {"type": "string"}))
    shown: dict[str, Any] = dict(schema)
    if place == "query" and name in _DEFAULTS:
        shown["default"] = _DEFAULTS[name]
    described = {"name": name, "in": place, "required": place == "path", "description": about, "schema": shown}
    return described if example is None else {**described, "example": example}


def _responses(route: Route) -> dict[str, Any]:
    if route.operation is None:
        return {str(status): _problem(status) for status in (400, 403, 408, 413, 429, 501)}
    responses: dict[str, Any] = {str(status): _problem(status) for status in _USUAL}
    kind = EXCHANGES[route.operation].answered
    answered = {"content": _content(kind)} if kind is not None else {}
    responses[str(route.status)] = {"description": "It was done.", **answered}
    if route.operation is CheckHealth:
        responses["503"] = {"description": "The database cannot be read.", **answered}
    return dict(sorted(responses.items()))


def _problem(status: int) -> dict[str, str]:
    return {"$ref": f"#/components/responses/Problem{status}"}


def _problems() -> dict[str, Any]:
    content = {"content": {JSON: {"schema": {"$ref": _REFERENCE.format(name=ErrorBody.__name__)}}}}
    return {f"Problem{status}": {"description": about, **content} for status, about in _PROBLEMS.items()}


def _content(kind: Any, example: Any = None) -> dict[str, Any]:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=_REFERENCE)
    return {JSON: {"schema": schema} if example is None else {"schema": schema, "example": example}}
