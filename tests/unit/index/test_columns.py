"""Columns of metadata values against the reference of filters."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from chromadb._index import columns
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
        assert Column(values).matching([compare]).tolist() == expected(compare, values)


@pytest.fixture
def inverted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look values up from the first filter on, in columns of any length."""
    monkeypatch.setattr(columns, "INVERT_FROM", 0)
    monkeypatch.setattr(columns, "INVERT_AFTER", 0)


def looked_up(column: Column, asked: list[Compare]) -> list[int]:
    places = column.find(asked, len(column))
    assert places is not None
    assert len(np.unique(places)) == len(places)
    return sorted(places.tolist())


@pytest.mark.usefixtures("inverted")
@pytest.mark.parametrize("compare", compares(), ids=repr)
def test_places_are_looked_up_as_they_are_asked_for(compare: Compare) -> None:
    values = VALUES * 3
    column = Column(values)
    matching = np.flatnonzero(expected(compare, values)).tolist()
    assert looked_up(column, [compare]) == matching
    assert column.matching_at([compare], np.arange(len(values))).tolist() == expected(compare, values)
    if matching:
        assert column.find([compare], len(matching) - 1) is None


@pytest.mark.usefixtures("inverted")
def test_comparisons_of_one_key_are_looked_up_together() -> None:
    column = Column(range(1000))
    between = [Compare("k", "$gte", 500), Compare("k", "$lt", 503), Compare("k", "$ne", 501)]
    assert looked_up(column, between) == [500, 502]
    assert column.find(between, 1) is None


@pytest.mark.usefixtures("inverted")
def test_what_was_appended_and_replaced_since_is_looked_up_too() -> None:
    rng = random.Random(5)
    values: list[Any] = [rng.randrange(6) for _ in range(200)]
    column = Column(values)
    for round in range(40):
        value = rng.randrange(7)
        assert looked_up(column, [Compare("k", "$eq", value)]) == [p for p, v in enumerate(values) if v == value]
        added = [rng.randrange(7) for _ in range(rng.randrange(4))]
        places = np.array(rng.sample(range(len(values)), rng.randrange(4)), dtype=np.intp)
        changed = [rng.randrange(7) for _ in places]
        column, values = column.append(added).replace(places, changed), values + added
        for place, new in zip(places.tolist(), changed, strict=True):
            values[place] = new
        if round == 20:
            kept = np.arange(0, len(values), 2)
            column, values = column.keep(kept), values[::2]


def test_short_columns_and_first_filters_are_not_inverted(monkeypatch: pytest.MonkeyPatch) -> None:
    compare = [Compare("k", "$eq", 1)]
    column = Column([1, 2] * 100)
    assert [column.find(compare, 1000) for _ in range(3)] == [None] * 3
    monkeypatch.setattr(columns, "INVERT_FROM", 100)
    column = Column([1, 2] * 100)
    assert column.find(compare, 1000) is None
    assert looked_up(column, compare) == list(range(0, 200, 2))
    assert looked_up(column.append([1]), compare) == [*range(0, 200, 2), 200]


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
            assert column.matching([compare]).tolist() == expected(compare, values)
