"""Ask the Python language reference.

    python examples/quickstart.py                     index it (the first time) and ask a few questions
    python examples/quickstart.py "Your question?"    ask something else

The text comes with every Python: ``pydoc_data.topics``, what ``help()`` shows. It is cut into passages and kept, with
vectors from the default embedding model, in ``./quickstart-data``.
"""

from __future__ import annotations

import re
import sys
import textwrap
import time
from collections.abc import Iterator
from pydoc_data.topics import topics
from typing import Any

import chromadb
from chromadb.errors import ChromaError

DIRECTORY = "quickstart-data"
PASSAGE = 900
"""Characters in a passage, about: what the model reads at once."""

RULES = re.compile(r"^[*=~^\"-]{3,}$", re.MULTILINE)
"""Lines that underline headings."""


def passages() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield id, text and metadata of each passage of the reference."""
    for topic, text in sorted(topics.items()):
        title = text.strip().splitlines()[0]
        number, passage = 0, ""
        for paragraph in [*re.split(r"\n\s*\n", text), ""]:
            if passage and (not paragraph or len(passage) + len(paragraph) > PASSAGE):
                metadata = {"topic": topic, "title": title, "number": number, "code": ">>>" in passage}
                yield f"{topic}-{number}", passage.strip(), metadata
                number, passage = number + 1, ""
            passage += paragraph + "\n\n"


def fill(collection: chromadb.Collection) -> None:
    """Index every passage."""
    ids, documents, metadatas = zip(*passages(), strict=True)
    print(f"Indexing {len(ids):,} passages of the Python language reference. The first time this fetches the model.")
    started = time.perf_counter()
    collection.upsert(ids=list(ids), documents=list(documents), metadatas=list(metadatas))
    seconds = time.perf_counter() - started
    print(f"Done in {seconds:.0f} s, {len(ids) / seconds:.0f} passages a second.")


def ask(collection: chromadb.Collection, question: str, **filters: Any) -> None:
    """Print the three best passages."""
    started = time.perf_counter()
    result = collection.query(query_texts=[question], n_results=3, **filters)
    milliseconds = (time.perf_counter() - started) * 1000
    filtered = "".join(f"  {name}={value}" for name, value in filters.items())
    print(f"\n? {question}{filtered}   ({milliseconds:.0f} ms)")
    documents, metadatas, distances = result["documents"], result["metadatas"], result["distances"]
    assert documents is not None
    assert metadatas is not None
    assert distances is not None
    for document, metadata, distance in zip(documents[0], metadatas[0], distances[0], strict=True):
        excerpt = textwrap.shorten(RULES.sub("", document or ""), 220, placeholder=" ...")
        print(f"  {distance:.2f}  {(metadata or {})['topic']}")
        print(textwrap.indent(textwrap.fill(excerpt, 92), "        "))


def main() -> None:
    started = time.perf_counter()
    with chromadb.PersistentClient(DIRECTORY) as client:
        collection = client.get_or_create_collection("python", metadata={"hnsw:space": "cosine"})
        count = collection.count()
        if count:
            milliseconds = (time.perf_counter() - started) * 1000
            print(f"Found {count:,} passages in ./{DIRECTORY}, opened in {milliseconds:.0f} ms.")
        else:
            fill(collection)
        questions = sys.argv[1:]
        for question in questions:
            ask(collection, question)
        if not questions:
            ask(collection, "How do I run some code whether or not an error was raised?")
            ask(collection, "What happens when two names refer to the same list?")
            ask(collection, "How do I compare objects?", where={"topic": {"$in": ["SPECIALMETHODS", "comparisons"]}})
            ask(collection, "Give me an example with numbers", where={"code": True})
            ask(collection, "closing a file", where_document={"$contains": "context manager"})


if __name__ == "__main__":
    # Also in a pipe every line is to be seen at once: what follows it may take a while.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        main()
    except ChromaError as error:
        sys.exit(str(error))
