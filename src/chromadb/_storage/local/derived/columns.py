"""Metadata as columns, sealed: what filters would otherwise have to decode of every record.

::

    <collection>/columns/<name>/manifest    see ``sealed``; with the keys that have a column
                                labels.npy  the label of each record, ascending
                                0.column    by record: a number; then the values that the numbers stand for, as JSON

They are built once there are `SEAL_FROM` records, and again when a tenth was written since. What was written since is
read from the records. The labels also are where a snapshot begins, so that opening does not have to list them.

Locks: `_lock` guards the open columns, and is held while they are opened.
"""

from __future__ import annotations

import shutil
import threading
import uuid
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import msgspec
import numpy as np
from numpy.typing import NDArray

from chromadb._index.dictionary import Dictionary
from chromadb._storage.local.derived import sealed
from chromadb._storage.local.derived.sealed import RuinedError
from chromadb._storage.local.platform.durable import save_array, write_array
from chromadb._storage.local.tables import records
from chromadb._storage.local.tables.changes import DELETED, METADATA, changed_labels
from chromadb._storage.local.tables.labels import Labels
from chromadb._storage.local.tables.records import State

FORMAT = 1
LABELS = "labels.npy"

SEAL_FROM = 5_000
"""Records whose metadata is decoded rather than kept in columns: it takes 4 ms."""

MOST_KEYS = 64
"""Keys that get a column, those that most records have; the values of others are decoded when they are asked for."""

MOST_NAMES = 10_000
"""Keys that are told apart; if there are no more, it is known of any other key that no record has it."""

PATIENCE = 1024
"""Records read between two looks at `stop`."""


class Manifest(sealed.Manifest):
    """What sealed columns say of themselves."""

    next_label: int
    keys: list[str]
    """The key of each column."""
    others: list[str] | None
    """The other keys that records have; None if there are too many to be named."""


@dataclass(frozen=True)
class Columns:
    """The columns of all records at one commit, as files."""

    folder: Path
    manifest: Manifest
    labels: Labels
    """Of all records, ascending."""

    @property
    def commit_no(self) -> int:
        """The commit at which they were sealed."""
        return self.manifest.commit_no

    def column(self, key: str) -> tuple[list[Any], NDArray[np.int32]] | None:
        """Return the values of a key, and by record the number of its value, counted from 1, 0 for none.

        None if the key has no column.

        Raises:
            RuinedError: its file is damaged.
            OSError: its file cannot be read.
        """
        manifest = self.manifest
        if key not in manifest.keys:
            absent = manifest.others is not None and key not in manifest.others
            return ([], np.zeros(len(self.labels), dtype=np.int32)) if absent else None
        name = _file(manifest.keys.index(key))
        sealed.verify(self.folder, manifest, name)
        with (self.folder / name).open("rb") as file:
            codes = np.load(file, allow_pickle=False)
            values = msgspec.json.decode(file.read())
        return values, codes.astype(np.int32)


class MetadataColumns:
    """The sealed columns of one record store.

    Args:
        folder: for them; None for a collection in memory, whose metadata is decoded at need.
        ask: called when columns are wanted, or newer ones.
        read_only: whether files are left as they are, damaged ones too.
    """

    def __init__(self, folder: Path | None, ask: Callable[[], None], read_only: bool = False) -> None:
        self._read_only = read_only
        self._folder = folder
        self._ask = ask
        self._open: Columns | None = None
        self._looked = False
        self._lock = threading.Lock()

    def current(self, state: State) -> Columns | None:
        """Return the newest columns, if they can be brought up to this state."""
        if self._folder is None:
            return None
        with self._lock:
            if not self._looked:
                self._open, self._looked = _newest(self._folder, state.lineage), True
            columns = self._open
        if columns is None or not state.changes_from <= columns.commit_no <= state.commit_no:
            return None
        return columns

    def column(self, columns: Columns, key: str) -> tuple[list[Any], NDArray[np.int32]] | None:
        """Return ``columns.column(key)``; None, too, if the file is damaged, which is then let go."""
        try:
            return columns.column(key)
        except (RuinedError, OSError, ValueError, msgspec.MsgspecError):
            self._discard(columns)
            return None

    def want(self, state: State, later: int | None = None) -> None:
        """Ask for columns if they are worth it.

        Args:
            state: of the record store.
            later: how many records were written since the last columns; None if there are none.
        """
        if self._folder is not None and _is_due(state, state.live if later is None else later):
            self._ask()

    def build(self, sql: apsw.Connection, stop: Callable[[], bool]) -> None:
        """Seal columns if they are worth it.

        Args:
            sql: a transaction, which lasts as long as the build.
            stop: asked now and then.

        Raises:
            StorageError: they could not be written.
        """
        state = records.read_state(sql)
        with self._lock:
            # Another process may have sealed some.
            self._looked = False
        columns = self.current(state)
        if self._folder is None or not _is_due(state, _count_since(sql, state, columns)):
            return
        labels = records.list_labels(sql)
        encoded = _encode(sql, labels, stop)
        if encoded is None:
            return
        name = uuid.uuid4().hex
        written = _write(self._folder, name, state, labels, *encoded)
        with self._lock:
            self._open, self._looked = written, True
        sealed.sweep(self._folder)
        for other in self._folder.iterdir():
            if other.name != name and not other.name.startswith("."):
                shutil.rmtree(other, ignore_errors=True)

    def remove_outdated(self, sql: apsw.Connection) -> None:
        """Remove columns with values of records that were changed or deleted since, and those that nobody can use."""
        if self._folder is None or not self._folder.is_dir():
            return
        state = records.read_state(sql)
        columns = self.current(state)
        if columns is not None and (
            columns.commit_no < state.deletions_from or len(changed_labels(sql, columns.commit_no, METADATA | DELETED))
        ):
            columns = None
        with self._lock:
            self._open = columns
        for other in self._folder.iterdir():
            if columns is None or other.name != columns.folder.name:
                shutil.rmtree(other, ignore_errors=True)

    @property
    def nbytes(self) -> int:
        """Bytes of memory of the open labels."""
        columns = self._open
        return 0 if columns is None else columns.labels.nbytes

    def close(self) -> None:
        """Let go of what is open."""
        with self._lock:
            self._open, self._looked = None, False

    def after_fork(self) -> None:
        """Begin with a new lock in a forked child."""
        self._lock = threading.Lock()

    def _discard(self, columns: Columns) -> None:
        if not self._read_only:
            shutil.rmtree(columns.folder, ignore_errors=True)
        with self._lock:
            if self._open is columns:
                # Another process may have put others in their place.
                self._open, self._looked = None, self._read_only
        self._ask()


