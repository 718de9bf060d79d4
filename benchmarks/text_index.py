"""Measure the text index against SQLite's FTS5 and against a scan, each in a process of its own.

    python benchmarks/text_index.py [--documents 100000] [--corpus natural zipf topics]

Corpora, seeded, 550 characters a document: `natural`, 20,000 words of syllables; `zipf`, 50,000 words of random
letters, the n-th with a frequency of 1/n; `topics`, pieces of Python's own documentation. `gil`: how much a thread that
counts gets done during the build, of what it gets done alone.
"""

from __future__ import annotations

import json
import random
import resource
import string
import subprocess
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import numpy as np

CHARACTERS = 550
TECHNIQUES = ("index", "fts5-none", "fts5-full", "scan")
REPETITIONS = 15


def words_at_random(vocabulary: list[str], weights: Any, count: int, seed: int) -> Iterator[str]:
    """Yield documents of words drawn with these weights."""
    generator = np.random.default_rng(seed)
    chances = weights / weights.sum()
    length = float(np.dot([len(word) + 1 for word in vocabulary], chances))
    for start in range(0, count, 1000):
        shape = min(1000, count - start), int(CHARACTERS / length) + 20
        for row in generator.choice(len(vocabulary), size=shape, p=chances):
            yield " ".join([vocabulary[word] for word in row])[:CHARACTERS]


def natural(count: int) -> Iterator[str]:
    chance = random.Random(7)
    consonants, vowels = [*"bcdfghlmnprstv", "st", "tr", "ch"], [*"aeiou", "ai", "ea", "er", "on", "in"]
    syllables = [consonant + vowel for consonant in consonants for vowel in vowels]
    vocabulary = ["".join(chance.choices(syllables, k=chance.choice([1, 2, 2, 3, 3, 4]))) for _ in range(20_000)]
    return words_at_random(vocabulary, (np.arange(20_000) + 20.0) ** -0.8, count, 7)


def zipf(count: int) -> Iterator[str]:
    chance = random.Random(8)
    vocabulary = ["".join(chance.choices(string.ascii_lowercase, k=chance.randint(2, 10))) for _ in range(50_000)]
    return words_at_random(vocabulary, 1 / (np.arange(50_000) + 1.0), count, 8)


def topics(count: int) -> Iterator[str]:
    import pydoc_data.topics

    text = "\n".join(pydoc_data.topics.topics.values())
    chance = random.Random(9)
    for _ in range(count):
        start = chance.randrange(len(text) - CHARACTERS)
        yield text[start : start + CHARACTERS]


CORPORA = {"natural": natural, "zipf": zipf, "topics": topics}


