"""Columns of metadata values against the reference of filters."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from chromadb._index.columns import Column
from chromadb._model.match import matches
from chromadb._model.where import Compare

VALUES: list[Any] = [
    None, 0, 1, -1, 1.0, 0.0, -0.0, 1.5, True, False, "", "1", "a\0b",
    2**53, 2**53 + 1, float(2**53), 2**63 - 1, -(2**63), 1e300,
    [1], [1.0], [True], ["1"], [1, 2], [2, 1], ["a", "1"], [0.0], [False],
]  # fmt: skip
OPERANDS = [value for value in VALUES if value is not None and not isinstance(value, list)]
NUMBERS = [value for value in OPERANDS if type(value) in (int, float)]


def compares() -> list[Compare]:
    found = [
        Compare("k", operator, value) for operator in ("$eq", "$ne", "$contains", "$not_contains") for value in OPERANDS
    ]
    found += [Compare("k", operator, value) for operator in ("$gt", "$gte", "$lt", "$lte") for value in NUMBERS]
    for items in ((1,), (0, 1.0), (True,), ("1", "x"), (2**53 + 1, 7), ("missing",), (False, True)):
        found += [Compare("k", "$in", items), Compare("k", "$nin", items)]
    return found


def expected(compare: Compare, values: list[Any]) -> list[bool]:
    return [matches(compare, None if value is None else {"k": value}, None) for value in values]


@pytest.mark.parametrize("compare", compares(), ids=repr)
def test_a_column_matches_what_the_reference_matches(compare: Compare) -> None:
    for values in (VALUES, list(reversed(VALUES)), VALUES[:1], []):
        assert Column(values).matching(compare).tolist() == expected(compare, values)


def test_successors_leave_older_columns_as_they_were() -> None:
    rng = random.Random(4)
    columns: list[tuple[Column, list[Any]]] = [(Column(), [])]
    for _ in range(60):
        column, values = columns[-1]
        added = rng.choices(VALUES, k=rng.randint(0, 5))
        column, values = column.append(added), values + added
        if values:
            places = sorted(rng.sample(range(len(values)), min(3, len(values))))
            changed = rng.choices(VALUES, k=len(places))
            column, values = column.replace(np.array(places), changed), list(values)
            for place, value in zip(places, changed, strict=True):
                values[place] = value
        if rng.random() < 0.2:
            kept = sorted(rng.sample(range(len(values)), len(values) // 2))
            column, values = column.keep(np.array(kept, dtype=np.intp)), [values[place] for place in kept]
        columns.append((column, values))
    for compare in compares()[::7]:
        for column, values in columns:
            assert len(column) == len(values)
            assert column.matching(compare).tolist() == expected(compare, values)
