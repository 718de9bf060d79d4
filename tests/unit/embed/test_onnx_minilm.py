from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from chromadb._embed import minilm, model_files
from chromadb._embed.default import DefaultEmbeddingFunction
from chromadb._embed.onnx_minilm import ONNXMiniLM_L6_V2
from chromadb._embed.registry import build, describe
from chromadb.errors import EmbeddingFunctionError, ModelUnavailableError

pytestmark = pytest.mark.usefixtures("default_model")

TEXTS = [
    "",
    " \n\t",
    "f",
    "This is a document about pineapple",
    "word " * 400,
    "Ça coûte 5 € – naïve façade",
    "日本語のテキスト",
    "emoji 🍍🍊 and \x00 control \u200b characters",
    "\ud800 lone surrogate",
    "a" * 5000,
    "short",
    "a somewhat longer sentence that ends here.",
]


def _embed(texts: list[str]) -> NDArray[np.float32]:
    return np.array(DefaultEmbeddingFunction()(texts))


def test_the_distances_of_the_documentation_come_out() -> None:
    query, pineapple, oranges = _embed(
        [
            "This is a query document about hawaii",
            "This is a document about pineapple",
            "This is a document about oranges",
        ]
    )
    assert ((query - pineapple) ** 2).sum() == pytest.approx(1.0404009819030762, abs=1e-5)
    assert ((query - oranges) ** 2).sum() == pytest.approx(1.243080496788025, abs=1e-5)


def test_the_numbers_of_the_documentation_come_out() -> None:
    # The documentation prints them for "foo"; they are those of "f", the first letter of a text that was
    # once passed without a list.
    assert _embed(["f"])[0, :3] == pytest.approx(
        [0.05035809800028801, 0.0626462921500206, -0.061827320605516434], abs=1e-6
    )


def test_vectors_are_a_list_of_unit_float32_arrays() -> None:
    vectors = DefaultEmbeddingFunction()(TEXTS)
    assert isinstance(vectors, list)
    assert {(vector.shape, vector.dtype) for vector in vectors} == {((384,), np.dtype(np.float32))}
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)


def test_a_text_has_the_same_vector_in_every_batch_and_order() -> None:
    alone = np.concatenate([_embed([text]) for text in TEXTS])
    together = _embed(TEXTS)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    mixed = np.random.default_rng(7).permutation(TEXTS * 30)
    position = {text: index for index, text in enumerate(TEXTS)}
    np.testing.assert_allclose(_embed([str(text) for text in mixed]), alone[[position[t] for t in mixed]], atol=1e-5)


def test_order_is_kept_beyond_one_window_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "_WINDOW", 5)
    texts = [f"{'word ' * (index * 7 % 11)}{index}" for index in range(23)]
    found = _embed(texts)
    monkeypatch.undo()
    np.testing.assert_allclose(found, _embed(texts), atol=1e-5)


def test_a_long_text_counts_by_its_first_256_tokens() -> None:
    start = "word " * 254
    whole, cut, shorter = _embed([start + "and very much more " * 200, start, "word " * 200])
    np.testing.assert_allclose(whole, cut, atol=1e-6)
    assert np.abs(whole - shorter).max() > 1e-4


@pytest.mark.parametrize(
    "text",
    [
        "naïve façade, coûte 5 €; " * 2000,
        "a" * 50000 + " the end",
        "word " * 100 + "b" * 50000 + " and the end",
        "日本語" * 20000,
        "x" * (minilm._PREFIX - 3) + "yz and more " * 500,
        ("c" * 150 + " ") * 3000,
        " " * 50000 + "late words",
    ],
)
def test_a_very_long_text_is_cut_as_if_it_had_been_tokenized_whole(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = _embed([text])
    monkeypatch.setattr(minilm, "_PREFIX", len(text))
    np.testing.assert_allclose(quick, _embed([text]), atol=1e-6)


def test_no_texts_give_no_vectors() -> None:
    assert DefaultEmbeddingFunction()([]) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("one text", r"a list of texts, got 'one text' \(str\)\. Pass \['one text'\]\."),
        (5, "a list of texts, got 5"),
        (["a", None], r"got None \(NoneType\) at input\[1\]"),
        ([b"bytes"], r"got b'bytes' \(bytes\) at input\[0\]"),
        ([["nested"]], r"got \['nested'\] \(list\) at input\[0\]"),
    ],
)
def test_anything_but_a_list_of_texts_is_an_error(given: Any, message: str) -> None:
    with pytest.raises(EmbeddingFunctionError, match=message):
        DefaultEmbeddingFunction()(given)


