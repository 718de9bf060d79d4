"""Exchanges about the service, tenants and databases."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from msgspec import Struct, field

from chromadb._model import operations as op
from chromadb._model.entities import Database, Finding, Tenant, UserIdentity
from chromadb._model.names import check_lookup, check_space_name
from chromadb._model.operations import Operation
from chromadb._wire.dialects import Dialect
from chromadb._wire.exchanges import Asked, Exchange, Parameters, as_it_is, no_result, nothing, unchanged
from chromadb._wire.limits import PreFlight


class HeartbeatBody(Struct):
    """The time of the server in nanoseconds since the epoch."""

    time: int = field(name="nanosecond heartbeat")


class HealthBody(Struct):
    """Whether the server can do its work; with 503 if it cannot."""

    is_executor_ready: bool
    is_log_client_ready: bool


class IdentityBody(Struct):
    """Who the server takes the caller for."""

    user_id: str = ""
    tenant: str | None = None
    databases: list[str] | None = None
    attributes: dict[str, Any] | None = None


class NewTenant(Struct):
    """A tenant to make."""

    name: str


class TenantBody(Struct):
    """A tenant."""

    name: str


class NewDatabase(Struct):
    """A database to make."""

    name: str


class DatabaseBody(Struct):
    """A database."""

    id: UUID
    name: str
    tenant: str


class FindingBody(Struct):
    """Something that an audit found to be wrong."""

    where: str
    what: str
    repairable: bool = False


def _nothing_to_ask(operation: Any, dialect: Dialect, base64: bool) -> Asked:
    return Asked({})


def _page(parameters: dict[str, Any], limit: int | None, offset: int) -> Asked:
    return Asked({**parameters, "limit": limit, "offset": offset or None})


def _database_body(database: Database) -> DatabaseBody:
    return DatabaseBody(database.id, database.name, database.tenant)


def _database(body: DatabaseBody) -> Database:
    return Database(body.id, body.name, body.tenant)


def _create_tenant(parameters: Parameters, body: NewTenant) -> op.CreateTenant:
    return op.CreateTenant(check_space_name(body.name, "tenant"))


def _create_database(parameters: Parameters, body: NewDatabase) -> op.CreateDatabase:
    return op.CreateDatabase(check_space_name(body.name, "database"), check_lookup(parameters.tenant, "tenant"))


def _list_databases(parameters: Parameters, body: None) -> op.ListDatabases:
    return op.ListDatabases(parameters.tenant, parameters.limit, parameters.offset or 0)


def _identity(identity: UserIdentity, operation: Any, dialect: Dialect) -> IdentityBody:
    return IdentityBody(identity.user_id, identity.tenant, identity.databases, identity.attributes)


def _user_identity(body: IdentityBody, operation: Any) -> UserIdentity:
    return UserIdentity(body.user_id, body.tenant, body.databases, body.attributes)


EXCHANGES: dict[type[Operation[Any]], Exchange] = {
    op.Heartbeat: Exchange(
        lambda parameters, body: op.Heartbeat(),
        lambda result, operation, dialect: HeartbeatBody(result),
        _nothing_to_ask,
        lambda answered, operation: answered.time,
        answered=HeartbeatBody,
    ),
    op.GetVersion: Exchange(
        lambda parameters, body: op.GetVersion(), unchanged, _nothing_to_ask, as_it_is, answered=str
    ),
    op.GetMaxBatchSize: Exchange(
        lambda parameters, body: op.GetMaxBatchSize(),
        lambda result, operation, dialect: PreFlight(result, supports_base64_encoding=True, extended=True),
        _nothing_to_ask,
        lambda answered, operation: answered.max_batch_size,
        answered=PreFlight,
    ),
    op.CheckHealth: Exchange(
        lambda parameters, body: op.CheckHealth(),
        lambda result, operation, dialect: HealthBody(result, result),
        _nothing_to_ask,
        lambda answered, operation: answered.is_executor_ready and answered.is_log_client_ready,
        answered=HealthBody,
    ),
    op.GetUserIdentity: Exchange(
        lambda parameters, body: op.GetUserIdentity(),
        _identity,
        _nothing_to_ask,
        _user_identity,
        answered=IdentityBody,
    ),
    op.Reset: Exchange(
        lambda parameters, body: op.Reset(),
        unchanged,
        _nothing_to_ask,
        lambda answered, operation: True,
        answered=bool | None,
    ),
    op.Check: Exchange(
        lambda parameters, body: op.Check(),
        lambda result, operation, dialect: [FindingBody(each.where, each.what, each.repairable) for each in result],
        _nothing_to_ask,
        lambda answered, operation: [Finding(each.where, each.what, each.repairable) for each in answered],
        answered=list[FindingBody],
    ),
    op.CreateTenant: Exchange(
        _create_tenant,
        nothing,
        lambda operation, dialect, base64: Asked({}, NewTenant(operation.name)),
        no_result,
        body=NewTenant,
    ),
    op.GetTenant: Exchange(
        lambda parameters, body: op.GetTenant(check_lookup(parameters.tenant, "tenant")),
        lambda result, operation, dialect: TenantBody(result.name),
        lambda operation, dialect, base64: Asked({"tenant": operation.name}),
        lambda answered, operation: Tenant(answered.name),
        answered=TenantBody,
    ),
    op.CreateDatabase: Exchange(
        _create_database,
        nothing,
        lambda operation, dialect, base64: Asked({"tenant": operation.tenant}, NewDatabase(operation.name)),
        no_result,
        body=NewDatabase,
    ),
    op.GetDatabase: Exchange(
        lambda parameters, body: op.GetDatabase(parameters.database, parameters.tenant),
        lambda result, operation, dialect: _database_body(result),
        lambda operation, dialect, base64: Asked({"tenant": operation.tenant, "database": operation.name}),
        lambda answered, operation: _database(answered),
        answered=DatabaseBody,
    ),
    op.DeleteDatabase: Exchange(
        lambda parameters, body: op.DeleteDatabase(parameters.database, parameters.tenant),
        nothing,
        lambda operation, dialect, base64: Asked({"tenant": operation.tenant, "database": operation.name}),
        no_result,
    ),
    op.ListDatabases: Exchange(
        _list_databases,
        lambda result, operation, dialect: [_database_body(each) for each in result],
        lambda operation, dialect, base64: _page({"tenant": operation.tenant}, operation.limit, operation.offset),
        lambda answered, operation: [_database(each) for each in answered],
        answered=list[DatabaseBody],
    ),
}
