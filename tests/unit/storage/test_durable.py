"""Files and folders that are there as a whole, or whose writing fails."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from chromadb._index.cells import Cells
from chromadb._index.graph import Graph
from chromadb._index.segment import Recipe, Segment
from chromadb._storage.local import folders
from chromadb._storage.local.derived.segments import SegmentFolder
from chromadb._storage.local.directory import LocalBackend
from chromadb._storage.local.platform import durable
from chromadb.errors import StorageError


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Let writes beyond so many bytes fail, as on a disk that is full."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def segment(count: int = 600) -> Segment:
    vectors = np.random.default_rng(5).standard_normal((count, 8), dtype=np.float32)
    labels = np.arange(count, dtype=np.int64)
    built = Segment.build("name", 1, Recipe("l2", 16, 50, "auto"), labels, lambda of: (of, vectors[of]), lambda: False)
    assert built is not None
    return built


limited = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of the size of files")


@limited
@pytest.mark.parametrize("short", [1, 10, 4000, 20_000])
def test_an_array_that_does_not_fit_is_an_error(tmp_path: Path, short: int) -> None:
    array, path = np.arange(3000), tmp_path / "array.npy"
    durable.save_array(path, array)
    assert np.array_equal(np.load(path), array)
    size = path.stat().st_size
    with no_file_longer_than(size - short), pytest.raises(OSError, match="too large"):
        durable.save_array(path, array)


@pytest.mark.parametrize("array", [np.empty(0, dtype=np.int64), np.arange(6, dtype=np.uint8)[::2], np.array([True])])
def test_arrays_are_written_as_numpy_writes_them(tmp_path: Path, array: np.ndarray) -> None:  # type: ignore[type-arg]
    np.save(tmp_path / "theirs.npy", array)
    durable.save_array(tmp_path / "ours.npy", array)
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "theirs.npy").read_bytes()


@limited
@pytest.mark.parametrize("short", [1, 100, 5000])
def test_an_index_that_does_not_fit_is_an_error(tmp_path: Path, short: int) -> None:
    built, path = segment(), tmp_path / "index"
    for part, kind in ((built.graph, Graph), (built.cells, Cells)):
        part.save(str(path))
        assert len(kind.open(str(path), "l2")) == 600
        size = path.stat().st_size
        with no_file_longer_than(size - short), pytest.raises(OSError, match="too large"):
            part.save(str(path))


@limited
def test_a_segment_of_which_a_file_does_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    built = segment()
    built.graph.save(str(tmp_path / "graph"))
    size = (tmp_path / "graph").stat().st_size
    folder = SegmentFolder(tmp_path / "index")
    with no_file_longer_than(size - 1), pytest.raises(StorageError):
        folder.add(built, "lineage")
    assert os.listdir(tmp_path / "index") == []
    folder.add(built, "lineage")
    assert os.listdir(tmp_path / "index") == ["name"]


def test_the_names_of_new_folders_are_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(durable, "sync", synced.append)
    durable.make_folder(tmp_path / "a" / "b" / "c")
    assert synced == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
    durable.make_folder(tmp_path / "a" / "b" / "c")
    assert len(synced) == 3
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"exists|Not a directory"):
        durable.make_folder(tmp_path / "file" / "a")


def test_it_is_forgotten_only_for_good_that_a_collection_was_deleted(
    tmp_path: Path, create: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If its folder came back after a loss of power, nobody would know any more that it was deleted."""
    backend = LocalBackend(tmp_path / "data")
    with backend.open(create(backend)) as store:  # type: ignore[operator]
        assert store.count() == 0
    backend.delete_collection("default_tenant", "default_database", "docs")
    steps: list[str] = []
    monkeypatch.setattr(folders, "sync", lambda path: steps.append(path.name))
    note = backend.note_removed
    monkeypatch.setattr(backend, "note_removed", lambda ids: (steps.append("forget"), note(ids)))
    backend.vacuum()
    assert steps == ["collections", "forget"]
    backend.close()
