"""Collections, records and bytes of each tenant."""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol

import numpy as np

from chromadb._limits.enforcers import Action, QuotaEnforcer
from chromadb._model import operations as op
from chromadb._model.entities import TenantUsage
from chromadb._model.names import shorten
from chromadb._model.operations import Selection
from chromadb._settings.classes import HasSettings
from chromadb.errors import QuotaError

FRESH = 1.0
"""Seconds for which a count is good enough to refuse by: so long it takes to see what other processes deleted."""

KNOWN = 10.0
"""Seconds for which a count, with what this process has written since, is good enough to allow by."""

_WRITES = (Action.ADD, Action.UPSERT, Action.UPDATE)

_context: ContextVar[dict[str, Any] | None] = ContextVar("chromadb_quota_context", default=None)


class HasUsage(HasSettings, Protocol):
    """What the enforcer is made with."""

    def tenant_usage(self, tenant: str) -> TenantUsage:
        """Count what a tenant stores."""
        ...


class _Counted(NamedTuple):
    usage: TenantUsage
    at: float


class SimpleQuotaEnforcer(QuotaEnforcer):
    """Allows every tenant as much as ``chroma_quota_..._per_tenant`` say, or any amount where they are not set.

    Processes that write at the same time, and calls of the same moment, may go beyond a quota by what they write.

    Args:
        system: what has the ``settings``, and ``tenant_usage(tenant)``.
    """

    def __init__(self, system: HasUsage) -> None:
        super().__init__(system)
        self._usage_of = system.tenant_usage
        self._collections = self._settings.chroma_quota_collections_per_tenant
        self._records = self._settings.chroma_quota_records_per_tenant
        self._nbytes = self._settings.chroma_quota_bytes_per_tenant
        self._lock = threading.Lock()
        self._counted: dict[str, _Counted] = {}

    def set_context(self, context: dict[str, Any]) -> None:
        """Take note of the operation that the next call of `enforce` is about."""
        _context.set(context)

    def freed(self) -> None:
        """Forget what was counted: something was deleted in this process."""
        with self._lock:
            self._counted.clear()

    def enforce(
        self,
        action: Action,
        tenant: str,
        metadatas: Any = None,
        documents: Any = None,
        embeddings: Any = None,
        uris: Any = None,
        ids: Any = None,
        name: str | None = None,
        new_name: str | None = None,
        metadata: Any = None,
        new_metadata: Any = None,
        limit: int | None = None,
        where: Any = None,
        where_document: Any = None,
        n_results: int | None = None,
        query_embeddings: Any = None,
    ) -> None:
        """Raise a QuotaError if a tenant would store more than it may."""
        if action is Action.CREATE_COLLECTION and self._collections is not None:
            self._check(tenant, "collections", self._collections, TenantUsage(collections=1))
        if action not in _WRITES:
            return
        if self._nbytes is not None:
            size = _size(embeddings) + sum(map(_size, (metadatas, documents, uris, ids)))
            self._check(tenant, "bytes", self._nbytes, TenantUsage(nbytes=size))
        if self._records is not None and action is not Action.UPDATE and ids:
            more = TenantUsage(records=len(ids))
            if self._exceeds(tenant, self._records, more, KNOWN):
                # Those that exist already are no further ones.
                more = TenantUsage(records=self._count_new(ids))
            self._check(tenant, "records", self._records, more)

    def _check(self, tenant: str, what: str, most: int, more: TenantUsage) -> None:
        # A count that is old may be too high: something may have been deleted elsewhere.
        if self._exceeds(tenant, most, more, KNOWN) and self._exceeds(tenant, most, more, FRESH):
            stored, added = _of(self._usage(tenant, FRESH), more)
            raise QuotaError(
                f"Quota exceeded: tenant {shorten(tenant)} has {stored} {what}, this would add {added}, and "
                f"chroma_quota_{what}_per_tenant allows {most}. Delete something, or raise the quota."
            )
        self._note(tenant, more)

    def _exceeds(self, tenant: str, most: int, more: TenantUsage, age: float) -> bool:
        stored, added = _of(self._usage(tenant, age), more)
        return added > 0 and stored + added > most

    def _usage(self, tenant: str, age: float) -> TenantUsage:
        """Return what a tenant stores, counted at most `age` seconds ago."""
        known = self._counted.get(tenant)
        if known is None or time.monotonic() - known.at > age:
            known = _Counted(self._usage_of(tenant), time.monotonic())
            with self._lock:
                self._counted[tenant] = known
        return known.usage

    def _note(self, tenant: str, more: TenantUsage) -> None:
        """Add what is about to be written to what is known."""
        with self._lock:
            usage, at = self._counted.get(tenant, (None, 0.0))
            if usage is not None:
                self._counted[tenant] = _Counted(usage + more, at)

    def _count_new(self, ids: list[str]) -> int:
        context = _context.get()
        if context is None:
            return len(ids)
        operation: Any = context["operation"]
        found = context["run"](op.Get(operation.address, Selection(list(ids)), include=()))
        return len(ids) - len(found["ids"])


def _of(usage: TenantUsage, more: TenantUsage) -> tuple[int, int]:
    """Return the one number that `more` is about, of what there is and of what is to come."""
    for field in ("collections", "records", "nbytes"):
        if getattr(more, field):
            return getattr(usage, field), getattr(more, field)
    return 0, 0


def _size(column: Any) -> int:
    """Return about how many bytes a column takes."""
    if column is None:
        return 0
    if isinstance(column, np.ndarray):
        return int(column.nbytes)
    return sum(len(item) if isinstance(item, str) else len(str(item)) for item in column if item is not None)
