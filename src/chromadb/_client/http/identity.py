"""Tenant and database of a client from who the server takes it for."""

from __future__ import annotations

from typing import cast

from chromadb._auth.scope import maybe_set_tenant_and_database
from chromadb._model.entities import UserIdentity
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
    settled = maybe_set_tenant_and_database(identity, True, tenant, database)
    for kind, name in zip(("tenant", "database"), settled, strict=True):
        if name is None:
            raise ChromaAuthError(
                f"The server does not say which {kind} these credentials are for. Give it as {kind}=...."
            )
    return cast("tuple[str, str]", settled)
