from __future__ import annotations

import subprocess
import sys

import pytest

from chromadb.utils import embedding_functions


def _modules_after(statement: str) -> set[str]:
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import chromadb.utils.embedding_functions",
        "from chromadb.utils import embedding_functions as e; e.DefaultEmbeddingFunction()",
        "from chromadb.utils.embedding_functions.onnx_mini_lm_l6_v2 import ONNXMiniLM_L6_V2 as F; F()",
        "from chromadb.utils.embedding_functions.sentence_transformer_embedding_function import *",
        "from chromadb.utils.embedding_functions import *",
    ],
)
def test_no_model_library_is_imported_before_a_text_is_embedded(statement: str) -> None:
    heavy = {"onnxruntime", "tokenizers", "sentence_transformers", "torch", "tqdm", "onnx"}
    assert not heavy & _modules_after(statement)


def test_every_public_name_is_there_and_listed() -> None:
    for name in embedding_functions.__all__:
        assert getattr(embedding_functions, name) is not None
        assert name in dir(embedding_functions)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchEmbeddingFunction"):
        embedding_functions.NoSuchEmbeddingFunction  # noqa: B018
