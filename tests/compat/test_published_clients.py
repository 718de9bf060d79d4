"""Published clients, unmodified, of every generation, have a session with the server."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PYTHON_CLIENTS = ("0.5.12", "0.6.3", "1.0.0", "1.0.16", "1.3.5", "1.5.9")
NODE_CLIENTS = ("chromadb-1.9.2", "chromadb-1.10.5", "chromadb-client-2.4.6", "chromadb-3.5.0")


def session(command: list[str], environment: dict[str, str]) -> None:
    """Run a session, which says "done" at its end."""
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert run.stdout.endswith("done\n"), run.stdout + run.stderr


@pytest.mark.parametrize("version", PYTHON_CLIENTS)
def test_a_python_client_has_its_session(version: str, published_clients: Path, port: int) -> None:
    wheel = published_clients / "wheels" / version
    python = published_clients / "python" / "bin" / "python"
    session([str(python), str(HERE / "session.py"), str(port)], {**os.environ, "PYTHONPATH": str(wheel)})


@pytest.mark.parametrize("name", NODE_CLIENTS)
def test_a_javascript_client_has_its_session(name: str, published_clients: Path, port: int) -> None:
    modules = published_clients / "node"
    if shutil.which("node") is None or not (modules / "node_modules").exists():
        pytest.skip("there is no Node.js here")
    session(["node", str(HERE / "session.mjs"), str(modules), name, str(port)], dict(os.environ))
