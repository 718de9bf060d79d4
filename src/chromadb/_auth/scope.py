"""Scope: the tenants and databases that somebody may use."""

from __future__ import annotations

from chromadb._model.entities import UserIdentity
from chromadb._model.names import DEFAULT_DATABASE, DEFAULT_TENANT, shorten
from chromadb.errors import ChromaAuthError

ANY = "*"


def narrowed(user: UserIdentity) -> tuple[str | None, str | None]:
    """Return the one tenant and the one database that somebody may use, None where it is not one."""
    databases = user.databases or []
    database = databases[0] if len(databases) == 1 else None
    return _one(user.tenant), _one(database)


def is_limited(user: UserIdentity) -> bool:
    """Return whether there is a tenant or a database that somebody may not use."""
    return _one(user.tenant) is not None or databases_of(user) is not None


def databases_of(user: UserIdentity) -> list[str] | None:
    """Return the databases that somebody may use, None for any."""
    return None if user.databases is None or ANY in user.databases else user.databases


def check_scope(user: UserIdentity, tenant: str | None, database: str | None) -> None:
    """Return if somebody may use this tenant and this database; None is none in particular.

    Raises:
        ChromaAuthError: not allowed.
    """
    own, databases = _one(user.tenant), databases_of(user)
    if own is not None and tenant is not None and tenant != own:
        raise ChromaAuthError(f"Forbidden: these credentials are for the tenant {own!r}, not for {shorten(tenant)}.")
    if databases is not None and database is not None and database not in databases:
        allowed = ", ".join(map(repr, databases)) or "no database"
        raise ChromaAuthError(f"Forbidden: these credentials are for {allowed}, not for {shorten(database)}.")


def maybe_set_tenant_and_database(
    user_identity: UserIdentity,
    overwrite_singleton_tenant_database_access_from_auth: bool,
    user_provided_tenant: str | None = None,
    user_provided_database: str | None = None,
) -> tuple[str | None, str | None]:
    """Return tenant and database for somebody who may use one only, where the setting says so.

    The default names, and None, give way to the one; where it is not one, they stay.

    Raises:
        ChromaAuthError: another one is asked for.
    """
    if not overwrite_singleton_tenant_database_access_from_auth:
        return user_provided_tenant, user_provided_database
    tenant, database = narrowed(user_identity)
    return (
        _settled("tenant", tenant, user_provided_tenant, DEFAULT_TENANT),
        _settled("database", database, user_provided_database, DEFAULT_DATABASE),
    )


def _settled(kind: str, own: str | None, asked: str | None, default: str) -> str | None:
    if own is None:
        return asked
    if asked not in (None, default, own):
        raise ChromaAuthError(f"Forbidden: these credentials are for the {kind} {own!r}, not for {shorten(asked)}.")
    return own


def _one(name: str | None) -> str | None:
    return None if name == ANY else name
