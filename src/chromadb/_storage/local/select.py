"""Selecting records: filters against a snapshot and the documents."""

from __future__ import annotations

import apsw
import numpy as np

from chromadb._index.columns import Mask
from chromadb._index.snapshot import Snapshot
from chromadb._model.match import document_test, matches
from chromadb._model.where import COMPLEMENTS, And, Compare, Filter, MatchDocument, Or
from chromadb._storage.local import records
from chromadb._storage.local.records import Labels
from chromadb._storage.local.text.documents import Documents

FEW = 200
"""Up to so many documents are fetched and tested rather than searched for: 200 take 0.2 ms."""


def keys_of(filter: Filter | None) -> set[str]:
    """Return the metadata keys that a filter compares."""
    if isinstance(filter, Compare):
        return {filter.key}
    if isinstance(filter, (And, Or)):
        return set().union(*(keys_of(clause) for clause in filter.clauses))
    return set()


def select_mask(sql: apsw.Connection, snapshot: Snapshot, documents: Documents, filter: Filter | None) -> Mask:
    """Return which places of `snapshot` are alive and match; it has the columns that the filter compares."""
    alive = snapshot.alive.values
    return alive if filter is None else _evaluate(sql, snapshot, documents, filter, alive)


def select_ids(sql: apsw.Connection, ids: list[str], filter: Filter | None) -> Labels:
    """Return the labels of those records among `ids` that match, ascending; needs no snapshot."""
    labels = np.sort(np.fromiter(records.find_labels(sql, ids).values(), dtype=np.int64))
    if filter is None or not len(labels):
        return labels
    rows = records.read_columns(sql, labels, ["metadata", "document"])
    return labels[[matches(filter, records.decode_metadata(text), document) for text, document in rows]]


def _evaluate(sql: apsw.Connection, snapshot: Snapshot, documents: Documents, filter: Filter, within: Mask) -> Mask:
    """Return which places of `within` match."""
    if isinstance(filter, Compare):
        return snapshot.columns[filter.key].matching(filter) & within
    if isinstance(filter, MatchDocument):
        return _match_documents(sql, snapshot, documents, filter, within)
    if isinstance(filter, Or):
        matching = np.zeros(len(snapshot), dtype=np.bool_)
        for clause in filter.clauses:
            matching |= _evaluate(sql, snapshot, documents, clause, within)
        return matching
    # Columns are quicker than documents, and leave fewer documents to look at.
    for clause in sorted(filter.clauses, key=_reads_documents):
        within = _evaluate(sql, snapshot, documents, clause, within)
    return within


def _reads_documents(filter: Filter) -> bool:
    if isinstance(filter, (And, Or)):
        return any(_reads_documents(clause) for clause in filter.clauses)
    return isinstance(filter, MatchDocument)


def _match_documents(
    sql: apsw.Connection, snapshot: Snapshot, documents: Documents, match: MatchDocument, within: Mask
) -> Mask:
    if match.operator in COMPLEMENTS:
        opposite = MatchDocument(COMPLEMENTS[match.operator], match.operand)
        return within & ~_match_documents(sql, snapshot, documents, opposite, within)
    places = np.flatnonzero(within)
    if len(places) <= FEW:
        test = document_test(match)
        rows = records.read_columns(sql, snapshot.labels.values[places], ["document"])
        matching = np.zeros(len(snapshot), dtype=np.bool_)
        matching[places[[test(document) for (document,) in rows]]] = True
        return matching
    return snapshot.mask_of(documents.matching(sql, match)) & within
