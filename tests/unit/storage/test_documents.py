"""Documents: the text index in use, beside what it does not know."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

import chromadb
from chromadb._storage.local.derived import builder
from chromadb._storage.local.derived.text import documents
from chromadb._storage.local.tables import records


@pytest.fixture
def collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A collection of 600 documents, with a text index over them."""
    monkeypatch.setattr(documents, "INDEX_FROM", 300)
    monkeypatch.setattr(builder, "QUIET", 0.0)
    with chromadb.PersistentClient(tmp_path / "db") as client:
        made = client.create_collection("abc", embedding_function=None)
        made.add(
            ids=[f"{i}" for i in range(600)],
            embeddings=[[float(i), 1.0] for i in range(600)],
            documents=[f"number {i} is {'even' if i % 2 == 0 else 'odd'}" for i in range(600)],
        )
        made.get(where_document={"$contains": "number"})
        deadline = time.monotonic() + 20
        while not list((tmp_path / "db").glob("collections/*/text/*/text-*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert list((tmp_path / "db").glob("collections/*/text/*/*")), "no text index was built"
        yield made


def found(collection: Any, **where_document: str) -> list[str]:
    filter = {f"${operator}": text for operator, text in where_document.items()}
    ids = collection.get(where_document=filter)["ids"]
    assert sorted(collection.query([0.0, 1.0], where_document=filter, n_results=1000)["ids"][0]) == sorted(ids)
    return list(ids)


def test_a_text_that_no_document_has_is_found_nowhere(collection: Any) -> None:
    assert found(collection, contains="zzzzzz qqqqq") == []
    assert found(collection, regex="zzzzzz.*qqqqq") == []
    assert len(found(collection, not_contains="zzzzzz qqqqq")) == 600
    assert collection.delete(where_document={"$contains": "zzzzzz qqqqq"}) == {"deleted": 0}


def test_candidates_are_verified(collection: Any) -> None:
    assert found(collection, contains="number 77 is") == ["77"]
    assert found(collection, contains="NUMBER 77 is") == []
    assert found(collection, regex=r"number 7\d is odd") == ["71", "73", "75", "77", "79"]


def test_what_was_written_since_the_index_is_found_and_what_is_gone_is_not(collection: Any) -> None:
    collection.update(ids=["77", "78"], embeddings=[[0.0, 0.0]] * 2, documents=["a needle", "number 77 is mine"])
    collection.delete(ids=["79"])
    collection.add(ids=["new"], embeddings=[[0.0, 0.0]], documents=["another needle in number 79 is odd"])
    assert found(collection, contains="needle") == ["77", "new"]
    assert found(collection, contains="number 77 is") == ["78"]
    assert found(collection, regex="number 79 is o.d") == ["new"]
    assert "77" not in found(collection, not_contains="needle")


def test_other_metadata_and_vectors_leave_the_text_index_as_new_as_it_was(
    collection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = [f"{i}" for i in range(600)]
    collection.update(ids=everything, embeddings=[[0.0, 0.0]] * 600, metadatas=[{"k": i % 2} for i in range(600)])
    looked_into: list[Any] = []
    genuine = records.labels_containing

    def looking(sql: Any, text: str, among: Any = None) -> Any:
        looked_into.append(among)
        return genuine(sql, text, among)

    monkeypatch.setattr(records, "labels_containing", looking)
    assert found(collection, contains="number 77 is") == ["77"]
    assert [len(among) for among in looked_into] == [1, 1]
    collection.update(ids=everything[:50], embeddings=[[0.0, 0.0]] * 50, documents=["other"] * 50)
    assert found(collection, contains="number 77 is") == ["77"]
    assert len(looked_into[-1]) == 51
