"""The default model in memory: texts in, unit vectors out."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from chromadb._embed.model_files import ModelFiles
from chromadb._embed.model_release import DIMENSION
from chromadb._embed.onnx_runtime import CPU, available_cores, check_providers, import_onnxruntime
from chromadb._embed.safetensors import read_float32
from chromadb.errors import ModelUnavailableError

if TYPE_CHECKING:
    import onnxruntime
    import tokenizers

MAX_TOKENS = 256

# Texts that are sorted by length together; bounds the memory that their tokens take.
_WINDOW = 4096
# Padded tokens of one run, for each core: larger intermediate results leave its cache. Measured on 2 cores with 600
# texts of 2 to 150 words, CPU seconds: 3.11 at 256 tokens for both, 3.33 at 512, 3.74 at 1,024, 3.80 at 2,048.
_CORE_TOKENS = 256
# The same for other hardware.
_BATCH_TOKENS = 2048
_BATCH_TEXTS = 128
# The shortest text of a run has at least this share of the tokens of the longest: 150 texts of 2 to 300 words took .96
# CPU seconds so, 1.02 without a limit (512 tokens), and 1.52 as it was with 2,048 tokens and without a limit.
_LEAST_SHARE = 0.9
# Characters that are tokenized before a longer text is looked at as a whole: 256 tokens are some 1,200.
_PREFIX = 8192
# Seconds after which a progress bar appears.
_PROGRESS_DELAY = 5.0


class MiniLM:
    """all-MiniLM-L6-v2 on onnxruntime. Safe to use from several threads."""

    def __init__(self, session: onnxruntime.InferenceSession, tokenizer: tokenizers.Tokenizer) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._input_types = {
            value.name: np.dtype(np.int64 if "int64" in value.type else np.int32) for value in session.get_inputs()
        }
        on_cpu = session.get_providers()[:1] == [CPU]
        self._batch_tokens = max(2, available_cores()) * _CORE_TOKENS if on_cpu else _BATCH_TOKENS

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return unit vectors, float32 of shape (len(texts), 384), in the order of `texts`."""
        from tqdm import tqdm

        vectors = np.empty((len(texts), DIMENSION), dtype=np.float32)
        # disable=None: shown on a terminal only.
        with tqdm(
            total=len(texts), desc="Embedding", unit="doc", delay=_PROGRESS_DELAY, disable=None, leave=False
        ) as progress:
            for start in range(0, len(texts), _WINDOW):
                tokens = [self._tokens(text) for text in texts[start : start + _WINDOW]]
                for rows in batches([len(row) for row in tokens], self._batch_tokens):
                    vectors[start + np.array(rows)] = self._run([tokens[row] for row in rows])
                    progress.update(len(rows))
        return vectors

    def _tokens(self, text: str) -> NDArray[np.int32]:
        # One text at a time: encode_batch keeps threads that a forked child would have to do without,
        # and tokenizing is some 2 % of the work.
        if len(text) > _PREFIX:
            prefix = text[:_PREFIX]
            encoding = self._encode(prefix)
            # The tokens of the prefix are those of the text where they end before its last, cut word.
            if encoding.overflowing and any(map(str.isspace, prefix[encoding.offsets[-2][1] :])):
                return np.array(encoding.ids, dtype=np.int32)
        return np.array(self._encode(text).ids, dtype=np.int32)

    def _encode(self, text: str) -> tokenizers.Encoding:
        try:
            return self._tokenizer.encode(text)
        except TypeError:
            # A lone surrogate is not text for the tokenizer, but may well come out of a damaged document.
            return self._tokenizer.encode(text.encode("utf-8", "replace").decode())

    def _run(self, tokens: list[NDArray[np.int32]]) -> NDArray[np.float32]:
        shape = (len(tokens), max(len(row) for row in tokens))
        input_ids, attention_mask = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32)
        for position, row in enumerate(tokens):
            input_ids[position, : len(row)] = row
            attention_mask[position, : len(row)] = 1
        values = {"input_ids": input_ids, "attention_mask": attention_mask}
        feeds = {
            name: values.get(name, np.zeros(shape, dtype=np.int32)).astype(dtype, copy=False)
            for name, dtype in self._input_types.items()
        }
        output: NDArray[np.float32] = np.asarray(self._session.run(None, feeds)[0])
        return _pooled(output, attention_mask) if output.ndim == 3 else output


