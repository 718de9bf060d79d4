"""Make the fixture of today's format of a directory: a small one with everything in it, which later versions must open.

python scripts/make_format_fixture.py         writes tests/compat/formats/<format>.tar.gz
PYTHONPATH=<src> python scripts/make_format_fixture.py <folder>

Run it before every release that raises a format, with the code of that release, and commit what it writes. It uses only
what every version has, so that it also makes the fixture of an older one.
"""

from __future__ import annotations

import importlib
import io
import json
import shutil
import sqlite3
import sys
import tarfile
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import chromadb

FORMATS = Path(__file__).resolve().parent.parent / "tests" / "compat" / "formats"
SMALL = {
    "derived.sealing.SEAL_FROM": 200,
    "derived.text.documents.INDEX_FROM": 200,
    "derived.columns.SEAL_FROM": 200,
    "derived.builder.QUIET": 0.05,
}
"""What makes every derived file for few records; an older version has not all of it, or has it one package higher."""

WORDS = ["amber", "birch", "cedar", "delta", "ember", "frost", "grove", "heath", "inlet", "jetty"]


def fill(client: Any) -> None:
    """Write records, change some, delete some."""
    notes = client.create_collection("notes", metadata={"about": "everything", "hnsw:space": "cosine"})
    rows = range(300)
    notes.add(
        ids=[f"n{row}" for row in rows],
        embeddings=[[float((row * prime) % 101) - 50.0 for prime in (7, 11, 13, 17, 19, 23, 29, 31)] for row in rows],
        documents=[f"Nº {row}: {WORDS[row % 10]} and {WORDS[row // 10 % 10]}" for row in rows],
        metadatas=[{"row": row, "even": row % 2 == 0, "share": row / 300, "word": WORDS[row % 10]} for row in rows],
        uris=[f"file:///{row}" for row in rows],
    )
    wait_until_built(client)
    notes.update(ids=["n3"], documents=["changed, 中文"], metadatas=[{"row": -3, "word": None}], embeddings=[[0.5] * 8])
    notes.delete(ids=[f"n{row}" for row in range(100, 120)])
    notes.add(ids=["late"], embeddings=[[0.25] * 8], documents=["after the index"])
    client.create_collection("empty")


def wait_until_built(client: Any) -> None:
    """Give the background the time to write every derived file that this version has."""
    deadline = time.monotonic() + 10
    folder = next(Path(client.get_settings().persist_directory).glob("collections/*"))
    while time.monotonic() < deadline:
        notes = client.get_collection("notes", embedding_function=None)
        notes.query([[1.0] * 8], where_document={"$contains": "amber"}, where={"row": {"$gte": 5}})
        if all(any((folder / kind).glob("*/*")) for kind in ("index", "text")):
            # Columns come before them, in those versions that have any.
            return
        time.sleep(0.05)
    print("not every kind of derived file is there")


def contents(path: str) -> dict[str, Any]:
    """Return all there is in a directory, as JSON has it."""
    found: dict[str, Any] = {}
    with chromadb.PersistentClient(path) as client:
        for tenant, database in (("default_tenant", "default_database"), ("acme", "archive")):
            client.set_tenant(tenant, database)
            for collection in client.list_collections():
                name = str(collection)
                opened = client.get_collection(name, embedding_function=None)
                got = opened.get(include=["documents", "metadatas", "uris", "embeddings"])
                found[f"{tenant}/{database}/{name}"] = {
                    "id": str(opened.id),
                    "metadata": opened.metadata,
                    "ids": got["ids"],
                    "documents": got["documents"],
                    "metadatas": got["metadatas"],
                    "uris": got["uris"],
                    "embeddings": [[float(number) for number in vector] for vector in got["embeddings"]],
                }
    return found


def format_of(directory: Path) -> str:
    """Return the versions of the files of a directory, as the name of its fixture."""
    names = []
    for name, file in (("catalog", directory / "catalog.sqlite3"), ("records", next(directory.glob("*/*/rec*3")))):
        sql = sqlite3.connect(file)
        names.append(f"{name}-{sql.execute('PRAGMA user_version').fetchone()[0]}")
        sql.close()
    return "-".join(names)


def main(target: Path) -> None:
    """Write the fixture into a folder."""
    for name, value in SMALL.items():
        module, _, constant = name.rpartition(".")
        for known_as in (module, module.removeprefix("derived.")):
            with suppress(ImportError):
                setattr(importlib.import_module(f"chromadb._storage.local.{known_as}"), constant, value)
    folder = Path(tempfile.mkdtemp())
    directory = folder / "data"
    try:
        with chromadb.PersistentClient(str(directory)) as client:
            with chromadb.AdminClient(client.get_settings()) as admin:
                admin.create_tenant("acme")
                admin.create_database("archive", tenant="acme")
            fill(client)
            client.set_tenant("acme", "archive")
            client.create_collection("notes").add(ids=["only"], embeddings=[[1.0, 2.0]], metadatas=[{"x": 1}])
        expected = json.dumps(contents(str(directory)), ensure_ascii=False).encode()
        target.mkdir(parents=True, exist_ok=True)
        file = target / f"{format_of(directory)}.tar.gz"
        with tarfile.open(file, "w:gz") as archive:
            archive.add(directory, "data")
            entry = tarfile.TarInfo("expected.json")
            entry.size = len(expected)
            archive.addfile(entry, io.BytesIO(expected))
        print(file)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FORMATS)
