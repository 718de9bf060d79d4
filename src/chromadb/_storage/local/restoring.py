"""Restoring: from a backup to a directory of data.

The backup is verified, copied beside the place where it is to be, audited there, and then put in place by renaming; so
the place has what was there before, or all of the backup. Record stores get a lineage of their own: whatever index
files of another life of the data lie around, none of them is taken for one of theirs.
"""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

from chromadb._model.entities import Backup
from chromadb._model.operations import Progress
from chromadb._storage.local.copying.backups import (
    Manifest,
    describe,
    read_manifest,
    unfinished_directory,
    verify_backup,
)
from chromadb._storage.local.copying.copies import copy_derived, copy_file, renew_lineage
from chromadb._storage.local.directory import LocalBackend
from chromadb._storage.local.layout import CATALOG, COLLECTIONS, RECORDS
from chromadb._storage.local.platform.durable import sync
from chromadb._storage.local.platform.failures import explained
from chromadb._storage.local.sqlite.alone import check_not_repaired, check_unused
from chromadb._storage.local.sqlite.former import remove_former
from chromadb.errors import InvalidArgumentError, StorageCorruptError, UniqueConstraintError


def restore_backup(backup: Path, target: Path, *, replace: bool = False, progress: Progress | None = None) -> Backup:
    """Make a directory of data of a backup, which stays as it is.

    Args:
        backup: its directory.
        target: the directory to make.
        replace: whether a directory of data that stands there is put aside, named <target>.before-<time>.
        progress: called before each part with its name, its number from 0 on, and how many there are.

    Returns:
        What was restored.

    Raises:
        InvalidArgumentError: there is no backup, or one place lies in the other.
        UniqueConstraintError: `target` is not empty.
        StorageCorruptError: the backup is damaged, or was changed since it was made.
        StorageLockedError: a process has `target` open.
        StorageError: it could not be read or written. Whatever is raised, `target` is as it was before.
    """
    manifest = read_manifest(backup)
    _check_target(backup, target, replace)
    parts = ["verify", *(f"{each.tenant}/{each.database}/{each.name}" for each in manifest.collections), "check"]

    def tell(number: int) -> None:
        if progress is not None:
            progress(parts[number], number, len(parts))

    tell(0)
    verify_backup(backup, manifest)
    place = target.resolve()
    # A mount point, such as a volume of a container, cannot be renamed, but what is in it can.
    folder = place if os.path.ismount(place) else place.parent
    with unfinished_directory(folder, place.name) as unfinished:
        with explained(str(unfinished)):
            copy_file(backup / CATALOG, unfinished / CATALOG)
            (unfinished / COLLECTIONS).mkdir()
            for number, each in enumerate(manifest.collections, start=1):
                tell(number)
                if each.commit_no:
                    _copy_collection(backup / COLLECTIONS / each.id, unfinished / COLLECTIONS / each.id)
        tell(len(parts) - 1)
        _audit(unfinished, manifest)
        with explained(str(unfinished)):
            for path, _, files in os.walk(unfinished):
                for file in files:
                    if file in (CATALOG, RECORDS):
                        sync(Path(path, file))
                sync(Path(path))
        with explained(str(target)):
            _put_in_place(unfinished, place)
    return describe(target, manifest)


def _check_target(backup: Path, target: Path, replace: bool) -> None:
    here, there = backup.resolve(), target.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise InvalidArgumentError(
            f"Expected the backup and the directory of data to be two places, got {backup} and {target}."
        )
    with explained(str(target)):
        if not target.exists() or (target.is_dir() and not os.listdir(target)):
            return
        if not target.is_dir():
            raise UniqueConstraintError(f"{target} is a file. Choose another place for the data. Nothing was changed.")
    if not replace:
        raise UniqueConstraintError(
            f"{target} exists and is not empty. Choose another directory, or put it aside with replace=True "
            "(--replace). Nothing was changed."
        )
    if os.path.ismount(target):
        raise UniqueConstraintError(
            f"{target} is a mount point, which cannot be put aside. Empty it, or choose a directory in it. Nothing was "
            "changed."
        )
    check_not_repaired(target)
    check_unused(target)


def _copy_collection(source: Path, target: Path) -> None:
    target.mkdir()
    copy_file(source / RECORDS, target / RECORDS)
    former, state = renew_lineage(target / RECORDS)
    copy_derived(source, target, former, state)


def _audit(directory: Path, manifest: Manifest) -> None:
    """Raise if the copy is not what the backup says, or if anything is wrong with it.

    Raises:
        StorageCorruptError: what is wrong.
    """
    backend = LocalBackend(directory)
    try:
        findings = [f"{finding.where}: {finding.what}" for finding in backend.check()]
        known = {str(id) for id in backend.collection_ids()}
    finally:
        backend.close()
    for file in (directory / CATALOG, *directory.glob(f"{COLLECTIONS}/*/{RECORDS}")):
        # The backup is what it was before it was brought up to date.
        remove_former(str(file))
    missing = [each.name for each in manifest.collections if each.id not in known]
    findings += [f"the catalog does not know the collection {name!r}" for name in missing]
    if findings:
        raise StorageCorruptError(
            f"The backup is damaged: {'; '.join(findings[:3])}{' ...' if len(findings) > 3 else ''}. Use another "
            "backup. Nothing was changed."
        )


def _put_in_place(unfinished: Path, place: Path) -> None:
    """Give a directory its name; what stands there is put aside, unless it is empty."""
    if unfinished.parent == place:
        # The catalog last: without it a directory of collections is refused, not taken for an empty one.
        for name in (COLLECTIONS, CATALOG):
            os.rename(unfinished / name, place / name)
            sync(place)
        return
    aside = None
    if place.exists():
        if os.listdir(place):
            # Opened since the beginning: what was written there meanwhile would be put aside unseen.
            check_not_repaired(place)
            check_unused(place)
            now = datetime.now(timezone.utc)
            aside = place.with_name(f"{place.name}.before-{now:%Y-%m-%dT%H-%M-%SZ}")
            os.rename(place, aside)
        else:
            place.rmdir()
    try:
        os.rename(unfinished, place)
    except BaseException:
        if aside is not None:
            os.rename(aside, place)
        raise
    sync(place.parent)
