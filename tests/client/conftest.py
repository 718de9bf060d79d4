"""What the tests of the public API share: a place of their own, and clients on memory and on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chromadb
from chromadb._client import connect, system
from chromadb._settings.table import SETTINGS


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give every test an empty working directory, no settings from outside, and no client of another test."""
    for name in list(os.environ):
        if name.lower() in SETTINGS:
            monkeypatch.delenv(name)
    monkeypatch.setattr(connect, "_configured", {})
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    yield
    for each in list(system._systems.values()):
        each.stop()


@pytest.fixture(params=["memory", "disk"])
def client(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[chromadb.ClientAPI]:
    """Return an empty client, once on memory and once on a directory."""
    settings = chromadb.Settings(allow_reset=True)
    made = (
        chromadb.EphemeralClient(settings)
        if request.param == "memory"
        else chromadb.PersistentClient(tmp_path / "db", settings)
    )
    with made:
        yield made


@pytest.fixture
def collection(client: chromadb.ClientAPI) -> chromadb.Collection:
    """Return an empty collection without an embedding function."""
    return client.create_collection("records", embedding_function=None)


class Counting(chromadb.EmbeddingFunction[Any]):
    """Embeds a text as (its length, 1), an array as (its sum, 2), and notes what it was called with."""

    def __init__(self) -> None:
        self.calls: list[list[Any]] = []

    def __call__(self, input: Any) -> Any:
        self.calls.append(list(input))
        return [
            np.array([len(item), 1.0] if isinstance(item, str) else [float(np.sum(item)), 2.0], dtype=np.float32)
            for item in input
        ]


@pytest.fixture
def counting() -> Counting:
    """Return an embedding function that keeps count."""
    return Counting()


@pytest.fixture
def python() -> Callable[..., str]:
    """Return a function that runs a program in a process of its own and gives what it printed."""

    def run(program: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **environment},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