def labels_since(sql: apsw.Connection, columns: Columns) -> Labels:
    """Return the labels of records whose metadata columns do not know as it is now, ascending."""
    new = records.list_labels(sql, columns.manifest.next_label)
    return np.union1d(new, changed_labels(sql, columns.commit_no, METADATA))


def _count_since(sql: apsw.Connection, state: State, columns: Columns | None) -> int:
    """Return of how many records columns do not know what they are now, or that they are gone."""
    if columns is None:
        return state.live
    new = len(records.list_labels(sql, columns.manifest.next_label))
    gone = len(columns.labels) - (state.live - new)
    return gone + len(labels_since(sql, columns))


def _is_due(state: State, later: int) -> bool:
    return later >= max(SEAL_FROM, state.live // 10)


def _file(number: int) -> str:
    return f"{number}.column"


def _newest(folder: Path, lineage: str) -> Columns | None:
    found: list[Columns] = []
    try:
        folders = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError:
        return None
    for entry in folders:
        try:
            manifest = sealed.read_manifest(entry, Manifest, FORMAT, lineage)
            if manifest is not None:
                sealed.verify(entry, manifest, LABELS)
                found.append(Columns(entry, manifest, np.load(entry / LABELS, allow_pickle=False)))
        except (RuinedError, OSError, ValueError):
            # The next build removes it.
            continue
    return max(found, key=lambda columns: columns.commit_no, default=None)


class _Encoding:
    """The column of one key while it is made: only of the records that have it."""

    def __init__(self) -> None:
        self.dictionary = Dictionary()
        self.places = array("q")
        self.codes = array("i")

    def add(self, place: int, value: Any) -> None:
        self.places.append(place)
        self.codes.append(self.dictionary.code(value))

    def dense(self, count: int) -> NDArray[Any]:
        """Return the codes by record, in the smallest type that holds them."""
        dense = np.zeros(count, dtype=np.min_scalar_type(len(self.dictionary.values) - 1))
        dense[np.asarray(self.places)] = np.asarray(self.codes)
        return dense


def _encode(sql: apsw.Connection, labels: Labels, stop: Callable[[], bool]) -> tuple[dict[str, _Encoding], bool] | None:
    """Return keys with their values, those that most records have first, and whether these are all keys.

    None if `stop` said so.
    """
    encodings: dict[str, _Encoding] = {}
    complete = True
    place, number_of = 0, labels.tolist()
    for row, (label, text) in enumerate(records.scan_column(sql, "metadata")):
        if row % PATIENCE == 0 and stop():
            return None
        while number_of[place] != label:
            place += 1
        for key, value in (records.decode_metadata(text) or {}).items():
            encoding = encodings.get(key)
            if encoding is None:
                if len(encodings) == MOST_NAMES:
                    complete = False
                    continue
                encoding = encodings[key] = _Encoding()
            encoding.add(place, value)
    return dict(sorted(encodings.items(), key=lambda item: -len(item[1].places))), complete


def _write(
    folder: Path, name: str, state: State, labels: Labels, encoded: dict[str, _Encoding], complete: bool
) -> Columns:
    keys = list(encoded)
    columns, others = keys[:MOST_KEYS], keys[MOST_KEYS:]

    def write_labels(path: Path) -> None:
        save_array(path, labels)

    def writer(encoding: _Encoding) -> Callable[[Path], None]:
        def write_column(path: Path) -> None:
            with path.open("xb") as file:
                write_array(file, encoding.dense(len(labels)))
                file.write(msgspec.json.encode(encoding.dictionary.values[1:]))

        return write_column

    def manifest_of(files: dict[str, sealed.FileEntry]) -> Manifest:
        named = others if complete else None
        return Manifest(FORMAT, state.lineage, state.commit_no, files, state.next_label, columns, named)

    files = {LABELS: write_labels, **{_file(number): writer(encoded[key]) for number, key in enumerate(columns)}}
    path, manifest = sealed.write(folder, name, files, manifest_of)
    return Columns(path, manifest, labels)
