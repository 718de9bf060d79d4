"""Forks of collections on disk, step by step, so that the end of the process leaves all of one or none.

A fork is made ready in a folder <uuid>.new. The row in the catalog is the moment of its birth, and then the folder gets
its name, if need be from whoever opens it next. Where the row was never written the folder is removed once
its process has ended.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from chromadb._model.entities import CollectionInfo
from chromadb._storage.local.copying.copies import Source
from chromadb._storage.local.layout import ready_for
from chromadb._storage.local.platform.durable import sync
from chromadb._storage.local.platform.failures import explained
from chromadb._storage.local.platform.turns import is_abandoned, turn
from chromadb._storage.local.tables.description import keep_description
from chromadb.errors import StorageError


def fork(
    source: Source,
    info: CollectionInfo,
    folder: Path,
    create: Callable[[CollectionInfo], CollectionInfo],
    exists: Callable[[], bool],
) -> CollectionInfo:
    """Make a copy of a collection.

    Args:
        source: the collection.
        info: what the catalog is to say of the copy, but for the dimension.
        folder: for the copy, with its final name.
        create: writes the row of the catalog.
        exists: returns whether the catalog has it.

    Raises:
        ChromaError: it could not be made; nothing is left behind.
    """
    ready = ready_for(folder)
    with explained(str(ready)):
        ready.mkdir()
    with turn(ready):
        try:
            state = source.copy_to(ready)
            keep_description(ready, info)
            with explained(str(ready)):
                # Its name, before the catalog says that it is there.
                sync(ready)
                sync(ready.parent)
            info = create(replace(info, dimension=state.dimension))
        except BaseException:
            # The row may be there even so: interrupted just after, or where the disk did not confirm it. While nobody
            # can tell, the folder waits for whoever opens the directory next.
            with suppress(StorageError):
                if exists():
                    finish(folder)
                else:
                    shutil.rmtree(ready, ignore_errors=True)
            raise
        finish(folder)
    return info


def finish(folder: Path) -> None:
    """Give the folder of a fork its name; nothing happens if there is none, or somebody else was quicker."""
    with explained(str(folder)), suppress(FileNotFoundError):
        try:
            os.rename(ready_for(folder), folder)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            # It has both names: the loss of the former one was lost with the power.
            shutil.rmtree(ready_for(folder), ignore_errors=True)


def sweep(folder: Path, *, known: bool) -> None:
    """Finish a fork that the catalog knows, and remove what is left of one that nobody makes any more."""
    if known:
        finish(folder)
        return
    if is_abandoned(ready_for(folder)):
        shutil.rmtree(ready_for(folder), ignore_errors=True)
