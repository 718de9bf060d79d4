"""Which records are to be sealed, and which segments to be merged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import apsw
import numpy as np

from chromadb._index.segment import Recipe, Segment
from chromadb._storage.local.derived.follow import stale_labels
from chromadb._storage.local.tables import records
from chromadb._storage.local.tables.labels import NO_LABELS, Labels
from chromadb._storage.local.tables.records import State

SEAL_FROM = 10_000
"""Records that are scanned rather than sealed: a scan of so many vectors of 384 dimensions takes 0.9 ms."""

WORN = 0.7
"""A segment of which less than this share is still valid is rebuilt."""


class Plan(NamedTuple):
    """What to build, and to remove."""

    labels: Labels
    """Of the new segment, ascending; none if nothing is to be built."""
    replaces: set[str]
    """The names of the segments that it takes the place of."""
    unsealed: int
    """How many records no segment holds, though one could."""


def is_due(unsealed: int) -> bool:
    """Return whether so many records are worth a segment."""
    return unsealed >= SEAL_FROM


def plan(sql: apsw.Connection, state: State, segments: Sequence[Segment], recipe: Recipe) -> Plan:
    """Return what to build.

    New records get a segment of their own once there are `SEAL_FROM` of them. It swallows the segments before it,
    newest first, as long as it is at least half as large as the next: so there are never more than about
    log2(n / SEAL_FROM) segments, and a record is built into a graph about as many times. A segment that is worn, built
    by another recipe, or of a commit that the record store does not know is swallowed anyway.
    """
    every = records.list_labels(sql)
    held = {segment.name: _held(sql, state, every, segment, segment.labels) for segment in segments}
    unsealed = np.setdiff1d(every, _covered(sql, state, every, segments, held))
    parts, replaces = [unsealed], set()
    newer = NO_LABELS
    for segment in sorted(segments, key=lambda each: (each.commit_no, each.name), reverse=True):
        # Two processes may have built the same.
        held[segment.name] = np.setdiff1d(held[segment.name], newer, assume_unique=True)
        newer = np.union1d(newer, held[segment.name])
        if segment.recipe != recipe or len(held[segment.name]) < WORN * len(segment.labels):
            parts.append(held[segment.name])
            replaces.add(segment.name)
    total = sum(len(part) for part in parts)
    if not replaces and not is_due(total):
        return Plan(NO_LABELS, replaces, len(unsealed))
    for segment in sorted(segments, key=lambda each: each.commit_no, reverse=True):
        if segment.name in replaces:
            continue
        if 2 * total < len(held[segment.name]):
            break
        parts.append(held[segment.name])
        replaces.add(segment.name)
        total += len(held[segment.name])
    return Plan(np.unique(np.concatenate(parts)) if is_due(total) else NO_LABELS, replaces, len(unsealed))


def count_unsealed(sql: apsw.Connection, state: State, segments: Sequence[Segment], recipe: Recipe) -> int:
    """Return how many records are in no segment built by `recipe`, but could be."""
    every = records.list_labels(sql)
    current = [segment for segment in segments if segment.recipe == recipe]
    held = {segment.name: _held(sql, state, every, segment, segment.labels) for segment in current}
    return len(every) - len(_covered(sql, state, every, current, held))


def _covered(
    sql: apsw.Connection, state: State, every: Labels, segments: Sequence[Segment], held: dict[str, Labels]
) -> Labels:
    """Return the labels that segments hold, or have found that they cannot."""
    skipped = [_held(sql, state, every, segment, segment.skipped) for segment in segments]
    return np.unique(np.concatenate([NO_LABELS, *held.values(), *skipped]))


def _held(sql: apsw.Connection, state: State, every: Labels, segment: Segment, labels: Labels) -> Labels:
    """Return those of a segment's `labels` that are as they were when it was built."""
    stale = stale_labels(sql, segment, state)
    if stale is None:
        return NO_LABELS
    return np.intersect1d(np.setdiff1d(labels, stale, assume_unique=True), every, assume_unique=True)
