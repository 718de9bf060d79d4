"""Measure the default embedding function: documents and tokens per second, and one query alone.

The texts are seeded words, so that every run embeds the same: short (8 words), long (300 words, more than the
model reads) and a mixture with the lengths of a real collection. Each row is the best of several runs.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import numpy as np

SEED = 20
VOCABULARY = (
    "the model reads words of a text and gives numbers that are near each other where what they say is near "
    "vector database index search distance memory document collection query filter record client server "
    "pineapple orange hawaii mountain river garden weather morning evening language history science music"
)


def texts(kind: str, count: int) -> list[str]:
    """Return ``count`` texts: ``short`` 8 words, ``long`` 300 words, ``mixed`` 2 to 300, most of them short."""
    random, words = np.random.default_rng(SEED), VOCABULARY.split()
    if kind == "mixed":
        lengths = np.clip(random.lognormal(3.5, 0.9, count).astype(int), 2, 300)
    else:
        lengths = np.full(count, {"short": 8, "long": 300}[kind])
    return [" ".join(random.choice(words, int(length))) for length in lengths]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of which the best counts (default: 3)")
    parser.add_argument("--scale", type=float, default=1.0, help="how many texts, relative to the default")
    arguments = parser.parse_args()

    start = time.perf_counter()
    from chromadb._embed.onnx_runtime import available_cores
    from chromadb.utils.embedding_functions import DefaultEmbeddingFunction

    function = DefaultEmbeddingFunction()
    function(["a"])
    print(f"{available_cores()} cores; import, load and first text: {time.perf_counter() - start:.2f} s")
    print(f"{'texts':8} {'count':>6} {'documents/s':>12} {'seconds':>8}")
    for kind, count in (("short", 2000), ("mixed", 500), ("long", 100)):
        inputs = texts(kind, max(1, int(count * arguments.scale)))
        best = min(_timed(function, inputs) for _ in range(arguments.runs))
        print(f"{kind:8} {len(inputs):6} {len(inputs) / best:12.1f} {best:8.2f}")
    single = texts("short", 1)
    latency = median(_timed(function, single) for _ in range(50))
    print(f"one short text alone: {latency * 1e3:.2f} ms, median of 50")


def _timed(function: object, inputs: list[str]) -> float:
    assert callable(function)
    start = time.perf_counter()
    function(inputs)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