def _pooled(hidden: NDArray[np.float32], mask: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the normalised sum over the tokens of each text; the mean has the same direction."""
    total = np.einsum("nth,nt->nh", hidden, mask.astype(np.float32))
    unit: NDArray[np.float32] = total / np.linalg.norm(total, axis=1, keepdims=True)
    return unit


def batches(lengths: Sequence[int], tokens: int) -> Iterator[list[int]]:
    """Yield the positions of texts that are run together, longest first, so that little is padding.

    Args:
        lengths: of the texts, in tokens.
        tokens: of one run with padding, at most; a text that is longer runs alone.
    """
    order = sorted(range(len(lengths)), key=lambda position: -lengths[position])
    start = 0
    while start < len(order):
        longest = lengths[order[start]]
        end = start + 1
        last = min(len(order), start + min(_BATCH_TEXTS, tokens // max(1, longest)))
        while end < last and lengths[order[end]] >= _LEAST_SHARE * longest:
            end += 1
        yield order[start:end]
        start = end


# --- loading ----------------------------------------------------------------------------------------


_lock = threading.Lock()
_loaded: dict[tuple[str, tuple[str, ...]], MiniLM] = {}
_inherited: list[MiniLM] = []


def shared(cache: Path, providers: Sequence[str], locate: Callable[[Path], ModelFiles]) -> MiniLM:
    """Return the model of a cache folder, loaded once per process, folder and list of providers.

    A forked child loads its own.

    Args:
        cache: the folder of the cache.
        providers: execution providers of onnxruntime in order of preference; none: the CPU.
        locate: finds the files, called with `cache` when they are needed.

    Raises:
        ModelUnavailableError: the files are not there, or damaged.
        EmbeddingFunctionError: a provider is not available.
    """
    key = (str(cache), tuple(providers))
    model = _loaded.get(key)
    if model is None:
        with _lock:
            model = _loaded.get(key)
            if model is None:
                checked = check_providers(providers)
                model = _loaded[key] = load(locate(cache), checked)
    return model


def _forget_after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    # The threads of these sessions stayed in the parent: they cannot run here, nor be ended.
    for model in _loaded.values():
        _keep_for_ever(model)
    _loaded.clear()


def _keep_for_ever(model: MiniLM) -> None:
    import ctypes

    _inherited.append(model)
    # Not even at exit: to free a session is to wait for its threads.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(model))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)


def load(files: ModelFiles, providers: Sequence[str]) -> MiniLM:
    """Load a model from its files.

    Raises:
        ModelUnavailableError: they are damaged, or another model's.
    """
    import tokenizers

    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = available_cores()
    options.log_severity_level = 3
    # Threads that spin after a run take the cores from the search that follows it; measured, waiting
    # costs .5 ms on a single short text and nothing on batches.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(files.tokenizer))
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        model: Any = str(files.model)
        if not files.is_whole_graph:
            weights = {
                name: tensor
                for name, tensor in read_float32(files.model).items()
                if not name.startswith("pooler.")  # of the pre-training, not used
            }
            values = [onnxruntime.OrtValue.ortvalue_from_numpy(tensor) for tensor in weights.values()]
            options.add_external_initializers(list(weights), values)
            model = resources.files("chromadb._embed").joinpath("minilm.onnx").read_bytes()
        session = onnxruntime.InferenceSession(model, options, providers=list(providers))
    except Exception as error:  # onnxruntime and tokenizers raise classes of their own, and bare Exception
        raise ModelUnavailableError(
            f"The model is not readable from {files.model} and {files.tokenizer} ({error}). Where the files are "
            "damaged, remove that folder: they are fetched again."
        ) from error
    return MiniLM(session, tokenizer)
