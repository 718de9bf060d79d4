"""The referee: it accepts what can be, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from torture.ledger import Ledger, Loss, apply

from torture import records

EMPTY: dict[str, dict[str, int]] = {"docs": {}}


def begin(serial: int, *call: Any) -> list[Any]:
    return ["begin", serial, 0.0, list(call)]


def done(serial: int) -> list[Any]:
    return ["done", serial, 0.0]


@pytest.mark.parametrize(
    ("call", "after"),
    [
        (["add", "docs", ["a", "b"], 7], {"docs": {"a": 1, "b": 7}}),
        (["update", "docs", ["a", "b"], 7], {"docs": {"a": 7}}),
        (["upsert", "docs", ["a", "b"], 7], {"docs": {"a": 7, "b": 7}}),
        (["delete", "docs", ["a", "b"]], {"docs": {}}),
        (["delete_where", "docs", 1], {"docs": {}}),
        (["delete_where", "docs", 2], {"docs": {"a": 1}}),
        (["create", "more"], {"docs": {"a": 1}, "more": {}}),
        (["create", "docs"], {"docs": {"a": 1}}),
        (["drop", "docs"], {}),
        (["fork", "docs", "copy"], {"docs": {"a": 1}, "copy": {"a": 1}}),
        (["rename", "docs", "copy"], {"copy": {"a": 1}}),
    ],
)
def test_what_calls_make_of_a_state(call: list[Any], after: Any) -> None:
    before = {"docs": {"a": 1}}
    assert apply(before, call) == after
    assert before == {"docs": {"a": 1}}


def test_what_was_acknowledged_has_to_be_there() -> None:
    ledger = Ledger(EMPTY).read(
        [begin(1, "add", "docs", ["a", "b"], 1), done(1), begin(2, "delete", "docs", ["a"]), done(2)]
    )
    assert ledger.acknowledged == 2
    assert ledger.settle({"docs": {"b": 1}}) == []
    for lost in ({"docs": {}}, {"docs": {"a": 1, "b": 1}}, {"docs": {"b": 0}}, {"docs": {"b": 1, "c": 1}}, {}):
        with pytest.raises(Loss):
            ledger.settle(lost)


def test_what_was_not_answered_is_there_as_a_whole_or_not_at_all() -> None:
    lines = [begin(1, "upsert", "docs", ["a", "b"], 1), done(1), begin(2, "upsert", "docs", ["b", "c"], 2)]
    ledger = Ledger(EMPTY).read(lines)
    assert ledger.settle({"docs": {"a": 1, "b": 2, "c": 2}}) == [["settled", 2, True]]
    assert ledger.settle({"docs": {"a": 1, "b": 1}}) == [["settled", 2, False]]
    for half in ({"a": 1, "b": 2}, {"a": 1, "b": 1, "c": 2}, {"b": 2, "c": 2}):
        with pytest.raises(Loss, match="by half"):
            ledger.settle({"docs": half})


def test_what_was_once_there_stays_there_and_what_failed_does_not_come_back() -> None:
    lines = [begin(1, "upsert", "docs", ["a"], 1), ["failed", 1, 0.0, "disk", True], ["settled", 1, True]]
    with pytest.raises(Loss):
        Ledger(EMPTY).read(lines).settle(EMPTY)
    lines[-1] = ["settled", 1, False]
    ledger = Ledger(EMPTY).read(lines)
    assert (ledger.failed, ledger.acknowledged) == (1, 0)
    with pytest.raises(Loss):
        ledger.settle({"docs": {"a": 1}})


def test_a_fork_that_is_late_has_what_its_source_had() -> None:
    lines = [begin(1, "upsert", "docs", ["a"], 1), done(1), begin(2, "fork", "docs", "copy"), ["settled", 2, False]]
    lines += [begin(3, "upsert", "docs", ["b"], 3), done(3)]
    ledger = Ledger(EMPTY).read(lines)
    docs = {"a": 1, "b": 3}
    assert ledger.settle({"docs": docs, "copy": {"a": 1}}) == [["settled", 2, True]]
    with pytest.raises(Loss):
        ledger.settle({"docs": docs, "copy": docs})


def test_a_call_whose_process_died_may_be_late_until_the_next_write() -> None:
    there = {"docs": {"a": 1}}
    died = [begin(1, "upsert", "docs", ["a"], 1), ["settled", 1, False]]
    late = Ledger(EMPTY).read(died)
    assert late.settle(EMPTY) == []
    assert late.settle(there) == [["settled", 1, True]]
    assert late.read([["settled", 1, True]]).state == there
    with pytest.raises(Loss):
        late.settle(EMPTY)
    for call, found in ((["add", "docs", ["b"], 2], {"docs": {"a": 1, "b": 2}}), (["drop", "docs"], there)):
        after = Ledger(EMPTY).read([*died, begin(2, *call), done(2)])
        with pytest.raises(Loss):
            after.settle(found)
    nothing_to_do = Ledger(EMPTY).read([*died, begin(2, "delete", "docs", ["b"]), done(2)])
    assert nothing_to_do.settle(there) == [["settled", 1, True]]
    elsewhere = Ledger({**EMPTY, "more": {}}).read([*died, begin(2, "add", "more", ["x"], 2), done(2)])
    assert elsewhere.settle({"docs": {"a": 1}, "more": {"x": 2}}) == [["settled", 1, True]]


def test_of_two_calls_that_nobody_answered_the_second_takes_the_place_of_the_first() -> None:
    ledger = Ledger(EMPTY).read(
        [begin(1, "add", "docs", ["a"], 1), ["settled", 1, False], begin(2, "add", "docs", ["b"], 2)]
    )
    assert ledger.settle({"docs": {"a": 1}}) == [["settled", 1, True], ["settled", 2, False]]
    assert ledger.settle({"docs": {"b": 2}}) == [["settled", 2, True]]
    with pytest.raises(Loss):
        ledger.settle({"docs": {"a": 1, "b": 2}})


def test_a_journal_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="before call 1 was settled"):
        Ledger(EMPTY).read([begin(1, "drop", "docs"), begin(2, "drop", "docs")])
    with pytest.raises(ValueError, match="was not begun"):
        Ledger(EMPTY).read([done(1)])


@pytest.mark.parametrize("field", ["documents", "metadatas", "embeddings"])
def test_a_record_made_of_two_writes_is_noticed(field: str) -> None:
    one, other = records.columns("w", ["a"], 1), records.columns("w", ["a"], 2)
    assert records.numbers(one) == {"a": 1}
    with pytest.raises(Loss, match="not whole"):
        records.numbers({**one, field: other[field]})
