"""Arrays that grow: what was seen once never changes."""

from __future__ import annotations

import numpy as np

from chromadb._index.arrays import GrowingArray


def grown(*items: int) -> GrowingArray[np.int64]:
    return GrowingArray(np.array(items, dtype=np.int64))


def test_append_leaves_every_older_array_as_it_was() -> None:
    line = [grown(1, 2)]
    for round in range(200):
        line.append(line[-1].append(np.arange(round % 40)))
    expected = [1, 2]
    for round, array in enumerate(line[1:]):
        expected = [*expected, *range(round % 40)]
        assert array.values.tolist() == expected
        assert len(array) == len(expected)
    assert line[0].values.tolist() == [1, 2]


def test_two_successors_of_one_array_do_not_share_their_ends() -> None:
    base = grown(1).append(np.array([2]))
    first, second = base.append(np.array([3])), base.append(np.array([4]))
    third = first.append(np.array([5]))
    assert [array.values.tolist() for array in (base, first, second, third)] == [
        [1, 2],
        [1, 2, 3],
        [1, 2, 4],
        [1, 2, 3, 5],
    ]


def test_replace_leaves_the_older_array_as_it_was_and_its_successors_too() -> None:
    base = grown(1, 2, 3).append(np.array([4]))
    replaced = base.replace(np.array([0, 3]), np.array([10, 40]))
    assert base.values.tolist() == [1, 2, 3, 4]
    assert replaced.append(np.array([5])).values.tolist() == [10, 2, 3, 40, 5]
    assert base.append(np.array([6])).values.tolist() == [1, 2, 3, 4, 6]
    assert replaced.values.tolist() == [10, 2, 3, 40]


def test_appending_or_replacing_nothing_gives_the_same_contents() -> None:
    base = grown(1, 2)
    nothing = np.empty(0, dtype=np.int64)
    assert base.append(nothing).values.tolist() == [1, 2]
    assert base.replace(nothing, nothing).values.tolist() == [1, 2]
    assert grown().append(np.array([1])).values.tolist() == [1]


def test_the_type_of_the_items_stays() -> None:
    array = GrowingArray(np.empty(0, dtype=np.bool_)).append(np.array([True])).append(np.zeros(5000, dtype=np.bool_))
    assert array.values.dtype == np.bool_
    assert array.values.sum() == 1
