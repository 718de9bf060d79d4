"""The sparse functions of fastembed, by the package itself, with tiny models that are made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chromadb.errors import EmbeddingFunctionError
from chromadb.utils.embedding_functions import Bm25EmbeddingFunction, FastembedSparseEmbeddingFunction

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cat", "dog", "house", "the"]


@pytest.fixture
def splade(tmp_path: Path) -> Path:
    """Make a model of the form of SPLADE: words in, weights of the vocabulary out."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    # Row of the table: the logits of a token. A word has a large one at its own place and a small one beside it.
    table = -np.ones((len(WORDS), len(WORDS)), dtype=np.float32)
    for place in range(5, len(WORDS)):
        table[place, place] = 3.0
    table[5, 6] = 0.5  # a cat is a little of a dog
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["logits"])],
        "splade",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
            for name in ("input_ids", "attention_mask", "token_type_ids")
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "length", len(WORDS)])],
        [numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "model.onnx")
    tokenizer = Tokenizer(models.WordPiece({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    files = {
        "config.json": {"pad_token_id": 0},
        "tokenizer_config.json": {"model_max_length": 64, "pad_token": "[PAD]"},
        "special_tokens_map.json": {"pad_token": "[PAD]", "unk_token": "[UNK]"},
    }
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    return tmp_path


@pytest.fixture
def stopwords(tmp_path: Path) -> Path:
    """Make the folder with the lists of stop words that fastembed's BM25 reads."""
    (tmp_path / "english.txt").write_text("the\nof\n")
    (tmp_path / "german.txt").write_text("der\nvon\n")
    return tmp_path


def function(folder: Path, **more: Any) -> FastembedSparseEmbeddingFunction:
    return FastembedSparseEmbeddingFunction(
        "prithivida/Splade_PP_en_v1", specific_model_path=str(folder), local_files_only=True, **more
    )


@pytest.mark.heavy
def test_a_splade_model_weighs_words_and_their_neighbours(splade: Path) -> None:
    cat, both = function(splade)(["cat", "dog house"])
    assert cat.indices == [5, 6]
    assert cat.values == pytest.approx([np.log1p(3.0), np.log1p(0.5)])
    assert both.indices == [6, 7]
    assert function(splade)([]) == []


@pytest.mark.heavy
def test_a_configuration_of_splade_makes_the_same_function_again(splade: Path) -> None:
    made = function(splade, threads=1, query_config={"task": "document"})
    config = json.loads(json.dumps(made.get_config()))
    assert config == {
        "model_name": "prithivida/Splade_PP_en_v1",
        "task": "document",
        "threads": 1,
        "query_config": {"task": "document"},
        "kwargs": {"specific_model_path": str(splade), "local_files_only": True},
    }
    again = FastembedSparseEmbeddingFunction.build_from_config(config)
    assert again.get_config() == config
    assert again(["cat"]) == made(["cat"]) == again.embed_query(["cat"])
    made.validate_config_update(config, {**config, "threads": 4})
    with pytest.raises(EmbeddingFunctionError, match="could not be compared"):
        made.validate_config_update(config, {**config, "model_name": "another"})


@pytest.mark.heavy
def test_queries_of_bm25_weigh_every_word_alike(stopwords: Path) -> None:
    bm25 = Bm25EmbeddingFunction(specific_model_path=str(stopwords), avg_len=4.0)
    (document,) = bm25(["the cat and the cat of a house"])
    (query,) = bm25.embed_query(["cat house"])
    assert set(query.indices) <= set(document.indices)
    assert query.values == [1.0, 1.0]
    assert max(document.values) > min(document.values) > 0
    as_documents = Bm25EmbeddingFunction(
        specific_model_path=str(stopwords), avg_len=4.0, query_config={"task": "document"}
    )
    assert as_documents.embed_query(["cat house"]) == as_documents(["cat house"])


@pytest.mark.heavy
def test_a_configuration_of_bm25_makes_the_same_function_again(stopwords: Path) -> None:
    made = Bm25EmbeddingFunction(specific_model_path=str(stopwords), k=1.5, language="german", disable_stemmer=True)
    config = made.get_config()
    assert config == {
        "task": "document",
        "k": 1.5,
        "language": "german",
        "disable_stemmer": True,
        "specific_model_path": str(stopwords),
    }
    assert Bm25EmbeddingFunction.build_from_config(config)(["Katzen"]) == made(["Katzen"])
    assert made(["houses"]) != Bm25EmbeddingFunction(specific_model_path=str(stopwords))(["houses"])


@pytest.mark.parametrize("function_class", [FastembedSparseEmbeddingFunction, Bm25EmbeddingFunction])
def test_arguments_are_checked_before_anything_is_loaded(function_class: Any) -> None:
    given = {"model_name": "m"} if function_class is FastembedSparseEmbeddingFunction else {}
    for bad, says in (
        ({"task": "answer"}, "'document' or 'query'"),
        ({"query_config": {"task": "answer"}}, "query_config"),
        ({"providers": [object()]}, "stored with a collection"),
    ):
        with pytest.raises(EmbeddingFunctionError, match=says):
            function_class(**given, **bad)


@pytest.mark.parametrize("function_class", [FastembedSparseEmbeddingFunction, Bm25EmbeddingFunction])
def test_without_the_package_the_extra_is_named(function_class: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EmbeddingFunctionError, match=r"chromadb\[fastembed\]"):
        function_class(**({"model_name": "m"} if function_class is FastembedSparseEmbeddingFunction else {}))