def texts_to_find(documents: list[str]) -> dict[str, str]:
    """Choose a rare and a common word, a long phrase and so on by their frequency in these documents."""
    sample = [set(document.split()) for document in documents[:2000]]
    frequency: dict[str, int] = {}
    for words in sample:
        for word in words:
            if word.isalpha() and len(word) >= 4:
                frequency[word] = frequency.get(word, 0) + 1
    order = sorted(frequency, key=lambda word: (frequency[word], word))
    rare = min(order[: len(order) // 2], key=lambda word: (-len(word), word))
    return {
        "rare word": rare,
        "common word": order[-1],
        "absent": "qzxjvkq",
        "phrase of 200": documents[len(documents) // 2][100:300],
        "3 characters": rare[:3],
        "in all": " ",
    }


# --- techniques -----------------------------------------------------------------------------------

Search = Callable[[str], Any]


def use_index(folder: Path, documents: list[str]) -> tuple[float, float, Search]:
    from chromadb._model.where import MatchDocument
    from chromadb._storage.local.derived.text.index import TextIndex

    start = time.perf_counter()
    TextIndex.build(folder, 1, len(documents), enumerate(documents), lambda: False)
    built = time.perf_counter()
    index = TextIndex.open(folder)
    assert index is not None
    opened = time.perf_counter()
    return built - start, opened - built, lambda text: index.candidates(MatchDocument("$contains", text))


def use_fts5(folder: Path, documents: list[str], detail: str) -> tuple[float, float, Search]:
    path = str(folder / "fts5.sqlite3")
    sql = apsw.Connection(path)
    sql.execute("PRAGMA page_size=16384; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF")
    sql.execute(
        "CREATE VIRTUAL TABLE texts USING fts5(text, content='', columnsize=0, "
        f"tokenize='trigram case_sensitive 1', detail={detail})"
    )
    start = time.perf_counter()
    with sql:
        sql.executemany("INSERT INTO texts(rowid, text) VALUES (?, ?)", enumerate(documents, 1))
    sql.execute("INSERT INTO texts(texts) VALUES ('optimize')")
    built = time.perf_counter()
    sql.close()
    connection = apsw.Connection(path)
    connection.execute("SELECT count(*) FROM sqlite_schema").get  # noqa: B018
    opened = time.perf_counter()

    def search(text: str) -> Any:
        if len(text) < 3:
            return None
        parts = [text] if detail == "full" else [text[at : at + 3] for at in range(len(text) - 2)]
        query = " AND ".join('"' + part.replace('"', '""') + '"' for part in parts)
        return connection.execute("SELECT rowid FROM texts WHERE texts MATCH ?", (query,)).fetchall()

    return built - start, opened - built, search


def use_scan(folder: Path, documents: list[str]) -> tuple[float, float, Search]:
    sql = apsw.Connection(str(folder / "records.sqlite3"))
    sql.execute("PRAGMA page_size=16384; CREATE TABLE records (label INTEGER PRIMARY KEY, document TEXT)")
    with sql:
        sql.executemany("INSERT INTO records VALUES (?, ?)", enumerate(documents))
    statement = "SELECT label FROM records WHERE instr(document, ?) > 0"
    return 0.0, 0.0, lambda text: sql.execute(statement, (text,)).fetchall()


def use(technique: str, folder: Path, documents: list[str]) -> tuple[float, float, Search]:
    if technique == "index":
        return use_index(folder, documents)
    if technique == "scan":
        return use_scan(folder, documents)
    return use_fts5(folder, documents, technique.removeprefix("fts5-"))


# --- measuring ------------------------------------------------------------------------------------


class Counter:
    """A thread that counts: what it gets done tells who else holds the interpreter."""

    def __enter__(self) -> Counter:
        self.count, self._going, self._start = 0, True, time.perf_counter()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._going = False
        self.rate = self.count / (time.perf_counter() - self._start)
        self._thread.join()

    def _run(self) -> None:
        while self._going:
            self.count += 1


def measure(technique: str, corpus: str, count: int) -> dict[str, Any]:
    documents = list(CORPORA[corpus](count))
    texts = texts_to_find(documents)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with tempfile.TemporaryDirectory() as folder:
        build, opening, search = use(technique, Path(folder), documents)
        row: dict[str, Any] = {
            "build s": round(build, 2),
            "size MB": round(sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e6, 1),
            "memory +MB": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3),
            "open ms": round(opening * 1e3, 2),
        }
        for name, text in texts.items():
            times = []
            for _ in range(REPETITIONS):
                start = time.perf_counter()
                found = search(text)
                times.append(time.perf_counter() - start)
            number = "scan" if found is None else f"{len(found):,}"
            row[name] = f"{np.median(times) * 1e3:.2f} ms ({number})"
    if technique != "scan":
        with Counter() as alone:
            time.sleep(0.5)
        with tempfile.TemporaryDirectory() as folder, Counter() as beside:
            use(technique, Path(folder), documents[: count // 4])
        row["gil"] = f"{beside.rate / alone.rate:.0%}"
    return row


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--corpus", nargs="+", choices=CORPORA, default=list(CORPORA))
    parser.add_argument("--technique", nargs="+", choices=TECHNIQUES, default=list(TECHNIQUES))
    parser.add_argument("--worker", action="store_true", help="measure the first of each here, and print JSON")
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(measure(arguments.technique[0], arguments.corpus[0], arguments.documents)))
        return
    for corpus in arguments.corpus:
        print(f"\n{corpus}, {arguments.documents:,} documents; candidates in parentheses\n")
        for place, technique in enumerate(arguments.technique):
            options = ["--documents", str(arguments.documents), "--corpus", corpus, "--technique", technique]
            output = subprocess.run(
                [sys.executable, __file__, "--worker", *options],
                check=True,
                stdout=subprocess.PIPE,
            ).stdout
            row = {"technique": technique, **json.loads(output)}
            if place == 0:
                print("| " + " | ".join(row) + " |\n" + "| --- " * len(row) + "|")
            print("| " + " | ".join(map(str, row.values())) + " |", flush=True)


if __name__ == "__main__":
    main()
