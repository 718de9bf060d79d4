"""Copying between two runners, whatever they are; the tests of the command line do it with directories and servers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chromadb._engine.local import open_engine
from chromadb._model import operations as op
from chromadb._model.configuration import HnswConfiguration
from chromadb._model.names import DEFAULT_DATABASE, DEFAULT_TENANT
from chromadb._model.operations import Selection
from chromadb._model.records import check_records
from chromadb._settings import Settings
from chromadb._transfer.copying import Copying, Side, list_copies
from chromadb.errors import InvalidCollectionException, TransferError, UniqueConstraintError

FIELDS = ("metadatas", "documents", "uris", "embeddings")


@pytest.fixture
def sides() -> Iterator[tuple[Side, Side]]:
    """Two databases in memory; the first has a collection of five records."""
    engines = [open_engine(None, Settings()) for _ in range(2)]
    source, target = (Side(engine, DEFAULT_TENANT, DEFAULT_DATABASE, "memory") for engine in engines)
    fill(source, "notes", 5)
    yield source, target
    for engine in engines:
        engine.close()


def fill(side: Side, name: str, count: int) -> None:
    info = side.runner.run(
        op.CreateCollection(side.tenant, side.database, name, HnswConfiguration(), {"name": "of nobody"}, {"a": 1})
    )
    write(side, info, 0, count)


def write(side: Side, info: Any, first: int, last: int) -> None:
    numbers = range(first, last)
    records = check_records(
        [f"id-{number}" for number in numbers],
        embeddings=[[number, 1.0] for number in numbers],
        documents=[f"document {number}" for number in numbers],
        metadatas=[{"number": number} for number in numbers],
        uris=None,
    )
    side.runner.run(op.Add(info.address, records))


def contents(side: Side, name: str) -> Any:
    found = side.runner.run(op.Get(side.find(name).address, Selection(), include=FIELDS))
    return {**found, "embeddings": found["embeddings"].tolist()}  # type: ignore[union-attr]


def test_a_copy_is_what_its_source_is(sides: tuple[Side, Side]) -> None:
    source, target = sides
    told: list[int] = []
    (each,) = list_copies(source, None)
    copying = Copying(source, target, 2)
    copying.prepare(each, resume=False)
    copying.copy(each, told.append)
    assert (each.total, each.already, each.copied, told) == (5, 0, 5, [2, 4, 5])
    assert contents(target, "notes") == contents(source, "notes")
    one, other = source.find("notes"), target.find("notes")
    assert (other.metadata, other.configuration) == (one.metadata, one.configuration)


def test_what_exists_is_refused_unless_it_is_resumed(sides: tuple[Side, Side]) -> None:
    source, target = sides
    fill(target, "notes", 3)
    (each,) = list_copies(source, ["notes"])
    copying = Copying(source, target, 2)
    with pytest.raises(UniqueConstraintError, match=r"'notes' exists already in database .default_database. of memory"):
        copying.prepare(each, resume=False)
    copying.prepare(each, resume=True)
    copying.copy(each, lambda done: None)
    assert (each.already, each.copied) == (3, 2)
    assert contents(target, "notes") == contents(source, "notes")


def test_what_is_no_beginning_of_a_copy_is_not_resumed(sides: tuple[Side, Side]) -> None:
    source, target = sides
    fill(target, "notes", 6)
    (each,) = list_copies(source, ["notes"])
    with pytest.raises(TransferError, match="is not the beginning of a copy"):
        Copying(source, target, 2).prepare(each, resume=True)
    assert target.count(target.find("notes")) == 6


def test_a_source_that_grows_meanwhile_is_noticed(sides: tuple[Side, Side]) -> None:
    source, target = sides
    (each,) = list_copies(source, ["notes"])
    copying = Copying(source, target, 100)
    copying.prepare(each, resume=False)
    with pytest.raises(TransferError, match="has 6 records, and its copy 5: somebody was writing"):
        copying.copy(each, lambda done: write(source, each.source, 5, 6))


def test_a_collection_that_is_missing(sides: tuple[Side, Side]) -> None:
    with pytest.raises(InvalidCollectionException):
        list_copies(sides[0], ["nothing"])
