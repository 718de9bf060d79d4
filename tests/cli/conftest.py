"""What the tests of the command line share: calling it here, starting it as a process, serving a directory."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import chromadb
from chromadb._cli.main import main
from chromadb._client import system
from chromadb._settings.table import SETTINGS


class Result(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


Chroma = Callable[..., Result]


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give every test an empty working directory, no settings from outside, and no client of another test."""
    for name in list(os.environ):
        if name.lower() in SETTINGS or name.startswith("CHROMA_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    yield
    for each in list(system._systems.values()):
        each.stop()


@pytest.fixture
def chroma(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Chroma:
    """A function that runs a command in this process; `answers` is what is typed."""

    def chroma(*arguments: str, answers: str = "") -> Result:
        monkeypatch.setattr(sys, "stdin", io.StringIO(answers))
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            main([*arguments])
        printed = capsys.readouterr()
        assert isinstance(end.value.code, int)
        return Result(end.value.code, printed.out, printed.err)

    return chroma


def start_process(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start a command as a process of its own, which Ctrl+C ends even where the tests run in the background."""
    default = None if sys.platform == "win32" else lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(
        [sys.executable, "-m", "chromadb", *arguments],
        preexec_fn=default,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[str]]:
    """A function that starts a command as a process of its own."""
    return start_process


class Server(NamedTuple):
    """A server that runs, and where."""

    process: subprocess.Popen[str]
    banner: str

    @property
    def port(self) -> int:
        """The port that it chose."""
        found = re.search(r":(\d+)", self.banner.split("http", 1)[1].split("://")[1])
        assert found
        return int(found[1])

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """A function that starts ``chroma run`` with some arguments, and waits until it listens."""
    servers: list[Server] = []

    def serve(*arguments: str, **options: Any) -> Server:
        process = start_process("run", *arguments, **options)
        assert process.stdout is not None
        servers.append(Server(process, process.stdout.readline()))
        assert "listens on http" in servers[-1].banner, process.communicate()
        return servers[-1]

    yield serve
    for server in servers:
        with server.process as process:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture
def fill() -> Callable[..., None]:
    """A function that makes collections of a directory with so many records each."""
    return fill_directory


def fill_directory(path: str | Path, **counts: int) -> None:
    """Make collections of a directory with so many records each."""
    with chromadb.PersistentClient(path) as client:
        for name, count in counts.items():
            collection = client.create_collection(
                name, embedding_function=None, metadata={"about": name}, configuration={"hnsw": {"space": "cosine"}}
            )
            if not count:
                continue
            vectors = np.random.default_rng(count).normal(size=(count, 8)).astype(np.float32)
            collection.add(
                ids=[f"id-{row}" for row in range(count)],
                embeddings=vectors,
                documents=[f"text number {row}" if row % 7 else None for row in range(count)],
                metadatas=[{"row": row, "even": row % 2 == 0} if row % 5 else None for row in range(count)],
                uris=[f"uri-{row}" if row % 3 else None for row in range(count)],
            )


@pytest.fixture
def contents() -> Callable[[Any], dict[str, Any]]:
    """A function that returns everything that a database holds, by the names of its collections."""
    return read_contents


def read_contents(client: Any) -> dict[str, Any]:
    """Return everything that a database holds, by the names of its collections."""
    found = {}
    for collection in client.list_collections():
        records = collection.get(include=["documents", "metadatas", "uris", "embeddings"])
        vectors = np.asarray(records["embeddings"], dtype=np.float32).tobytes()
        columns = {name: records[name] for name in ("ids", "documents", "metadatas", "uris")}
        found[str(collection)] = (collection.metadata, collection.configuration_json, columns, vectors)
    return found
