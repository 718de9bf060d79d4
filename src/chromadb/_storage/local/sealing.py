"""Which records are to be sealed, and which segments to be merged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import apsw
import numpy as np

from chromadb._index.segment import Recipe, Segment
from chromadb._storage.local import records
from chromadb._storage.local.follow import stale_labels
from chromadb._storage.local.records import Labels, State

SEAL_FROM = 10_000
"""Records that are scanned rather than sealed: a scan of so many vectors of 384 dimensions takes 0.9 ms."""

WORN = 0.7
"""A segment of which less than this share is still valid is rebuilt."""


class Plan(NamedTuple):
    """What to build."""

    labels: Labels
    """Of the new segment, ascending."""
    replaces: set[str]
    """The names of the segments that it takes the place of."""


def is_due(unsealed: int) -> bool:
    """Return whether so many records are worth a segment."""
    return unsealed >= SEAL_FROM


def plan(sql: apsw.Connection, state: State, segments: Sequence[Segment], recipe: Recipe) -> Plan | None:
    """Return what to build, None if nothing is due.

    New records get a segment of their own once there are `SEAL_FROM` of them. It swallows the segments before it,
    newest first, as long as it is at least half as large as the next: so there are never more than about
    log2(n / SEAL_FROM) segments, and a record is built into a graph about as many times. A segment that is worn, or
    built by another recipe, is swallowed anyway.
    """
    valid = {segment.name: _valid(sql, state, segment) for segment in segments}
    every = records.list_labels(sql)
    sealed = np.concatenate([np.empty(0, dtype=np.int64), *valid.values()])
    unsealed = np.setdiff1d(every, sealed)
    parts, replaces = [unsealed], set()
    bad = [
        segment
        for segment in segments
        if segment.recipe != recipe or len(valid[segment.name]) < WORN * len(segment.labels)
    ]
    for segment in bad:
        parts.append(valid[segment.name])
        replaces.add(segment.name)
    total = sum(len(part) for part in parts)
    if not bad and not is_due(total):
        return None
    for segment in sorted(segments, key=lambda each: each.commit_no, reverse=True):
        if segment.name in replaces:
            continue
        if 2 * total < len(valid[segment.name]):
            break
        parts.append(valid[segment.name])
        replaces.add(segment.name)
        total += len(valid[segment.name])
    # A segment can be left without anything to take its place.
    return Plan(np.unique(np.concatenate(parts)), replaces) if total else None


def sealed_labels(sql: apsw.Connection, state: State, segments: Sequence[Segment], recipe: Recipe) -> Labels:
    """Return the labels that segments built by `recipe` hold as they are now."""
    valid = [_valid(sql, state, segment) for segment in segments if segment.recipe == recipe]
    return np.intersect1d(np.unique(np.concatenate(valid)), records.list_labels(sql)) if valid else records.NO_LABELS


def _valid(sql: apsw.Connection, state: State, segment: Segment) -> Labels:
    stale = stale_labels(sql, segment, state)
    if stale is None:
        return records.NO_LABELS
    return np.intersect1d(np.setdiff1d(segment.labels, stale, assume_unique=True), records.list_labels(sql))
