"""Pages of records, and how a record is shown: everything of the browser that is not on the screen."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from chromadb._cli.output import harmless, one_line
from chromadb._client._sync.client import Client
from chromadb._client.arguments import select
from chromadb._model import operations as op
from chromadb._model.entities import CollectionInfo
from chromadb._model.operations import Selection
from chromadb._model.types import GetResult
from chromadb.errors import InvalidArgumentError

PAGE = 50
SHOWN = 8
"""Numbers of a vector that are shown."""


@dataclass(frozen=True)
class Search:
    """What records are looked for: those with a text in the document, and that meet a filter."""

    text: str = ""
    where: str = ""
    """A filter on the metadata as JSON."""

    def selection(self) -> Selection:
        """Return what the store is asked for.

        Raises:
            InvalidArgumentError: the filter is no JSON, or no filter.
        """
        where = None
        if self.where.strip():
            try:
                where = json.loads(self.where)
            except ValueError as error:
                raise InvalidArgumentError(
                    f'Expected the filter to be JSON, such as {{"year": {{"$gt": 2000}}}}; got {error}.'
                ) from None
        return select(None, where, {"$contains": self.text} if self.text else None)


@dataclass(frozen=True)
class Page:
    """Some records of a collection, and whether there are more."""

    search: Search
    number: int
    records: GetResult
    has_next: bool

    @property
    def first(self) -> int:
        """The place of the first record among all that were found, from 1 on."""
        return self.number * PAGE + 1


def list_collections(client: Client) -> list[tuple[CollectionInfo, int]]:
    """Return the collections, the oldest first, each with how many records it has."""
    infos = client._runner.run(op.ListCollections(client.tenant, client.database))
    return [(info, client._runner.run(op.Count(info.address))) for info in infos]


def read_page(client: Client, collection: CollectionInfo, search: Search, number: int) -> Page:
    """Return a page of the records found.

    Raises:
        ChromaError: the search is not allowed, or the records cannot be read.
    """
    operation = op.Get(collection.address, search.selection(), PAGE + 1, number * PAGE, ("documents", "metadatas"))
    # One more than is shown, which tells whether there is a next page.
    records = client._runner.run(operation)
    ids, documents, metadatas = records["ids"], records["documents"] or [], records["metadatas"] or []
    shown: Any = {**records, "ids": ids[:PAGE], "documents": documents[:PAGE], "metadatas": metadatas[:PAGE]}
    return Page(search, number, shown, len(ids) > PAGE)


def rows(page: Page, width: int = 60) -> list[tuple[str, str, str]]:
    """Return id, document and metadata of each record as short lines."""
    records = page.records
    return [
        (one_line(id, 24), one_line(document or "", width), one_line(_json(metadata), 40) if metadata else "")
        for id, document, metadata in zip(
            records["ids"], records["documents"] or [], records["metadatas"] or [], strict=True
        )
    ]


def describe_record(client: Client, collection: CollectionInfo, id: str) -> str:
    """Return a record whole, as text.

    Raises:
        ChromaError: it cannot be read.
    """
    fields = ("documents", "metadatas", "uris", "embeddings")
    found = client._runner.run(op.Get(collection.address, Selection([id]), include=fields))
    if not found["ids"]:
        return f"{harmless(id)}\n\nThe record is not there any more."
    document, metadata, uri = (
        each[0] if each else None for each in (found["documents"], found["metadatas"], found["uris"])
    )
    vector = [] if found["embeddings"] is None else list(found["embeddings"][0])
    numbers = ", ".join(f"{float(number):.6g}" for number in vector[:SHOWN])
    parts = [
        ("id", id),
        ("uri", uri),
        ("metadata", _json(metadata, indent=2) if metadata else None),
        ("document", document),
        ("embedding", f"{len(vector)} dimensions: {numbers}{', …' if len(vector) > SHOWN else ''}"),
    ]
    return "\n\n".join(f"{name}\n{harmless(str(value))}" for name, value in parts if value is not None)


def describe_collection(collection: CollectionInfo) -> str:
    """Return what the catalog knows of a collection, as text."""
    configuration = collection.configuration.to_dict()
    parts = [
        ("id", str(collection.id)),
        ("dimension", collection.dimension),
        ("metadata", _json(collection.metadata, indent=2) if collection.metadata else None),
        ("configuration", _json(configuration, indent=2)),
    ]
    body = "\n\n".join(f"{name}\n{harmless(str(value))}" for name, value in parts if value is not None)
    return f"{harmless(collection.name)}\n\n{body}"


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent, default=str)
