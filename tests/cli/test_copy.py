"""``chroma copy``: what arrives is what was there, whichever way it goes."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from typing import Any

import pytest

import chromadb
from chromadb._model import operations as op
from chromadb._transfer import copying


class Unregistered(chromadb.EmbeddingFunction[Any]):
    """A function that nobody can build from what is stored."""

    def __init__(self) -> None:
        pass

    def __call__(self, input: Any) -> Any:
        return [[1.0, 2.0] for _ in input]

    @staticmethod
    def name() -> str:
        return "unregistered"

    def get_config(self) -> dict[str, Any]:
        return {"model": "secret sauce"}

    @staticmethod
    def build_from_config(config: dict[str, Any]) -> Unregistered:
        return Unregistered()


def read(path: str, contents: Any, **where: Any) -> Any:
    with chromadb.PersistentClient(path, **where) as client:
        found = contents(client)
        assert client.check() == []
    return found


@pytest.mark.parametrize("batch", ["1000", "7"])
def test_everything_arrives(chroma: Any, fill: Any, contents: Any, batch: str) -> None:
    fill("data", notes=60, empty=0)
    with chromadb.PersistentClient("data") as client:
        made = client.create_collection("words", embedding_function=Unregistered())
        made.add(ids=["a"], documents=["x"])
        made.modify(configuration={"hnsw": {"ef_search": 321}})
    code, out, err = chroma("copy", "--from", "data", "--to", "copy", "--all", "--batch", batch)
    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"3 collections copied to {os.path.abspath('copy')}."
    assert read("copy", contents) == read("data", contents)
    assert list(read("copy", contents)) == ["notes", "empty", "words"]
    with chromadb.PersistentClient("copy") as client:
        stored = client.get_collection("words").configuration_json
        assert stored["embedding_function"]["config"] == {"model": "secret sauce"}
        assert stored["hnsw"]["ef_search"] == 321


@pytest.mark.parametrize("names", [["notes", "letters"], ["notes,letters"], ["letters, notes", "notes"]])
def test_collections_are_chosen_by_name(chroma: Any, fill: Any, contents: Any, names: list[str]) -> None:
    fill("data", notes=3, letters=2, other=1)
    chosen = [word for name in names for word in ("--collections", name)]
    code, out, err = chroma("copy", "--from", "data", "--to", "copy", *chosen, "--json")
    assert (code, err) == (0, "")
    assert sorted(json.loads(out), key=lambda each: each["name"]) == [
        {"name": "letters", "total": 2, "already": 0, "copied": 2},
        {"name": "notes", "total": 3, "already": 0, "copied": 3},
    ]
    whole = read("data", contents)
    assert read("copy", contents) == {name: whole[name] for name in ("notes", "letters")}


def test_over_http_in_both_directions(chroma: Any, fill: Any, contents: Any, serve: Any) -> None:
    fill("data", notes=60, letters=2, empty=0)
    server = serve("--path", "served", "--port", "0")
    code, _, err = chroma("copy", "--from", "data", "--to", server.url, "--all", "--batch", "25")
    assert (code, err) == (0, "")
    code, _, err = chroma("copy", "--from", server.url, "--to", "back", "--all", "--batch", "25")
    assert (code, err) == (0, "")
    assert chroma("db", "create", "second", "--host", server.url).code == 0
    code, _, err = chroma("copy", "--from", server.url, "--to", server.url, "--to-database", "second", "--all")
    assert (code, err) == (0, "")
    expected = read("data", contents)
    assert read("back", contents) == expected
    assert read("served", contents) == expected
    assert read("served", contents, database="second") == expected


def test_between_databases_of_one_directory(chroma: Any, fill: Any, contents: Any) -> None:
    fill("data", notes=5)
    arguments = ("copy", "--from", "data", "--to", "data", "--to-database", "archive", "--all")
    code, out, err = chroma(*arguments)
    assert (code, out) == (1, "")
    assert err == (
        "chroma: Database 'archive' does not exist in tenant 'default_tenant'. "
        "Make it with: chroma db create 'archive', and --path or --host.\n"
    )
    assert chroma("db", "create", "archive", "--path", "data").code == 0
    assert chroma(*arguments).code == 0
    assert read("data", contents, database="archive") == read("data", contents)


def test_what_exists_is_never_touched(chroma: Any, fill: Any, contents: Any) -> None:
    fill("data", notes=5, letters=5)
    fill("copy", letters=3)
    before = read("copy", contents)
    code, out, err = chroma("copy", "--from", "data", "--to", "copy", "--all")
    assert (code, out) == (1, "")
    assert "Collection 'letters' exists already" in err
    assert "Nothing was copied." in err
    assert read("copy", contents) == before


def test_a_copy_that_was_interrupted_is_resumed(
    chroma: Any, fill: Any, contents: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill("data", notes=50, letters=10)
    written: list[int] = []
    genuine = copying.check_records

    def fail_at_the_third_batch(ids: list[str], **columns: Any) -> Any:
        written.append(len(ids))
        if len(written) == 3:
            raise KeyboardInterrupt
        return genuine(ids, **columns)

    monkeypatch.setattr(copying, "check_records", fail_at_the_third_batch)
    arguments = ("copy", "--from", "data", "--to", "copy", "--all", "--batch", "20")
    code, out, err = chroma(*arguments)
    assert (code, out) == (130, "")
    assert err == (
        "chroma: Interrupted. Copied so far: 0 of 2 collections and 40 of 50 records of 'notes'. "
        "To continue, run the same command with --resume.\n"
    )
    monkeypatch.setattr(copying, "check_records", genuine)
    assert chroma(*arguments).code == 1
    code, out, err = chroma(*arguments, "--resume", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == [
        {"name": "notes", "total": 50, "already": 40, "copied": 10},
        {"name": "letters", "total": 10, "already": 0, "copied": 10},
    ]
    assert read("copy", contents) == read("data", contents)
    assert [each["copied"] for each in json.loads(chroma(*arguments, "--resume", "--json").out)] == [0, 0]


@pytest.mark.parametrize("change", ["records", "order", "more", "metadata", "configuration"])
def test_what_is_not_the_beginning_of_a_copy_is_not_resumed(chroma: Any, fill: Any, contents: Any, change: str) -> None:
    fill("data", notes=50)
    assert chroma("copy", "--from", "data", "--to", "copy", "--all").code == 0
    with chromadb.PersistentClient("copy") as client:
        notes = client.get_collection("notes")
        if change == "records":
            notes.delete(ids=["id-49", "id-48"])
            notes.add(ids=["other"], embeddings=[[1.0] * 8])
        elif change == "order":
            notes.delete(ids=["id-3"])
        elif change == "more":
            notes.add(ids=["other"], embeddings=[[1.0] * 8])
        elif change == "metadata":
            notes.modify(metadata={"other": 1})
        else:
            notes.modify(configuration={"hnsw": {"space": "l2"}})
    before = read("copy", contents)
    code, out, err = chroma("copy", "--from", "data", "--to", "copy", "--all", "--resume")
    assert (code, out) == (1, "")
    assert "is not the beginning of a copy" in err
    assert read("copy", contents) == before


def test_what_a_server_of_0_6_makes_of_a_collection_is_resumed(chroma: Any, fill: Any) -> None:
    """It notes the space in the metadata, and parameters of its own."""
    fill("data", notes=5)
    with chromadb.PersistentClient("copy") as client:
        client.create_collection(
            "notes",
            embedding_function=None,
            metadata={"about": "notes", "hnsw:space": "cosine", "hnsw:num_threads": 2},
        )
    code, out, err = chroma("copy", "--from", "data", "--to", "copy", "--all", "--resume", "--json")
    assert (code, err) == (0, "")
    assert [each["copied"] for each in json.loads(out)] == [5]


def test_a_source_that_is_written_to_meanwhile_is_noticed(
    chroma: Any, fill: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill("data", notes=50)
    genuine = copying.Side.count
    counts = iter([50, 51, 50])
    monkeypatch.setattr(copying.Side, "count", lambda side, info: (genuine(side, info), next(counts))[1])
    code, out, err = chroma("copy", "--from", "data", "--to", "copy", "--all")
    assert (code, out) == (1, "")
    assert "has 51 records, and its copy 50: somebody was writing to one of them" in err


def test_a_copy_that_breaks_off_says_how_far_it_came(chroma: Any, fill: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    fill("data", notes=10, letters=10, others=5)
    written: list[int] = []
    genuine = copying.check_records

    def fail_at_the_last(ids: list[str], **columns: Any) -> Any:
        written.append(len(ids))
        if len(written) == 3:
            raise chromadb.errors.StorageFullError("The disk is full.")
        return genuine(ids, **columns)

    monkeypatch.setattr(copying, "check_records", fail_at_the_last)
    assert chroma("copy", "--from", "data", "--to", "copy", "--all") == (
        1,
        "",
        "chroma: The disk is full. Copied so far: 2 of 3 collections and 0 of 5 records of 'others'. To continue, run "
        "the same command with --resume.\n",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="signals are of POSIX")
def test_ctrl_c_in_a_copy_says_how_to_go_on(start: Any, chroma: Any, fill: Any, contents: Any, serve: Any) -> None:
    fill("data", notes=3000)
    server = serve("--path", "served", "--port", "0")
    arguments = ("copy", "--from", "data", "--to", server.url, "--all", "--batch", "1")
    with start(*arguments) as process, chromadb.HttpClient(host="localhost", port=server.port) as client:
        while process.poll() is None and ("notes" not in client.list_collections()):
            time.sleep(0.01)
        while process.poll() is None and client.get_collection("notes").count() < 5:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert re.fullmatch(
        r"chroma: Interrupted\. Copied so far: 0 of 1 collection and [\d,]+ of 3,000 records of 'notes'\. "
        r"To continue, run the same command with --resume\.\n",
        err,
    ), err
    assert chroma(*arguments[:-2], "--resume").code == 0
    assert read("served", contents) == read("data", contents)


@pytest.mark.parametrize(
    ("place", "meant"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("127.0.0.1:8000/base", "http://127.0.0.1:8000/base"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("chroma.example.com:443", "http://chroma.example.com:443"),
        ("http:/localhost:8000", "http://localhost:8000"),
        ("ws://localhost:8000", "http://localhost:8000"),
    ],
)
def test_a_server_that_is_no_url_is_told_how_to_write_one(chroma: Any, fill: Any, place: str, meant: str) -> None:
    fill("data", notes=1)
    for arguments in (("--from", place, "--to", "copy"), ("--from", "data", "--to", place)):
        code, out, err = chroma("copy", *arguments, "--all")
        assert (code, out) == (2, "")
        option = arguments[0] if arguments[1] == place else "--to"
        assert f"Expected {option} to be a directory or a URL, got {place}. Did you mean {meant}? A directory is" in err
    assert os.listdir() == ["data"]


def test_a_directory_may_be_called_like_a_server(chroma: Any, fill: Any, contents: Any) -> None:
    fill("data", notes=1)
    assert chroma("copy", "--from", "data", "--to", "./localhost:8000", "--all").code == 0
    assert chroma("copy", "--from", "localhost:8000", "--to", "back", "--all").code == 0
    assert read("back", contents) == read("data", contents)


@pytest.mark.parametrize("existing", [False, True])
def test_a_database_that_a_new_directory_cannot_have_leaves_nothing(chroma: Any, fill: Any, existing: bool) -> None:
    fill("data", notes=1)
    if existing:
        os.mkdir("copy")
    arguments = ("copy", "--from", "data", "--to", "copy", "--all")
    code, out, err = chroma(*arguments, "--to-database", "archive")
    assert (code, out) == (1, "")
    assert err == (
        "chroma: Database 'archive' does not exist in copy, which is new. "
        "Make it with: chroma db create 'archive' --path copy\n"
    )
    code, _, err = chroma(*arguments, "--to-tenant", "acme")
    assert (code, "Tenant 'acme' does not exist in copy, which is new. Only Python makes tenants" in err) == (1, True)
    assert os.path.exists("copy") is existing
    assert not existing or os.listdir("copy") == []
    assert chroma("db", "create", "archive", "--path", "copy").code == 0
    assert chroma(*arguments, "--to-database", "archive").code == 0


def test_wrong_calls(chroma: Any, fill: Any) -> None:
    fill("data", notes=1)
    for arguments, code, message in (
        (["--from", "data", "--to", "copy"], 2, "Expected --all, or --collections"),
        (["--from", "data", "--to", "copy", "--all", "-c", "notes"], 2, "Expected --all, or --collections"),
        (["--from", "data", "--to", "./data/", "--all"], 2, "Expected two places, got the same one twice"),
        (
            ["--from", "nowhere", "--to", "copy", "--all"],
            1,
            "There is no directory nowhere. A directory is written as its path (./data), a ",
        ),
        (["--from", "data", "--to", "copy", "-c", "nothing"], 1, "Collection 'nothing' does not exist"),
        (["--from", "data", "--to", "copy", "-c", "a", "--from-database", "none"], 1, "Database 'none' does not exist"),
        (["--from", "data", "--to", "copy", "-c", " ,"], 2, "Expected --all, or --collections with a name"),
        (["--from", "data", "--to", "http://127.0.0.1:1", "--all"], 1, "127.0.0.1:1"),
        (["--from", "data", "--to", "copy", "--all", "--to-header", "A: b"], 2, "A server is named by its URL"),
    ):
        ended, out, err = chroma("copy", *arguments)
        assert (ended, out) == (code, ""), arguments
        assert message in err
        assert err.count("\n") == 1
    assert not os.path.exists("copy")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("http://localhost:8000", "http://localhost:8000/"),
        ("http://localhost:8000", "http://LOCALHOST:8000/api/v2"),
        ("https://host/chroma", "https://host:443/chroma/"),
        ("data", "link"),
    ],
)
def test_nothing_is_copied_onto_itself_however_it_is_written(chroma: Any, fill: Any, one: str, other: str) -> None:
    fill("data", notes=1)
    os.symlink("data", "link")
    code, out, err = chroma("copy", "--from", one, "--to", other, "--all", "--resume")
    assert (code, out) == (2, "")
    assert "Expected two places, got the same one twice" in err


def test_names_may_be_written_with_commas(chroma: Any, fill: Any, contents: Any) -> None:
    fill("data", notes=2, letters=3, other=1)
    code, out, err = chroma("copy", "--from", "data", "--to", "copy", "-c", "notes, letters,")
    assert (code, err) == (0, ""), out
    assert sorted(read("copy", contents)) == ["letters", "notes"]


def test_headers_reach_the_server_they_are_for(chroma: Any, fill: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from chromadb._client import connect

    sent: list[Any] = []

    def http_system(settings: Any) -> Any:
        sent.append((settings.chroma_server_host, settings.chroma_server_headers))
        raise chromadb.errors.NotFoundError("nothing there")

    monkeypatch.setattr(connect, "_http_system", http_system)
    fill("data", notes=1)
    chroma("copy", "--from", "data", "--to", "https://host/base", "--to-header", "X-Chroma-Token: abc: d", "--all")
    chroma("copy", "--from", "http://host:1", "--to", "x", "--from-header", "A:b", "--from-header", "C: d", "--all")
    assert sent == [("https://host/base", {"X-Chroma-Token": "abc: d"}), ("http://host:1", {"A": "b", "C": "d"})]


def test_an_empty_database(chroma: Any, fill: Any) -> None:
    fill("data")
    with chromadb.PersistentClient("data"):
        pass
    code, out, err = chroma("copy", "--from", "data", "--to", "copy", "--all")
    assert (code, out) == (0, "")
    assert "There is no collection" in err


def test_operations_go_through_the_runner_only() -> None:
    """A copy needs nothing that a server does not offer."""
    from chromadb._wire.routes import BY_OPERATION

    needed = {op.ListCollections, op.GetCollection, op.CreateCollection, op.Count, op.Get, op.Add}
    assert needed <= set(BY_OPERATION)
