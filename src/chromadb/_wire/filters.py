"""Filters on the wire: from the tree back to ``where`` and ``where_document``."""

from __future__ import annotations

from typing import Any

from chromadb._model.where import DOCUMENT_KEY, And, Compare, Filter, MatchDocument, Or


def filter_to_wire(filter: Filter | None) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Return ``where`` and ``where_document`` that mean the same.

    A condition on documents goes into ``where_document``, which every generation of servers understands, unless it is
    joined with metadata in a way that only ``where`` of 1.x can say.
    """
    if filter is None:
        return None, None
    if _about_documents(filter):
        return None, _node(filter, in_where=False)
    if isinstance(filter, And) and len(filter.clauses) == 2 and _about_documents(filter.clauses[1]):
        metadata = filter.clauses[0]
        return _node(metadata, in_where=True), _node(filter.clauses[1], in_where=False)
    return _node(filter, in_where=True), None


def _about_documents(filter: Filter) -> bool:
    if isinstance(filter, (And, Or)):
        return all(_about_documents(clause) for clause in filter.clauses)
    return isinstance(filter, MatchDocument)


def _node(filter: Filter, *, in_where: bool) -> dict[str, Any]:
    if isinstance(filter, Compare):
        operand = list(filter.operand) if isinstance(filter.operand, tuple) else filter.operand
        return {filter.key: {filter.operator: operand}}
    if isinstance(filter, MatchDocument):
        test = {filter.operator: filter.operand}
        return {DOCUMENT_KEY: test} if in_where else test
    if len(filter.clauses) == 1:
        # Servers of 0.x refuse to join one condition with nothing.
        return _node(filter.clauses[0], in_where=in_where)
    name = "$and" if isinstance(filter, And) else "$or"
    return {name: [_node(clause, in_where=in_where) for clause in filter.clauses]}
