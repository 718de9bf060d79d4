"""What a collection is, beside its records: a copy of its row in the catalog, by which a lost catalog is made anew.

``<collection>/collection.json`` holds a checksum and the row. It is derived from the catalog: written when a collection
is opened or changed and it does not say the same, to another name, synced and renamed.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import xxhash

from chromadb._decoding import decoder
from chromadb._model.configuration import Configuration, hnsw_from_dict
from chromadb._model.entities import CollectionInfo
from chromadb._storage.local.platform.durable import replacing
from chromadb._storage.local.platform.failures import explained
from chromadb._storage.local.platform.turns import is_left_over
from chromadb.errors import ChromaError, StorageError

logger = logging.getLogger("chromadb.storage")

DESCRIPTION = "collection.json"
FORMAT = 1

_UNFINISHED = f"-{DESCRIPTION}"


class _File(msgspec.Struct):
    format: int
    xxh3: str
    collection: msgspec.Raw


class _Row(msgspec.Struct):
    id: UUID
    name: str
    tenant: str
    database: str
    metadata: dict[str, Any] | None
    hnsw: dict[str, Any]
    embedding_function: dict[str, Any] | None


def describe(folder: Path, info: CollectionInfo) -> None:
    """Let the description in the folder of a collection say what `info` does, but for the dimension.

    Raises:
        StorageError: it could not be written; the former one is still there.
    """
    info = replace(info, dimension=None)
    if read_description(folder) == info:
        return
    configuration = info.configuration
    row = _Row(
        info.id,
        info.name,
        info.tenant,
        info.database,
        None if info.metadata is None else dict(info.metadata),
        msgspec.to_builtins(configuration.hnsw),
        None if configuration.embedding_function is None else dict(configuration.embedding_function),
    )
    text = msgspec.json.encode(row)
    data = msgspec.json.encode(_File(FORMAT, xxhash.xxh3_64_hexdigest(text), msgspec.Raw(text)))
    unfinished = folder / f".{os.getpid()}-{threading.get_ident()}{_UNFINISHED}"
    with explained(str(folder / DESCRIPTION)), replacing(folder / DESCRIPTION, unfinished):
        unfinished.write_bytes(data)
        if (folder / DESCRIPTION).is_dir():
            shutil.rmtree(folder / DESCRIPTION)


def keep_description(folder: Path, info: CollectionInfo) -> None:
    """Describe a collection as well as that can be done: what comes next does not depend on it."""
    try:
        describe(folder, info)
    except StorageError as error:
        logger.info("the description of collection %s could not be written: %s", info.id, error)


def sweep_descriptions(folder: Path) -> None:
    """Remove what processes that ended have left unfinished."""
    with suppress(OSError):
        for each in os.scandir(folder):
            if each.name.startswith(".") and each.name.endswith(_UNFINISHED) and is_left_over(each):
                os.unlink(each.path)


def read_description(folder: Path) -> CollectionInfo | None:
    """Return what the description in a folder says, None if there is none, or none that can be trusted."""
    try:
        file = decoder(_File).decode((folder / DESCRIPTION).read_bytes())
        if file.format != FORMAT or file.xxh3 != xxhash.xxh3_64_hexdigest(bytes(file.collection)):
            return None
        row = decoder(_Row).decode(file.collection)
        configuration = Configuration(hnsw_from_dict(row.hnsw), row.embedding_function)
    except (OSError, ValueError, msgspec.MsgspecError, ChromaError):
        return None
    return CollectionInfo(row.id, row.name, row.tenant, row.database, configuration, row.metadata)
