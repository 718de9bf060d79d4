"""Data sets for the benchmarks: seeded, kept on disk, with exact answers.

A data set is a folder: ``vectors.npy`` and ``queries.npy`` (float32), ``records.jsonl`` (a document and metadata per
line), and ``questions.json`` (what is asked, and the right answers). Record i has the id ``record_id(i)``.

Vectors are clustered, some 500 to a cluster, and most of their variance lies in few directions, as in the output of
embedding models. Metadata fields:

- ``source``: one of 100 strings.
- ``page``: uniform in 0..9999, so that a range of it allows any share of the records, spread over all of space.
- ``score``: a float in 0..1.
- ``region``: 0..9999 too, but neighbours in it are neighbours in space: a range of it is a set of clusters.

Run as a script it makes a data set and prints the folder.
"""

from __future__ import annotations

import json
import shutil
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from questions import STEPS, Fields, ask

SEED = 20
CACHE = Path(__file__).parent / ".cache"
SPREAD = 64
"""Directions in which the vectors vary most. With 64 a graph (M=16) needs ef=100 for a recall@10 of 0.99."""

VECTORS_PER_CLUSTER = 500
QUERIES = 500
DOCUMENT_LENGTH = 550
WORDS_PER_DOCUMENT = 100
VOCABULARY_SIZE = 30_000
BLOCK = 20_000
"""Records made at once, to bound the memory."""

Matrix = NDArray[np.float32]


def record_id(number: int) -> str:
    """Return the id of a record."""
    return f"record-{number:08d}"


class Dataset:
    """A data set on disk.

    Vectors are read from the file rather than mapped, so that they do not count as memory of a process that inserts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.questions: dict[str, Any] = json.loads((folder / "questions.json").read_text())
        self.queries: Matrix = np.load(folder / "queries.npy")
        self.records: int = self.questions["records"]
        self.dimensions: int = self.questions["dimensions"]
        self.space: str = self.questions["space"]

    def batches(self, size: int, stop: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield ids, embeddings, documents and metadatas of `size` records at a time, of the first `stop` records."""
        total = self.records if stop is None else min(stop, self.records)
        with (self.folder / "vectors.npy").open("rb") as vectors, (self.folder / "records.jsonl").open() as lines:
            np.lib.format.read_magic(vectors)
            np.lib.format.read_array_header_1_0(vectors)
            for start in range(0, total, size):
                count = min(size, total - start)
                records = [json.loads(next(lines)) for _ in range(count)]
                yield {
                    "ids": [record_id(number) for number in range(start, start + count)],
                    "embeddings": np.fromfile(vectors, np.float32, count * self.dimensions).reshape(count, -1),
                    "documents": [record["document"] for record in records],
                    "metadatas": [record["metadata"] for record in records],
                }


