"""Collections, records and bytes of each tenant."""

from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from typing import Any, NamedTuple, Protocol
from uuid import UUID

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

_FIELDS = {"collections": "collections", "records": "records", "bytes": "nbytes"}
"""What quotas are about, by the words in the names of their settings, and the field of ``TenantUsage`` for it."""

_WRITES = (Action.ADD, Action.UPSERT, Action.UPDATE)

_context: ContextVar[dict[str, Any] | None] = ContextVar("chromadb_quota_context", default=None)


class HasUsage(HasSettings, Protocol):
    """What the enforcer is made with."""

    def tenant_usage(self, tenant: str, collection: UUID | None = None) -> TenantUsage:
        """Count what a tenant stores, of one collection alone if one is given."""
        ...


class _Counted(NamedTuple):
    usage: TenantUsage
    at: float


class SimpleQuotaEnforcer(QuotaEnforcer):
    """Allows every tenant as much as ``chroma_quota_..._per_tenant`` say, or any amount where they are not set.

    Processes that write at the same time may go beyond a quota by what they write; calls of one process by what is
    under way while it is counted anew.

    Args:
        system: what has the ``settings``, and ``tenant_usage(tenant)``.
    """

    def __init__(self, system: HasUsage) -> None:
        super().__init__(system)
        self._usage_of = system.tenant_usage
        quotas = {what: self._settings[f"chroma_quota_{what}_per_tenant"] for what in _FIELDS}
        self._most: dict[str, int] = {what: most for what, most in quotas.items() if most is not None}
        self._lock = threading.Lock()
        self._counted: dict[str, _Counted] = {}
        self._turns = threading.Lock()
        """Taken to check and note, which are one step: calls of the same moment count what the others will write."""

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
        nbytes = 0
        if "bytes" in self._most:
            columns = (embeddings, metadatas, documents, uris, ids, [metadata], [new_metadata])
            nbytes = sum(map(_size, columns))
        if action is Action.CREATE_COLLECTION:
            copied = self._copied(tenant)
            self._take(tenant, TenantUsage(1, copied.records, nbytes + copied.nbytes))
        elif action is Action.UPDATE_COLLECTION:
            self._take(tenant, TenantUsage(nbytes=nbytes))
        elif action in _WRITES:
            records = 0 if action is Action.UPDATE else len(ids or ())
            if self._exceeds(tenant, "records", TenantUsage(records=records), KNOWN):
                # Those that exist already are no further ones.
                records = self._count_new(ids)
            self._take(tenant, TenantUsage(records=records, nbytes=nbytes))

    def _take(self, tenant: str, more: TenantUsage) -> None:
        """Take note of what is about to be written.

        Raises:
            QuotaError: it is too much; no note was taken.
        """
        with self._turns:
            for what, most in self._most.items():
                # A count that is old may be too high: something may have been deleted elsewhere.
                if self._exceeds(tenant, what, more, KNOWN) and self._exceeds(tenant, what, more, FRESH):
                    stored, added = _of(self._usage(tenant, FRESH), what), _of(more, what)
                    raise QuotaError(
                        f"Quota exceeded: tenant {shorten(tenant)} has {stored} {what}, this would add {added}, and "
                        f"chroma_quota_{what}_per_tenant allows {most}. Delete something, or raise the quota."
                    )
            self._note(tenant, more)

    def _exceeds(self, tenant: str, what: str, more: TenantUsage, age: float) -> bool:
        most, added = self._most.get(what), _of(more, what)
        return most is not None and added > 0 and _of(self._usage(tenant, age), what) + added > most

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

    def _copied(self, tenant: str) -> TenantUsage:
        """Return what the operation at hand copies; nothing if it is no fork."""
        operation: Any = (_context.get() or {}).get("operation")
        if not isinstance(operation, op.ForkCollection):
            return TenantUsage()
        return self._usage_of(tenant, operation.address.collection)

    def _count_new(self, ids: list[str]) -> int:
        context = _context.get()
        if context is None:
            return len(ids)
        operation: Any = context["operation"]
        found = context["run"](op.Get(operation.address, Selection(list(ids)), include=()))
        return len(ids) - len(found["ids"])


def _of(usage: TenantUsage, what: str) -> int:
    """Return what a quota is about, by the word for it in the name of its setting."""
    return int(getattr(usage, _FIELDS[what]))


def _size(column: Any) -> int:
    """Return about how many bytes a column takes."""
    if column is None:
        return 0
    if isinstance(column, np.ndarray):
        return int(column.nbytes)
    return sum(len(item) if isinstance(item, str) else len(str(item)) for item in column if item is not None)
