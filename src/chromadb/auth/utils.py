"""Tenant and database of an identity (public path; defined in `_auth`)."""

from chromadb._auth.scope import maybe_set_tenant_and_database

__all__ = ["maybe_set_tenant_and_database"]
