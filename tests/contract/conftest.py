"""The implementations of the storage seam that the contract is proved for.

A new backend adds one `Place` here and passes every test of this folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from chromadb._model.entities import CollectionInfo
from chromadb._storage.base import Backend, CollectionStore
from chromadb._storage.local.directory import LocalBackend


class Place:
    """Where backends of one implementation keep their data."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.durable = path is not None
        self._opened: list[Backend] = []

    def open(self) -> Backend:
        """Return a backend on this place; a durable place gives back what an earlier one kept."""
        backend: Backend = LocalBackend(self.path)
        self._opened.append(backend)
        return backend

    def close(self) -> None:
        """Close every backend."""
        for backend in self._opened:
            backend.close()


@pytest.fixture(params=["memory", "directory"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "data" if request.param == "directory" else None)
    yield place
    place.close()


@pytest.fixture
def backend(place: Place) -> Backend:
    return place.open()


@pytest.fixture
def collection(backend: Backend) -> CollectionInfo:
    info = CollectionInfo(uuid4(), "records", "default_tenant", "default_database")
    return backend.create_collection(info, get_or_create=False)


@pytest.fixture
def store(backend: Backend, collection: CollectionInfo) -> Iterator[CollectionStore]:
    with backend.open(collection.address) as store:
        yield store
