"""``chroma vacuum`` and ``chroma utils check``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import chromadb
from chromadb.errors import UnsupportedError

HOLD = """
import sys, apsw
sql = apsw.Connection(sys.argv[1])
sql.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


def size(path: str) -> int:
    return sum(each.stat().st_size for each in Path(path).rglob("*") if each.is_file())


@pytest.mark.parametrize("words", [["vacuum"], ["utils", "vacuum"]])
def test_a_vacuum_gives_back_the_space_and_keeps_the_rest(
    chroma: Any, fill: Any, contents: Any, words: list[str]
) -> None:
    fill("data", notes=3000, letters=5)
    with chromadb.PersistentClient("data") as client:
        client.get_collection("notes").delete(where_document={"$contains": "text"})
        before = contents(client)
    former = size("data")
    code, out, err = chroma(*words, "--path", "data", "--force")
    assert (code, err) == (0, "")
    assert "default_tenant/default_database/notes" in out
    assert "catalog" in out
    assert "freed." in out.splitlines()[-1]
    assert size("data") < former - 200_000
    with chromadb.PersistentClient("data") as client:
        assert contents(client) == before
        assert client.check() == []


def test_a_vacuum_for_programs(chroma: Any, fill: Any) -> None:
    fill("data", notes=3000)
    with chromadb.PersistentClient("data") as client:
        client.get_collection("notes").delete(where={"row": {"$gte": 0}})
    code, out, err = chroma("vacuum", "--path", "data", "--force", "--json")
    assert (code, err) == (0, "")
    notes, catalog = json.loads(out)
    assert (notes["name"], catalog["name"]) == ("default_tenant/default_database/notes", "catalog")
    assert notes["size_after"] < notes["size_before"]
    assert (notes["removed"], notes["error"]) == ([], None)
    assert (Path("data") / notes["where"]).is_dir()


