"""A runner that asks the enforcers before each operation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chromadb._limits.enforcers import Action, QuotaEnforcer, RateLimitEnforcer
from chromadb._limits.quotas import SimpleQuotaEnforcer
from chromadb._model import operations as op
from chromadb._model.entities import CollectionInfo
from chromadb._model.operations import Operation, R, Runner
from chromadb._wire.filters import filter_to_wire
from chromadb.errors import InvalidCollectionException, QuotaError

ACTIONS: dict[type[Operation[Any]], Action] = {
    op.CreateDatabase: Action.CREATE_DATABASE,
    op.CreateCollection: Action.CREATE_COLLECTION,
    op.ListCollections: Action.LIST_COLLECTIONS,
    op.ModifyCollection: Action.UPDATE_COLLECTION,
    op.Add: Action.ADD,
    op.Get: Action.GET,
    op.Delete: Action.DELETE,
    op.Update: Action.UPDATE,
    op.Upsert: Action.UPSERT,
    op.Query: Action.QUERY,
}


FREEING = (op.Delete, op.DeleteCollection, op.DeleteDatabase, op.Reset)
"""Operations after which a tenant stores less."""


class LimitedRunner:
    """A runner within limits.

    Args:
        runner: executes operations.
        rate: decides how often; None for as often as anybody likes.
        quota: decides how much; None for as much as anybody likes.
    """

    def __init__(self, runner: Runner, rate: RateLimitEnforcer | None, quota: QuotaEnforcer | None) -> None:
        self.runner = runner
        self._quota = quota
        self._execute: Callable[[Any], Any] = self._within_quota if quota is not None else runner.run
        if rate is not None:
            self._execute = rate.rate_limit(self._execute)

    def run(self, operation: Operation[R]) -> R:
        """Execute one operation.

        Raises:
            RateLimitError: not now.
            QuotaError: it would be too much; nothing was changed.
        """
        result: R = self._execute(operation)
        return result

    def close(self) -> None:
        """Close the runner."""
        self.runner.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.runner, name)

    def _within_quota(self, operation: Operation[Any]) -> Any:
        action = ACTIONS.get(type(operation))
        quota = self._quota
        if action is None or quota is None:
            return self._run(operation)
        quota.set_context({"operation": operation, "run": self.runner.run})
        try:
            quota.enforce(action, self._tenant(operation), **_arguments(operation))
        except QuotaError:
            # What is there already takes no more than it does.
            existing = self._existing(operation)
            if existing is None:
                raise
            return existing
        finally:
            quota.set_context({})
        return self._run(operation)

    def _run(self, operation: Operation[Any]) -> Any:
        result = self.runner.run(operation)
        if isinstance(operation, FREEING) and isinstance(self._quota, SimpleQuotaEnforcer):
            self._quota.freed()
        return result

    def _existing(self, operation: Operation[Any]) -> CollectionInfo | None:
        """Return the collection that an operation would make, if it is there and would be taken."""
        if not isinstance(operation, op.CreateCollection) or not operation.get_or_create:
            return None
        try:
            return self.runner.run(op.GetCollection(operation.tenant, operation.database, operation.name))
        except InvalidCollectionException:
            return None

    def _tenant(self, operation: Any) -> str:
        address = getattr(operation, "address", None)
        if address is None:
            return str(operation.tenant)
        if address.tenant is not None:
            return str(address.tenant)
        # API v1 names records by their collection alone.
        backend: Any = self.runner.backend  # type: ignore[attr-defined]
        return str(backend.get_collection_by_id(None, None, address.collection).tenant)


def _arguments(operation: Any) -> dict[str, Any]:
    """Return what an operation was asked for with, by the names that `enforce` has; what was not given is left out."""
    given: dict[str, Any] = {}
    if isinstance(operation, (op.Add, op.Update, op.Upsert)):
        records = operation.records
        given = {"ids": records.ids, "embeddings": records.vectors, "documents": records.documents}
        given |= {"metadatas": records.metadatas, "uris": records.uris}
    elif isinstance(operation, (op.CreateCollection, op.CreateDatabase)):
        given = {"name": operation.name, "metadata": getattr(operation, "metadata", None)}
    elif isinstance(operation, op.ModifyCollection):
        given = {"new_name": operation.name, "new_metadata": operation.metadata}
    elif isinstance(operation, op.ListCollections):
        given = {"limit": operation.limit}
    elif isinstance(operation, (op.Get, op.Delete, op.Query)):
        where, where_document = filter_to_wire(operation.selection.filter)
        given = {"ids": operation.selection.ids, "where": where, "where_document": where_document}
        if isinstance(operation, op.Query):
            given |= {"n_results": operation.n_results, "query_embeddings": operation.vectors}
        else:
            given["limit"] = operation.limit
    return {name: value for name, value in given.items() if value is not None}
