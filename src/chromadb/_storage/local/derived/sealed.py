"""Sealed folders: files derived from the records, which never change once they stand under their name.

::

    <folder>/<name>/manifest  checksum of the rest; then format, lineage, commit, and the files' sizes and checksums
                    ...       the files

A folder is written under a name that begins with a dot, synced, and renamed when it is whole. Who opens one verifies
each file before its first use. What is damaged, of another format, or of another record store is passed over:
everything can be made anew.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import xxhash

from chromadb._decoding import decoder
from chromadb._storage.local.platform.durable import replacing, sync
from chromadb._storage.local.platform.failures import explained
from chromadb._storage.local.platform.turns import is_left_over

MANIFEST = "manifest"


class FileEntry(msgspec.Struct):
    """Size in bytes and XXH3 checksum of a file."""

    size: int
    xxh3: str


class Format(msgspec.Struct):
    """What the manifest of every format has."""

    format: int


class Manifest(Format):
    """What every sealed folder of today says of itself; each kind adds what it needs."""

    lineage: str
    commit_no: int
    files: dict[str, FileEntry]


ManifestT = TypeVar("ManifestT", bound=Manifest)


class RuinedError(Exception):
    """A folder that nobody can use any more."""


def write(
    folder: Path,
    name: str,
    files: Mapping[str, Callable[[Path], None]],
    manifest_of: Callable[[dict[str, FileEntry]], ManifestT],
) -> tuple[Path, ManifestT]:
    """Write a sealed folder; return where it is, and its manifest.

    Args:
        folder: in which it is to stand, made unless its own parent is gone.
        name: of the new folder.
        files: writes each file, given its path.
        manifest_of: makes the manifest of the files' entries.

    Raises:
        StorageError: it could not be written; nothing is left behind.
    """
    unfinished, finished = folder / f".{os.getpid()}-{name}", folder / name
    with explained(str(folder)):
        # The folder of the collection is not made here: if it is gone, the collection was deleted.
        folder.mkdir(exist_ok=True)
        unfinished.mkdir()
        with replacing(finished, unfinished):
            for file, write_file in files.items():
                write_file(unfinished / file)
            manifest = manifest_of({file: entry(unfinished / file) for file in files})
            _write_manifest(unfinished, msgspec.json.encode(manifest))
            for file in (*files, MANIFEST):
                sync(unfinished / file)
    return finished, manifest


def read_manifest(folder: Path, kind: type[ManifestT], format: int, lineage: str) -> ManifestT | None:
    """Return the manifest of a sealed folder, None if it is not for this version to judge.

    Raises:
        RuinedError: it is damaged, of a former format, or of another record store.
        OSError: it cannot be read.
    """
    text = _read_manifest(folder)
    try:
        written = decoder(Format).decode(text).format
        if written > format:
            return None
        if written < format:
            raise RuinedError
        manifest = decoder(kind).decode(text)
    except msgspec.MsgspecError:
        raise RuinedError from None
    if manifest.lineage != lineage:
        raise RuinedError
    return manifest


def adopt(
    folder: Path,
    target: Path,
    former: str,
    lineage: str,
    until: int,
    transfer: Callable[[Path, Path, FileEntry], None],
) -> None:
    """Make a sealed folder that of a copy of its record store; nothing happens to one that is not of this store.

    Args:
        folder: the sealed folder, of any kind and format.
        target: the folder to make.
        former: the lineage of the record store.
        lineage: that of its copy.
        until: the commit of the copy; what was sealed later is left out.
        transfer: links or copies a file, given source, target, size and checksum.

    Raises:
        OSError: it could not be written.
    """
    try:
        manifest = msgspec.json.decode(_read_manifest(folder), type=dict[str, Any])
        files = msgspec.convert(manifest["files"], dict[str, FileEntry])
        if manifest["lineage"] != former or manifest["commit_no"] > until:
            return
    except (RuinedError, FileNotFoundError, NotADirectoryError, KeyError, TypeError, msgspec.MsgspecError):
        return
    target.mkdir(parents=True)
    try:
        for file, entry in files.items():
            transfer(folder / file, target / file, entry)
    except FileNotFoundError:
        # The builder has put another one in its place.
        shutil.rmtree(target)
        return
    _write_manifest(target, msgspec.json.encode({**manifest, "lineage": lineage}))
    sync(target / MANIFEST)
    sync(target)


def commit_of(folder: Path, lineage: str) -> int | None:
    """Return the commit that a folder was sealed at, None if it is not of this record store."""
    try:
        manifest = decoder(Manifest).decode(_read_manifest(folder))
    except (RuinedError, OSError, msgspec.MsgspecError):
        return None
    return manifest.commit_no if manifest.lineage == lineage else None


def files_of(folder: Path) -> dict[str, FileEntry]:
    """Return what the manifest of a sealed folder says of its files; nothing if there is none."""
    try:
        return msgspec.convert(msgspec.json.decode(_read_manifest(folder))["files"], dict[str, FileEntry])
    except (RuinedError, OSError, KeyError, TypeError, msgspec.MsgspecError):
        return {}


class StoppedError(Exception):
    """Somebody said to stop."""


def verify(folder: Path, manifest: Manifest, *files: str, stop: Callable[[], bool] = lambda: False) -> None:
    """Compare files with what the manifest says of them.

    Args:
        folder: the sealed folder.
        manifest: its own.
        files: which ones.
        stop: asked at every megabyte.

    Raises:
        StoppedError: `stop` said so.
        RuinedError: one of them is missing or is not the one that was written.
        OSError: one of them cannot be read.
    """
    for file in files:
        try:
            if entry(folder / file, stop) != manifest.files.get(file):
                raise RuinedError
        except FileNotFoundError:
            raise RuinedError from None


def sweep(folder: Path) -> None:
    """Remove what processes that ended have left unfinished."""
    for each in os.scandir(folder) if folder.is_dir() else []:
        if each.name.startswith(".") and is_left_over(each):
            shutil.rmtree(each.path, ignore_errors=True)


def entry(path: Path, stop: Callable[[], bool] = lambda: False) -> FileEntry:
    """Return size and checksum of a file; `stop` is asked at every megabyte, and raises a StoppedError."""
    digest = xxhash.xxh3_64()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            if stop():
                raise StoppedError
            digest.update(block)
        return FileEntry(file.tell(), digest.hexdigest())


def _read_manifest(folder: Path) -> bytes:
    checksum, _, text = (folder / MANIFEST).read_bytes().partition(b"\n")
    if checksum != xxhash.xxh3_64_hexdigest(text).encode():
        raise RuinedError
    return text


def _write_manifest(folder: Path, text: bytes) -> None:
    (folder / MANIFEST).write_bytes(xxhash.xxh3_64_hexdigest(text).encode() + b"\n" + text)
