"""Selecting records: filters against a snapshot and the documents.

Where a part of the filter allows few records, these are looked up, and only they are asked the rest; otherwise every
place is asked, column by column. A million places are asked in some milliseconds, a thousand found in 0.1.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import numpy as np

from chromadb._index.asked import Asked, by_key
from chromadb._index.choice import Choice, Mask, Places
from chromadb._index.snapshot import Snapshot
from chromadb._model.match import document_test, matches
from chromadb._model.where import COMPLEMENTS, And, Compare, Filter, MatchDocument, Or
from chromadb._storage.local.derived.text.documents import Documents
from chromadb._storage.local.tables import records
from chromadb._storage.local.tables.labels import Labels
from chromadb._tracing import spanned

FEW_DOCUMENTS = 200
"""Up to so many documents are fetched and tested rather than searched for: 200 take 0.2 ms."""

SHARE = 8
"""Places are looked up if they are less than one in so many: those of more are found as quickly by asking all."""


SHARE_SEARCHED = 64
"""The same for a query, which has to find the entry of each: of a million, 10,000 take 0.2 ms either way."""


def keys_of(filter: Filter | None) -> set[str]:
    """Return the metadata keys that a filter compares."""
    if isinstance(filter, Compare):
        return {filter.key}
    if isinstance(filter, (And, Or)):
        return set().union(*(keys_of(clause) for clause in filter.clauses))
    return set()


def select_ids(sql: apsw.Connection, ids: list[str], filter: Filter | None) -> Labels:
    """Return the labels of those records among `ids` that match, ascending; needs no snapshot."""
    labels = np.sort(np.fromiter(records.find_labels(sql, ids).values(), dtype=np.int64))
    if filter is None or not len(labels):
        return labels
    texts, documents = records.read_columns(sql, labels, ["metadata", "document"])
    found = zip(map(records.decode_metadata, texts), documents, strict=True)
    return labels[[matches(filter, metadata, document) for metadata, document in found]]


class Selector:
    """Evaluates filters in one transaction.

    Args:
        sql: the transaction.
        snapshot: of its commit, with the columns that the filters compare.
        documents: finds documents by text.
    """

    def __init__(self, sql: apsw.Connection, snapshot: Snapshot, documents: Documents) -> None:
        self._sql = sql
        self._snapshot = snapshot
        self._documents = documents

    @spanned("storage.filter")
    def select(self, filter: Filter | None) -> Choice:
        """Return which places are alive and match."""
        if filter is None:
            return Choice(len(self._snapshot), mask=self._snapshot.alive.values, filtered=False)
        places = self._find(filter, len(self._snapshot) // SHARE)
        if places is not None:
            return Choice(len(self._snapshot), numbers=places)
        return self._snapshot.choose_by(self._ask(filter, self._snapshot.alive.values))

    @spanned("storage.filter")
    def choose(self, filter: Filter | None) -> Choice:
        """Return the same for a query, which asks the filter of what it searches, unless it allows few."""
        snapshot = self._snapshot
        if snapshot.vectors is None or not snapshot.vectors.sealed:
            return self.select(filter)
        places = None if filter is None else self._find(filter, len(snapshot) // SHARE_SEARCHED)
        if places is not None:
            return Choice(len(snapshot), numbers=places)
        columns = {key: snapshot.columns[key] for key in keys_of(filter)}
        documents = {test: self._places_with(test) for test in _tests_of(filter)}
        return Asked(len(snapshot), filter, columns, documents, snapshot.alive.values, snapshot.dead)

    # --- places that are looked up ----------------------------------------------------------------

    def _find(self, filter: Filter, most: int) -> Places | None:
        """Return the places that are alive and match, each once; None if all have to be asked.

        Of metadata, more than `most` are not looked up.
        """
        if isinstance(filter, Compare):
            return self._look_up(filter.key, [filter], most)
        if isinstance(filter, MatchDocument):
            return None if filter.operator in COMPLEMENTS else self._places_with(filter)
        if isinstance(filter, And):
            return self._find_all(filter.clauses, most)
        found = []
        for clause in filter.clauses:
            places = self._find(clause, most)
            if places is None:
                return None
            found.append(places)
        return np.unique(np.concatenate(found))

    def _find_all(self, clauses: Sequence[Filter], most: int) -> Places | None:
        """Return the places that match all `clauses`, begun with what finds the fewest."""
        keys, others = by_key(clauses)
        best: Places | None = None
        best_key = None
        for key, compares in keys.items():
            places = self._look_up(key, compares, most if best is None else len(best))
            if places is not None:
                best, best_key = places, key
        if best is None:
            begin = next((each for each in others if _finds_documents(each)), None)
            if begin is None:
                return None
            others.remove(begin)
            best = self._find(begin, most)
        for key, compares in keys.items():
            if best is not None and key != best_key:
                best = best[self._snapshot.columns[key].matching_at(compares, best)]
        for clause in sorted(others, key=_reads_documents):
            if best is not None:
                best = best[self._ask_at(clause, best)]
        return best

    def _look_up(self, key: str, compares: Sequence[Compare], most: int) -> Places | None:
        """Return the places that are alive and meet all comparisons of one key; None if they are more than `most`."""
        places = self._snapshot.columns[key].find(compares, most)
        # A record that is gone has no document to be asked for.
        return None if places is None else self._snapshot.living(places)

    def _ask_at(self, filter: Filter, places: Places) -> Mask:
        """Return which of some places, which are alive, match; shape (len(places),)."""
        if isinstance(filter, Compare):
            return self._snapshot.columns[filter.key].matching_at([filter], places)
        if isinstance(filter, (And, Or)):
            matching = np.full(len(places), isinstance(filter, And))
            for clause in sorted(filter.clauses, key=_reads_documents):
                open_ones = matching if isinstance(filter, And) else ~matching
                matching[open_ones] = self._ask_at(clause, places[open_ones])
            return matching
        if filter.operator in COMPLEMENTS:
            return ~self._ask_at(MatchDocument(COMPLEMENTS[filter.operator], filter.operand), places)
        if len(places) > FEW_DOCUMENTS:
            return self._mask_with(filter)[places]
        test = document_test(filter)
        (documents,) = records.read_columns(self._sql, self._snapshot.labels.values[places], ["document"])
        return np.fromiter(map(test, documents), dtype=np.bool_, count=len(places))

    def _places_with(self, match: MatchDocument) -> Places:
        return self._snapshot.places_of(self._documents.matching(self._sql, match))

    def _mask_with(self, match: MatchDocument) -> Mask:
        mask = np.zeros(len(self._snapshot), dtype=np.bool_)
        mask[self._places_with(match)] = True
        return mask

    # --- places that are all asked ----------------------------------------------------------------

    def _ask(self, filter: Filter, within: Mask) -> Mask:
        """Return which places of `within` match."""
        if isinstance(filter, Compare):
            return self._snapshot.columns[filter.key].matching([filter]) & within
        if isinstance(filter, MatchDocument):
            if filter.operator in COMPLEMENTS:
                return within & ~self._ask(MatchDocument(COMPLEMENTS[filter.operator], filter.operand), within)
            places = np.flatnonzero(within)
            if len(places) > FEW_DOCUMENTS:
                return self._mask_with(filter) & within
            matching = np.zeros(len(self._snapshot), dtype=np.bool_)
            matching[places[self._ask_at(filter, places)]] = True
            return matching
        if isinstance(filter, Or):
            matching = np.zeros(len(self._snapshot), dtype=np.bool_)
            for clause in filter.clauses:
                matching |= self._ask(clause, within)
            return matching
        keys, others = by_key(filter.clauses)
        for key, compares in keys.items():
            within = self._snapshot.columns[key].matching(compares) & within
        # Columns are quicker than documents, and leave fewer documents to look at.
        for clause in sorted(others, key=_reads_documents):
            within = self._ask(clause, within)
        return within


def _tests_of(filter: Filter | None) -> set[MatchDocument]:
    """Return the tests of documents in a filter, of complements what they are the complement of."""
    if isinstance(filter, MatchDocument):
        return {MatchDocument(COMPLEMENTS.get(filter.operator, filter.operator), filter.operand)}
    if isinstance(filter, (And, Or)):
        return set().union(*map(_tests_of, filter.clauses))
    return set()


def _finds_documents(filter: Filter) -> bool:
    return isinstance(filter, MatchDocument) and filter.operator not in COMPLEMENTS


def _reads_documents(filter: Filter) -> bool:
    if isinstance(filter, (And, Or)):
        return any(_reads_documents(clause) for clause in filter.clauses)
    return isinstance(filter, MatchDocument)
