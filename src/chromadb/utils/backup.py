"""Restoring backups, which ``client.backup()`` and ``chroma utils backup`` make (public path)."""

from __future__ import annotations

import os
from collections.abc import Callable

from chromadb._model.entities import Backup
from chromadb._thin import full_package

__all__ = ["Backup", "restore"]


def restore(
    backup: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    replace: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> Backup:
    """Make a directory of data of a backup, which stays as it is.

    Every file is compared with its checksum, and everything that was restored is audited, before it gets its place.

    Args:
        backup: the directory of the backup.
        path: the directory to make.
        replace: whether a directory that stands there is put aside, named ``<path>.before-<time>``; remove it yourself.
        progress: called before each part with its name, its number from 0 on, and how many there are.

    Raises:
        InvalidArgumentError: there is no backup.
        UniqueConstraintError: `path` is not empty, and not to be replaced.
        StorageCorruptError: the backup is damaged, or was changed since it was made.
        StorageLockedError: a process has the data open that is to be replaced.
    """
    with full_package("Restoring", "Use chromadb.utils.backup where the data is"):
        from chromadb._storage.local.restoring import restore_backup
    from chromadb._client.arguments import check_directory

    return restore_backup(
        check_directory(backup, "backup"), check_directory(path, "path"), replace=replace, progress=progress
    )
