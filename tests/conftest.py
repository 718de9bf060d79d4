"""Fixtures that several parts of the test suite share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SERVE = """
import json, sys
from chromadb._server.serve import serve
from chromadb.config import Settings
from chromadb.errors import ChromaError

if __name__ == "__main__":
    arguments = json.loads(sys.argv[1])
    try:
        serve(Settings(**arguments.pop("settings")), **arguments)
    except ChromaError as error:
        sys.exit(f"Error: {error.message()}")
"""


@pytest.fixture(scope="session")
def default_model() -> None:
    """Make sure that the default model is here: fetched once, then taken from the usual cache."""
    from chromadb._embed.model_files import locate

    locate()


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Remove every setting of this library from the environment."""
    for name in [name for name in os.environ if name.startswith("CHROMA_")]:
        monkeypatch.delenv(name)
    return monkeypatch


class ServerProcess:
    """A server in a process of its own, on a free port.

    Args:
        folder: for its program, its data and its log.
        settings: beside those of a directory; the data lies in ``folder/data``.
        workers: how many processes.
    """

    def __init__(self, folder: Path, settings: dict[str, Any], workers: int = 1) -> None:
        import json

        self.folder = folder
        self.log_path = folder / "server.log"
        # A file, not -c: workers are spawned, and import it anew.
        program = folder / "serve_program.py"
        program.write_text(SERVE)
        given = {"is_persistent": True, "persist_directory": str(folder / "data"), **settings}
        arguments = {"settings": given, "host": "localhost", "port": 0, "workers": workers}
        arguments["log_path"] = str(self.log_path)
        self.process = subprocess.Popen(
            [sys.executable, str(program), json.dumps(arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.banner = self.process.stdout.readline()
        if "listens on" not in self.banner:
            raise AssertionError(f"the server did not start: {self.process.communicate()}")
        self.url = self.banner.split()[3].rstrip(".,")
        self.port = int(self.url.rpartition(":")[2])

    def log(self) -> str:
        """Return what was logged so far."""
        return self.log_path.read_text(encoding="utf-8")

    def signal(self, number: int = signal.SIGTERM) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def stop(self) -> int:
        """End it, if it has not ended, and return its exit code."""
        if self.process.poll() is None:
            self.signal()
        try:
            self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        return self.process.returncode


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ServerProcess]]:
    """Start servers; all of them are stopped at the end of the module."""
    started: list[ServerProcess] = []

    def start(workers: int = 1, folder: Path | None = None, **settings: Any) -> ServerProcess:
        process = ServerProcess(folder or tmp_path_factory.mktemp("server"), settings, workers)
        started.append(process)
        return process

    yield start
    for process in started:
        process.stop()
