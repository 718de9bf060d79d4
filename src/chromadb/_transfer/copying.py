"""Copying collections from one database to another, each behind a runner of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chromadb._model import operations as op
from chromadb._model.entities import CollectionInfo
from chromadb._model.names import shorten
from chromadb._model.operations import Runner, Selection
from chromadb._model.records import check_records
from chromadb.errors import InvalidCollectionException, TransferError, UniqueConstraintError

FIELDS = ("metadatas", "documents", "uris", "embeddings")


@dataclass(frozen=True)
class Side:
    """One side of a copy: a database, and what runs operations on it."""

    runner: Runner
    tenant: str
    database: str
    where: str
    """Directory or URL, for messages."""

    def find(self, name: str) -> CollectionInfo:
        """Look a collection up by name."""
        return self.runner.run(op.GetCollection(self.tenant, self.database, name))

    def count(self, info: CollectionInfo) -> int:
        """Count the records of a collection."""
        return self.runner.run(op.Count(info.address))


@dataclass
class CollectionCopy:
    """One collection, and how far its copy is."""

    source: CollectionInfo
    total: int
    """Records of the source when it began."""
    target: CollectionInfo | None = None
    already: int = 0
    """Records that were there before."""
    copied: int = 0

    @property
    def name(self) -> str:
        """The name, on both sides."""
        return self.source.name


def list_copies(source: Side, names: list[str] | None) -> list[CollectionCopy]:
    """Return what is to be copied of a database: the collections of these names, all for None.

    Raises:
        InvalidCollectionException: one of them does not exist.
    """
    if names is None:
        infos = source.runner.run(op.ListCollections(source.tenant, source.database))
    else:
        infos = [source.find(name) for name in names]
    return [CollectionCopy(info, source.count(info)) for info in infos]


class Copying:
    """Copies collections from one database to another.

    Args:
        source: where they are.
        target: where they are to be.
        batch: records to read and write at once.
    """

    def __init__(self, source: Side, target: Side, batch: int) -> None:
        self._source = source
        self._target = target
        self._batch = batch

    def prepare(self, each: CollectionCopy, *, resume: bool) -> None:
        """Find out what of a collection is there already. Nothing is written.

        Raises:
            UniqueConstraintError: it is there, and is not to be resumed.
            TransferError: what is there is not the beginning of a copy.
        """
        try:
            each.target = self._target.find(each.name)
        except InvalidCollectionException:
            return
        if not resume:
            raise UniqueConstraintError(
                f"Collection {each.name!r} exists already in {self._where()}. Delete it, leave it out, or resume the "
                "copy if one was interrupted. Nothing was copied."
            )
        self._check_beginning(each, each.target)

    def copy(self, each: CollectionCopy, progress: Callable[[int], object]) -> None:
        """Copy one collection.

        Args:
            each: what `prepare` has seen.
            progress: told how many records are there.

        Raises:
            TransferError: the counts differ at the end.
        """
        if each.target is None:
            each.target = self._create(each.source)
        done = each.already
        while done < each.total:
            page = self._page(self._source, each.source, done, FIELDS)
            if not page["ids"]:
                break
            columns = {name: page[name] for name in FIELDS}
            self._target.runner.run(op.Add(each.target.address, check_records(page["ids"], **columns)))
            done += len(page["ids"])
            each.copied = done - each.already
            progress(done)
        read, written = self._source.count(each.source), self._target.count(each.target)
        if not done == read == written:
            raise TransferError(
                f"Collection {each.name!r} has {read} records, and its copy {written}: somebody was writing to one of "
                "them. Resume the copy, or delete it and copy again while nobody writes."
            )

    def _check_beginning(self, each: CollectionCopy, target: CollectionInfo) -> None:
        each.already = self._target.count(target)
        same = _is_alike(each.source, target) and each.already <= each.total
        offset = 0
        while same and offset < each.already:
            there = self._page(self._target, target, offset, ())["ids"]
            here = self._page(self._source, each.source, offset, ())["ids"][: len(there)]
            same = bool(there) and here == there
            offset += len(there)
        if not same:
            raise TransferError(
                f"Collection {each.name!r} of {self._where()} is not the beginning of a copy: its records, its "
                "metadata or its configuration differ. Delete it, or leave it out. Nothing was copied."
            )

    def _page(self, side: Side, info: CollectionInfo, offset: int, fields: tuple[str, ...]) -> Any:
        return side.runner.run(op.Get(info.address, Selection(), self._batch, offset, fields))

    def _create(self, source: CollectionInfo) -> CollectionInfo:
        # The embedding function need not exist here: what is stored of it is enough.
        return self._target.runner.run(
            op.CreateCollection(
                self._target.tenant,
                self._target.database,
                source.name,
                source.configuration.hnsw,
                source.configuration.embedding_function,
                source.metadata,
            )
        )

    def _where(self) -> str:
        return f"database {shorten(self._target.database)} of {self._target.where}"


def _is_alike(source: CollectionInfo, target: CollectionInfo) -> bool:
    """Return whether a collection can be the copy of another, as far as every version of a server keeps what it is."""
    one, other = source.configuration, target.configuration
    # A server of 0.6 keeps parameters of the index in the metadata, and nothing of embedding functions.
    metadata = [
        {key: value for key, value in (each.metadata or {}).items() if not key.startswith("hnsw:")}
        for each in (source, target)
    ]
    return (
        one.hnsw.space == other.hnsw.space
        and other.embedding_function in (None, one.embedding_function)
        and metadata[0] == metadata[1]
    )
