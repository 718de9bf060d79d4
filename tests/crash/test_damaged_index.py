"""Damage to what is derived from the records: results stay right, nothing crashes, and the index is made anew."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import xxhash
from numpy.typing import NDArray

from chromadb._model.entities import Address, CollectionInfo
from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._storage.local.derived import builder, late, sealing, segments
from chromadb._storage.local.derived.sealed import MANIFEST
from chromadb._storage.local.derived.segments import FILES as DATA_FILES
from chromadb._storage.local.directory import LocalBackend

Vectors = NDArray[np.float32]

EVERYTHING = Selection()
FILES = (MANIFEST, *DATA_FILES)
COUNT, UPDATED, DELETED = 600, 12, 20
FLIPS = 200


# --- a directory with three sealed collections ----------------------------------------------------


@dataclass(frozen=True)
class Known:
    """A collection, and what must be found in it."""

    address: Address
    ids: list[str]
    vectors: Vectors

    def index(self, directory: Path) -> Path:
        return directory / "collections" / str(self.address.collection) / "index"


def make(directory: Path) -> dict[str, Known]:
    """Make three collections; records were changed after all were sealed."""
    backend = LocalBackend(directory)
    known = {}
    for name, dimension in (("one", 8), ("two", 8), ("three", 12)):
        info = CollectionInfo(uuid4(), name, "default_tenant", "default_database")
        address = backend.create_collection(info, get_or_create=False).address
        vectors = np.random.default_rng([len(name), dimension, ord(name[1])]).normal(size=(COUNT + UPDATED, dimension))
        vectors = vectors.astype(np.float32)
        with backend.open(address) as store:
            write(store, "add", range(COUNT), vectors[:COUNT])
            store.build(threading.Event())  # type: ignore[attr-defined]
            for number in range(UPDATED):
                vectors[number] = vectors[COUNT + number]
                write(store, "update", [number], vectors[number : number + 1])
            store.delete(Selection([str(number) for number in range(COUNT - DELETED, COUNT)]))
        known[name] = Known(address, [str(number) for number in range(COUNT - DELETED)], vectors[: COUNT - DELETED])
    backend.close()
    return known


def write(store: Any, mode: str, ids: Any, vectors: Vectors) -> None:
    store.write(mode, Records(ids=[str(id) for id in ids], vectors=vectors, vector_rows=range(len(vectors))))


def results_are_right(backend: LocalBackend, known: Known) -> None:
    """Assert what holds with and without an index."""
    rng = np.random.default_rng(0)
    width = known.vectors.shape[1]
    queries = np.concatenate([known.vectors[: UPDATED + 3], rng.normal(size=(5, width)).astype(np.float32)])
    squared = ((known.vectors[np.newaxis].astype(np.float64) - queries[:, np.newaxis]) ** 2).sum(axis=2)
    nearest = np.sort(squared, axis=1)
    with backend.open(known.address) as store:
        answers = store.query(queries, 10, EVERYTHING, ("distances",))
        exact = store.query(queries, 10, EVERYTHING, ("distances",), exact=True)
        every = store.query(queries[:1], 2 * COUNT, EVERYTHING, ())[0].ids
        assert store.get(EVERYTHING, None, 0, ()).ids == known.ids
        assert store.check() == []
    assert sorted(every) == sorted(known.ids)
    hits = 0
    for row, (found, best) in enumerate(zip(answers, exact, strict=True)):
        np.testing.assert_allclose(best.distances, nearest[row, :10], rtol=1e-6, atol=1e-12)
        assert len(set(found.ids)) == 10
        np.testing.assert_allclose(found.distances, squared[row, np.array(found.ids, dtype=int)], rtol=1e-6, atol=1e-12)
        hits += int(np.sum(squared[row, np.array(found.ids, dtype=int)] <= nearest[row, 9]))
        if row < UPDATED + 3:
            assert found.ids[0] == str(row)
    assert hits >= 0.98 * 10 * len(queries)


@pytest.fixture(autouse=True, scope="module")
def small_segments() -> Iterator[None]:
    """Seal from 200 records on; nothing is built but by request."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "SEAL_FROM", 200)
        patch.setattr(builder, "QUIET", 3600.0)
        yield


