"""The functions of Chroma Cloud: what the published client sends, and the sparse one as a whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from wire_formats.base import KEY, NO_MODEL, TOO_LONG, Fault, Provider, WireFormat
from wire_formats.plain import ChromaCloudSparse

import chromadb
from chromadb import errors
from chromadb.api.types import SparseVector
from chromadb.utils import embedding_functions
from chromadb.utils.embedding_functions import sparse_known_embedding_functions
from chromadb.utils.embedding_functions.chroma_cloud_qwen_embedding_function import (
    ChromaCloudQwenEmbeddingModel,
    ChromaCloudQwenEmbeddingTarget,
)
from chromadb.utils.embedding_functions.chroma_cloud_splade_embedding_function import ChromaCloudSpladeEmbeddingModel

Run = Callable[[str], Provider]


@pytest.fixture
def cloud(run_provider: Callable[[WireFormat], Provider], clean_environment: pytest.MonkeyPatch) -> Provider:
    running = run_provider(ChromaCloudSparse())
    clean_environment.setenv("CHROMA_API_KEY", KEY)
    return running


def expected(wire: WireFormat, text: str, labels: list[str] | None = None) -> SparseVector:
    of_nine, of_four = wire.vector(text)[1:3]
    return SparseVector([4, 9], [of_four, of_nine], labels)


# --- dense ----------------------------------------------------------------------------------------


def test_the_requests_are_those_of_the_published_client(run: Run) -> None:
    there = run("chroma-cloud-qwen")
    function = there.wire.function(there.url, model=ChromaCloudQwenEmbeddingModel.QWEN3_EMBEDDING_0p6B)
    function(["a", "b"])
    function.embed_query(["c"])
    there.wire.function(there.url, task=None).embed_query(["d"])
    told = "Given a question about coding, retrieval code or passage that can solve user's question"
    assert [asked.body for asked in there.asked] == [
        {"instructions": "", "texts": ["a", "b"]},
        {"instructions": told, "texts": ["c"]},
        {"instructions": "", "texts": ["d"]},
    ]
    assert {asked.headers["x-chroma-embedding-model"] for asked in there.asked} == {"Qwen/Qwen3-Embedding-0.6B"}


def test_instructions_of_ones_own_are_sent_and_stored_whole(run: Run) -> None:
    there = run("chroma-cloud-qwen")
    instructions = {"authors": {ChromaCloudQwenEmbeddingTarget.DOCUMENTS: "A book", "query": "Who wrote this?"}}
    function = there.wire.function(there.url, task="authors", instructions=instructions)
    config = json.loads(json.dumps(function.get_config()))
    assert config["instructions"] == {"authors": {"documents": "A book", "query": "Who wrote this?"}}
    again: Any = embedding_functions.config_to_embedding_function({"name": "chroma-cloud-qwen", "config": config})
    again(["a"])
    again.embed_query(["b"])
    assert [asked.body["instructions"] for asked in there.asked] == ["A book", "Who wrote this?"]


def test_a_task_without_instructions_is_an_error_that_names_those_there_are(run: Run) -> None:
    there = run("chroma-cloud-qwen")
    with pytest.raises(errors.EmbeddingFunctionError, match=r"task to be 'nl_to_code'.* got 'code'"):
        there.wire.function(there.url, task="code")
    assert there.asked == []


def test_what_the_published_version_stores_is_opened(run: Run) -> None:
    run("chroma-cloud-qwen")
    stored = {
        "api_key_env_var": "CHROMA_API_KEY",
        "model": "Qwen/Qwen3-Embedding-0.6B",
        "task": "nl_to_code",
        "instructions": {"nl_to_code": {"documents": "", "query": "Given a question about coding"}},
    }
    function = embedding_functions.config_to_embedding_function({"name": "chroma-cloud-qwen", "config": stored})
    assert function.get_config() == stored
    assert function.default_space() == "cosine"


def test_without_a_key_a_stored_collection_opens_and_embedding_says_which_variable_is_missing(
    run: Run, clean_environment: pytest.MonkeyPatch
) -> None:
    there = run("chroma-cloud-qwen")
    with chromadb.EphemeralClient() as client:
        client.create_collection("kept", embedding_function=there.wire.function(there.url)).add(["a"], documents=["a"])
        clean_environment.delenv("CHROMA_API_KEY")
        collection = client.get_collection("kept")
        assert collection.count() == 1
        with pytest.raises(errors.EmbeddingAuthenticationError, match="CHROMA_API_KEY"):
            collection.query(query_texts=["a"])
        client.delete_collection("kept")


# --- sparse ---------------------------------------------------------------------------------------


def test_texts_become_sparse_vectors_in_their_order_with_ascending_indices(cloud: Provider) -> None:
    function = cloud.wire.function(cloud.url, batch_size=2)
    texts = ["first", "second", "third"]
    assert function(texts) == [expected(cloud.wire, text) for text in texts]
    assert function.embed_query(["first"]) == [expected(cloud.wire, "first")]
    assert function([]) == []
    assert cloud.texts() == [texts[:2], texts[2:], ["first"]]


def test_the_tokens_are_the_labels_where_they_are_asked_for(cloud: Provider) -> None:
    function = cloud.wire.function(
        cloud.url, include_tokens=True, model=ChromaCloudSpladeEmbeddingModel.SPLADE_PP_EN_V1
    )
    assert function(["text"]) == [expected(cloud.wire, "text", ["of the second", "of the first"])]
    assert cloud.asked[0].headers["x-chroma-embedding-model"] == "prithivida/Splade_PP_en_v1"


def test_a_sparse_configuration_makes_the_same_function_again(cloud: Provider) -> None:
    function_class: Any = sparse_known_embedding_functions["chroma-cloud-splade"]
    published = {"api_key_env_var": "CHROMA_API_KEY", "model": "prithivida/Splade_PP_en_v1", "include_tokens": False}
    assert function_class.build_from_config(published).get_config() == published
    config = json.loads(json.dumps(cloud.wire.function(cloud.url, include_tokens=True).get_config()))
    assert KEY not in json.dumps(config)
    again = function_class.build_from_config(config)
    assert again.get_config() == config
    assert again(["text"])[0].labels is not None
    with pytest.raises(errors.EmbeddingFunctionError, match="surprise"):
        function_class.validate_config({**config, "surprise": 1})
    with pytest.raises(errors.EmbeddingFunctionError, match="could not be compared"):
        again.validate_config_update(config, {**config, "model": "another"})


def test_failures_of_the_sparse_function_are_those_of_every_provider(
    cloud: Provider, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    function = cloud.wire.function(cloud.url)
    cloud.faults = [Fault(429, {"Retry-After": "7"})]
    assert function(["text"]) == [expected(cloud.wire, "text")]
    assert waits == [7.0]
    with pytest.raises(errors.EmbeddingInputTooLongError, match="The text has"):
        function(["short", "a" * (TOO_LONG + 1)])
    with pytest.raises(errors.EmbeddingModelNotFoundError, match=NO_MODEL):
        cloud.wire.function(cloud.url, model=NO_MODEL)(["text"])
    monkeypatch.setenv("CHROMA_API_KEY", "ck-a-wrong-key")
    with pytest.raises(errors.EmbeddingAuthenticationError, match="CHROMA_API_KEY") as caught:
        cloud.wire.function(cloud.url)(["text"])
    assert "ck-a-wrong-key" not in caught.value.message()
    monkeypatch.delenv("CHROMA_API_KEY")
    with pytest.raises(errors.EmbeddingAuthenticationError, match="is missing"):
        cloud.wire.function(cloud.url)
    with pytest.raises(errors.EmbeddingFunctionError, match="list of str"):
        function("text")


@pytest.mark.parametrize(
    "embeddings",
    [
        [],
        "text",
        [{"indices": [1]}],
        [{"indices": [1], "values": []}],
        [{"indices": [1, 1], "values": [0.5, 0.5]}],
        [{"indices": ["a"], "values": [0.5]}],
        [{"indices": [1], "values": ["half"]}],
        [{"indices": None, "values": [0.5]}],
        [[1.0, 2.0]],
    ],
)
def test_an_answer_that_is_no_sparse_vector_per_text_is_an_error(cloud: Provider, embeddings: Any) -> None:
    cloud.faults = [Fault(200, body={"embeddings": embeddings})]
    with pytest.raises(errors.EmbeddingAnswerError):
        cloud.wire.function(cloud.url)(["text"])
