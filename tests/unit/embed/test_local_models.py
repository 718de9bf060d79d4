"""Functions of models on this machine, by their libraries, with tiny random models that are made here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import chromadb
from chromadb.errors import EmbeddingFunctionError
from chromadb.utils.embedding_functions import (
    HuggingFaceSparseEmbeddingFunction,
    InstructorEmbeddingFunction,
    SentenceTransformerEmbeddingFunction,
    Text2VecEmbeddingFunction,
)

WORDS = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "bird", "cat", "dog", "fish", "fly", "in", "man", "of"),
    *("plays", "sun", "swim", "the", "walk", "猫", "狗", "represent", ":", "."),
]
TEXTS = ["the cat plays", "a dog plays in the sun", "birds fly"]


def page(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Mark a test as the one of a page."""
    return lambda test: test


def save_bert(folder: Path, kind: str) -> Path:
    """Save a BERT of two layers with random weights, always the same, and its tokenizer."""
    import torch
    import transformers

    torch.manual_seed(7)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    getattr(transformers, kind)(config).eval().save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    transformers.BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_bert(tmp_path_factory.mktemp("bert"), "BertModel"))


@pytest.fixture(scope="module")
def sentences(bert: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Save the model with the mean of its words, as sentence-transformers does."""
    from sentence_transformers import SentenceTransformer

    folder = tmp_path_factory.mktemp("sentences")
    SentenceTransformer(bert, device="cpu").save(str(folder))
    return str(folder)


def mean_of_words(folder: str, text: str, skip: int = 0) -> np.ndarray[Any, Any]:
    """Return the mean of the vectors of a text's words, without the first ones, by transformers alone."""
    import torch
    import transformers

    tokens = transformers.BertTokenizerFast.from_pretrained(folder)(text, return_tensors="pt")
    with torch.no_grad():
        found = transformers.BertModel.from_pretrained(folder)(**tokens).last_hidden_state[0]
    mean: np.ndarray[Any, Any] = found[skip:].mean(dim=0).numpy()
    return mean


def use_in_a_collection(function: Any) -> None:
    collection = chromadb.EphemeralClient().get_or_create_collection(
        f"of-{function.name()}", embedding_function=function
    )
    collection.add(ids=["0", "1", "2"], documents=TEXTS)
    assert collection.query(query_texts=[TEXTS[1]], n_results=1)["ids"] == [["1"]]


def check_configuration(function: Any) -> None:
    config = json.loads(json.dumps(function.get_config()))
    again = type(function).build_from_config(config)
    assert again.get_config() == config
    np.testing.assert_array_equal(np.array(again(TEXTS)), np.array(function(TEXTS)))
    with pytest.raises(EmbeddingFunctionError, match="could not be compared"):
        function.validate_config_update(config, {**config, "model_name": "another"})


# --- Sentence Transformers ------------------------------------------------------------------------


@pytest.mark.heavy
def test_sentence_transformers_gives_the_means_of_words(sentences: str) -> None:
    function = SentenceTransformerEmbeddingFunction(sentences)
    for text, vector in zip(TEXTS, function(TEXTS), strict=True):
        assert vector.dtype == np.float32
        np.testing.assert_allclose(vector, mean_of_words(sentences, text), atol=1e-6)
    unit = SentenceTransformerEmbeddingFunction(sentences, normalize_embeddings=True)(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, atol=1e-6)
    check_configuration(function)
    use_in_a_collection(function)


@pytest.mark.heavy
def test_arguments_reach_the_model_of_sentence_transformers(sentences: str) -> None:
    function = SentenceTransformerEmbeddingFunction(sentences, truncate_dim=4)
    assert function(TEXTS)[0].shape == (4,)
    check_configuration(function)


# --- Instructor -----------------------------------------------------------------------------------


@pytest.mark.heavy
@page("integrations/embedding-models/instructor")
def test_an_instruction_guides_the_words_and_is_not_among_them(sentences: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(InstructorEmbeddingFunction.__init__, "__defaults__", (sentences, "cpu", None))
    plain = InstructorEmbeddingFunction()
    np.testing.assert_allclose(plain(["the cat plays"])[0], mean_of_words(sentences, "the cat plays"), atol=1e-6)
    told = InstructorEmbeddingFunction(model_name=sentences, device="cpu", instruction="represent the dog : ")
    # [CLS] and the four words of the instruction are left out of the mean.
    wanted = mean_of_words(sentences, "represent the dog : the cat plays", skip=5)
    np.testing.assert_allclose(told(["the cat plays"])[0], wanted, atol=1e-6)
    check_configuration(told)
    use_in_a_collection(told)
    with pytest.raises(EmbeddingFunctionError, match="could not be compared"):
        told.validate_config_update(told.get_config(), {**told.get_config(), "instruction": "represent the cat : "})


# --- Text2Vec -------------------------------------------------------------------------------------


@pytest.mark.heavy
def test_text2vec_gives_the_means_of_words(bert: str) -> None:
    function = Text2VecEmbeddingFunction(model_name=bert)
    for text, vector in zip(["猫", "狗 plays"], function(["猫", "狗 plays"]), strict=True):
        assert vector.dtype == np.float32
        np.testing.assert_allclose(vector, mean_of_words(bert, text), atol=1e-5)
    assert function([]) == []
    check_configuration(function)
    use_in_a_collection(function)


# --- Hugging Face, sparse -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def splade(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_bert(tmp_path_factory.mktemp("splade"), "BertForMaskedLM"))


@pytest.mark.heavy
def test_a_sparse_model_weighs_the_vocabulary(splade: str) -> None:
    import torch
    import transformers

    function = HuggingFaceSparseEmbeddingFunction(splade, "cpu")
    found = function(TEXTS)
    tokens = transformers.BertTokenizerFast.from_pretrained(splade)(TEXTS[0], return_tensors="pt")
    with torch.no_grad():
        logits = transformers.BertForMaskedLM.from_pretrained(splade)(**tokens).logits[0]
    weights = torch.log1p(torch.relu(logits)).max(dim=0).values.numpy()
    assert found[0].indices == np.flatnonzero(weights).tolist()
    np.testing.assert_allclose(found[0].values, weights[weights > 0], atol=1e-5)
    assert len(found) == 3
    assert function([]) == []


@pytest.mark.heavy
def test_a_configuration_of_a_sparse_model_makes_the_same_function_again(splade: str) -> None:
    function = HuggingFaceSparseEmbeddingFunction(splade, "cpu", query_config={"task": "document"}, max_active_dims=3)
    config = json.loads(json.dumps(function.get_config()))
    assert config == {
        "model_name": splade,
        "device": "cpu",
        "task": "document",
        "query_config": {"task": "document"},
        "kwargs": {"max_active_dims": 3},
    }
    again = HuggingFaceSparseEmbeddingFunction.build_from_config(config)
    assert again(TEXTS) == function(TEXTS) == function.embed_query(TEXTS)
    assert all(len(vector.indices) <= 3 for vector in again(TEXTS))
    with pytest.raises(EmbeddingFunctionError, match="device"):
        HuggingFaceSparseEmbeddingFunction.build_from_config({"model_name": splade})


# --- without the packages -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "extra"),
    [
        (InstructorEmbeddingFunction, "sentence-transformers"),
        (Text2VecEmbeddingFunction, "text2vec"),
        (lambda: HuggingFaceSparseEmbeddingFunction("m", "cpu"), "sentence-transformers"),
    ],
)
def test_without_the_package_the_extra_is_named(
    make: Callable[[], Any], extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EmbeddingFunctionError, match=rf"chromadb\[{extra}\]"):
        make()