@pytest.fixture
def in_background(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the builder begin at once."""
    monkeypatch.setattr(builder, "QUIET", 0.0)


@pytest.fixture(scope="module")
def made(small_segments: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Known]]:
    directory = tmp_path_factory.mktemp("made") / "data"
    return directory, make(directory)


@pytest.fixture
def known(made: tuple[Path, dict[str, Known]], directory: Path) -> dict[str, Known]:
    """What is known of the collections in a fresh copy of the directory."""
    shutil.copytree(made[0], directory)
    return made[1]


def segment_of(index: Path) -> Path:
    (segment,) = (entry for entry in index.iterdir() if not entry.name.startswith("."))
    return segment


def whole_segments(index: Path) -> list[str]:
    """Return the names of the segments whose files are all there and not empty."""
    names = [entry.name for entry in index.iterdir() if not entry.name.startswith(".")] if index.is_dir() else []
    return [
        name
        for name in names
        if all((index / name / file).is_file() and (index / name / file).stat().st_size for file in FILES)
    ]


def is_rebuilt(backend: LocalBackend, known: Known, directory: Path, damaged: str | None = None) -> None:
    """Wait until the collection is sealed again, and assert that searches use it."""
    deadline = time.monotonic() + 20
    while True:
        with backend.open(known.address) as store:
            store.query(known.vectors[:1], 1, EVERYTHING, ())
            status = store.indexing_status()
            used = [sealed.segment.name for sealed in store._snapshot.vectors.sealed]  # type: ignore[attr-defined]
        if not status.num_unindexed_ops and used and used != [damaged]:
            break
        assert time.monotonic() < deadline, status
        time.sleep(0.01)
    assert set(used) <= set(whole_segments(known.index(directory)))


# --- damaged files --------------------------------------------------------------------------------


def test_what_is_not_damaged_is_used(directory: Path, known: dict[str, Known]) -> None:
    backend = LocalBackend(directory)
    for each in known.values():
        results_are_right(backend, each)
        with backend.open(each.address) as store:
            assert len(store._snapshot.vectors.sealed) == 1  # type: ignore[attr-defined]
    backend.close()


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def truncate(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def extend(path: Path) -> None:
    path.write_bytes(path.read_bytes() + bytes(64))


def overwrite(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(path.stat().st_size))


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def replace_by_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize(
    "damage", [remove, empty, truncate, extend, overwrite, zero, replace_by_a_directory], ids=lambda each: each.__name__
)
def test_damaged_files(
    directory: Path, known: dict[str, Known], in_background: None, file: str, damage: Callable[[Path], None]
) -> None:
    segment = segment_of(known["one"].index(directory))
    damage(segment / file)
    backend = LocalBackend(directory)
    for each in known.values():
        results_are_right(backend, each)
    is_rebuilt(backend, known["one"], directory, segment.name)
    results_are_right(backend, known["one"])
    backend.close()
    backend = LocalBackend(directory)
    results_are_right(backend, known["one"])
    backend.close()


@pytest.mark.parametrize("damage", [remove, truncate, overwrite, zero], ids=lambda each: each.__name__)
def test_a_graph_that_is_found_damaged_while_its_cells_answer(
    directory: Path,
    known: dict[str, Known],
    monkeypatch: pytest.MonkeyPatch,
    in_background: None,
    damage: Callable[[Path], None],
) -> None:
    """As large ones are: they are verified after the segment was opened."""
    monkeypatch.setattr(segments, "LATE", 0)
    monkeypatch.setattr(late, "PAUSE", 0.3)
    segment = segment_of(known["one"].index(directory))
    backend = LocalBackend(directory)
    results_are_right(backend, known["one"])
    damage(segment / segments.GRAPH)
    results_are_right(backend, known["one"])
    is_rebuilt(backend, known["one"], directory, segment.name)
    results_are_right(backend, known["one"])
    backend.close()
    assert not segment.exists()


@pytest.mark.parametrize("file", FILES)
def test_a_damaged_segment_is_removed_once_there_is_another(
    directory: Path, known: dict[str, Known], in_background: None, file: str
) -> None:
    segment = segment_of(known["one"].index(directory))
    truncate(segment / file)
    backend = LocalBackend(directory)
    results_are_right(backend, known["one"])
    is_rebuilt(backend, known["one"], directory, segment.name)
    backend.close()
    assert not segment.exists()
    assert len(list(known["one"].index(directory).iterdir())) == 1


@pytest.mark.parametrize("file", FILES)
def test_flipped_bits(directory: Path, known: dict[str, Known], file: str) -> None:
    """In a process of its own, which a library in C may take down."""
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", __file__, str(directory), file],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"{FLIPS} flips\n"), done.stderr[-2000:]


def flip(directory: Path, file: str) -> None:
    """Flip one bit after the other in a file of a copy of `made`, and look at the results each time."""
    sealing.SEAL_FROM, builder.QUIET = 200, 3600.0
    backend = LocalBackend(directory)
    (info,) = (
        each for each in backend.list_collections("default_tenant", "default_database", None, 0) if each.name == "one"
    )
    with backend.open(info.address) as store:
        found = store.get(EVERYTHING, None, 0, ("embeddings",))
    known = Known(info.address, found.ids, np.asarray(found.vectors))
    backend.close()
    path = segment_of(known.index(directory)) / file
    whole, chance = path.read_bytes(), random.Random(2)
    for number in range(FLIPS):
        data = bytearray(whole)
        # The beginning, where formats keep what matters, gets its share.
        place = chance.randrange(min(len(data), 256) if number % 2 else len(data))
        data[place] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(data))
        backend = LocalBackend(directory)
        try:
            results_are_right(backend, known)
        except BaseException:
            print(f"flip {number}: byte {place} from {whole[place]:#x} to {data[place]:#x}", file=sys.stderr)
            raise
        backend.close()
    print(f"{FLIPS} flips")


CHANGES = [
    ("format", "99"),
    ("commit_no", "0"),
    ("commit_no", "5"),
    ("commit_no", "9"),
    ("commit_no", "99"),
    ("dimension", "7"),
    ("dimension", "12"),
]
LIES = [("commit_no", "5"), ("commit_no", "9")]
"""Nothing but a checksum can tell."""


@pytest.mark.parametrize(("key", "value"), CHANGES)
def test_a_manifest_that_is_not_true(
    directory: Path, known: dict[str, Known], in_background: None, key: str, value: str
) -> None:
    segment = segment_of(known["one"].index(directory))
    text, count = re.subn(rf'"{key}":\d+', f'"{key}":{value}', (segment / MANIFEST).read_text())
    assert count == 1
    (segment / MANIFEST).write_text(text)
    backend = LocalBackend(directory)
    results_are_right(backend, known["one"])
    is_rebuilt(backend, known["one"], directory, segment.name)
    results_are_right(backend, known["one"])
    backend.close()


@pytest.mark.parametrize(("key", "value"), [each for each in CHANGES if each not in LIES])
def test_a_manifest_that_is_whole_but_does_not_fit(
    directory: Path, known: dict[str, Known], monkeypatch: pytest.MonkeyPatch, key: str, value: str
) -> None:
    """As if written by a later version, or for another record store: nothing crashes, and nothing is lost."""
    segment = segment_of(known["one"].index(directory))
    _, _, text = (segment / MANIFEST).read_text().partition("\n")
    text, count = re.subn(rf'"{key}":\d+', f'"{key}":{value}', text)
    assert count == 1
    (segment / MANIFEST).write_text(f"{xxhash.xxh3_64_hexdigest(text.encode())}\n{text}")
    backend = LocalBackend(directory)
    results_are_right(backend, known["one"])
    monkeypatch.setattr(builder, "QUIET", 0.0)
    backend.close()
    backend = LocalBackend(directory)
    results_are_right(backend, known["one"])
    is_rebuilt(backend, known["one"], directory, None if key == "commit_no" else segment.name)
    results_are_right(backend, known["one"])
    backend.close()


# --- foreign things -------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["two", "three"])
def test_indexes_swapped_between_collections(
    directory: Path, known: dict[str, Known], in_background: None, other: str
) -> None:
    one, two = known["one"].index(directory), known[other].index(directory)
    one.rename(directory / "aside")
    two.rename(one)
    (directory / "aside").rename(two)
    foreign = segment_of(one).name
    backend = LocalBackend(directory)
    for name in ("one", other):
        results_are_right(backend, known[name])
    is_rebuilt(backend, known["one"], directory, foreign)
    for name in ("one", other):
        results_are_right(backend, known[name])
    backend.close()


@pytest.mark.parametrize("file", FILES)
def test_files_swapped_between_collections(
    directory: Path, known: dict[str, Known], in_background: None, file: str
) -> None:
    paths = [segment_of(known[name].index(directory)) / file for name in ("one", "two")]
    contents = [path.read_bytes() for path in paths]
    for path, data in zip(paths, reversed(contents), strict=True):
        path.write_bytes(data)
    backend = LocalBackend(directory)
    results_are_right(backend, known["one"])
    results_are_right(backend, known["two"])
    backend.close()


def test_records_restored_from_a_backup_beside_a_later_index(directory: Path, known: dict[str, Known]) -> None:
    """The commit numbers of both overlap, what was written differs."""
    each = known["one"]
    folder = each.index(directory).parent
    shutil.copytree(folder, directory / "backup")
    backend = LocalBackend(directory)
    with backend.open(each.address) as store:
        write(store, "upsert", range(COUNT), -10 * np.ones((COUNT, 8), dtype=np.float32))
        store.build(threading.Event())  # type: ignore[attr-defined]
    backend.close()
    for file in folder.glob("records.sqlite3*"):
        file.unlink()
    for file in (directory / "backup").glob("records.sqlite3*"):
        shutil.copy(file, folder)
    shutil.rmtree(directory / "backup")
    backend = LocalBackend(directory)
    results_are_right(backend, each)
    backend.close()


def test_foreign_things_in_the_folder(directory: Path, known: dict[str, Known], in_background: None) -> None:
    index = known["one"].index(directory)
    (index / "notes.txt").write_text("mine")
    (index / "empty").mkdir()
    (index / "other").mkdir()
    (index / "other" / "file").write_text("mine")
    (index / "ü 😀").mkdir()
    (index / "link").symlink_to(index / "nowhere")
    shutil.copytree(segment_of(known["two"].index(directory)), index / "half")
    (index / "half" / "graph.faiss").unlink()
    backend = LocalBackend(directory)
    results_are_right(backend, known["one"])
    with backend.open(known["one"].address) as store:
        assert len(store._snapshot.vectors.sealed) == 1  # type: ignore[attr-defined]
    backend.close()


def test_unfinished_segments_are_not_used_and_go(directory: Path, known: dict[str, Known], in_background: None) -> None:
    index = known["one"].index(directory)
    segment = segment_of(index)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    shutil.copytree(segment, index / f".{ended.pid}-{uuid4().hex}")
    (index / f".{ended.pid}-{uuid4().hex}").mkdir()
    (index / f".{ended.pid}-{segment.name}").mkdir()
    (index / f".{ended.pid}-{segment.name}" / "graph.faiss").write_bytes(b"half")
    of_another = index / f".{os.getppid()}-{uuid4().hex}"
    of_another.mkdir()
    backend = LocalBackend(directory)
    results_are_right(backend, known["one"])
    with backend.open(known["one"].address) as store:
        (used,) = store._snapshot.vectors.sealed  # type: ignore[attr-defined]
        assert used.segment.name == segment.name
        write(store, "add", range(1000, 1300), np.ones((300, 8), dtype=np.float32))
    is_rebuilt(backend, known["one"], directory, segment.name)
    backend.close()
    assert [entry for entry in index.iterdir() if entry.name.startswith(".")] == [of_another]


def test_a_file_where_the_folder_should_be(directory: Path, known: dict[str, Known], in_background: None) -> None:
    index = known["one"].index(directory)
    shutil.rmtree(index)
    index.write_text("mine")
    backend = LocalBackend(directory)
    results_are_right(backend, known["one"])
    with backend.open(known["one"].address) as store:
        write(store, "upsert", [0], known["one"].vectors[:1])
    results_are_right(backend, known["one"])
    backend.close()
    assert index.read_text() == "mine"


# --- what goes away -------------------------------------------------------------------------------


def test_the_folder_deleted_between_two_processes(
    directory: Path, known: dict[str, Known], in_background: None
) -> None:
    for each in known.values():
        shutil.rmtree(each.index(directory))
    backend = LocalBackend(directory)
    for each in known.values():
        results_are_right(backend, each)
        is_rebuilt(backend, each, directory)
        results_are_right(backend, each)
    backend.close()


@pytest.mark.parametrize("what", ["the folder", "a segment", "a file"])
def test_deleted_while_a_client_is_open(
    directory: Path, known: dict[str, Known], in_background: None, what: str
) -> None:
    each = known["one"]
    index = each.index(directory)
    backend = LocalBackend(directory)
    results_are_right(backend, each)
    segment = segment_of(index)
    gone = {"the folder": index, "a segment": segment, "a file": segment / "graph.faiss"}[what]
    if gone.is_dir():
        shutil.rmtree(gone)
    else:
        gone.unlink()
    results_are_right(backend, each)
    if what != "a file":
        is_rebuilt(backend, each, directory, segment.name)
    with backend.open(each.address) as store:
        write(store, "upsert", [0], each.vectors[:1])
    results_are_right(backend, each)
    backend.close()
    backend = LocalBackend(directory)
    results_are_right(backend, each)
    is_rebuilt(backend, each, directory)
    backend.close()


if __name__ == "__main__":
    flip(Path(sys.argv[1]), sys.argv[2])
