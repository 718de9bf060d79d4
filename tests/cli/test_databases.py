"""``chroma db``."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

import chromadb


def test_databases_are_made_listed_and_deleted(chroma: Any, fill: Any) -> None:
    fill("data", notes=1)
    assert chroma("db", "create", "archive", "--path", "data").code == 0
    code, out, err = chroma("db", "list", "--path", "data")
    assert (code, err) == (0, "")
    assert [line.split()[:2] for line in out.splitlines() if "-" in line] == [
        ["default_database", "1"],
        ["archive", "0"],
    ]
    with chromadb.PersistentClient("data", database="archive") as client:
        client.create_collection("letters")
    listed = json.loads(chroma("db", "list", "--path", "data", "--json").out)
    assert [(each["name"], each["collections"], each["tenant"]) for each in listed] == [
        ("default_database", 1, "default_tenant"),
        ("archive", 1, "default_tenant"),
    ]
    code, out, err = chroma("db", "delete", "archive", "--path", "data", answers="n\n")
    assert code == 1
    assert "Delete the database 'archive' of" in err
    assert "with 1 collection?" in err
    assert chroma("db", "delete", "archive", "--path", "data", answers="y\n").code == 0
    assert len(json.loads(chroma("db", "list", "--path", "data", "--json").out)) == 1


def test_a_directory_is_made_for_the_first_database(chroma: Any) -> None:
    code, out, err = chroma("db", "create", "archive", "--path", "data")
    assert (code, err) == (0, "")
    assert out == f"Database 'archive' is made in tenant 'default_tenant' of {os.path.abspath('data')}.\n"
    with chromadb.PersistentClient("data", database="archive") as client:
        assert client.count_collections() == 0


def test_databases_of_another_tenant(chroma: Any) -> None:
    settings = chromadb.Settings(is_persistent=True, persist_directory="data")
    with chromadb.AdminClient(settings) as admin:
        admin.create_tenant("acme")
    assert chroma("db", "create", "archive", "--path", "data", "--tenant", "acme").code == 0
    listed = json.loads(chroma("db", "list", "--path", "data", "--tenant", "acme", "--json").out)
    assert [each["name"] for each in listed] == ["archive"]


def test_what_cannot_be_done_is_said(chroma: Any, fill: Any) -> None:
    fill("data", notes=1)
    for arguments, message in (
        (["create", "default_database"], "Database 'default_database' already exists"),
        (["create", "xy"], "at least 3 characters"),
        (["create", "abc", "--tenant", "nobody"], "Tenant 'nobody' does not exist"),
        (["list", "--tenant", "nobody"], "Tenant 'nobody' does not exist"),
        (["delete", "nothing", "--force"], "Database 'nothing' does not exist"),
    ):
        code, out, err = chroma("db", *arguments, "--path", "data")
        assert (code, out) == (1, "")
        assert message in err
        assert err.count("\n") == 1


def test_databases_of_a_server(chroma: Any, serve: Any) -> None:
    server = serve("--path", "data", "--port", "0")
    at = ("--host", "127.0.0.1", "--port", str(server.port))
    assert chroma("db", "create", "archive", *at) == (
        0,
        f"Database 'archive' is made in tenant 'default_tenant' of {server.url}.\n",
        "",
    )
    assert [each["name"] for each in json.loads(chroma("db", "list", "--host", server.url, "--json").out)] == [
        "default_database",
        "archive",
    ]
    assert chroma("db", "delete", "archive", *at, "--force").code == 0
    assert len(json.loads(chroma("db", "list", *at, "--json").out)) == 1


def test_a_server_that_is_not_there(chroma: Any) -> None:
    code, out, err = chroma("db", "list", "--host", "127.0.0.1", "--port", "1")
    assert (code, out) == (1, "")
    assert err.startswith("chroma: ")
    assert err.count("\n") == 1


def test_what_cannot_be_made_leaves_no_directory(chroma: Any) -> None:
    for arguments, message in (
        (["ab"], "Expected the database name to have at least 3 characters"),
        (["archive", "--tenant", "acme"], "Tenant 'acme' does not exist in new, which is new."),
    ):
        code, out, err = chroma("db", "create", *arguments, "--path", "new")
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert message in err
    assert os.listdir() == []


@pytest.mark.parametrize("words", [("db", "list"), ("browse",), ("db", "create", "archive")], ids=" ".join)
def test_a_server_given_as_a_path_is_told_the_option(chroma: Any, words: tuple[str, ...]) -> None:
    for place in ("http://localhost:8000", "localhost:8000"):
        code, out, err = chroma(*words, "--path", place)
        assert (code, out) == (2, "")
        assert f"got {place}. A server is named by --host http://localhost:8000." in err
    assert os.listdir() == []