def test_an_error_shows_long_values_cut() -> None:
    for given in ("text " * 1000, [["nested"] * 1000], dict.fromkeys(range(1000))):
        with pytest.raises(EmbeddingFunctionError) as caught:
            DefaultEmbeddingFunction()(given)
        assert len(str(caught.value)) < 300


@pytest.mark.parametrize("tokens", [512, 2048])
def test_batches_hold_each_text_once_longest_first_bounded_and_of_one_length(tokens: int) -> None:
    lengths = [int(length) for length in np.random.default_rng(3).integers(2, 257, 2000)]
    found = list(minilm.batches(lengths, tokens))
    assert sorted(row for batch in found for row in batch) == list(range(2000))
    longest = [max(lengths[row] for row in batch) for batch in found]
    assert longest == sorted(longest, reverse=True)
    assert all(len(batch) * most <= tokens for batch, most in zip(found, longest, strict=True))
    assert all(len(batch) <= 128 for batch in found)
    padding = sum(len(batch) * most for batch, most in zip(found, longest, strict=True)) / sum(lengths) - 1
    assert padding < 0.05
    assert list(minilm.batches([5, 300, 4], tokens=100)) == [[1], [0], [2]]
    assert list(minilm.batches([], tokens)) == []


# --- one model for all ------------------------------------------------------------------------------


def test_all_instances_share_one_model(monkeypatch: pytest.MonkeyPatch) -> None:
    _embed(["a"])

    def load_again(*args: object) -> None:
        raise AssertionError("loaded again")

    monkeypatch.setattr(minilm, "load", load_again)
    _embed(["b"])
    ONNXMiniLM_L6_V2()(["c"])


def test_threads_that_start_together_load_once_and_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    loads: list[object] = []
    load = minilm.load

    def counted(files: Any, providers: Any) -> minilm.MiniLM:
        loads.append(files)
        return load(files, providers)

    monkeypatch.setattr(minilm, "_loaded", {})
    monkeypatch.setattr(minilm, "load", counted)
    results: list[NDArray[np.float32]] = []
    barrier = threading.Barrier(6)

    def work() -> None:
        barrier.wait()
        for _ in range(3):
            results.append(_embed(["a", "some words", "one more"]))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert len(results) == 18
    for result in results:
        np.testing.assert_allclose(result, results[0], atol=1e-6)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_embeds_and_ends_and_so_does_its_parent() -> None:
    # In a process of its own: what is tested is also that interpreters end, by the ordinary way out.
    program = (
        "import os, sys\n"
        "from chromadb._embed.default import DefaultEmbeddingFunction\n"
        "before = DefaultEmbeddingFunction()(['a'])[0]\n"
        "for uses in (True, False):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        same = not uses or abs(DefaultEmbeddingFunction()(['a'])[0] - before).max() < 1e-6\n"
        "        sys.exit(0 if same else 3)\n"
        "    assert os.waitpid(child, 0)[1] == 0\n"
        "print('both ended', abs(DefaultEmbeddingFunction()(['a'])[0] - before).max() < 1e-6)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "both ended True\n"), done.stderr


def test_onnxruntime_is_imported_without_its_telemetry() -> None:
    program = (
        "import os\n"
        "from chromadb._embed.onnx_runtime import import_onnxruntime\n"
        "import numpy\n"
        "before = len(os.listdir('/proc/self/task')) if os.path.isdir('/proc/self/task') else 0\n"
        "import_onnxruntime()\n"
        "after = len(os.listdir('/proc/self/task')) if before else 0\n"
        "print(after - before, os.environ.get('ORT_DISABLE_TELEMETRY'))\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "ORT_DISABLE_TELEMETRY"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout == "0 None\n"


# --- files and providers ----------------------------------------------------------------------------


def test_the_published_format_gives_the_same_vectors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = model_files.locate()
    if files.is_whole_graph:
        pytest.skip("only the published format is here")
    _write_published_format(files, tmp_path / "onnx")
    published = type("Published", (ONNXMiniLM_L6_V2,), {"DOWNLOAD_PATH": str(tmp_path)})
    monkeypatch.setenv("CHROMA_OFFLINE", "1")
    np.testing.assert_allclose(published()(TEXTS), _embed(TEXTS), atol=1e-5)


def _write_published_format(files: model_files.ModelFiles, folder: Path) -> None:
    """Write a whole graph with int64 inputs, token types, and hidden states as its output."""
    onnx = pytest.importorskip("onnx")
    from chromadb._embed.safetensors import read_float32

    model = onnx.load(Path(minilm.__file__).parent / "minilm.onnx", load_external_data=False)
    weights = read_float32(files.model)
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.asarray(weights[tensor.name]), tensor.name))
    pooling = {"embedding"}
    for node in reversed(model.graph.node):  # up to the last layer: what pools its output goes
        if set(node.output) & pooling:
            if node.op_type == "LayerNormalization":
                hidden = node.output[0]
                break
            pooling.update(node.input[:1] if node.op_type != "MatMul" else node.input[1:])
    shape = ["n", "tokens", 384]
    model.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info(hidden, 1, shape))
    del model.graph.input[:]
    for name in ("input_ids", "attention_mask", "token_type_ids"):
        model.graph.input.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT64, shape[:2]))
    folder.mkdir()
    onnx.save(model, folder / "model.onnx")
    (folder / "tokenizer.json").write_bytes(files.tokenizer.read_bytes())


