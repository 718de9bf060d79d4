"""The sealed segments of a collection, as files.

::

    <collection>/index/<name>/manifest    see ``sealed``; with recipe and dimension
                              labels.npy  the label of each entry
                              skipped.npy labels that cannot be sealed
                              graph.faiss
                              cells.faiss

Every file is verified when the segment is opened, a large graph in the background: until then cells answer. One that
turns out to be damaged is let go of like a segment that is gone.

Locks: `_lock` guards the table of open segments, and is held while new ones are opened.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from chromadb._index.cells import Cells
from chromadb._index.graph import Graph
from chromadb._index.reach import Reach
from chromadb._index.segment import Recipe, Segment
from chromadb._storage.local.derived import sealed
from chromadb._storage.local.derived.late import LateGraph
from chromadb._storage.local.derived.sealed import MANIFEST, RuinedError, StoppedError
from chromadb._storage.local.platform.durable import save_array
from chromadb.errors import ChromaError

FORMAT = 2

LATE = 64 << 20
"""Bytes of a graph from which on it is verified in the background: to read so many takes 0.1 s."""

LOOK_SECONDS = 0.05
"""How long the names of segments are taken for those that there are: to look costs 2 us, twice for a query of a server,
and what another process has built only makes searches quicker."""

LABELS, SKIPPED, GRAPH, CELLS = "labels.npy", "skipped.npy", "graph.faiss", "cells.faiss"
FILES = (LABELS, SKIPPED, GRAPH, CELLS)


class Manifest(sealed.Manifest):
    """What a segment says of itself."""

    dimension: int
    recipe: Recipe
    reach: Reach


class SegmentFolder:
    """Keeps the segments of one record store: in files, or without a folder in memory alone."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._open: dict[str, Segment] = {}
        self._refused: set[str] = set()
        self._retired: frozenset[str] = frozenset()
        # The names in the folder when it was last listed, and when it had been modified then.
        self._listed: tuple[int, frozenset[str]] = (0, frozenset())
        self._looked = -LOOK_SECONDS
        self._seen = 0
        self._lock = threading.Lock()

    def names(self, *, now: bool = False) -> frozenset[str]:
        """Return the names of the segments there are, damaged ones included.

        Other processes make and remove some, which is seen after `LOOK_SECONDS`, or `now`.
        """
        if self._folder is None:
            return frozenset(self._open)
        clock = time.monotonic()
        if now or clock - self._looked >= LOOK_SECONDS:
            # Before looking, so that what changes meanwhile is looked at again.
            self._looked = clock
            self._list(self._folder)
        return self._listed[1] - self._retired

    def _list(self, folder: Path) -> None:
        modified, names = self._listed
        now = self._modified()
        if now != modified:
            try:
                names = frozenset(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
            except OSError:
                # It is not there yet, or something else stands in its place.
                names = frozenset()
            self._listed = now, names

    def segments(self, lineage: str, dimension: int) -> list[Segment]:
        """Return the segments that are whole and were made of this record store."""
        with self._lock:
            if self._folder is not None and self._modified() != self._seen:
                self._look(self._folder, lineage, dimension)
            return list(self._open.values())

    def add(self, segment: Segment, lineage: str) -> Segment:
        """Keep a segment; return it as it is to be searched.

        Raises:
            StorageError: it could not be written.
        """
        if self._folder is not None:
            segment = _write(self._folder, segment, lineage)
            self._looked = -LOOK_SECONDS
        with self._lock:
            self._open[segment.name] = segment
        return segment

    def retire(self, names: Collection[str]) -> None:
        """Let go of segments that `remove` is to follow for; those that searches still use go when these end."""
        with self._lock:
            self._retired |= frozenset(names)
            for name in names:
                self._open.pop(name, None)

    def remove(self, names: Collection[str]) -> None:
        """Let go of segments, and remove their files."""
        self.retire(names)
        if self._folder is not None:
            for name in names:
                shutil.rmtree(self._folder / name, ignore_errors=True)
            self._looked = -LOOK_SECONDS
            with self._lock:
                self._retired = frozenset(name for name in self._retired if (self._folder / name).exists())

    def sweep(self) -> None:
        """Remove what is damaged or foreign, and what processes that ended have left unfinished."""
        with self._lock:
            refused, self._refused = self._refused, set()
        if self._folder is None or not self._folder.is_dir():
            return
        for name in refused:
            shutil.rmtree(self._folder / name, ignore_errors=True)
        sealed.sweep(self._folder)
        self._looked = -LOOK_SECONDS

    def entries(self) -> int:
        """Return how many entries the open segments have, out of date ones included."""
        with self._lock:
            return sum(len(segment.labels) for segment in self._open.values())

    def close(self) -> None:
        """Let go of what is mapped into memory."""
        with self._lock:
            for segment in self._open.values():
                if isinstance(segment.graph, LateGraph):
                    segment.graph.stop()
            self._open, self._seen = {}, 0

    def after_fork(self) -> None:
        """Begin with a new lock in a forked child, where no thread verifies anything."""
        self._lock = threading.Lock()
        for segment in self._open.values():
            if isinstance(segment.graph, LateGraph):
                segment.graph.begin()

    def _refuse(self, name: str) -> None:
        """Let go of a segment whose graph turned out to be damaged; `sweep` removes it."""
        self.retire([name])
        with self._lock:
            self._refused.add(name)

    def _look(self, folder: Path, lineage: str, dimension: int) -> None:
        self._seen = self._modified()
        found = {}
        for name in sorted(self.names(now=True)):
            if name in self._refused:
                continue
            try:
                segment = self._open.get(name) or _read(folder / name, lineage, dimension, self._refuse)
            except RuinedError:
                self._refused.add(name)
                continue
            if segment is not None:
                found[name] = segment
        self._open = found

    def _modified(self) -> int:
        if self._folder is None:
            return 0
        try:
            return os.stat(self._folder).st_mtime_ns
        except OSError:
            return 0


def _read(folder: Path, lineage: str, dimension: int, refuse: Callable[[str], None]) -> Segment | None:
    """Return the segment in a folder, None if it is not for this version to judge.

    Args:
        folder: where it is.
        lineage: of the record store.
        dimension: of its vectors.
        refuse: called with the name of a segment whose graph turns out to be damaged later.

    Raises:
        RuinedError: it is damaged, or of another record store.
    """
    try:
        manifest = sealed.read_manifest(folder, Manifest, FORMAT, lineage)
        if manifest is None:
            return None
        if manifest.dimension != dimension:
            raise RuinedError
        sealed.verify(folder, manifest, LABELS, SKIPPED, CELLS)
        labels = np.load(folder / LABELS, allow_pickle=False)
        segment = Segment(
            folder.name,
            manifest.commit_no,
            manifest.recipe,
            labels,
            np.load(folder / SKIPPED, allow_pickle=False),
            _graph(folder, manifest, len(labels), refuse),
            Cells.open(str(folder / CELLS), manifest.recipe.space),
            manifest.reach,
        )
    except (ValueError, ChromaError):
        raise RuinedError from None
    except OSError as error:
        # A manifest with files missing is ruined; a folder without one is somebody else's, or cannot be read now.
        if isinstance(error, FileNotFoundError) and (folder / MANIFEST).exists():
            raise RuinedError from None
        return None
    if len(segment.labels) != len(segment.cells):
        raise RuinedError
    return segment


def _graph(folder: Path, manifest: Manifest, count: int, refuse: Callable[[str], None]) -> Graph:
    """Return the graph of a segment; a large one comes later, where cells can answer meanwhile.

    Raises:
        RuinedError: it is damaged.
        OSError: it cannot be read.
    """

    def verified(stop: Callable[[], bool] = lambda: False) -> Graph:
        sealed.verify(folder, manifest, GRAPH, stop=stop)
        graph = Graph.open(str(folder / GRAPH), manifest.recipe.space)
        if len(graph) != count:
            raise RuinedError
        return graph

    def verified_late(stop: Callable[[], bool]) -> Graph | None:
        try:
            return verified(stop)
        except StoppedError:
            return None
        except (RuinedError, OSError, ChromaError):
            refuse(folder.name)
            return None

    if manifest.recipe.space != "ip" and os.stat(folder / GRAPH).st_size >= LATE:
        return LateGraph(count, verified_late)
    return verified()


def _write(folder: Path, segment: Segment, lineage: str) -> Segment:
    finished, _ = sealed.write(
        folder,
        segment.name,
        {
            LABELS: lambda path: save_array(path, segment.labels),
            SKIPPED: lambda path: save_array(path, segment.skipped),
            GRAPH: lambda path: segment.graph.save(str(path)),
            CELLS: lambda path: segment.cells.save(str(path)),
        },
        lambda files: Manifest(
            FORMAT, lineage, segment.commit_no, files, segment.graph.dimension, segment.recipe, segment.reach
        ),
    )
    # From here on the pages of the file serve, and those of the build are given back.
    space = segment.recipe.space
    graph, cells = Graph.open(str(finished / GRAPH), space), Cells.open(str(finished / CELLS), space)
    return replace(segment, graph=graph, cells=cells)
