"""The route table. Routers, the OpenAPI document and the requests of clients are all made from it.

A template is a path with ``{name}`` for a segment and ``{?a,b}`` for parameters of the query (RFC 6570).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from chromadb._model import operations as op
from chromadb._model.operations import Operation

_QUERY = re.compile(r"\{\?([^}]*)\}$")
_SEGMENT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Template:
    """A path with places for parameters."""

    text: str

    @cached_property
    def path(self) -> str:
        """The path, without the parameters of the query."""
        return _QUERY.sub("", self.text)

    @cached_property
    def query(self) -> tuple[str, ...]:
        """The names of the parameters that stand in the query."""
        found = _QUERY.search(self.text)
        return tuple(found[1].split(",")) if found else ()

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The names of the parameters that stand in the path."""
        return tuple(_SEGMENT.findall(self.path))

    def fill(self, parameters: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
        """Return path and query for these parameters; what is None or has no place here is left out."""
        path = _SEGMENT.sub(lambda found: _quoted(str(parameters[found[1]])), self.path)
        return path, {name: str(parameters[name]) for name in self.query if parameters.get(name) is not None}


def _quoted(segment: str) -> str:
    """Return a segment that stays one: "." and ".." would be taken for steps along the path."""
    return segment.replace(".", "%2E") if segment.strip(".") == "" else quote(segment, safe="")


@dataclass(frozen=True)
class Route:
    """One thing that a server does.

    Args:
        name: unique; the operation id of the OpenAPI document.
        method: of HTTP. GET routes answer HEAD too.
        v2: templates of API v2, the usual one first.
        v1: templates of API v1, none if it had no such thing.
        operation: what is run; None if this version cannot do it, which is answered with 501.
        action: what somebody must be allowed to do, by the names that roles are written with; None for everybody.
        status: of an answer that is no error.
    """

    name: str
    method: str
    v2: tuple[Template, ...]
    v1: tuple[Template, ...]
    operation: type[Operation[Any]] | None
    action: str | None
    status: int = 200

    def template(self, version: int) -> Template | None:
        """Return the usual template of a version of the API, None if the route is not part of it."""
        return next(iter(self.v2 if version == 2 else self.v1), None)


V2, V1 = "/api/v2", "/api/v1"
_DATABASES = f"{V2}/tenants/{{tenant}}/databases"
_COLLECTIONS = f"{_DATABASES}/{{database}}/collections"
_RECORDS, _RECORDS_V1 = f"{_COLLECTIONS}/{{collection_id}}", f"{V1}/collections/{{collection_id}}"


def _route(
    name: str,
    method: str,
    v2: str,
    v1: str | None,
    operation: type[Operation[Any]] | None,
    action: str | None,
    status: int = 200,
) -> Route:
    return Route(name, method, (Template(v2),), (Template(v1),) if v1 else (), operation, action, status)


def _record_route(name: str, operation: type[Operation[Any]], *, status: int = 200, method: str = "POST") -> Route:
    v2, v1 = f"{_RECORDS}/{name}", f"{_RECORDS_V1}/{name}"
    return _route(f"{name}_records", method, v2, v1, operation, f"collection:{name}", status)


ROUTES: tuple[Route, ...] = (
    # --- the service
    Route(
        "heartbeat",
        "GET",
        (Template(f"{V2}/heartbeat"), Template(V2)),
        (Template(f"{V1}/heartbeat"), Template(V1)),
        op.Heartbeat,
        None,
    ),
    _route("version", "GET", f"{V2}/version", f"{V1}/version", op.GetVersion, None),
    _route("pre_flight_checks", "GET", f"{V2}/pre-flight-checks", f"{V1}/pre-flight-checks", op.GetMaxBatchSize, None),
    _route("healthcheck", "GET", f"{V2}/healthcheck", None, op.CheckHealth, None),
    _route("identity", "GET", f"{V2}/auth/identity", None, op.GetUserIdentity, "system:get_user_identity"),
    _route("reset", "POST", f"{V2}/reset", f"{V1}/reset", op.Reset, "system:reset"),
    _route("check", "GET", f"{V2}/check", None, op.Check, "system:check"),
    # --- tenants and databases
    _route("create_tenant", "POST", f"{V2}/tenants", f"{V1}/tenants", op.CreateTenant, "tenant:create_tenant"),
    _route(
        "get_tenant",
        "GET",
        f"{V2}/tenants/{{tenant}}",
        f"{V1}/tenants/{{tenant}}",
        op.GetTenant,
        "tenant:get_tenant",
    ),
    _route("update_tenant", "PATCH", f"{V2}/tenants/{{tenant}}", None, None, "tenant:update_tenant"),
    _route(
        "create_database",
        "POST",
        _DATABASES,
        f"{V1}/databases{{?tenant}}",
        op.CreateDatabase,
        "db:create_database",
    ),
    _route("list_databases", "GET", f"{_DATABASES}{{?limit,offset}}", None, op.ListDatabases, "db:list_databases"),
    _route(
        "get_database",
        "GET",
        f"{_DATABASES}/{{database}}",
        f"{V1}/databases/{{database}}{{?tenant}}",
        op.GetDatabase,
        "db:get_database",
    ),
    _route("delete_database", "DELETE", f"{_DATABASES}/{{database}}", None, op.DeleteDatabase, "db:delete_database"),
    # --- collections
    _route(
        "create_collection",
        "POST",
        _COLLECTIONS,
        f"{V1}/collections{{?tenant,database}}",
        op.CreateCollection,
        "db:create_collection",
    ),
    _route(
        "list_collections",
        "GET",
        f"{_COLLECTIONS}{{?limit,offset}}",
        f"{V1}/collections{{?tenant,database,limit,offset}}",
        op.ListCollections,
        "db:list_collections",
    ),
    _route(
        "count_collections",
        "GET",
        f"{_DATABASES}/{{database}}/collections_count",
        f"{V1}/count_collections{{?tenant,database}}",
        op.CountCollections,
        "db:count_collections",
    ),
    _route(
        "get_collection_by_id",
        "GET",
        f"{_COLLECTIONS}/by-id/{{collection_id}}",
        None,
        op.GetCollectionById,
        "collection:get_collection",
    ),
    _route(
        "get_collection",
        "GET",
        f"{_COLLECTIONS}/{{name}}",
        f"{V1}/collections/{{name}}{{?tenant,database}}",
        op.GetCollection,
        "collection:get_collection",
    ),
    _route("get_collection_by_crn", "GET", f"{V2}/collections/{{crn}}", None, None, "collection:get_collection"),
    _route("update_collection", "PUT", _RECORDS, _RECORDS_V1, op.ModifyCollection, "collection:update_collection"),
    _route(
        "delete_collection",
        "DELETE",
        f"{_COLLECTIONS}/{{name}}",
        f"{V1}/collections/{{name}}{{?tenant,database}}",
        op.DeleteCollection,
        "collection:delete_collection",
    ),
    _route("fork_collection", "POST", f"{_RECORDS}/fork", None, op.ForkCollection, "collection:fork"),
    # --- records
    _record_route("add", op.Add, status=201),
    _record_route("update", op.Update),
    _record_route("upsert", op.Upsert),
    _record_route("delete", op.Delete),
    _record_route("count", op.Count, method="GET"),
    _record_route("get", op.Get),
    _record_route("query", op.Query),
    _route("indexing_status", "GET", f"{_RECORDS}/indexing_status", None, op.GetIndexingStatus, "collection:count"),
    # --- what this version cannot do
    _route("search_records", "POST", f"{_RECORDS}/search", None, None, "collection:search"),
    _route("fork_count", "GET", f"{_RECORDS}/fork_count", None, None, "collection:fork"),
    _route("attach_function", "POST", f"{_RECORDS}/functions/attach", None, None, "collection:attach_function"),
    _route("get_attached_function", "GET", f"{_RECORDS}/functions/{{function}}", None, None, "collection:get_function"),
    _route(
        "detach_function",
        "POST",
        f"{_RECORDS}/attached_functions/{{function}}/detach",
        None,
        None,
        "collection:detach_function",
    ),
)
"""Every route; among those that match a path, one with fewer parameters comes before one with more."""

BY_OPERATION: dict[type[Operation[Any]], Route] = {
    route.operation: route for route in ROUTES if route.operation is not None
}
"""The route of an operation."""


def templates() -> Iterator[tuple[Route, int, Template]]:
    """Give every template of the table, with its route and the version of the API."""
    for route in ROUTES:
        for version, found in ((2, route.v2), (1, route.v1)):
            for template in found:
                yield route, version, template
