"""Filters: from the dicts that callers write to a tree of typed nodes.

``where`` and ``where_document`` become the same kind of tree, so that everything below the parser sees one filter.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from chromadb._model.metadata import check_scalar, is_list
from chromadb._model.names import check_text, describe, shorten
from chromadb._model.types import Scalar
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError

DOCUMENT_KEY = "#document"
"""The key under which ``where`` reaches the document."""

ORDER_OPERATORS = ("$gt", "$gte", "$lt", "$lte")
EQUALITY_OPERATORS = ("$eq", "$ne")
SET_OPERATORS = ("$in", "$nin")
LIST_OPERATORS = ("$contains", "$not_contains")
METADATA_OPERATORS = EQUALITY_OPERATORS + ORDER_OPERATORS + SET_OPERATORS + LIST_OPERATORS
DOCUMENT_OPERATORS = ("$contains", "$not_contains", "$regex", "$not_regex")
LOGICAL_OPERATORS = ("$and", "$or")

COMPLEMENTS = {"$ne": "$eq", "$nin": "$in", "$not_contains": "$contains", "$not_regex": "$regex"}
"""Operators that match exactly the records that the other one does not."""

MAX_DEPTH = 200
"""How deep filters may be nested; the tree is walked by recursion."""


def identity(value: Scalar | None) -> tuple[str, Scalar | None]:
    """Return what two values have in common if and only if they are equal to a filter."""
    kind = "number" if type(value) in (int, float) else type(value).__name__
    return kind, value


@dataclass(frozen=True, eq=False)
class Compare:
    """A comparison of one metadata value; `operand` is a tuple for ``$in`` and ``$nin``."""

    key: str
    operator: str
    operand: Scalar | tuple[Scalar, ...]

    # Python holds 1 and True for equal, filters do not.
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Compare) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[Any, ...]:
        operands = self.operand if isinstance(self.operand, tuple) else (self.operand,)
        return self.key, self.operator, tuple(identity(operand) for operand in operands)


@dataclass(frozen=True)
class MatchDocument:
    """A test of the document's text."""

    operator: str
    operand: str


@dataclass(frozen=True)
class And:
    """Every clause holds."""

    clauses: tuple[Filter, ...]


@dataclass(frozen=True)
class Or:
    """At least one clause holds."""

    clauses: tuple[Filter, ...]


Filter: TypeAlias = Compare | MatchDocument | And | Or

_Leaf: TypeAlias = Callable[[str, Any, str], Filter]


def parse_filter(where: Any = None, where_document: Any = None) -> Filter | None:
    """Return one filter for ``where`` and ``where_document`` together, or None if neither is given.

    Raises:
        InvalidArgumentError: the message names the path inside the filter, what stands there and what may.
    """
    filters = []
    if where is not None:
        filters.append(_parse(where, "where", _metadata_leaf, 0))
    if where_document is not None:
        filters.append(_parse(where_document, "where_document", _document_leaf, 0))
    if len(filters) == 2:
        return And(tuple(filters))
    return filters[0] if filters else None


def _parse(node: Any, path: str, leaf: _Leaf, depth: int) -> Filter:
    if depth > MAX_DEPTH:
        raise InvalidArgumentError(f"Expected filters nested at most {MAX_DEPTH} deep, got more at {path[:80]}….")
    key, value = _single_item(node, path)
    if key not in LOGICAL_OPERATORS:
        return leaf(key, value, path)
    path = f'{path}["{key}"]'
    if not isinstance(value, (list, tuple)) or not value:
        raise InvalidArgumentError(f"Expected {path} to be a non-empty list of filters, got {describe(value)}.")
    clauses = tuple(_parse(clause, f"{path}[{i}]", leaf, depth + 1) for i, clause in enumerate(value))
    return And(clauses) if key == "$and" else Or(clauses)


def _metadata_leaf(key: str, value: Any, path: str) -> Filter:
    if key.startswith("$"):
        raise InvalidArgumentError(
            f"Expected {path} to have a metadata key or one of {', '.join(LOGICAL_OPERATORS)}, got {shorten(key)}. "
            "To search in documents use where_document."
        )
    check_text(key, path)
    path = f'{path}["{key}"]'
    if key == DOCUMENT_KEY:
        return _document_leaf(*_single_item(value, path), path)
    if not isinstance(value, dict):
        return Compare(key, "$eq", _operand("$eq", value, path))
    operator, operand = _single_item(value, path)
    if operator not in METADATA_OPERATORS:
        raise InvalidArgumentError(
            f"Expected the operator at {path} to be one of {', '.join(METADATA_OPERATORS)}; got {shorten(operator)}."
        )
    return Compare(key, operator, _operand(operator, operand, f'{path}["{operator}"]'))


