"""The referee: what a worker was told is written, and what may be there after it died.

Every worker owns its records: nobody else writes ids that begin with its name. So the calls of one worker, in order,
are all that decides on them, however many others write beside it. Of a call that was begun and never answered, or
answered with an error, one thing is known: all of it happened, or nothing. The first look at what is there settles
which.

No I/O: lines of a journal go in, violations come out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

State = dict[str, dict[str, int]]
"""Collections, their ids, and the number that each record carries: see ``records``."""

MODULUS = 5
"""Records carry their number modulo this, for deletions by a filter."""


def apply(state: State, call: Sequence[Any]) -> State:
    """Return what a call makes of a state, which is left as it was.

    Raises:
        ValueError: there is no such call.
    """
    kind, name, *arguments = call
    after = dict(state)
    if kind == "create":
        after.setdefault(name, {})
        return after
    if kind == "drop":
        after.pop(name, None)
        return after
    records = dict(state.get(name, {}))
    if kind == "delete":
        for id in arguments[0]:
            records.pop(id, None)
    elif kind == "delete_where":
        records = {id: number for id, number in records.items() if number % MODULUS != arguments[0]}
    elif kind in ("add", "update", "upsert"):
        ids, number = arguments
        for id in ids:
            if kind == "upsert" or (id in records) == (kind == "update"):
                records[id] = number
    else:
        raise ValueError(f"no such call: {kind}")
    after[name] = records
    return after


@dataclass
class Ledger:
    """What one worker's journal says.

    Lines are lists: ``["begin", serial, time, call]``, ``["done", serial, time]``, ``["failed", serial, time, error]``,
    ``["settled", serial, happened]``.
    """

    state: State = field(default_factory=dict)
    """After the last call that is settled."""
    open: tuple[int, Sequence[Any]] | None = None
    """The call of which nobody knows whether it happened: its serial number, and what it is."""
    serial: int = 0
    acknowledged: int = 0
    """How many calls returned."""
    failed: int = 0
    """How many calls raised."""

    def read(self, lines: Iterable[Sequence[Any]]) -> Ledger:
        """Take note of lines, in the order in which they were written."""
        for kind, serial, *rest in lines:
            if kind == "begin":
                if self.open is not None:
                    raise ValueError(f"call {serial} was begun before call {self.open[0]} was settled")
                self.open, self.serial = (serial, rest[1]), serial
            elif self.open is not None and self.open[0] == serial:
                if kind == "done":
                    self.acknowledged += 1
                    self._close(True)
                elif kind == "settled":
                    self._close(rest[0])
                else:
                    self.failed += 1
            else:
                raise ValueError(f"call {serial} is {kind}, but it was not begun")
        return self

    def settle(self, found: State) -> bool:
        """Compare what is there with what has to be; return whether the open call happened.

        Raises:
            Loss: it is neither the state before nor the one after the open call.
        """
        before = self.state
        if self.open is None:
            if found != before:
                raise Loss(describe(before, found))
            return False
        after = apply(before, self.open[1])
        if found not in (before, after):
            raise Loss(
                f"{describe(before, found)}; the last call, {brief(self.open[1])}, is there by half or not the last"
            )
        return found == after

    def _close(self, happened: bool) -> None:
        assert self.open is not None
        if happened:
            self.state = apply(self.state, self.open[1])
        self.open = None


class Loss(Exception):
    """Something acknowledged is not there, or something is there by half."""


def describe(expected: State, found: State) -> str:
    """Return where two states differ."""
    parts = []
    for name in sorted({*expected, *found}):
        if name not in found or name not in expected:
            parts.append(f"collection {name} {'is missing' if name in expected else 'should not be there'}")
            continue
        one, other = expected[name], found[name]
        for id in sorted({*one, *other}):
            if one.get(id) != other.get(id):
                parts.append(f"{name}/{id}: expected {one.get(id)}, found {other.get(id)}")
    return "; ".join([*parts[:5], *([f"and {len(parts) - 5} more"] if len(parts) > 5 else [])])


def brief(call: Sequence[Any]) -> str:
    """Return a call in a few words."""
    return " ".join(str(part) if not isinstance(part, list) else f"{len(part)} ids" for part in call)
