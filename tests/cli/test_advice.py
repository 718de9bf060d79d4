"""What errors advise in Python, as the command line advises it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import httpx
import pytest

import chromadb
from chromadb._cli.advice import TRANSLATIONS, for_command_line
from chromadb._client.http.endpoint import server_url
from chromadb.errors import ChromaError

PYTHON = re.compile(r"Settings\(|AdminClient\.|ssl=True|\w+_\w+\(\)")


def messages() -> list[str]:
    """Return what the errors say that commands can come across."""
    found = []

    def fail(call: object) -> None:
        assert callable(call)
        with pytest.raises(ChromaError) as caught:
            call()
        found.append(caught.value.message())

    with chromadb.EphemeralClient() as client:
        admin = chromadb.AdminClient(client.get_settings())
        fail(lambda: admin.get_database("missing"))
        fail(lambda: chromadb.EphemeralClient(database="missing"))
        fail(lambda: chromadb.EphemeralClient(tenant="missing"))
        fail(lambda: admin.create_database("archive", tenant="missing"))
        client.create_collection("notes")
        fail(lambda: client.create_collection("notes"))
        client.delete_collection("notes")
    fail(lambda: server_url("http://user:password@localhost", None, False))
    return found


def test_no_python_is_left_in_what_commands_say() -> None:
    told = messages()
    assert sum(1 for each in told if PYTHON.search(each)) >= 5, "the messages have changed: look at the table"
    for message in told:
        shown = for_command_line(message)
        assert not PYTHON.search(shown.replace("chromadb.AdminClient(settings).create_tenant(name)", "")), shown


def test_a_missing_database_is_made_by_a_command() -> None:
    message = "Database 'a b' does not exist in tenant '{}'. AdminClient.create_database() makes one."
    assert for_command_line(message.format("default_tenant")).endswith(
        "Make it with: chroma db create 'a b', and --path or --host."
    )
    assert for_command_line(message.format("acme")).endswith(
        "chroma db create 'a b' --tenant 'acme', and --path or --host."
    )


def texts() -> list[str]:
    """Return the texts of the source, with a name where a value is put in."""
    found = []
    for path in Path(chromadb.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "'default_tenant'" for part in node.values]
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def test_every_translation_is_of_something_that_the_source_says() -> None:
    said = [text for text in texts() if not text.startswith("(")]
    for pattern, _ in TRANSLATIONS:
        assert any(re.search(pattern, text) for text in said), pattern


def test_hints_for_connections(httpx_error: ChromaError) -> None:
    assert "ssl=True" in httpx_error.message()
    assert "ssl=True" not in for_command_line(httpx_error.message())


@pytest.fixture
def httpx_error() -> ChromaError:
    from chromadb._client.http.failures import explain
    from chromadb._client.http.options import http_options
    from chromadb.config import Settings

    options = http_options(Settings(chroma_server_host="localhost"))
    return explain(httpx.RemoteProtocolError("odd"), options, writing=False)