def _document_leaf(operator: str, operand: Any, path: str) -> Filter:
    if operator not in DOCUMENT_OPERATORS:
        allowed = ", ".join(DOCUMENT_OPERATORS + LOGICAL_OPERATORS)
        raise InvalidArgumentError(f"Expected the operator at {path} to be one of {allowed}; got {shorten(operator)}.")
    path = f'{path}["{operator}"]'
    if not isinstance(operand, str):
        raise InvalidArgumentTypeError(f"Expected {path} to be a str, got {describe(operand)}.")
    if not operand:
        raise InvalidArgumentError(
            f"Expected {path} to be a non-empty str, got ''. Leave the condition out to match every record."
        )
    check_text(operand, path)
    if operator in ("$regex", "$not_regex"):
        check_pattern(operand, path)
    return MatchDocument(operator, operand)


def check_pattern(pattern: str, path: str) -> None:
    """Refuse what is no regular expression. Where RE2 is missing, as in the thin client, that is left to the server.

    Raises:
        InvalidArgumentError: as ``compile_pattern``.
    """
    with suppress(ModuleNotFoundError):
        compile_pattern(pattern, path)


def compile_pattern(pattern: str, path: str = "the pattern") -> Callable[[str], bool]:
    """Return a test whether `pattern` occurs in a text, in time linear in the text.

    The syntax is RE2's (https://github.com/google/re2/wiki/Syntax): no back references, no look-around.

    Raises:
        InvalidArgumentError: the pattern is not a regular expression.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    options.never_nl = False
    try:
        search = re2.compile(pattern, options).search
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise InvalidArgumentError(
            f"Expected {path} to be a regular expression, got {shorten(pattern)}: {reason}. The syntax is RE2's, "
            "which has no back references and no look-around."
        ) from None
    return lambda text: search(text) is not None


def _operand(operator: str, value: Any, path: str) -> Scalar | tuple[Scalar, ...]:
    if operator in SET_OPERATORS:
        return _operands(operator, value, path)
    if isinstance(value, (dict, list, tuple, set, np.ndarray)) or value is None:
        hint = " Use $in to compare with several values." if isinstance(value, (list, tuple)) else ""
        raise InvalidArgumentTypeError(f"Expected {path} to be a str, int, float or bool, got {describe(value)}.{hint}")
    scalar = check_scalar(value, path, "the value", "a str, int, float or bool")
    if operator in ORDER_OPERATORS and (isinstance(scalar, (bool, str))):
        raise InvalidArgumentTypeError(f"Expected {path} to be an int or a float, got {describe(value)}.")
    return scalar


def _operands(operator: str, value: Any, path: str) -> tuple[Scalar, ...]:
    if not is_list(value) or len(value) == 0:
        raise InvalidArgumentError(f"Expected {path} to be a non-empty list, got {describe(value)}.")
    operands = tuple(
        check_scalar(item, f"{path}[{i}]", "the value", "a str, int, float or bool") for i, item in enumerate(value)
    )
    kinds = {float if type(item) is int else type(item) for item in operands}
    if len(kinds) > 1:
        raise InvalidArgumentError(f"Expected all values at {path} to be of one type, got {shorten(value)}.")
    return operands


def _single_item(node: Any, path: str) -> tuple[str, Any]:
    if not isinstance(node, dict):
        raise InvalidArgumentTypeError(f"Expected {path} to be a dict, got {describe(node)}.")
    if len(node) != 1:
        hint = (
            " Leave the argument out for no filter." if not node else ' Join several conditions with {"$and": [...]}.'
        )
        raise InvalidArgumentError(f"Expected {path} to have exactly one key, got {shorten(node)}.{hint}")
    key, value = next(iter(node.items()))
    if not isinstance(key, str):
        raise InvalidArgumentTypeError(f"Expected the key of {path} to be a str, got {describe(key)}.")
    return key, value
