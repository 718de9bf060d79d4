"""The meaning of filters: does one record match?

This is the reference. Whatever evaluates filters faster is tested against these functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chromadb._model.where import COMPLEMENTS, And, Compare, Filter, MatchDocument, Or, compile_pattern, identity


def matches(filter: Filter, metadata: Mapping[str, Any] | None, document: str | None) -> bool:
    """Return whether a record with this metadata and document matches."""
    if isinstance(filter, And):
        return all(matches(clause, metadata, document) for clause in filter.clauses)
    if isinstance(filter, Or):
        return any(matches(clause, metadata, document) for clause in filter.clauses)
    if isinstance(filter, MatchDocument):
        return document_test(filter)(document)
    return value_test(filter)((metadata or {}).get(filter.key))


def value_test(compare: Compare) -> Callable[[Any], bool]:
    """Return the test of one metadata value; the value of a missing key is None.

    - int and float compare by number, whatever their type; bool is a type of its own.
    - A list is equal to nothing; ``$contains`` looks for an equal item, and matches lists only.
    - ``$ne``, ``$nin`` and ``$not_contains`` match exactly what ``$eq``, ``$in`` and ``$contains`` do not,
      records without the key included.
    """
    operator, operand = compare.operator, compare.operand
    if operator in COMPLEMENTS:
        opposite = value_test(Compare(compare.key, COMPLEMENTS[operator], operand))
        return lambda value: not opposite(value)
    if isinstance(operand, tuple):
        wanted = {identity(item) for item in operand}
        return lambda value: not isinstance(value, list) and identity(value) in wanted
    if operator == "$eq":
        same = identity(operand)
        return lambda value: not isinstance(value, list) and identity(value) == same
    if operator == "$contains":
        item = identity(operand)
        return lambda value: isinstance(value, list) and any(identity(each) == item for each in value)
    return _order_test(operator, operand)


def _order_test(operator: str, operand: Any) -> Callable[[Any], bool]:
    def is_number(value: Any) -> bool:
        return type(value) in (int, float)

    if operator == "$gt":
        return lambda value: is_number(value) and value > operand
    if operator == "$gte":
        return lambda value: is_number(value) and value >= operand
    if operator == "$lt":
        return lambda value: is_number(value) and value < operand
    return lambda value: is_number(value) and value <= operand


def document_test(match: MatchDocument) -> Callable[[str | None], bool]:
    """Return the test of one document.

    Case matters. A record without a document contains nothing, so it matches ``$not_contains`` and ``$not_regex``.
    """
    operator, operand = match.operator, match.operand
    if operator in COMPLEMENTS:
        opposite = document_test(MatchDocument(COMPLEMENTS[operator], operand))
        return lambda document: not opposite(document)
    if operator == "$contains":
        return lambda document: document is not None and operand in document
    found = compile_pattern(operand)
    return lambda document: document is not None and found(document)