@dataclass(frozen=True)
class Clustered:
    """Clustered synthetic vectors with made-up documents.

    Args:
        records: how many.
        dimensions: of a vector.
        space: l2, ip or cosine; the lengths of the vectors vary more for ip.
    """

    records: int
    dimensions: int = 384
    space: str = "l2"

    @property
    def name(self) -> str:
        return f"clustered-{self.records}x{self.dimensions}-{self.space}"

    def make(self, cache: Path = CACHE) -> Path:
        """Return the folder, made if it is not there."""
        folder = cache / self.name
        if not folder.exists():
            rng = np.random.default_rng([SEED, self.records, self.dimensions])
            vectors, region = self._vectors(rng)
            held_out = rng.permutation(len(vectors))[:QUERIES]
            kept = np.setdiff1d(np.arange(len(vectors)), held_out)
            fields = random_fields(rng, rank(region[kept]))
            save(folder, vectors[kept], vectors[held_out], self.space, fields, _documents(rng, self.records))
        return folder

    def _vectors(self, rng: np.random.Generator) -> tuple[Matrix, NDArray[np.float64]]:
        """Return records and queries together, and a number for each that grows from cluster to cluster."""
        total = self.records + QUERIES
        clusters = max(2, self.records // VECTORS_PER_CLUSTER)
        spread = (1 / (1 + np.arange(self.dimensions) / SPREAD)).astype(np.float32)
        centres = rng.standard_normal((clusters, self.dimensions), dtype=np.float32) * spread
        centres = centres[np.argsort(centres[:, 0])]
        weights = rng.lognormal(0.0, 0.7, clusters)
        cluster = rng.choice(clusters, total, p=weights / weights.sum())
        rotation = np.linalg.qr(rng.standard_normal((self.dimensions, self.dimensions)))[0].astype(np.float32)
        vectors = np.empty((total, self.dimensions), dtype=np.float32)
        inside = np.empty(total)
        for start in range(0, total, BLOCK):
            part = slice(start, min(start + BLOCK, total))
            latent = rng.standard_normal((part.stop - start, self.dimensions), dtype=np.float32) * spread
            inside[part] = latent[:, 0]
            vectors[part] = (centres[cluster[part]] + latent) @ rotation
        vectors /= np.float32(np.sqrt(2 * (spread**2).sum()))
        if self.space == "ip":
            vectors *= rng.lognormal(0.0, 0.2, (total, 1)).astype(np.float32)
        order = np.empty(total)
        order[np.lexsort((inside, cluster))] = np.arange(total)
        return vectors, order


def rank(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the ranks of values, scaled to 0..STEPS-1."""
    ranks = np.empty(len(values), dtype=np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values)) * STEPS // len(values)
    return ranks


def random_fields(rng: np.random.Generator, region: NDArray[np.int64]) -> Fields:
    """Return columns of metadata: `region` as given, the others at random."""
    return {
        "source": np.array([f"source-{source}" for source in rng.integers(0, 100, len(region))]),
        "page": rng.integers(0, STEPS, len(region)),
        "score": rng.random(len(region)),
        "region": region,
    }


def save(folder: Path, vectors: Matrix, queries: Matrix, space: str, fields: Fields, documents: Iterable[str]) -> None:
    """Write a data set; the folder is there once it is complete."""
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    np.save(unfinished / "vectors.npy", vectors)
    np.save(unfinished / "queries.npy", queries)
    with (unfinished / "records.jsonl").open("w") as lines:
        rows = zip(*(column.tolist() for column in fields.values()), strict=True)
        for document, row in zip(documents, rows, strict=True):
            metadata = dict(zip(fields, row, strict=True))
            lines.write(json.dumps({"document": document, "metadata": metadata}) + "\n")
    with (unfinished / "records.jsonl").open() as lines:
        questions = ask(vectors, queries, space, fields, (json.loads(line)["document"] for line in lines))
    about = {"name": folder.name, "records": len(vectors), "dimensions": vectors.shape[1], "space": space}
    (unfinished / "questions.json").write_text(json.dumps({**about, **questions}))
    unfinished.rename(folder)


def _documents(rng: np.random.Generator, count: int) -> Iterator[str]:
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(rng.choice(letters, length)) for length in rng.integers(3, 11, VOCABULARY_SIZE)]
    # As in a text of natural language, few words are very frequent and most are rare.
    frequency = 1.0 / np.arange(10, 10 + len(words))
    cumulative = np.cumsum(frequency)
    for start in range(0, count, BLOCK):
        draws = rng.random((min(BLOCK, count - start), WORDS_PER_DOCUMENT)) * cumulative[-1]
        for row in np.searchsorted(cumulative, draws).tolist():
            yield " ".join([words[number] for number in row])[:DOCUMENT_LENGTH]


def main() -> None:
    parser = ArgumentParser(description="Make a data set of clustered vectors and print its folder.")
    parser.add_argument("--records", type=int, default=10_000, help="(default %(default)s)")
    parser.add_argument("--dimensions", type=int, default=384, help="(default %(default)s)")
    parser.add_argument("--space", choices=["l2", "ip", "cosine"], default="l2", help="(default %(default)s)")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where data sets are kept (default %(default)s)")
    arguments = parser.parse_args()
    print(Clustered(arguments.records, arguments.dimensions, arguments.space).make(arguments.cache))


if __name__ == "__main__":
    main()
