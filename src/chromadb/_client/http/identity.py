"""Tenant and database of a client from who the server takes it for."""

from __future__ import annotations

from chromadb._model.entities import UserIdentity
from chromadb._model.names import DEFAULT_DATABASE, DEFAULT_TENANT
from chromadb.errors import ChromaAuthError


def settle(identity: UserIdentity, tenant: str | None, database: str | None) -> tuple[str, str]:
    """Return tenant and database for somebody who may use one only, where that is so.

    Args:
        identity: as the server told it; ``*`` stands for any.
        tenant: asked for; None, or the default one, if it is left to the identity.
        database: likewise.

    Raises:
        ChromaAuthError: the identity is of another tenant or database; or it does not settle what is left to it.
    """
    databases = identity.databases or []
    only = databases[0] if len(databases) == 1 else None
    return (
        _settle("tenant", _one(identity.tenant), tenant, DEFAULT_TENANT),
        _settle("database", _one(only), database, DEFAULT_DATABASE),
    )


def _one(name: str | None) -> str | None:
    return None if name == "*" else name


def _settle(kind: str, own: str | None, asked: str | None, default: str) -> str:
    if own is not None and asked not in (None, default, own):
        raise ChromaAuthError(
            f"The {kind} {asked!r} is not the one of these credentials, which is {own!r}. Ask for that, or for none."
        )
    settled = own if own is not None else asked
    if settled is None:
        raise ChromaAuthError(f"The server does not say which {kind} these credentials are for. Give it as {kind}=....")
    return settled
