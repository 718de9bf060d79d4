"""What the tests of the local backend share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from chromadb._model.configuration import Configuration, HnswConfiguration
from chromadb._model.entities import Address, CollectionInfo
from chromadb._model.records import Records
from chromadb._storage.local.directory import LocalBackend

OpenBackend = Callable[..., LocalBackend]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def open_backend(directory: Path) -> Iterator[OpenBackend]:
    """A function that opens the directory, as often as one likes; all are closed at the end."""
    opened: list[LocalBackend] = []

    def open_backend(path: Any = directory, **options: Any) -> LocalBackend:
        opened.append(LocalBackend(path, **options))
        return opened[-1]

    yield open_backend
    for backend in opened:
        backend.close()


@pytest.fixture
def create() -> Callable[..., Address]:
    """A function that makes a collection and returns its address."""

    def create(backend: LocalBackend, name: str = "docs", space: str = "l2") -> Address:
        configuration = Configuration(HnswConfiguration(space=space))
        info = CollectionInfo(uuid4(), name, "default_tenant", "default_database", configuration)
        return backend.create_collection(info, get_or_create=False).address

    return create


@pytest.fixture
def records() -> Callable[..., Records]:
    """A function that makes records with vectors (row, 1) out of ids."""

    def records(ids: Sequence[str], vectors: Any = None, **columns: Any) -> Records:
        if vectors is None:
            vectors = [[float(row), 1.0] for row in range(len(ids))]
        matrix = np.asarray(vectors, dtype=np.float32)
        return Records(ids=list(ids), vectors=matrix, vector_rows=range(len(ids)), **columns)

    return records
