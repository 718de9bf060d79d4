"""Columns of metadata values against the reference of filters."""

from __future__ import annotations

import gc
import random
from typing import Any

import numpy as np
import pytest

from chromadb._index import columns
from chromadb._index.bits import unpacked
from chromadb._index.columns import Column
from chromadb._index.ranked import MOST_RANGES
from chromadb._index.sealed import Sealed
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


def sealed_of(places: list[int]) -> Sealed:
    """Return a segment, of which a column only has to know where its entries are."""
    segment: Any = object()
    return Sealed(segment, np.array(places, dtype=np.intp))


def in_order(column: Column, asked: list[Compare], sealed: Sealed) -> list[bool]:
    """Return which entries match, those without a place left out."""
    mask = unpacked(column.matching_entries(asked, sealed), len(sealed.places))
    return mask[sealed.places >= 0].tolist()


@pytest.mark.parametrize("compare", compares(), ids=repr)
def test_entries_of_a_segment_match_as_their_places_do(compare: Compare) -> None:
    values = VALUES * 3
    places = random.Random(3).sample(range(len(values)), 50)
    sealed = sealed_of([*places[:25], -1, *places[25:], -1])
    assert in_order(Column(values), [compare], sealed) == expected(compare, [values[place] for place in places])


@pytest.mark.parametrize("distinct", [1, 2, 255, 256, 257, 65_535, 65_536, 65_537])
def test_ranges_of_values_are_found_however_many_there_are(distinct: int) -> None:
    rng = np.random.default_rng(distinct)
    values = rng.permutation(max(distinct, 1000)) % distinct
    column, sealed = Column(values.tolist()), sealed_of(list(range(len(values))))
    for low, high in ((0, distinct), (0, 0), (distinct - 1, distinct), (distinct // 3, distinct // 2 + 1)):
        between = [Compare("k", "$gte", low), Compare("k", "$lt", high)]
        assert in_order(column, between, sealed) == ((values >= low) & (values < high)).tolist()
    for count in (MOST_RANGES, MOST_RANGES + 1):
        # None of them beside another.
        chosen = tuple(range(0, distinct, 2))[:count]
        for operator, inside in (("$in", True), ("$nin", False)):
            held = in_order(column, [Compare("k", operator, chosen)], sealed)
            assert held == (np.isin(values, chosen) == inside).tolist()


@pytest.mark.usefixtures("inverted")
@pytest.mark.parametrize("large", [[], [2**53 + 1], [2**60 + each for each in range(-2, 200)], [2**63 - 1, -(2**63)]])
def test_ranges_of_numbers_begin_and_end_where_they_say(large: list[Any]) -> None:
    """Between, at and beyond the values, with ints that a float does not hold and without."""
    values = [*large, None, "x", True, -0.0, 0, 1, 1.0, 1.5, 1.5, 2, -3]
    column, sealed = Column(values), sealed_of(list(range(len(values))))
    bounds = [
        -4,
        -3,
        -1e-300,
        0,
        0.0,
        1,
        1.2,
        1.5,
        2,
        2.5,
        2**53,
        2.0**60,
        2**60 + 1,
        2**60 + 130,
        2**63 - 1,
        float("inf"),
        -float("inf"),
    ]
    for low in bounds:
        for high in bounds:
            for first, last in (("$gt", "$lt"), ("$gte", "$lte"), ("$gte", "$lt")):
                asked = [Compare("k", first, low), Compare("k", last, high)]
                held = [all(each) for each in zip(*(expected(compare, values) for compare in asked), strict=True)]
                assert looked_up(column, asked) == np.flatnonzero(held).tolist()
                assert in_order(column, asked, sealed) == held
                assert column.matching(asked).tolist() == held


@pytest.mark.usefixtures("inverted")
def test_a_value_and_a_range_are_asked_together() -> None:
    values = [1, 2, 3, None, "a", 2.5] * 3
    column, sealed = Column(values), sealed_of(list(range(len(values))))
    for asked in (
        [Compare("k", "$in", (1, 3, "a")), Compare("k", "$gt", 1)],
        [Compare("k", "$ne", 2), Compare("k", "$lte", 2.5)],
        [Compare("k", "$eq", 2), Compare("k", "$eq", 3)],
        [Compare("k", "$nin", (1, 2)), Compare("k", "$ne", "a")],
    ):
        held = [all(each) for each in zip(*(expected(compare, values) for compare in asked), strict=True)]
        assert in_order(column, asked, sealed) == held
        assert looked_up(column, asked) == np.flatnonzero(held).tolist()


def test_what_was_appended_and_replaced_since_is_found_in_segments_too(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(6)
    values: list[Any] = [rng.choice(VALUES) for _ in range(200)]
    column, sealed = Column(values), [sealed_of(rng.sample(range(200), 120))]
    history = [(column, values)]
    for round in range(40):
        monkeypatch.setattr(columns, "INVERT_FROM", 0 if round > 10 else 20_000)
        for older, then in (history[-1], rng.choice(history)):
            compare = rng.choice(compares())
            older.find([compare], 10)
            for each in sealed:
                if each.places.max() < len(then):
                    assert in_order(older, [compare], each) == expected(compare, [then[p] for p in each.places])
        added = rng.choices(VALUES, k=rng.randrange(4))
        places = np.array(rng.sample(range(len(values)), rng.randrange(30 if round % 9 == 0 else 4)), dtype=np.intp)
        changed = rng.choices(VALUES, k=len(places))
        column, values = column.append(added).replace(places, changed), values + added
        for place, new in zip(places.tolist(), changed, strict=True):
            values[place] = new
        history.append((column, values))
        if round in (15, 30):
            # A segment that is gone takes its order with it.
            sealed = [sealed_of(rng.sample(range(len(values)), 100)), *sealed[:1]]


@pytest.mark.usefixtures("inverted")
def test_orders_of_a_column_share_the_ranks_of_its_values() -> None:
    column, sealed, compare = Column(range(1000)), sealed_of(list(range(1000))), [Compare("k", "$lt", 10)]
    sizes = [column.nbytes]
    for ask in (lambda: in_order(column, compare, sealed), lambda: looked_up(column, compare)):
        ask()
        sizes.append(column.nbytes)
    alone = Column(range(1000))
    looked_up(alone, compare)
    assert 0 < sizes[2] - sizes[1] < alone.nbytes - sizes[0]
    # Values that came since have no rank among these.
    later = column.append([-1])
    assert looked_up(later, compare) == [*range(10), 1000]
    assert sum(in_order(later.append([-1] * 200), compare, sealed_of(list(range(1201))))) == 211


def test_an_order_of_entries_is_kept_as_long_as_its_segment() -> None:
    column, sealed = Column(range(1000)), sealed_of(list(range(1000)))
    before, compare = column.nbytes, [Compare("k", "$lt", 10)]
    assert sum(in_order(column, compare, sealed)) == 10
    assert column.nbytes > before
    later = column.append([1])
    assert sum(in_order(later, compare, sealed)) == 10
    del sealed
    gc.collect()
    assert column.nbytes == before


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
