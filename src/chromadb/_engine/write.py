"""Operations that write records."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from chromadb._model import operations as op
from chromadb._model.names import shorten
from chromadb._model.operations import Operation
from chromadb._storage.base import Backend

logger = logging.getLogger("chromadb.engine")


def _add(backend: Backend, operation: op.Add) -> None:
    with backend.open(operation.address) as store:
        ignored = store.write("add", operation.records)
    if ignored:
        logger.info("add: %d ids exist already and were left as they are: %s", len(ignored), shorten(ignored))


def _update(backend: Backend, operation: op.Update) -> None:
    with backend.open(operation.address) as store:
        ignored = store.write("update", operation.records)
    if ignored:
        logger.warning("update: %d ids do not exist and were ignored: %s", len(ignored), shorten(ignored))


def _upsert(backend: Backend, operation: op.Upsert) -> None:
    with backend.open(operation.address) as store:
        store.write("upsert", operation.records)


def _delete(backend: Backend, operation: op.Delete) -> int:
    with backend.open(operation.address) as store:
        return store.delete(operation.selection, operation.limit)


HANDLERS: dict[type[Operation[Any]], Callable[[Backend, Any], Any]] = {
    op.Add: _add,
    op.Update: _update,
    op.Upsert: _upsert,
    op.Delete: _delete,
}
