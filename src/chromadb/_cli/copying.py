"""Copying collections from one client to another: what ``chroma copy`` does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chromadb._cli.commands import Failure
from chromadb._client._sync.client import Client
from chromadb._model import operations as op
from chromadb._model.entities import CollectionInfo
from chromadb._model.names import shorten
from chromadb._model.operations import Selection
from chromadb._model.records import check_records
from chromadb.errors import InvalidCollectionException

FIELDS = ("metadatas", "documents", "uris", "embeddings")


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


def list_copies(reader: Client, names: list[str] | None) -> list[CollectionCopy]:
    """Return what is to be copied of the database of a client: the collections of these names, all for None.

    Raises:
        InvalidCollectionException: one of them does not exist.
    """
    if names is None:
        infos = reader._runner.run(op.ListCollections(reader.tenant, reader.database))
    else:
        infos = [_find(reader, name) for name in names]
    return [CollectionCopy(info, _count(reader, info)) for info in infos]


class Copying:
    """Copies collections from the database of one client to that of another.

    Args:
        reader: where they are.
        writer: where they are to be.
        batch: records to read and write at once.
    """

    def __init__(self, reader: Client, writer: Client, batch: int) -> None:
        self._reader = reader
        self._writer = writer
        self._batch = batch

    def prepare(self, each: CollectionCopy, *, resume: bool) -> None:
        """Find out what of a collection is there already. Nothing is written.

        Raises:
            Failure: it is there, and is not to be resumed, or is not the beginning of a copy.
        """
        try:
            each.target = _find(self._writer, each.name)
        except InvalidCollectionException:
            return
        if not resume:
            raise Failure(
                f"Collection {each.name!r} exists already in {self._where()}. Delete it, copy others with "
                "--collections, or continue a copy that was interrupted with --resume. Nothing was copied."
            )
        self._check_beginning(each, each.target)

    def copy(self, each: CollectionCopy, progress: Callable[[int], object]) -> None:
        """Copy one collection.

        Args:
            each: what `prepare` has seen.
            progress: told how many records are there.

        Raises:
            Failure: the counts differ at the end.
        """
        if each.target is None:
            each.target = self._create(each.source)
        done = each.already
        while done < each.total:
            page = self._page(self._reader, each.source, done, FIELDS)
            if not page["ids"]:
                break
            columns = {name: page[name] for name in FIELDS}
            self._writer._runner.run(op.Add(each.target.address, check_records(page["ids"], **columns)))
            done += len(page["ids"])
            each.copied = done - each.already
            progress(done)
        read, written = _count(self._reader, each.source), _count(self._writer, each.target)
        if not done == read == written:
            raise Failure(
                f"Collection {each.name!r} has {read} records, and its copy {written}: somebody was writing to one of "
                "them. Copy it with --resume, or delete the copy and copy it again while nobody writes."
            )

    def _check_beginning(self, each: CollectionCopy, target: CollectionInfo) -> None:
        each.already = _count(self._writer, target)
        same = _is_alike(each.source, target) and each.already <= each.total
        offset = 0
        while same and offset < each.already:
            there = self._page(self._writer, target, offset, ())["ids"]
            here = self._page(self._reader, each.source, offset, ())["ids"][: len(there)]
            same = bool(there) and here == there
            offset += len(there)
        if not same:
            raise Failure(
                f"Collection {each.name!r} of {self._where()} is not the beginning of a copy: its records, "
                "its metadata or its configuration differ. Delete it, or copy others with --collections. Nothing was "
                "copied."
            )

    def _page(self, client: Client, info: CollectionInfo, offset: int, fields: tuple[str, ...]) -> Any:
        return client._runner.run(op.Get(info.address, Selection(), self._batch, offset, fields))

    def _create(self, source: CollectionInfo) -> CollectionInfo:
        # Not through the client: the embedding function need not exist here, what is stored of it is enough.
        return self._writer._runner.run(
            op.CreateCollection(
                self._writer.tenant,
                self._writer.database,
                source.name,
                source.configuration.hnsw,
                source.configuration.embedding_function,
                source.metadata,
            )
        )

    def _where(self) -> str:
        return f"database {shorten(self._writer.database)} of {self._writer._system.where}"


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


def _find(client: Client, name: str) -> CollectionInfo:
    return client._runner.run(op.GetCollection(client.tenant, client.database, name))


def _count(client: Client, info: CollectionInfo) -> int:
    return client._runner.run(op.Count(info.address))
