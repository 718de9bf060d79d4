"""Columns of metadata values, for filters.

A column is dictionary-encoded: a code per place, and the distinct values. A filter is asked once per distinct value,
by the reference in ``_model.match``, and the answers are looked up for all places at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chromadb._index.arrays import GrowingArray
from chromadb._model.match import value_test
from chromadb._model.where import COMPLEMENTS, Compare, identity

Mask = NDArray[np.bool_]


class Column:
    """The values of one metadata key by place; None where a record does not have the key. Immutable."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        # Shared by the whole line of successors: codes are only ever added. Code 0 stands for a missing key.
        self._distinct: list[Any] = [None]
        self._code_of: dict[Any, int] = {identity(None): 0}
        self._codes = GrowingArray(self._encode(values))

    def __len__(self) -> int:
        return len(self._codes)

    def append(self, values: Iterable[Any]) -> Column:
        """Return a column with `values` at the end."""
        return self._successor(self._codes.append(self._encode(values)))

    def replace(self, places: NDArray[np.intp], values: Iterable[Any]) -> Column:
        """Return a column with `values` at `places`."""
        return self._successor(self._codes.replace(places, self._encode(values)))

    def keep(self, places: NDArray[np.intp]) -> Column:
        """Return a column of the values at `places` alone."""
        return self._successor(GrowingArray(self._codes.values[places]))

    def matching(self, compare: Compare) -> Mask:
        """Return which places match, shape (len,)."""
        operator, operand = compare.operator, compare.operand
        if operator in COMPLEMENTS:
            return ~self.matching(Compare(compare.key, COMPLEMENTS[operator], operand))
        codes = self._codes.values
        if operator == "$eq":
            # An operand is a tuple for $in and $nin only.
            return np.equal(codes, self._code_of.get(identity(operand), -1))  # type: ignore[arg-type]
        distinct = self._distinct[:]
        if isinstance(operand, tuple):
            wanted = [self._code_of.get(identity(item), -1) for item in operand]
            answers = np.zeros(len(distinct), dtype=np.bool_)
            answers[[code for code in wanted if 0 <= code < len(distinct)]] = True
        else:
            test = value_test(compare)
            answers = np.fromiter((test(value) for value in distinct), dtype=np.bool_, count=len(distinct))
        return answers[codes]

    def _successor(self, codes: GrowingArray[np.int32]) -> Column:
        column = Column.__new__(Column)
        column._distinct, column._code_of, column._codes = self._distinct, self._code_of, codes
        return column

    def _encode(self, values: Iterable[Any]) -> NDArray[np.int32]:
        return np.fromiter((self._code(value) for value in values), dtype=np.int32)

    def _code(self, value: Any) -> int:
        key = ("list", tuple(identity(item) for item in value)) if isinstance(value, list) else identity(value)
        code = self._code_of.get(key)
        if code is None:
            code = len(self._distinct)
            self._distinct.append(value)
            self._code_of[key] = code
        return code
