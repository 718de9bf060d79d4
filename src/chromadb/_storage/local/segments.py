"""The sealed segments of a collection, as files.

::

    <collection>/index/<name>/manifest    checksum of the rest; then format, commit, recipe, lineage, files as JSON
                              labels.npy  the label of each entry
                              skipped.npy labels that cannot be sealed
                              graph.faiss
                              cells.faiss

A segment is written under a name that begins with a dot, synced, and renamed when it is whole; it is never changed.
What is damaged, of another format, or of another record store is passed over: everything can be made anew.

Locks: `_lock` guards the table of open segments, and is held while new ones are opened.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import xxhash

from chromadb._index.cells import Cells
from chromadb._index.graph import Graph
from chromadb._index.segment import Recipe, Segment
from chromadb._storage.local.failures import explained
from chromadb.errors import ChromaError

FORMAT = 1
MANIFEST = "manifest"
LABELS, SKIPPED, GRAPH, CELLS = "labels.npy", "skipped.npy", "graph.faiss", "cells.faiss"
FILES = (LABELS, SKIPPED, GRAPH, CELLS)

ABANDONED = 24 * 3600.0
"""Seconds after which an unfinished segment is nobody's any more, where its process cannot be asked for."""


class FileEntry(msgspec.Struct):
    """Size in bytes and XXH3 checksum of a file."""

    size: int
    xxh3: str


class Format(msgspec.Struct):
    """What the manifest of every format has."""

    format: int


class Manifest(msgspec.Struct):
    """What a segment says of itself."""

    format: int
    lineage: str
    commit_no: int
    dimension: int
    recipe: Recipe
    files: dict[str, FileEntry]


class SegmentFolder:
    """Keeps the segments of one record store: in files, or without a folder in memory alone."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._open: dict[str, Segment] = {}
        self._refused: set[str] = set()
        self._seen = 0
        self._lock = threading.Lock()

    def changed(self) -> bool:
        """Return whether segments came or went since the last look, through another process too."""
        return self._modified() != self._seen

    def segments(self, lineage: str, dimension: int) -> list[Segment]:
        """Return the segments that are whole and were made of this record store."""
        with self._lock:
            if self._folder is not None and self.changed():
                self._look(self._folder, lineage, dimension)
            return list(self._open.values())

    def add(self, segment: Segment, lineage: str) -> Segment:
        """Keep a segment; return it as it is to be searched.

        Raises:
            StorageError: it could not be written.
        """
        if self._folder is not None:
            with explained(str(self._folder)):
                segment = _write(self._folder, segment, lineage)
        with self._lock:
            self._open[segment.name] = segment
        return segment

    def remove(self, names: Collection[str]) -> None:
        """Let go of segments; those that searches still use go when these end."""
        with self._lock:
            for name in names:
                self._open.pop(name, None)
        if self._folder is not None:
            for name in names:
                shutil.rmtree(self._folder / name, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what is damaged or foreign, and what processes that ended have left unfinished."""
        with self._lock:
            refused, self._refused = self._refused, set()
        if self._folder is None or not self._folder.is_dir():
            return
        for name in refused:
            shutil.rmtree(self._folder / name, ignore_errors=True)
        for entry in os.scandir(self._folder):
            if entry.name.startswith(".") and _is_abandoned(entry):
                shutil.rmtree(entry.path, ignore_errors=True)

    def entries(self) -> int:
        """Return how many entries the open segments have, out of date ones included."""
        with self._lock:
            return sum(len(segment.labels) for segment in self._open.values())

    def close(self) -> None:
        """Let go of what is mapped into memory."""
        with self._lock:
            self._open, self._seen = {}, 0

    def after_fork(self) -> None:
        """Begin with a new lock in a forked child."""
        self._lock = threading.Lock()

    def _look(self, folder: Path, lineage: str, dimension: int) -> None:
        self._seen = self._modified()
        found = {}
        for name in sorted(entry.name for entry in os.scandir(folder)) if folder.is_dir() else []:
            if name.startswith(".") or name in self._refused:
                continue
            try:
                segment = self._open.get(name) or _read(folder / name, lineage, dimension)
            except _RuinedError:
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


class _RuinedError(Exception):
    """A segment of this format that nobody can use any more."""


def _read(folder: Path, lineage: str, dimension: int) -> Segment | None:
    """Return the segment in a folder, None if it is not for this version to judge.

    Raises:
        _RuinedError: it is damaged, or of another record store.
    """
    try:
        checksum, _, text = (folder / MANIFEST).read_bytes().partition(b"\n")
        if checksum != xxhash.xxh3_64_hexdigest(text).encode():
            raise _RuinedError
        if msgspec.json.decode(text, type=Format).format != FORMAT:
            return None
        manifest = msgspec.json.decode(text, type=Manifest)
        if (manifest.lineage, manifest.dimension) != (lineage, dimension):
            raise _RuinedError
        if any(_entry(folder / name) != manifest.files[name] for name in FILES):
            raise _RuinedError
        space = manifest.recipe.space
        segment = Segment(
            folder.name,
            manifest.commit_no,
            manifest.recipe,
            np.load(folder / LABELS, allow_pickle=False),
            np.load(folder / SKIPPED, allow_pickle=False),
            Graph.open(str(folder / GRAPH), space),
            Cells.open(str(folder / CELLS), space),
        )
    except (ValueError, KeyError, msgspec.MsgspecError, ChromaError):
        raise _RuinedError from None
    except OSError as error:
        # A manifest with files missing is ruined; a folder without one is somebody else's, or cannot be read now.
        if isinstance(error, FileNotFoundError) and (folder / MANIFEST).exists():
            raise _RuinedError from None
        return None
    if not len(segment.labels) == len(segment.graph) == len(segment.cells):
        raise _RuinedError
    return segment


def _write(folder: Path, segment: Segment, lineage: str) -> Segment:
    # The folder of the collection is not made here: if it is gone, the collection was deleted.
    folder.mkdir(exist_ok=True)
    unfinished, finished = folder / f".{os.getpid()}-{segment.name}", folder / segment.name
    unfinished.mkdir()
    try:
        np.save(unfinished / LABELS, segment.labels)
        np.save(unfinished / SKIPPED, segment.skipped)
        segment.graph.save(str(unfinished / GRAPH))
        segment.cells.save(str(unfinished / CELLS))
        manifest = Manifest(
            FORMAT,
            lineage,
            segment.commit_no,
            segment.graph.dimension,
            segment.recipe,
            {name: _entry(unfinished / name) for name in FILES},
        )
        text = msgspec.json.encode(manifest)
        (unfinished / MANIFEST).write_bytes(xxhash.xxh3_64_hexdigest(text).encode() + b"\n" + text)
        for name in (*FILES, MANIFEST, "."):
            _sync(unfinished / name)
        os.rename(unfinished, finished)
        _sync(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    # From here on the pages of the file serve, and those of the build are given back.
    return replace(segment, graph=Graph.open(str(finished / GRAPH), segment.recipe.space))


def _entry(path: Path) -> FileEntry:
    digest = xxhash.xxh3_64()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
        return FileEntry(file.tell(), digest.hexdigest())


def _is_abandoned(entry: os.DirEntry[str]) -> bool:
    process = entry.name[1:].partition("-")[0]
    if os.name == "posix" and process.isdigit():
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return True
        except OSError:
            pass
    return time.time() - entry.stat().st_mtime > ABANDONED


def _sync(path: Path) -> None:
    if os.name == "nt":
        if path.is_dir():
            return
        descriptor = os.open(path, os.O_RDWR)
    else:
        descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
