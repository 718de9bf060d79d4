"""Measure the default embedding function, here and in other environments: documents per second, and one text alone.

The texts are seeded words, so that every run embeds the same: short (8 words), long (300 words, more than the
model reads) and a mixture with the lengths of a real collection (2 to 300 words, most of them short). Whether the
packages give the same vectors is measured along, as the largest difference of a number from what the first one gave.
Other packages look for the model in their home directory: a copy in the published format is made for them.

Example:
    python benchmarks/embedding.py --package-python published=PATH
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from side_by_side import Measurement, Metric, Package, add_arguments, compare, run_worker

SEED = 20
COUNTS = {"short": 2000, "mixed": 500, "long": 100}
SINGLES = 50
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, rounds=3)
    parser.add_argument("--scale", type=float, default=1.0, help="how many texts, relative to the default")
    arguments = parser.parse_args()
    metrics = [Metric(kind, f"{kind}/s", ",.1f", ratio=True) for kind in COUNTS]
    metrics += [Metric("single", "one text, ms", ",.2f", ratio=True), Metric("load", "load, s", ",.2f")]
    metrics += [Metric("difference", "difference", ".1e")]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        if arguments.package_python:
            write_published_model(home)

        def measure(package: Package) -> Measurement:
            vectors = Path(folder) / f"{package.label}.npz"
            variables = {} if package.label == "here" else {"HOME": str(home)}
            measurement = run_worker(package, __file__, "--worker", str(vectors), str(arguments.scale), **variables)
            first, these = np.load(Path(folder) / "here.npz"), np.load(vectors)
            measurement["difference"] = max(float(np.abs(first[kind] - these[kind]).max()) for kind in COUNTS)
            return measurement

        compare(arguments, metrics, measure)


def write_published_model(home: Path) -> None:
    """Put the model, made of the files that our package finds, where the published versions look for it."""
    import onnx

    from chromadb._embed import model_files, safetensors

    sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
    from build_minilm_graph import published

    files = model_files.locate()
    folder = home / ".cache" / "chroma" / "onnx_models" / "all-MiniLM-L6-v2" / "onnx"
    folder.mkdir(parents=True)
    onnx.save(published(safetensors.read_float32(files.model)), folder / "model.onnx")
    (folder / "tokenizer.json").write_bytes(files.tokenizer.read_bytes())
    for name in ("config.json", "special_tokens_map.json", "tokenizer_config.json", "vocab.txt"):
        (folder / name).write_text("{}")


def work(vectors: Path, scale: float) -> None:
    """Measure the package of this interpreter, write its vectors, and print the measurement as JSON."""
    start = time.perf_counter()
    from chromadb.utils.embedding_functions import DefaultEmbeddingFunction

    function = DefaultEmbeddingFunction()
    function(["a"])
    measurement, outputs = {"load": time.perf_counter() - start}, {}
    for kind, count in COUNTS.items():
        inputs = texts(kind, max(1, int(count * scale)))
        start = time.perf_counter()
        outputs[kind] = np.asarray(function(inputs))
        measurement[kind] = len(inputs) / (time.perf_counter() - start)
    singles = texts("short", SINGLES)
    measurement["single"] = median(_milliseconds(function, [text]) for text in singles)
    np.savez(vectors, **outputs)
    print(json.dumps(measurement))


def _milliseconds(function: object, inputs: list[str]) -> float:
    assert callable(function)
    start = time.perf_counter()
    function(inputs)
    return (time.perf_counter() - start) * 1e3


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(Path(sys.argv[2]), float(sys.argv[3]))
    else:
        main()
