"""Every file that a collection has beside its record store, whatever its kind, damaged in every way.

The files are found by walking a collection in which everything was built, so that a new kind of file is tested too.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chromadb
from chromadb._model.operations import Selection
from chromadb._storage.local.derived import builder, columns, sealing
from chromadb._storage.local.derived.text import documents
from chromadb._storage.local.directory import LocalBackend

COUNT, DIMENSION = 400, 8
WORDS = ["amber", "birch", "cedar", "delta", "ember", "frost", "grove", "heath", "inlet", "jetty"]
EVERYTHING = Selection()
RECORD_STORE = re.compile(r"records\.sqlite3(-wal|-shm)?$")


@pytest.fixture(autouse=True, scope="module")
def small_files() -> Iterator[None]:
    """Build everything of few records; nothing but by request."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "SEAL_FROM", 200)
        patch.setattr(columns, "SEAL_FROM", 200)
        patch.setattr(documents, "INDEX_FROM", 200)
        patch.setattr(builder, "QUIET", 3600.0)
        yield


@dataclass(frozen=True)
class Made:
    """A directory with two collections alike, and what is found in the first."""

    path: Path
    folders: tuple[Path, Path]
    answers: Any

    def files(self) -> list[Path]:
        """Return the derived files of the first collection."""
        return sorted(
            file.relative_to(self.path)
            for file in self.folders[0].rglob("*")
            if file.is_file() and not RECORD_STORE.search(file.name)
        )


def fill(path: Path) -> None:
    with chromadb.PersistentClient(path) as client:
        for name in ("one", "two"):
            rows, chance = range(COUNT), np.random.default_rng(ord(name[0]))
            client.create_collection(name, embedding_function=None, metadata={"kind": name}).add(
                ids=[f"{row}" for row in rows],
                embeddings=chance.normal(size=(COUNT, DIMENSION)).astype(np.float32),
                documents=[f"{WORDS[row % 10]} {WORDS[row // 10 % 10]} {name} {row}" for row in rows],
                metadatas=[{"row": row, "word": WORDS[row % 7], "even": row % 2 == 0} for row in rows],
            )
    build(path)
    with chromadb.PersistentClient(path) as client:
        docs = client.get_collection("one", embedding_function=None)
        docs.update(ids=["3"], embeddings=[[0.5] * DIMENSION], documents=["later amber"], metadatas=[{"row": -3}])
        docs.delete(ids=["5", "6"])


def build(path: Path) -> None:
    """Build everything that is due in the first collections."""
    backend = LocalBackend(path)
    for info in backend.list_collections("default_tenant", "default_database", None, 0):
        with backend.open(info.address) as store:
            store.query(np.zeros((1, DIMENSION), dtype=np.float32), 1, EVERYTHING, ())
            while store.build(threading.Event()):  # type: ignore[attr-defined]
                pass
    backend.close()


def answers(path: Path) -> Any:
    """Ask everything that derived files are for; search exactly, so that every answer is certain."""
    with chromadb.PersistentClient(path) as client:
        one = client.get_collection("one", embedding_function=None)
        questions = np.random.default_rng(7).normal(size=(4, DIMENSION)).astype(np.float32)
        amber, few = {"$contains": "amber"}, {"row": {"$lt": 50}}
        found = one.query(query_embeddings=questions, n_results=10)
        assert all(len(ids) == 10 for ids in found["ids"])
        return [
            one.metadata,
            one.count(),
            one.get()["ids"],
            one.get(where=few)["ids"],
            one.get(where={"word": "cedar"})["documents"],
            one.get(where={"even": True})["ids"],
            one.get(where_document=amber)["ids"],
            one.get(where_document={"$regex": "birch (cedar|one)"})["ids"],
            one.query(query_embeddings=questions, n_results=COUNT)["ids"],
            one.query(query_embeddings=questions, n_results=5, where=few, where_document=amber)["ids"],
            one.query(query_embeddings=[[0.5] * DIMENSION], n_results=1)["ids"],
        ]


@pytest.fixture(scope="module")
def made(small_files: None, tmp_path_factory: pytest.TempPathFactory) -> Made:
    path = tmp_path_factory.mktemp("made") / "data"
    fill(path)
    backend = LocalBackend(path)
    infos = backend.list_collections("default_tenant", "default_database", None, 0)
    backend.close()
    folders = tuple(path / "collections" / str(info.id) for info in infos)
    assert len(folders) == 2
    return Made(path, folders, answers(path))  # type: ignore[arg-type]


def kinds(files: list[Path]) -> set[str]:
    """Return what files are called without the parts that are chance."""
    return {re.sub(r"[0-9a-f]{8,}", "*", str(file)) for file in files}


def walk(folder: Path, path: Path) -> list[Path]:
    return [file.relative_to(path) for file in folder.rglob("*") if file.is_file()]


def remove(file: Path, made: Made) -> None:
    file.unlink()


def empty(file: Path, made: Made) -> None:
    file.write_bytes(b"")


