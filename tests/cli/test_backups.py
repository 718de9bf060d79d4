"""``chroma utils backup`` and ``chroma utils restore``."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

import chromadb
from chromadb.errors import InvalidArgumentError, UnsupportedError
from chromadb.utils.backup import restore


@pytest.fixture
def data(fill: Any, contents: Any) -> Any:
    """A directory `data`, and what is in it."""
    fill("data", notes=30, letters=5)
    with chromadb.PersistentClient("data") as client:
        return contents(client)


@pytest.mark.parametrize("words", [["data", "backup"], ["--path", "data", "backup"], ["backup", "--path", "data"]])
def test_a_backup_is_restored(chroma: Any, data: Any, contents: Any, words: list[str]) -> None:
    code, out, err = chroma("utils", "backup", *words)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"2 collections with 35 records backed up to {os.path.abspath('backup')}"
    to = ["new"] if "--path" not in words else ["--path", "new"]
    code, out, err = chroma("utils", "restore", "backup", *to)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == f"2 collections with 35 records restored from backup to {os.path.abspath('new')}"
    with chromadb.PersistentClient("new") as client:
        assert contents(client) == data
        assert client.check() == []


def test_for_programs(chroma: Any, data: Any) -> None:
    code, out, err = chroma("utils", "backup", "data", "backup", "--json")
    assert (code, err) == (0, "")
    backup = json.loads(out)
    assert (backup["path"], backup["collections"], backup["records"]) == (os.path.abspath("backup"), 2, 35)
    assert backup["version"] == chromadb.__version__
    code, out, _ = chroma("utils", "restore", "backup", "new", "--json")
    assert code == 0
    restored = json.loads(out)
    assert (restored["path"], restored["created"]) == (os.path.abspath("new"), backup["created"])
    assert (restored["collections"], restored["records"]) == (2, 35)


def test_dated_backups(chroma: Any, data: Any) -> None:
    names = []
    for _ in range(3):
        code, out, _ = chroma("utils", "backup", "data", "all", "--dated", "--keep", "2", "--json")
        assert code == 0
        names.append(Path(json.loads(out)["path"]).name)
    assert sorted(os.listdir("all")) == names[1:]
    code, _, err = chroma("utils", "restore", "all", "new")
    assert code == 1
    assert f"the newest of which is {names[-1]}" in err


def test_places_that_cannot_be(chroma: Any, data: Any) -> None:
    chroma("utils", "backup", "data", "backup")
    for words, message in (
        (["backup", "data", "backup"], "exists and is not empty"),
        (["backup", "data", "data/inside"], "outside of the directory"),
        (["backup", "nothing", "other"], "There is no directory nothing"),
        (["restore", "data", "other"], "There is no backup in data"),
        (["restore", "backup", "data"], "exists and is not empty"),
    ):
        code, out, err = chroma("utils", *words)
        assert (code, out) == (1, "")
        assert message in err
    assert not os.path.exists("other")


def test_words_that_cannot_be(chroma: Any) -> None:
    for words in (
        ["backup"],
        ["backup", "a", "b", "c"],
        ["backup", "a", "b", "--path", "c"],
        ["backup", "a", "b", "--keep", "2"],
        ["backup", "a", "b", "--dated", "--keep", "0"],
        ["restore"],
        ["restore", "a", "b", "--path", "c"],
    ):
        code, out, err = chroma("utils", *words)
        assert (code, out) == (2, "")
        assert "--help" in err


def test_replacing_asks_first(chroma: Any, data: Any) -> None:
    chroma("utils", "backup", "data", "backup")
    with chromadb.PersistentClient("data") as client:
        client.delete_collection("notes")
    code, _, err = chroma("utils", "restore", "backup", "data", "--replace", answers="n\n")
    assert code == 1
    assert "Not confirmed" in err
    with chromadb.PersistentClient("data") as client:
        assert client.count_collections() == 1
        # It is in use.
        code, _, err = chroma("utils", "restore", "backup", "data", "--replace", "--force")
        assert (code, client.count_collections()) == (1, 1)
        assert "is in use" in err
    code, _, _ = chroma("utils", "restore", "backup", "data", "--replace", answers="y\n")
    assert code == 0
    with chromadb.PersistentClient("data") as client:
        assert client.count_collections() == 2
    assert len([name for name in os.listdir() if name.startswith("data.before-")]) == 1


def test_from_python(chroma: Any, data: Any, contents: Any) -> None:
    with chromadb.PersistentClient("data") as client:
        backup = client.backup(Path("backup"))
        assert backup["records"] == backup.records == 35
        for arguments in ({"path": 3}, {"path": ""}, {"path": "a\0b"}, {"path": "x", "keep": 2}):
            with pytest.raises(InvalidArgumentError, match="Expected"):
                client.backup(**arguments)
        with pytest.raises(InvalidArgumentError):
            client.backup("x", dated=True, keep=0)
    assert restore("backup", "new").collections == 2
    with chromadb.PersistentClient("new") as client:
        assert contents(client) == data
    with pytest.raises(InvalidArgumentError):
        restore(3, "other")  # type: ignore[arg-type]


def test_a_server_writes_to_no_directory_that_a_client_names(serve: Any) -> None:
    server = serve("--path", "data", "--port", "0")
    refused = pytest.raises(UnsupportedError, match="Run chroma utils backup where the server has its data")
    with chromadb.HttpClient(host="127.0.0.1", port=server.port) as client, refused:
        client.backup("backup")

    async def ask() -> None:
        async with await chromadb.AsyncHttpClient(host="127.0.0.1", port=server.port) as client:
            with refused:
                await client.backup("backup")

    asyncio.run(ask())
    assert not os.path.exists("backup")