@pytest.mark.parametrize("damage", ["weights", "tokenizer", "other model"])
def test_damaged_files_are_a_typed_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    import json

    files = model_files.locate()
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    other = len(header).to_bytes(8, "little") + header + b"\0\0\0\0"
    bad = {"weights": b"\xff" * 100, "other model": other, "tokenizer": other}[damage]
    (tmp_path / "model.safetensors").write_bytes(bad)
    tokenizer = b"{}" if damage == "tokenizer" else files.tokenizer.read_bytes()
    (tmp_path / "tokenizer.json").write_bytes(tokenizer)
    monkeypatch.setenv("CHROMA_MINILM_PATH", str(tmp_path))
    fresh = type("Fresh", (ONNXMiniLM_L6_V2,), {"DOWNLOAD_PATH": str(tmp_path / "none")})
    with pytest.raises(ModelUnavailableError, match="not readable from"):
        fresh()(["a"])


def test_a_provider_that_is_not_here_is_named_with_those_that_are() -> None:
    function = ONNXMiniLM_L6_V2(preferred_providers=["NoSuchExecutionProvider", "CPUExecutionProvider"])
    with pytest.raises(EmbeddingFunctionError, match=r"among .*CPUExecution.*, got \['NoSuchExecutionProvider'\]"):
        function(["a"])


@pytest.mark.parametrize("given", ["CPUExecutionProvider", [1], ["CPUExecutionProvider"] * 2])
def test_a_list_of_providers_that_makes_no_sense_is_an_error(given: Any) -> None:
    with pytest.raises(EmbeddingFunctionError, match="preferred_providers"):
        ONNXMiniLM_L6_V2(preferred_providers=given)


def test_what_is_stored_builds_the_same_function() -> None:
    function = ONNXMiniLM_L6_V2(preferred_providers=["CPUExecutionProvider"])
    stored = describe(function)
    assert stored is not None
    assert stored["config"] == {"preferred_providers": ["CPUExecutionProvider"]}
    assert build(stored)(["a"])[0].tolist() == function(["a"])[0].tolist()


def test_the_published_class_attributes_are_there() -> None:
    assert ONNXMiniLM_L6_V2.MODEL_NAME == "all-MiniLM-L6-v2"
    assert str(ONNXMiniLM_L6_V2.DOWNLOAD_PATH).endswith(
        os.path.join(".cache", "chroma", "onnx_models", "all-MiniLM-L6-v2")
    )
    assert ONNXMiniLM_L6_V2.EXTRACTED_FOLDER_NAME == "onnx"
    assert ONNXMiniLM_L6_V2.ARCHIVE_FILENAME == "onnx.tar.gz"
    assert len(ONNXMiniLM_L6_V2._MODEL_SHA256) == 64
