from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from chromadb._embed.table import FUNCTIONS, Row
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
    heavy = {"onnxruntime", "tokenizers", "sentence_transformers", "torch", "tqdm", "onnx", "openai", "cohere", "httpx"}
    assert not heavy & _modules_after(statement)


def test_every_public_name_is_there_and_listed() -> None:
    for name in embedding_functions.__all__:
        assert getattr(embedding_functions, name) is not None
        assert name in dir(embedding_functions)


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_every_function_of_the_table_is_imported_from_its_public_module_and_from_the_package(row: Row) -> None:
    function_class = getattr(embedding_functions, row.class_name)
    assert row.class_name in embedding_functions.__all__
    assert function_class.name() == row.name
    if row.module:
        module = importlib.import_module(f"chromadb.utils.embedding_functions.{row.module}")
        assert getattr(module, row.class_name) is function_class
        assert row.class_name in module.__all__


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.name)
def test_every_function_of_the_table_names_a_test_that_is_there_and_an_extra_that_is_declared(row: Row) -> None:
    root = Path(__file__).parents[3]
    assert (root / row.tests.partition("::")[0]).is_file()
    project = (root / "pyproject.toml").read_text(encoding="utf-8")
    assert row.extra is None or f"\n{row.extra} = [" in project


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchEmbeddingFunction"):
        embedding_functions.NoSuchEmbeddingFunction  # noqa: B018
