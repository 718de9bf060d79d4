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
from itertools import combinations
from typing import Any

State = dict[str, dict[str, int]]
"""Collections, their ids, and the number that each record carries: see ``records``."""

CATALOG = "the catalog"
"""The database of calls that make, copy, rename or delete a collection."""

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
    if kind in ("fork", "rename"):
        after[arguments[0]] = dict(state[name])
        if kind == "rename":
            del after[name]
        return after
    if kind == "forked":
        after[name] = dict(arguments[0])
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


Call = tuple[int, Sequence[Any]]
"""Its serial number, and what it is."""


@dataclass
class Ledger:
    """What one worker's journal says.

    Lines are lists: ``["begin", serial, time, call]``, ``["done", serial, time]``, ``["failed", serial, time, error,
    final]``, ``["settled", serial, happened]``.

    A call whose process died can be late: it lies whole in the log of a database, but those who have the database open
    do not know of it, until one of them writes to the same place, or until all of them have died and the next one reads
    the log. So it may be found later although it was not found at first, until the next write that is acknowledged and
    changes anything: one that has nothing to change, as an add of ids that are all there, writes to no place. A call
    that raised, and said that nothing was written, may not: it is final.
    """

    state: State = field(default_factory=dict)
    """After the last call that is settled."""
    open: Call | None = None
    """The call of which nobody knows yet whether it happened."""
    late: dict[str, Call] = field(default_factory=dict)
    """Calls that were not found, and may be yet, by the database that they write to."""
    serial: int = 0
    acknowledged: int = 0
    """How many calls returned."""
    failed: int = 0
    """How many calls raised."""
    _final: bool = False

    def read(self, lines: Iterable[Sequence[Any]]) -> Ledger:
        """Take note of lines, in the order in which they were written."""
        for kind, serial, *rest in lines:
            late = next((key for key, call in self.late.items() if call[0] == serial), None)
            if kind == "begin":
                if self.open is not None:
                    raise ValueError(f"call {serial} was begun before call {self.open[0]} was settled")
                self.open, self.serial, self._final = (serial, rest[1]), serial, False
            elif kind == "settled" and late is not None:
                self.state = apply(self.state, self.late.pop(late)[1])
            elif self.open is None or self.open[0] != serial:
                raise ValueError(f"call {serial} is {kind}, but it was not begun")
            elif kind == "failed":
                self.failed += 1
                self._final = rest[2]
            else:
                self.acknowledged += kind == "done"
                self._close(kind == "done" or rest[0])
        return self

    def settle(self, found: State) -> list[list[Any]]:
        """Compare what is there with what has to be; return what is known now, as lines.

        Raises:
            Loss: it is no state that can be.
        """
        for count in range(len(self.late) + 1):
            for keys in combinations(self.late, count):
                came = self.state
                for key in keys:
                    came = apply(came, self.late[key][1])
                lines = [["settled", self.late[key][0], True] for key in keys]
                if self.open is None:
                    if found == came:
                        return lines
                elif found == came:
                    return [*lines, ["settled", self.open[0], False]]
                elif database(self.open[1]) not in keys and found == apply(came, self.open[1]):
                    return [*lines, ["settled", self.open[0], True]]
        text = describe(self.state, found)
        if self.open is not None:
            text += f"; the last call, {brief(self.open[1])}, is there by half or not the last"
        raise Loss(text)

    def _close(self, happened: bool) -> None:
        assert self.open is not None
        serial, call = self.open
        if happened:
            before, self.state = self.state, apply(self.state, call)
            if self.state != before:
                self.late.pop(database(call), None)
            if call[0] in ("drop", "rename"):
                self.late.pop(call[1], None)
        elif not self._final:
            if call[0] == "fork":
                # Of what was there then, whatever is written until it is found.
                call = ["forked", call[2], dict(self.state[call[1]])]
            self.late[database(call)] = serial, call
        self.open = None


def database(call: Sequence[Any]) -> str:
    """Return which database a call writes to: the catalog, or that of a collection."""
    return CATALOG if call[0] in ("create", "drop", "fork", "forked", "rename") else str(call[1])


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
