"""A data set of real text: what Python's own documentation says, embedded with the default model.

Passages come from the language reference that `help()` reads and from the docstrings of the standard library, which
every machine with Python has. They differ a little between versions of Python, so compare only runs on one machine.
"""

from __future__ import annotations

import ast
import sysconfig
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data import CACHE, DOCUMENT_LENGTH, QUERIES, SEED, Matrix, random_fields, rank, save

PASSAGES = 20_000
SHORTEST = 40
"""Characters of the shortest passage that is taken: what is shorter says nothing."""


def make_corpus(cache: Path = CACHE, limit: int = PASSAGES) -> Path:
    """Return the folder of the data set ``text``, of at most `limit` records, made if it is not there."""
    texts = passages()
    order = np.random.default_rng(SEED).permutation(len(texts))[: limit + QUERIES]
    folder = cache / f"text-{len(order) - QUERIES}x384-l2"
    if not folder.exists():
        chosen = [texts[number] for number in order.tolist()]
        print(f"embedding {len(chosen)} passages", flush=True)
        vectors = _embed(chosen)
        kept = vectors[QUERIES:]
        # Along the direction in which the vectors vary most, neighbours are of one kind.
        centred = kept - kept.mean(axis=0)
        direction = np.linalg.eigh(centred.T @ centred)[1][:, -1]
        fields = random_fields(np.random.default_rng(SEED), rank((centred @ direction).astype(np.float64)))
        save(folder, kept, vectors[:QUERIES], "l2", fields, iter(chosen[QUERIES:]))
    return folder


def passages() -> list[str]:
    """Return the passages, each once."""
    found: dict[str, None] = {}
    for text in _texts():
        for passage in _split(text):
            if len(passage) >= SHORTEST:
                found[passage] = None
    return list(found)


def _texts() -> Iterator[str]:
    from pydoc_data.topics import topics

    yield from topics.values()
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.rglob("*.py")):
        if "site-packages" in path.parts:
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):  # some files of the tests are broken on purpose
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield ast.get_docstring(node) or ""


def _split(text: str) -> Iterator[str]:
    """Yield paragraphs, joined up to `DOCUMENT_LENGTH` characters."""
    passage = ""
    for paragraph in text.split("\n\n"):
        words = " ".join(paragraph.split())
        if passage and len(passage) + 1 + len(words) > DOCUMENT_LENGTH:
            yield passage
            passage = ""
        passage = f"{passage} {words}".strip()[:DOCUMENT_LENGTH]
    yield passage


def _embed(texts: list[str]) -> Matrix:
    from chromadb.utils.embedding_functions import DefaultEmbeddingFunction

    function = DefaultEmbeddingFunction()
    parts = [function(texts[start : start + 500]) for start in range(0, len(texts), 500)]
    return np.concatenate([np.asarray(part, dtype=np.float32) for part in parts])


def main() -> None:
    parser = ArgumentParser(description="Make the data set of real text and print its folder.")
    parser.add_argument("--limit", type=int, default=PASSAGES, help="records at most (default %(default)s)")
    parser.add_argument("--cache", type=Path, default=CACHE, help="where data sets are kept (default %(default)s)")
    arguments = parser.parse_args()
    print(make_corpus(arguments.cache, arguments.limit))


if __name__ == "__main__":
    main()