def cut(file: Path, made: Made) -> None:
    os.truncate(file, file.stat().st_size - 1)


def halve(file: Path, made: Made) -> None:
    os.truncate(file, file.stat().st_size // 2)


def flip(file: Path, made: Made, place: float) -> None:
    data = bytearray(file.read_bytes())
    data[min(len(data) - 1, int(len(data) * place))] ^= 1 << random.Random(place).randrange(8)
    file.write_bytes(data)


def flip_the_first_bytes(file: Path, made: Made) -> None:
    flip(file, made, 0.0)


def flip_the_header(file: Path, made: Made) -> None:
    flip(file, made, 20 / max(21, file.stat().st_size))


def flip_the_middle(file: Path, made: Made) -> None:
    flip(file, made, 0.5)


def flip_the_end(file: Path, made: Made) -> None:
    flip(file, made, 1.0)


def take_that_of_the_other_collection(file: Path, made: Made) -> None:
    """The other collection has a file of the same kind; names that are chance differ."""
    pattern = re.sub(r"[0-9a-f]{8,}", "*", str(file).partition("/collections/")[2].partition("/")[2])
    (other,) = (made.path / "collections" / made.folders[1].name).glob(pattern)
    shutil.copyfile(other, file)


def take_another_kind(file: Path, made: Made) -> None:
    others = [made.path / other for other in made.files() if other.name != file.name]
    shutil.copyfile(max(others, key=lambda other: other.stat().st_size), file)


def become_a_directory(file: Path, made: Made) -> None:
    file.unlink()
    file.mkdir()


def become_a_link_to_nowhere(file: Path, made: Made) -> None:
    file.unlink()
    file.symlink_to(file.parent / "nowhere")


def become_unreadable(file: Path, made: Made) -> None:
    """Root may read everything, but nobody follows a link to itself."""
    file.unlink()
    file.symlink_to(file)


DAMAGES = [
    remove,
    empty,
    cut,
    halve,
    flip_the_first_bytes,
    flip_the_header,
    flip_the_middle,
    flip_the_end,
    take_that_of_the_other_collection,
    take_another_kind,
    become_a_directory,
    become_a_link_to_nowhere,
    become_unreadable,
]


def test_a_collection_in_which_everything_was_built_has_every_kind_of_file(made: Made) -> None:
    below = {str(kind).partition("/collections/*")[2] for kind in kinds([Path("/") / file for file in made.files()])}
    names = {re.sub(r"^-[^/]*/", "", kind) for kind in below}
    assert names >= {
        "collection.json",
        "index/*/manifest",
        "index/*/graph.faiss",
        "index/*/cells.faiss",
        "index/*/labels.npy",
        "index/*/skipped.npy",
        "columns/*/manifest",
        "columns/*/labels.npy",
        "columns/*/0.column",
    }
    assert any(name.startswith("text/*/text-") for name in names)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_file_changes_no_answer_and_is_made_anew(
    made: Made, tmp_path: Path, damage: Callable[[Path, Made], None]
) -> None:
    for number, file in enumerate(made.files()):
        path = tmp_path / str(number)
        shutil.copytree(made.path, path)
        damage(path / file, made)
        assert answers(path) == made.answers, file
        build(path)
        assert answers(path) == made.answers, file
        folder = path / "collections" / made.folders[0].name
        there = walk(folder, path)
        assert kinds(there) >= kinds(made.files()), f"{file} was not made anew"
        for left in there:
            assert (path / left).stat().st_size, f"{left} is empty"
        with chromadb.PersistentClient(path) as client:
            assert client.check() == []
        shutil.rmtree(path)


@pytest.mark.parametrize("whole", ["index", "text", "columns"])
@pytest.mark.parametrize("with_what", ["nothing", "those of the other", "a file", "a link to itself"])
def test_whole_folders(made: Made, tmp_path: Path, whole: str, with_what: str) -> None:
    path = tmp_path / "data"
    shutil.copytree(made.path, path)
    one, two = (path / "collections" / folder.name / whole for folder in made.folders)
    shutil.rmtree(one)
    if with_what == "those of the other":
        two.rename(one)
    elif with_what == "a file":
        one.write_text("mine")
    elif with_what == "a link to itself":
        one.symlink_to(one)
    assert answers(path) == made.answers
    try:
        build(path)
    except chromadb.errors.ChromaError:
        assert with_what in ("a file", "a link to itself"), "nothing stands in the way"
    assert answers(path) == made.answers
    with chromadb.PersistentClient(path) as client:
        assert client.check() == []


def test_all_derived_files_at_once(made: Made, tmp_path: Path) -> None:
    path = tmp_path / "data"
    shutil.copytree(made.path, path)
    chance = random.Random(11)
    for file in made.files():
        flip(path / file, made, chance.random())
    assert answers(path) == made.answers
    build(path)
    assert answers(path) == made.answers
    assert kinds(walk(path, path)) >= kinds(made.files())
