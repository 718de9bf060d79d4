"""Filters that are asked of what is searched, against the reference of filters."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from chromadb._index.asked import Asked
from chromadb._index.bits import unpacked
from chromadb._index.columns import Column
from chromadb._index.sealed import Hidden, Sealed
from chromadb._model.match import document_test, matches
from chromadb._model.where import And, Compare, Filter, MatchDocument, Or

TOTAL = 300
WORDS = ["owl", "heron", "wren", "kite"]
TESTS = [MatchDocument("$contains", word) for word in WORDS[:3]]
METADATA: list[dict[str, Any]] = [{"a": number % 7, "b": "xyz"[number % 3]} for number in range(TOTAL)]


def random_filter(rng: random.Random, depth: int = 0) -> Filter:
    kind = rng.choice(["compare", "document", "and", "or"] if depth < 3 else ["compare", "document"])
    if kind == "compare":
        if rng.random() < 0.3:
            return Compare("b", rng.choice(["$eq", "$ne"]), rng.choice("xyzw"))
        return Compare("a", rng.choice(["$gt", "$gte", "$lt", "$lte", "$eq", "$ne"]), rng.randrange(-1, 8))
    if kind == "document":
        return MatchDocument(rng.choice(["$contains", "$not_contains"]), rng.choice(TESTS).operand)
    clauses = tuple(random_filter(rng, depth + 1) for _ in range(rng.randrange(1, 4)))
    return And(clauses) if kind == "and" else Or(clauses)


@pytest.mark.parametrize("dead", [0, 40])
@pytest.mark.parametrize("seed", range(40))
def test_entries_and_places_pass_as_the_reference_says(seed: int, dead: int) -> None:
    rng = random.Random(seed)
    documents = [" ".join(rng.sample(WORDS, 2)) for _ in range(TOTAL)]
    gone = rng.sample(range(TOTAL), dead)
    filter = None if seed == 0 else random_filter(rng)
    expected = np.array(
        [
            place not in gone and (filter is None or matches(filter, METADATA[place], documents[place]))
            for place in range(TOTAL)
        ]
    )
    alive = np.ones(TOTAL, dtype=np.bool_)
    alive[gone] = False
    passing = {
        test: np.array([place for place in range(TOTAL) if alive[place] and document_test(test)(documents[place])])
        for test in TESTS
    }
    columns = {key: Column([metadata[key] for metadata in METADATA]) for key in "ab"}
    choice = Asked(TOTAL, filter, columns, passing, alive, Hidden(np.array(gone, dtype=np.intp)))
    for name in ("one", "other"):
        segment: Any = SimpleNamespace(name=name)
        sealed = Sealed(segment, np.array([-1, *rng.sample(range(TOTAL), 133), -1]))
        for _ in range(2):
            mask = unpacked(choice.entries(sealed) & sealed.known, len(sealed.places))
            assert mask.tolist() == (expected[sealed.places] & (sealed.places >= 0)).tolist()
    some = np.array(rng.sample(range(TOTAL), 50))
    assert choice.holds(some).tolist() == choice.holds(some).tolist() == expected[some].tolist()
    assert choice.mask.tolist() == expected.tolist()
    assert choice.places.tolist() == np.flatnonzero(expected).tolist()
    assert choice.most >= expected.sum()
    assert choice.filtered == (filter is not None)
