"""The sealed segments of a collection, as files.

::

    <collection>/index/<name>/manifest.json    format, commit, recipe, and size and checksum of the others
                              labels.npy
                              graph.faiss
                              cells.faiss

A segment is written under a name that begins with a dot, synced, and renamed when it is whole; it is never changed.
What is damaged, or of another format, is passed over: everything in it can be made anew from the records.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from chromadb._index.cells import Cells
from chromadb._index.graph import Graph
from chromadb._index.segment import Recipe, Segment
from chromadb.errors import ChromaError

FORMAT = 1
MANIFEST, LABELS, GRAPH, CELLS = "manifest.json", "labels.npy", "graph.faiss", "cells.faiss"


class FileEntry(msgspec.Struct):
    """Size in bytes and XXH3 checksum of a file."""

    size: int
    xxh3: str


class Manifest(msgspec.Struct):
    """What a segment says of itself."""

    format: int
    commit_no: int
    space: str
    max_neighbors: int
    ef_construction: int
    files: dict[str, FileEntry]


class SegmentFolder:
    """Keeps segments: in files, or for a collection in memory (no folder) in memory alone."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._open: dict[str, Segment] = {}
        self._seen = 0

    def changed(self) -> bool:
        """Return whether segments came or went since the last look, through another process too."""
        return self._modified() != self._seen

    def segments(self) -> list[Segment]:
        """Return the segments that are whole."""
        if self._folder is None:
            return list(self._open.values())
        self._seen = self._modified()
        names = [entry.name for entry in os.scandir(self._folder)] if self._folder.is_dir() else []
        for name in names:
            if not name.startswith(".") and name not in self._open:
                segment = _read(self._folder / name)
                if segment is not None:
                    self._open[name] = segment
        self._open = {name: self._open[name] for name in names if name in self._open}
        return list(self._open.values())

    def add(self, segment: Segment) -> Segment:
        """Keep a segment; return it as it is to be searched."""
        if self._folder is not None:
            segment = _write(self._folder, segment)
            self._seen = self._modified()
        self._open[segment.name] = segment
        return segment

    def remove(self, names: set[str]) -> None:
        """Let go of segments; those that searches still use go when these end."""
        for name in names:
            self._open.pop(name, None)
            if self._folder is not None:
                shutil.rmtree(self._folder / name, ignore_errors=True)
        self._seen = self._modified()

    def close(self) -> None:
        """Let go of what is mapped into memory."""
        self._open = {}

    def size_bytes(self) -> int:
        """Return the size of the graphs, on disk or in memory."""
        return sum(segment.graph.size_bytes for segment in self._open.values())

    def _modified(self) -> int:
        if self._folder is None:
            return 0
        try:
            return os.stat(self._folder).st_mtime_ns
        except OSError:
            return 0


def _read(folder: Path) -> Segment | None:
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
        if manifest.format != FORMAT:
            return None
        for name in (LABELS, GRAPH, CELLS):
            if _entry(folder / name) != manifest.files[name]:
                return None
        labels = np.load(folder / LABELS, allow_pickle=False)
        recipe = Recipe(manifest.space, manifest.max_neighbors, manifest.ef_construction)
        graph = Graph.open(str(folder / GRAPH), manifest.space)
        cells = Cells.open(str(folder / CELLS), manifest.space)
    except (OSError, ValueError, KeyError, msgspec.MsgspecError, ChromaError):
        return None
    if not len(labels) == len(graph) == len(cells):
        return None
    return Segment(folder.name, manifest.commit_no, recipe, labels, graph, cells)


def _write(folder: Path, segment: Segment) -> Segment:
    folder.mkdir(exist_ok=True)
    unfinished, finished = folder / f".{segment.name}", folder / segment.name
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        np.save(unfinished / LABELS, segment.labels)
        segment.graph.save(str(unfinished / GRAPH))
        segment.cells.save(str(unfinished / CELLS))
        files = {name: _entry(unfinished / name) for name in (LABELS, GRAPH, CELLS)}
        manifest = Manifest(FORMAT, segment.commit_no, *segment.recipe, files)
        (unfinished / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        for name in (LABELS, GRAPH, CELLS, MANIFEST, "."):
            _sync(unfinished / name)
        os.rename(unfinished, finished)
        _sync(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    # From here on the pages of the file serve, and those of the build are given back.
    return replace(segment, graph=Graph.open(str(finished / GRAPH), segment.recipe.space))


def _entry(path: Path) -> FileEntry:
    import xxhash

    digest = xxhash.xxh3_64()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
        return FileEntry(file.tell(), digest.hexdigest())


def _sync(path: Path) -> None:
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
