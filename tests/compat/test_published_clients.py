"""Published clients, unmodified, of every generation, have a session with the server."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bcrypt
import pytest

HERE = Path(__file__).parent
PYTHON_CLIENTS = ("0.5.12", "0.6.3", "1.0.0", "1.0.16", "1.3.5", "1.5.9")
NODE_CLIENTS = ("chromadb-1.9.2", "chromadb-1.10.5", "chromadb-client-2.4.6", "chromadb-3.5.0")


TOKEN = "compat-token"
AUTHENTICATED = {
    "CHROMA_CLIENT_AUTH_PROVIDER": "chromadb.auth.token_authn.TokenAuthClientProvider",
    "CHROMA_CLIENT_AUTH_CREDENTIALS": TOKEN,
    "CHROMA_AUTH_TOKEN_TRANSPORT_HEADER": "X-Chroma-Token",
}
PASSWORD = {
    "CHROMA_CLIENT_AUTH_PROVIDER": "chromadb.auth.basic_authn.BasicAuthClientProvider",
    "CHROMA_CLIENT_AUTH_CREDENTIALS": "admin:admin",
}


@pytest.fixture(scope="module")
def ports(published_clients: Path, start_server: Callable[..., Any]) -> dict[str, int]:
    """The ports of a server that asks for a token and of one that asks for a password."""
    line = f"admin:{bcrypt.hashpw(b'admin', bcrypt.gensalt(4)).decode()}"
    tokens = start_server(
        allow_reset=True,
        chroma_server_authn_provider="chromadb.auth.token_authn.TokenAuthenticationServerProvider",
        chroma_server_authn_credentials=TOKEN,
        chroma_auth_token_transport_header="X-Chroma-Token",
    )
    passwords = start_server(
        allow_reset=True,
        chroma_server_authn_provider="chromadb.auth.basic_authn.BasicAuthenticationServerProvider",
        chroma_server_authn_credentials=line,
    )
    return {"token": tokens.port, "basic": passwords.port}


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


@pytest.mark.parametrize("kind", ["token", "basic"])
@pytest.mark.parametrize("version", PYTHON_CLIENTS)
def test_a_python_client_proves_who_it_is(
    version: str, kind: str, published_clients: Path, ports: dict[str, int]
) -> None:
    python = published_clients / "python" / "bin" / "python"
    variables = {
        "PYTHONPATH": str(published_clients / "wheels" / version),
        **(AUTHENTICATED if kind == "token" else PASSWORD),
    }
    session([str(python), str(HERE / "session.py"), str(ports[kind])], {**os.environ, **variables})


@pytest.mark.parametrize("kind", ["token", "basic"])
@pytest.mark.parametrize("name", NODE_CLIENTS)
def test_a_javascript_client_proves_who_it_is(
    name: str, kind: str, published_clients: Path, ports: dict[str, int]
) -> None:
    modules = published_clients / "node"
    if shutil.which("node") is None or not (modules / "node_modules").exists():
        pytest.skip("there is no Node.js here")
    old = (
        {"credentials": TOKEN, "tokenHeaderType": "X_CHROMA_TOKEN"}
        if kind == "token"
        else {"credentials": "admin:admin"}
    )
    encoded = base64.b64encode(b"admin:admin").decode()
    headers = {"x-chroma-token": TOKEN} if kind == "token" else {"authorization": f"Basic {encoded}"}
    auth = {"AUTH": json.dumps({"old": {"auth": {"provider": kind, **old}}, "new": {"headers": headers}})}
    session(["node", str(HERE / "session.mjs"), str(modules), name, str(ports[kind])], {**os.environ, **auth})
