"""Vectors of a snapshot: loose and sealed ones make one collection, and older states stay as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from chromadb._index.choice import Choice
from chromadb._index.distance import exact_distances
from chromadb._index.flat import FlatIndex
from chromadb._index.segment import Recipe, Segment
from chromadb._index.vectors import Vectors, assemble

Matrix = NDArray[np.float32]

DIMENSION = 6


class State:
    """Vectors, what they should hold by place, and which places are alive."""

    def __init__(self, vectors: Vectors, rows: Matrix, alive: NDArray[np.bool_], space: str) -> None:
        self.vectors = vectors
        self.rows = rows
        self.alive = alive
        self.space = space

    @classmethod
    def begin(cls, space: str) -> State:
        rows = np.empty((0, DIMENSION), dtype=np.float32)
        vectors = assemble(FlatIndex(DIMENSION), np.empty(0, dtype=np.intp), 0)
        return cls(vectors, rows, np.empty(0, dtype=np.bool_), space)

    def advance(self, added: Matrix, places: Any, updated: Matrix) -> State:
        places = np.asarray(places, dtype=np.intp)
        rows = np.concatenate([self.rows, added])
        rows[places] = updated
        vectors = self.vectors.advance(len(self.rows), added, places, updated)
        return State(vectors, rows, np.append(self.alive, np.ones(len(added), dtype=np.bool_)), self.space)

    def without(self, places: Any) -> State:
        alive = self.alive.copy()
        alive[places] = False
        return State(self.vectors, self.rows, alive, self.space)

    def keep(self) -> State:
        live = np.flatnonzero(self.alive)
        return State(self.vectors.keep(live), self.rows[live], self.alive[live], self.space)

    def seal(self, places: Any, stale: Any = ()) -> State:
        """Seal vectors at `places`; those at `stale` changed while the segment was built."""
        chosen = np.asarray(places, dtype=np.intp)

        def read(labels: Any) -> Any:
            return labels, self.rows[labels]

        recipe = Recipe(self.space, 16, 100)
        segment = Segment.build(f"of {len(chosen)} {chosen.sum()}", 1, recipe, chosen, read, lambda: False)
        assert segment is not None
        # The labels are places here.
        held = np.where(self.alive[segment.labels] & ~np.isin(segment.labels, stale), segment.labels, -1)
        return State(self.vectors.seal(segment, held, self.alive), self.rows, self.alive, self.space)

    def search(self, query: Matrix, n: int, allowed: Any = None, exact: bool = False) -> Any:
        fetched = []

        def fetch(places: Any) -> Matrix:
            assert np.all(np.diff(places) > 0)
            assert np.all((places >= 0) & (places < len(self.rows)))
            fetched.append(len(places))
            return self.rows[places]

        mask = self.alive if allowed is None else self.alive & allowed
        ((places, distances),) = self.vectors.search(
            self.space, query[np.newaxis], n, Choice(len(mask), mask=mask), fetch, ef_search=100, exact=exact
        )
        assert len(places) == len(np.unique(places)) == min(n, int(mask.sum()))
        assert mask[places].all()
        np.testing.assert_array_equal(distances, exact_distances(self.space, query, self.rows[places]).astype("f4"))
        return places

    def check(self) -> None:
        rng = np.random.default_rng(3)
        for allowed in (None, rng.random(len(self.rows)) < 0.5, rng.random(len(self.rows)) < 0.02):
            mask = self.alive if allowed is None else self.alive & allowed
            for query in rng.normal(size=(4, DIMENSION)).astype(np.float32):
                every = np.where(mask, exact_distances(self.space, query, self.rows), np.inf)
                order = np.lexsort((np.arange(len(every)), every))[: int(mask.sum())]
                assert self.search(query, 10, allowed, exact=True).tolist() == order[:10].tolist()
                assert self.search(query, 10**6, allowed).tolist() == order.tolist()
                near = self.search(query, 10, allowed)
                assert len(np.setdiff1d(near, order[:10])) <= 1


def rows(count: int, seed: int) -> Matrix:
    return np.random.default_rng([count, seed]).normal(size=(count, DIMENSION)).astype(np.float32)


NOTHING = np.empty((0, DIMENSION), dtype=np.float32)


@pytest.mark.parametrize("space", ["l2", "ip", "cosine"])
def test_older_states_stay_as_they_are(space: str) -> None:
    line = [State.begin(space).advance(rows(600, 0), [], NOTHING)]

    def then(state: State) -> State:
        line.append(state)
        return state

    state = then(line[0].seal(np.arange(500)))
    state = then(state.advance(rows(300, 1), [3, 499, 500, 599], rows(4, 2)))
    state = then(state.without([0, 3, 4, 550, 899]))
    state = then(state.advance(NOTHING, [5, 6, 7], rows(3, 3)))
    state = then(state.seal(np.arange(500, 900)))
    state = then(state.advance(rows(1, 4), np.arange(400, 520), rows(120, 5)))
    state = then(state.keep())
    state = then(state.seal(np.arange(100, 800), stale=[100, 101, 799]))
    state = then(state.without(np.arange(0, 800, 2)).keep())
    state = then(state.seal(np.arange(len(state.rows))))
    state = then(state.advance(NOTHING, np.arange(len(state.rows)), rows(len(state.rows), 6)))
    then(state.without(np.arange(len(state.rows))).keep().advance(rows(20, 7), [], NOTHING))
    for each in line:
        each.check()


def test_random_histories() -> None:
    rng = np.random.default_rng(9)
    state = State.begin("l2").advance(rows(300, 0), [], NOTHING)
    for round in range(40):
        step = rng.integers(0, 5)
        alive = np.flatnonzero(state.alive)
        if step <= 1 or len(alive) < 100:
            changed = rng.permutation(alive)[:20]
            state = state.advance(rows(int(rng.integers(0, 80)), round), np.sort(changed), rows(len(changed), round))
        elif step == 2:
            state = state.without(rng.permutation(alive)[: len(alive) // 5])
        elif step == 3:
            state = state.keep()
        else:
            chosen = np.sort(rng.permutation(alive)[: len(alive) // 2])
            state = state.seal(chosen, stale=chosen[:3])
        if round % 4 == 3:
            state.check()


def test_a_place_is_loose_or_sealed_once() -> None:
    state = State.begin("l2").advance(rows(600, 0), [], NOTHING).seal(np.arange(400)).seal(np.arange(200, 600))
    held = np.concatenate([each.places[each.places >= 0] for each in state.vectors.sealed])
    assert np.sort(held).tolist() == list(range(600))
    assert len(state.vectors.loose) == 0
    state = state.advance(rows(5, 1), [10, 300], rows(2, 2))
    assert state.vectors.loose_places.values.tolist() == [600, 601, 602, 603, 604, 10, 300]
    state.check()


def test_a_segment_that_is_covered_by_a_later_one_is_let_go() -> None:
    state = State.begin("l2").advance(rows(600, 0), [], NOTHING).seal(np.arange(400)).seal(np.arange(600))
    assert [len(each.segment.labels) for each in state.vectors.sealed] == [600]


def test_a_segment_that_is_there_already_is_not_there_twice() -> None:
    state = State.begin("l2").advance(rows(600, 0), [], NOTHING).seal(np.arange(600))
    state = state.advance(rows(5, 1), [10, 300], rows(2, 2))
    (sealed,) = state.vectors.sealed
    held = np.where(np.isin(sealed.segment.labels, [10, 300]), -1, sealed.segment.labels)
    again = State(state.vectors.seal(sealed.segment, held, state.alive), state.rows, state.alive, "l2")
    assert len(again.vectors.sealed) == 1
    again.check()


def test_vectors_that_cannot_be_sealed_stay_loose() -> None:
    added = rows(500, 0)
    added[::5] = 0
    state = State.begin("cosine").advance(added, [], NOTHING).seal(np.arange(500))
    assert state.vectors.loose_places.values.tolist() == list(range(0, 500, 5))
    state.check()


def test_an_exact_search_compares_every_sealed_vector() -> None:
    state = State.begin("l2").advance(rows(9000, 0), [], NOTHING).seal(np.arange(9000))
    query = rows(1, 1)[0]
    order = np.argsort(exact_distances("l2", query, state.rows), kind="stable")
    assert state.search(query, 100, exact=True).tolist() == order[:100].tolist()


def test_equally_near_vectors_come_in_the_order_of_insertion_beside_each_other_loose_or_sealed() -> None:
    added = np.repeat(rows(1, 0), 60, axis=0)
    state = State.begin("l2").advance(added, [], NOTHING).seal(np.arange(10, 50))
    assert state.search(added[0], 60).tolist() == list(range(60))
    assert state.search(added[0], 5, exact=True).tolist() == list(range(5))


@pytest.mark.parametrize("share", [0.01, 0.2])
@pytest.mark.parametrize("segments", [1, 2])
def test_few_that_are_given_by_number_are_searched_as_by_a_mask(share: float, segments: int) -> None:
    state = State.begin("l2").advance(rows(3000, 0), [], NOTHING)
    for part in np.array_split(np.arange(2900), segments):
        state = state.seal(part)
    state = state.advance(NOTHING, [3, 500, 2000], rows(3, 1)).without([4, 501])
    rng = np.random.default_rng(5)
    chosen = np.flatnonzero(state.alive & (rng.random(len(state.rows)) < share))
    by_number = Choice(len(state.alive), numbers=rng.permutation(chosen))
    for n in (1, 10, len(chosen)):
        for query in rows(3, 2):
            every = exact_distances("l2", query, state.rows[chosen])
            ((places, _),) = state.vectors.search(
                "l2", query[np.newaxis], n, by_number, lambda places: state.rows[places], ef_search=100, exact=n > 10
            )
            best = chosen[np.argsort(every, kind="stable")[:n]]
            assert len(np.setdiff1d(places, best)) <= (1 if n == 10 else 0)
            assert len(places) == n