@pytest.mark.parametrize(
    ("answer", "done"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_a_vacuum_asks_first(chroma: Any, fill: Any, answer: str, done: bool) -> None:
    fill("data", notes=1)
    code, out, err = chroma("vacuum", "--path", "data", answers=answer)
    assert err.startswith(f"Vacuum {os.path.abspath('data')}? Writing to it waits until it is done. [y/N] ")
    assert (code, bool(out)) == ((0, True) if done else (1, False))
    assert ("nothing was done" in err) is not done


def test_a_vacuum_names_who_is_in_the_way(chroma: Any, fill: Any) -> None:
    fill("data", notes=5, letters=5)
    with chromadb.PersistentClient("data") as client:
        id = client.get_collection("notes").id
    file = Path("data") / "collections" / str(id) / "records.sqlite3"
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        code, out, err = chroma("vacuum", "--path", "data", "--force", "--timeout", "0.2")
        other.communicate("\n", timeout=60)
    assert code == 1
    assert "failed" in out
    assert err.startswith("chroma vacuum: default_tenant/default_database/notes: ")
    assert "is in use" in err
    assert err.count("\n") == 1
    if sys.platform == "linux":
        assert f"by process {other.pid} (" in err


def test_a_server_is_vacuumed_by_its_directory(chroma: Any, fill: Any, serve: Any) -> None:
    fill("data", notes=3000)
    server = serve("--path", "data", "--port", "0")
    with chromadb.HttpClient(host="127.0.0.1", port=server.port) as client:
        notes = client.get_collection("notes")
        notes.delete(where_document={"$contains": "text number"})
        with pytest.raises(UnsupportedError, match="Run chroma vacuum --path"):
            client.vacuum()
        assert chroma("vacuum", "--path", "data", "--force").code == 0
        assert b"text number" not in b"".join(path.read_bytes() for path in Path("data").rglob("*") if path.is_file())
        notes.add(ids="new", embeddings=[[1.0] * 8])
        assert notes.query([1.0] * 8, n_results=1)["ids"] == [["new"]]
        assert client.check() == []


@pytest.mark.parametrize("words", [["vacuum", "--force"], ["utils", "check"]])
def test_what_is_no_database_is_not_made_one(chroma: Any, words: list[str]) -> None:
    os.makedirs("empty")
    os.makedirs("other/things")
    os.makedirs("theirs")
    Path("theirs/chroma.sqlite3").write_bytes(b"x")
    Path("file").write_text("x")
    for path, message in (
        ("nowhere", "There is no directory nowhere."),
        ("empty", "The directory empty is empty."),
        ("other", "There is no database in other: catalog.sqlite3 is missing."),
        ("theirs", "was written by a published version of Chroma"),
        ("theirs", "chroma copy --from http://localhost:8000 --to ./data --all"),
        ("file", "Expected --path to be a directory, got file, which is a file. Give that of the database."),
        ("theirs/chroma.sqlite3", "got theirs/chroma.sqlite3, which is a file. Give the one it is in: --path theirs."),
    ):
        code, out, err = chroma(*words, "--path", path)
        assert (code, out) == (1, "")
        assert message in err
        assert err.count("\n") == 1
    assert not os.path.exists("nowhere")
    assert os.listdir("empty") == []
    assert os.listdir("theirs") == ["chroma.sqlite3"]


def test_a_check_finds_nothing_wrong(chroma: Any, fill: Any) -> None:
    fill("data", notes=20)
    assert chroma("utils", "check", "--path", "data") == (0, "Nothing is wrong.\n", "")
    assert chroma("utils", "check", "--path", "data", "--json") == (0, "[]\n", "")


def test_a_check_says_what_is_wrong(chroma: Any, fill: Any) -> None:
    fill("data", notes=20)
    (file,) = Path("data/collections").glob("*/records.sqlite3")
    import apsw

    sql = apsw.Connection(str(file))
    sql.execute("DELETE FROM vectors WHERE label = 3")
    sql.close()
    code, out, err = chroma("utils", "check", "--path", "data")
    assert (code, err) == (1, "")
    assert "records without a vector: 1, expected 0" in " ".join(out.split())
    code, out, err = chroma("utils", "check", "--path", "data", "--json")
    assert (code, err) == (1, "")
    findings = json.loads(out)
    assert {"where", "what", "repairable"} == set(findings[0])
    assert any(finding["what"] == "records without a vector: 1, expected 0" for finding in findings)


def test_the_directory_is_that_of_clients_if_none_is_given(chroma: Any, fill: Any) -> None:
    fill("chroma", notes=1)
    assert chroma("utils", "check").code == 0
    assert chroma("vacuum", "--force").code == 0
    assert chroma("db", "list").code == 0


def damage(name: str, *pages: int) -> Path:
    """Overwrite pages of the records of a collection; return the file."""
    with chromadb.PersistentClient("data") as client:
        id = client.get_collection(name).id
    file = Path("data") / "collections" / str(id) / "records.sqlite3"
    data = bytearray(file.read_bytes())
    for page in pages:
        data[(page - 1) * 16384 : page * 16384] = b"\x5a" * 16384
    file.write_bytes(data)
    return file


def test_a_check_says_what_a_repair_would_save(chroma: Any, fill: Any) -> None:
    fill("data", notes=2000, letters=5)
    damage("notes", 3)
    code, out, err = chroma("utils", "check", "--path", "data", "--json")
    assert (code, err) == (1, "")
    findings = json.loads(out)
    assert findings[-1]["what"] == "'chroma utils check --repair' would save 2,000 of 2,000 records"
    assert all("notes" in each["what"] or "letters" not in each["what"] for each in findings)


def test_a_repair_saves_what_can_be_read(chroma: Any, fill: Any, contents: Any) -> None:
    fill("data", notes=2000, letters=5)
    file = damage("notes", 3, 5, 20)
    code, out, err = chroma("utils", "check", "--path", "data", "--repair", "--json")
    assert err == ""
    (part,) = json.loads(out)
    assert set(part) == {"where", "name", "saved", "lost", "lost_ids", "kept", "notes", "error"}
    assert part["name"] == "default_tenant/default_database/notes"
    assert Path("data") / part["where"] == file
    assert part["saved"] + part["lost"] == 2000
    assert part["lost"] == len(part["lost_ids"]) > 0
    assert code == 1
    assert all((file.parent / name).stat().st_size for name in part["kept"])
    assert chroma("utils", "check", "--path", "data") == (0, "Nothing is wrong.\n", "")
    assert chroma("utils", "check", "--path", "data", "--repair") == (0, "Nothing is damaged.\n", "")
    assert chroma("utils", "check", "--path", "data", "--repair", "--json") == (0, "[]\n", "")


def test_a_repair_for_people(chroma: Any, fill: Any) -> None:
    fill("data", notes=2000)
    damage("notes", 3)
    Path("data/catalog.sqlite3").write_bytes(b"dear reader " * 1000)
    code, out, err = chroma("utils", "check", "--path", "data")
    assert (code, out) == (1, "")
    assert "chroma utils check --repair" in err
    code, out, err = chroma("utils", "check", "--path", "data", "--repair")
    assert (code, err) == (0, "")
    rows = [line.split() for line in out.splitlines() if " 0 " in line]
    assert [row[:3] for row in rows] == [["catalog", "1", "0"], ["default_tenant/default_database/notes", "2,000", "0"]]
    assert all(".damaged-" in row[3] for row in rows)
    assert "catalog: " in out
    with chromadb.PersistentClient("data") as client:
        assert client.get_collection("notes").count() == 2000


def test_a_repair_names_ids_that_are_lost(chroma: Any, fill: Any) -> None:
    fill("data", notes=2000)
    damage("notes", *range(8, 12))
    code, out, _ = chroma("utils", "check", "--path", "data", "--repair")
    assert code == 1
    assert "default_tenant/default_database/notes: lost: " in out


def test_a_lost_catalog_is_repaired_by_its_directory(chroma: Any, fill: Any) -> None:
    fill("data", notes=20)
    os.unlink("data/catalog.sqlite3")
    code, _, err = chroma("utils", "check", "--path", "data")
    assert code == 1
    assert "make it anew with 'chroma utils check --repair'" in err
    assert chroma("utils", "check", "--path", "data", "--repair").code == 0
    assert chroma("utils", "check", "--path", "data") == (0, "Nothing is wrong.\n", "")


def test_a_repair_beside_a_server_is_refused(chroma: Any, fill: Any, serve: Any) -> None:
    fill("data", notes=20)
    server = serve("--path", "data", "--port", "0")
    with chromadb.HttpClient(host="127.0.0.1", port=server.port) as client:
        assert client.get_collection("notes").count() == 20
        code, out, err = chroma("utils", "check", "--path", "data", "--repair")
    assert (code, out) == (1, "")
    assert "is in use" in err
    assert "Stop what uses it and try again. Nothing was changed." in err


def test_what_is_no_database_is_not_repaired(chroma: Any) -> None:
    os.makedirs("other/things")
    code, out, err = chroma("utils", "check", "--path", "other", "--repair")
    assert (code, out) == (1, "")
    assert "There is no database in other" in err
    assert os.listdir("other") == ["things"]
