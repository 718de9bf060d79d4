"""What the tests of crashes and refusals share."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

from chromadb._model.entities import Address, CollectionInfo
from chromadb._model.records import Records
from chromadb._storage.local.directory import LocalBackend


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def records() -> Callable[..., Records]:
    """A function that makes records with vectors (row, 1) out of ids."""

    def records(ids: Sequence[str], dimension: int = 2, **columns: Any) -> Records:
        vectors = np.ones((len(ids), dimension), dtype=np.float32)
        vectors[:, 0] = range(len(ids))
        return Records(ids=list(ids), vectors=vectors, vector_rows=range(len(ids)), **columns)

    return records


@pytest.fixture
def create() -> Callable[..., Address]:
    """A function that makes a collection and returns its address."""

    def create(backend: LocalBackend, name: str = "docs") -> Address:
        info = CollectionInfo(uuid4(), name, "default_tenant", "default_database")
        return backend.create_collection(info, get_or_create=True).address

    return create


@pytest.fixture
def fingerprint() -> Callable[[Path], dict[str, str]]:
    """A function that returns everything under a path: names, and hashes of what the files hold."""

    def fingerprint(path: Path) -> dict[str, str]:
        return {
            str(entry.relative_to(path)): hashlib.sha256(entry.read_bytes()).hexdigest() if entry.is_file() else ""
            for entry in sorted(path.rglob("*"))
        }

    return fingerprint
