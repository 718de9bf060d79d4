"""What the benchmarks ask of a data set, with the exact answers.

Scores come from float32 matrix products over all vectors; the nearest of them, and some more, are compared again in
float64, so an answer is wrong only where two vectors are equally near in float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEPS = 10_000
"""Values of the fields `page` and `region`, each as frequent as the others."""

SHARES = (0.0001, 0.001, 0.01, 0.1, 0.5, 1.0)
"""Shares of the records that filters allow."""

NEAREST = 10
FILTERED_QUERIES = 100
RARE_WORDS = 20
UPDATED = (2000, 3000)
DELETED = (5000, 6000)
"""Pages whose records are updated and deleted in the course of the workload: 10 % each."""

SLACK = 40
ROWS = 65_536
COLUMNS = 25

Matrix = NDArray[np.float32]
Mask = NDArray[np.bool_]
Fields = dict[str, NDArray[Any]]
Question = dict[str, Any]


def ask(vectors: Matrix, queries: Matrix, space: str, fields: Fields, documents: Iterable[str]) -> dict[str, Any]:
    """Return the questions of the workload.

    Returns:
        ``unfiltered`` and ``churned``: for each query the numbers of the nearest records, before and after deleting.
        ``filters``: for each kind (random, correlated) and share one question per query: field, low, high, nearest.
        ``contains``: for each rare word: word, nearest. ``updated``, ``deleted``: ranges of pages.
    """
    filters = [
        {"kind": kind, "share": share, "questions": list(_ranges(kind, share, queries, vectors, fields))}
        for kind, shares in (("random", SHARES), ("correlated", SHARES[:-1]))
        for share in shares
    ]
    contains, holders = _rare_words(documents, len(queries))
    left = ~_inside(fields["page"], *DELETED)
    unfiltered: list[Question] = [{} for _ in queries]
    churned: list[Question] = [{} for _ in queries]

    def asked(number: int) -> Iterator[tuple[Question, Mask | None]]:
        yield unfiltered[number], None
        yield churned[number], left
        for each in filters:
            if number < len(each["questions"]):
                question = each["questions"][number]
                yield question, _inside(fields[question["field"]], question["low"], question["high"])
        if number < len(contains):
            mask = np.zeros(len(vectors), dtype=np.bool_)
            mask[holders[number]] = True
            yield contains[number], mask

    for number, scores in enumerate(_scores(space, vectors, queries)):
        for question, mask in asked(number):
            question["nearest"] = _nearest(space, vectors, queries[number], scores, mask)
    return {
        "unfiltered": [question["nearest"] for question in unfiltered],
        "churned": [question["nearest"] for question in churned],
        "filters": filters,
        "contains": contains,
        "updated": UPDATED,
        "deleted": DELETED,
    }


def distances(space: str, query: Matrix, vectors: Matrix) -> NDArray[np.float64]:
    """Return the distances from a query to vectors, in float64, as Chroma defines them."""
    one, many = query.astype(np.float64), vectors.astype(np.float64)
    if space == "l2":
        return ((many - one) ** 2).sum(axis=1)
    if space == "cosine":
        return 1 - many @ one / np.maximum(np.linalg.norm(many, axis=1) * np.linalg.norm(one), 1e-30)
    return 1 - many @ one


def _scores(space: str, vectors: Matrix, queries: Matrix) -> Iterator[Matrix]:
    """Yield for each query numbers that order the vectors as their distances do."""
    norms = np.concatenate([(vectors[start : start + ROWS] ** 2).sum(axis=1) for start in range(0, len(vectors), ROWS)])
    for start in range(0, len(queries), COLUMNS):
        part = queries[start : start + COLUMNS]
        scores = np.empty((len(part), len(vectors)), dtype=np.float32)
        for row in range(0, len(vectors), ROWS):
            scores[:, row : row + ROWS] = part @ vectors[row : row + ROWS].T
        if space == "l2":
            yield from norms - 2 * scores
        elif space == "cosine":
            yield from -scores / np.maximum(np.sqrt(norms), 1e-30)
        else:
            yield from -scores


def _nearest(space: str, vectors: Matrix, query: Matrix, scores: Matrix, mask: Mask | None) -> list[int]:
    numbers = np.arange(len(scores)) if mask is None else np.flatnonzero(mask)
    keep = NEAREST + SLACK
    if len(numbers) > keep:
        numbers = np.sort(numbers[np.argpartition(scores[numbers], keep)[:keep]])
    order = np.argsort(distances(space, query, vectors[numbers]), kind="stable")
    found: list[int] = numbers[order[:NEAREST]].tolist()
    return found


def _ranges(kind: str, share: float, queries: Matrix, vectors: Matrix, fields: Fields) -> Iterator[Question]:
    """Yield filters that allow `share` of the records: at random, or in another region than that of the query."""
    rng = np.random.default_rng([int(share * STEPS), kind == "random"])
    width = round(share * STEPS)
    for query in queries[:FILTERED_QUERIES]:
        if kind == "random":
            field, low = "page", int(rng.integers(0, STEPS - width + 1))
        else:
            sample = slice(0, 20_000)
            home = fields["region"][sample][np.argmin(((vectors[sample] - query) ** 2).sum(axis=1))]
            half = STEPS // 2 if home < STEPS // 2 else 0
            field, low = "region", half + int(rng.integers(0, STEPS // 2 - width + 1))
        yield {"field": field, "low": low, "high": low + width}


def _rare_words(documents: Iterable[str], queries: int) -> tuple[list[Question], list[list[int]]]:
    """Return words that stand in about one of 1000 documents, and the numbers of the documents that contain each."""
    texts = list(documents)
    counts: dict[str, int] = {}
    for text in texts[:50_000]:
        for word in set(text.split()[:-1]):
            counts[word] = counts.get(word, 0) + 1
    goal = max(3, min(len(texts), 50_000) // 1000)
    fitting = [word for word in counts if len(word) >= 6 and word.isalpha()]
    words = sorted(fitting, key=lambda word: (abs(counts[word] - goal), word))[: min(RARE_WORDS, queries)]
    holders = [[number for number, text in enumerate(texts) if word in text] for word in words]
    return [{"word": word} for word in words], holders


def _inside(values: NDArray[Any], low: int, high: int) -> Mask:
    inside: Mask = (values >= low) & (values < high)
    return inside
