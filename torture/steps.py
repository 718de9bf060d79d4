"""A process that is killed, or meets an error, at every step of its day; and a loss of power after every step."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torture import calls, scenario
from torture.faults import ERRORS, FAIL, KILL, TEAR, Faults
from torture.journal import Journal
from torture.ledger import Ledger, Loss
from torture.place import Place
from torture.power import MARK, VARIANTS, Disk, events
from torture.processes import Processes
from torture.report import Report
from torture.small import build_early

Day = Sequence[Sequence[Any]]


class Act(NamedTuple):
    """What happens at a step."""

    name: str
    what: int
    error: int = 0
    count: int = 1
    """At how many calls; -1: at all, until the operation has failed."""
    reads: bool = False
    """Whether it strikes what reads, instead of what writes."""


ACTS = [
    Act("kill", KILL),
    Act("tear", TEAR),
    *(Act(name, FAIL, error) for name, error in ERRORS.items()),
    *(Act(f"{name} until the call has failed", FAIL, error, -1) for name, error in ERRORS.items()),
    Act("EIO at reading", FAIL, ERRORS["EIO"], reads=True),
    Act("EIO at reading until the call has failed", FAIL, ERRORS["EIO"], -1, reads=True),
]


def every_step(folder: Path, faults: Faults, processes: Processes, report: Report, deadline: float) -> None:
    """Live a day once for every step and every kind of blow: first kills in a short one, then everything in a long one.

    Within each of them in random order, as far as the time allows.
    """
    now = time.monotonic()
    for name, day, acts, until in (
        ("a short day", scenario.WRITES, ACTS[:2], now + (deadline - now) / 2),
        ("a whole day", scenario.DAY, ACTS, deadline),
    ):
        steps = {}
        for reads in (False, True):
            place, counted = Place(folder / f"{name}-{reads}", shared=False), folder / "calls"
            processes.run(f"{name} without a fault", _count, place, faults, day, reads, counted)
            steps[reads] = int(counted.read_text())
        todo = [(step, act, beside) for act in acts for step in range(steps[act.reads]) for beside in (False, True)]
        random.shuffle(todo)
        done = 0
        for step, act, beside in todo:
            if time.monotonic() > until or processes.failures:
                break
            place = Place(folder / f"step-{step}-{act.name}-{beside}", shared=False)
            _one_step(place, faults, processes, report, day, act, step, beside)
            done += 1
        kinds = f"{steps[False]} writes and {steps[True]} reads, {len(acts)} kinds, alone and beside another"
        report.tell(f"steps of {name}: {done} of {len(todo)} blows ({kinds})")


def _one_step(
    place: Place,
    faults: Faults,
    processes: Processes,
    report: Report,
    day: Day,
    act: Act,
    step: int,
    beside: bool,
) -> None:
    kills = act.what != FAIL
    # What was seen after an error has to be there as well if the process dies next.
    dies = not kills and random.random() < 0.5
    label = f"{act.name} at step {step}{', then death' if dies else ''}{' beside another process' if beside else ''}"
    ready, go = os.pipe(), os.pipe()
    if beside:
        processes.start(f"the other process, {label}", _stand_by, place, ready[1], go[0])
        os.read(ready[0], 1)
    died = processes.run(label, _struck, place, faults, day, act, step, dies, dies=kills or dies)
    report.kills += died < 0
    report.faults += not kills
    if beside:
        os.write(go[1], b"x")
        processes.reap(block=True)
    processes.run(f"the audit after {label}", place.audit)
    for end in (*ready, *go):
        os.close(end)
    _count_calls(report, place)
    if not processes.failures:
        shutil.rmtree(place.root)


def _count(place: Place, faults: Faults, day: Day, reads: bool, result: Path) -> None:
    faults.watch(place.data)
    if reads:
        faults.strike_reads()
    scenario.live(place, lambda line: None, day=day)
    result.write_text(str(faults.calls))


def _struck(place: Place, faults: Faults, day: Day, act: Act, step: int, dies: bool) -> None:
    journal = Journal(place.journal(scenario.WORKER))
    faults.watch(place.data)
    if act.reads:
        faults.strike_reads()
    faults.arm(step, act.what, act.error, act.count)
    disarm = faults.disarm if act.what == FAIL else None
    scenario.live(place, lambda line: journal.write(*line), day=day, faulty=disarm, dies=dies)


def _stand_by(place: Place, ready: int, go: int) -> None:
    """Have the directory open while another process works in it and dies; then look."""
    build_early()
    with place.open() as client:
        client.get_or_create_collection("standing-by", embedding_function=None).add(
            ids=["a"], **{key: value for key, value in calls.records.columns("other", ["a"], 1).items() if key != "ids"}
        )
        os.write(ready, b"x")
        os.read(go, 1)
        place.audit_by(client)
        collection = client.get_collection("standing-by", embedding_function=None)
        collection.upsert(**calls.records.columns("other", ["a", "b"], 2))
        if collection.count() != 2:
            raise Loss("the other process cannot write after the first one died")


# --- power ------------------------------------------------------------------------------------------


def every_loss_of_power(
    folder: Path, faults: Faults, processes: Processes, report: Report, deadline: float, synchronous: str
) -> None:
    """Live the day once, and lose the power after every event of it, as far as the time allows, in random order."""
    place, trace = Place(folder / "power", synchronous, shared=False), folder / "trace"
    processes.run("the day that is traced", _traced, place, faults, trace)
    if processes.failures:
        return
    happened = list(events(trace.read_bytes()))
    moments = [(place, variant) for place in range(1, len(happened) + 1) for variant in VARIANTS]
    random.shuffle(moments)
    done = 0
    for begin in range(0, len(moments), 100):
        for moment, variant, copy, lines in _disks(
            happened, sorted(moments[begin : begin + 100]), folder, str(place.data)
        ):
            if time.monotonic() > deadline or processes.failures:
                break
            after = Place(copy, synchronous, shared=False)
            journal = Journal(after.journal(scenario.WORKER))
            for line in lines:
                journal.write(*line)
            journal.close()
            processes.run(f"power lost after event {moment} of {len(happened)}, {variant}", after.audit)
            report.power_losses += 1
            done += 1
            _count_calls(report, after)
            if not processes.failures:
                shutil.rmtree(copy)
    report.tell(
        f"losses of power: {done} of {len(moments)} disks ({len(happened)} events, {len(VARIANTS)} kinds of disk)"
    )


def _disks(
    happened: list[Any], moments: list[tuple[int, str]], folder: Path, root: str
) -> Iterator[tuple[int, str, Path, list[Any]]]:
    """Yield what a disk may hold after so many events, and the lines of the journal up to then."""
    disk, lines, played = Disk(root), [], 0
    for moment, variant in moments:
        for event in happened[played:moment]:
            disk.play(event)
            if event.op == MARK:
                lines.append(json.loads(event.data))
        played = moment
        copy = folder / f"power-{moment}-{variant}"
        disk.lose_power(copy / "data", variant, random.Random())
        yield moment, variant, copy, list(lines)


def _traced(place: Place, faults: Faults, trace: Path) -> None:
    place.data.mkdir()
    faults.watch(place.data)
    faults.trace(trace)
    scenario.live(place, lambda line: faults.mark(json.dumps(line)))


def _count_calls(report: Report, place: Place) -> None:
    ledger: Ledger = place.ledger(scenario.WORKER)
    report.acknowledged += ledger.acknowledged
    report.failed += ledger.failed
