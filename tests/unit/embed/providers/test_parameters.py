"""What single providers take beside a model and a key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from wire_formats.base import KEY, Fault, Provider, WireFormat
from wire_formats.openai import Azure

import chromadb
from chromadb import errors
from chromadb.utils import embedding_functions as ef

Run = Callable[[str], Provider]


def test_a_chroma_server_is_told_the_name_of_the_variable_and_never_the_key(
    run: Run, start_server: Callable[..., Any]
) -> None:
    there, server = run("openai"), start_server()
    with chromadb.HttpClient(port=server.port) as client:
        collection = client.create_collection("kept", embedding_function=there.wire.function(there.url))
        collection.add(ids=["a", "b"], documents=["first", "second"])
    with chromadb.HttpClient(port=server.port) as client:
        collection = client.get_collection("kept")
        assert collection.query(query_texts="second", n_results=1)["ids"] == [["b"]]
        assert "CHROMA_OPENAI_API_KEY" in json.dumps(collection.configuration_json)
    files = [file.read_bytes() for file in server.folder.rglob("*") if file.is_file()]
    assert any(b"CHROMA_OPENAI_API_KEY" in content for content in files)
    assert not any(KEY.encode() in content for content in files)


def test_an_asynchronous_client_asks_providers_too(run: Run, start_server: Callable[..., Any]) -> None:
    there, server = run("ollama"), start_server()

    async def main() -> Any:
        async with await chromadb.AsyncHttpClient(port=server.port) as client:
            function = there.wire.function(there.url)
            collection = await client.create_collection("asynchronous", embedding_function=function)
            await collection.add(ids=["a", "b"], documents=["first", "second"])
            return await collection.query(query_texts="first", n_results=1)

    assert asyncio.run(main())["ids"] == [["a"]]


# --- OpenAI ---------------------------------------------------------------------------------------


def test_azure_is_asked_at_the_deployment_with_its_own_header(
    run_provider: Callable[[WireFormat], Provider],
) -> None:
    there = run_provider(Azure())
    function = there.wire.function(there.url)
    assert len(function(["text"])) == 1
    assert there.asked[0].path.endswith("?api-version=2024-02-01")
    again = ef.OpenAIEmbeddingFunction.build_from_config(function.get_config())
    assert len(again(["text"])) == 1


@pytest.mark.parametrize("missing", [{"api_base": None}, {"api_version": None}])
def test_azure_without_address_or_version_is_an_error(missing: dict[str, None], run: Run) -> None:
    run("openai")
    given = {"api_type": "azure", "api_base": "http://127.0.0.1:1", "api_version": "2024-02-01", **missing}
    with pytest.raises(errors.EmbeddingFunctionError, match="api_base and api_version"):
        ef.OpenAIEmbeddingFunction(**given)


def test_openai_sends_organization_headers_and_dimensions(run: Run) -> None:
    there = run("openai")
    function = there.wire.function(
        there.url, organization_id="org-1", default_headers={"X-Team": "search", "X-Api-Key": "abc"}, dimensions=4
    )
    assert function(["text"])[0].shape == (4,)
    asked = there.asked[0]
    assert asked.body["dimensions"] == 4
    assert (asked.headers["openai-organization"], asked.headers["x-team"]) == ("org-1", "search")
    assert asked.headers["x-api-key"] == "abc"
    assert function.get_config()["default_headers"] == {"X-Team": "search"}, "what looks like a secret is not stored"


def test_credentials_in_an_address_are_used_and_not_stored(run: Run) -> None:
    there = run("openai")
    url = there.url.replace("http://", "http://me:secret@") + "/v1?api_key=hidden&region=eu"
    stored = json.dumps(there.wire.function(url, api_base=url).get_config())
    assert "secret" not in stored
    assert "hidden" not in stored
    assert "region=eu" in stored


def test_a_request_to_openai_keeps_to_the_tokens_that_go_with_one(run: Run) -> None:
    there = run("openai")
    there.wire.function(there.url)(["x" * 4_000] * 100)
    assert [len(texts) for texts in there.texts()] == [75, 25]


def test_the_variable_of_openai_itself_counts_where_the_other_is_not_set(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = run("openai")
    monkeypatch.delenv("CHROMA_OPENAI_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert len(there.wire.function(there.url)(["text"])) == 1
    monkeypatch.setenv("OPENAI_API_KEY", "sk-another-key-1")
    with pytest.raises(errors.EmbeddingAuthenticationError, match="the key in OPENAI_API_KEY"):
        there.wire.function(there.url)(["text"])


def test_a_variable_of_ones_own_is_stored_by_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    there = run("openai")
    monkeypatch.delenv("CHROMA_OPENAI_API_KEY")
    monkeypatch.setenv("TEAM_KEY", KEY)
    function = there.wire.function(there.url, api_key_env_var="TEAM_KEY")
    assert function.get_config()["api_key_env_var"] == "TEAM_KEY"
    assert len(function(["text"])) == 1


# --- others ---------------------------------------------------------------------------------------


def test_models_of_cohere_from_before_input_types_are_not_told_any(run: Run) -> None:
    there = run("cohere")
    there.faults = [
        Fault(200, body={"id": "e", "response_type": "embeddings_floats", "embeddings": [[1, 2]], "texts": []})
    ]
    assert ef.CohereEmbeddingFunction(api_base=there.url)(["text"])[0].tolist() == [1, 2]
    assert there.asked[0].body["model"] == "large"
    assert "input_type" not in there.asked[0].body


@pytest.mark.parametrize(("name", "field", "cut"), [("cohere", "truncate", "END"), ("ollama", "truncate", True)])
def test_long_texts_are_cut_off_unless_told_otherwise(run: Run, name: str, field: str, cut: object) -> None:
    there = run(name)
    there.wire.function(there.url, truncation=True)(["text"])
    there.wire.function(there.url, truncation=False)(["text"])
    assert [asked.body[field] for asked in there.asked] == [cut, "NONE" if name == "cohere" else False]


def test_the_embedding_server_cuts_off_long_texts_when_told_so(run: Run) -> None:
    there = run("huggingface_server")
    there.wire.function(there.url)(["text"])
    there.wire.function(there.url, truncation=True)(["text"])
    assert [asked.body.get("truncate") for asked in there.asked] == [None, True]


def test_the_embedding_server_gets_a_key_where_a_variable_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    there = run("huggingface_server")
    monkeypatch.setenv("TEI_KEY", KEY)
    function = there.wire.function(there.url, api_key_env_var="TEI_KEY")
    function(["text"])
    assert there.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert function.get_config() == {"url": f"{there.url}/embed", "api_key_env_var": "TEI_KEY"}


def test_a_model_of_hugging_face_that_gives_a_vector_per_word_is_an_error(run: Run) -> None:
    there = run("huggingface")
    there.faults = [Fault(200, body=[[[0.5, 0.5], [0.5, 0.5]]])]
    with pytest.raises(errors.EmbeddingAnswerError, match=r"shape \(1, 2, 2\)"):
        there.wire.function(there.url)(["two words"])


def test_jina_is_told_what_was_asked_for_and_nothing_else(run: Run) -> None:
    there = run("jina")
    there.wire.function(there.url, late_chunking=True, dimensions=4, normalized=True, truncate=True)(["text"])
    assert there.asked[0].body == {
        "model": "jina-embeddings-v2-base-en",
        "input": ["text"],
        "task": "retrieval.passage",
        "late_chunking": True,
        "truncate": True,
        "dimensions": 4,
        "normalized": True,
    }


def test_vectors_of_jina_may_come_as_base64(run: Run) -> None:
    there = run("jina")
    there.faults = [Fault(200, body={"data": [{"index": 0, "embedding": "AACAPwAAAEA="}]})]
    assert there.wire.function(there.url, embedding_type="base64")(["text"])[0].tolist() == [1.0, 2.0]


def test_cloudflare_is_asked_through_a_gateway(run: Run) -> None:
    there = run("cloudflare_workers_ai")
    there.faults = [Fault(200, body={"result": {"shape": [1, 2], "data": [[1, 2]]}, "success": True})]
    there.wire.function(there.url, gateway_id="front")(["text"])
    assert there.asked[0].path == "/0a1b/front/workers-ai/@cf/baai/bge-m3"


def test_ollama_takes_the_address_of_older_examples(run: Run) -> None:
    there = run("ollama")
    for url in (f"{there.url}/", f"{there.url}/api/embeddings", f"{there.url}/api/embed"):
        assert len(ef.OllamaEmbeddingFunction(url=url, model_name="all-minilm")(["text"])) == 1
    assert {asked.path for asked in there.asked} == {"/api/embed"}


def test_a_collection_refuses_a_function_of_another_model_and_takes_one_at_another_address(run: Run) -> None:
    there = run("openai")
    function = there.wire.function(there.url, model_name="text-embedding-3-small", dimensions=6)
    with chromadb.EphemeralClient() as client:
        collection = client.create_collection("models", embedding_function=function)
        for other in (
            {"model_name": "text-embedding-3-large", "dimensions": 6},
            {"model_name": "text-embedding-3-small"},
        ):
            another = there.wire.function(there.url, **other)
            with pytest.raises(errors.EmbeddingFunctionError, match="could not be compared"):
                client.get_collection("models", embedding_function=another)
            with pytest.raises(errors.EmbeddingFunctionError, match="could not be compared"):
                client.get_or_create_collection("models", embedding_function=another)
            with pytest.raises(errors.EmbeddingFunctionError, match="could not be compared"):
                collection.modify(configuration={"embedding_function": another})
        moved = ef.OpenAIEmbeddingFunction(
            api_base=f"{there.url}/v1/", model_name="text-embedding-3-small", dimensions=6, timeout=5
        )
        client.get_collection("models", embedding_function=moved)
        collection.modify(configuration={"embedding_function": moved})
        assert client.get_collection("models").configuration_json["embedding_function"]["config"]["timeout"] == 5


@pytest.mark.parametrize("name", ["nomic", "openai", "perplexity", "jina"])
def test_another_dimension_than_asked_for_is_an_error(run: Run, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    there = run(name)
    monkeypatch.setattr(type(there.wire), "dimension", lambda self, asked: 6)
    with pytest.raises(errors.EmbeddingAnswerError, match="dimension 4, as asked, got dimension 6"):
        there.wire.function(there.url, dimensions=4)(["text"])


def test_vectors_of_perplexity_are_whole_numbers(run: Run) -> None:
    there = run("perplexity")
    vectors = np.asarray(there.wire.function(there.url)(["text", "another"]))
    assert (vectors == vectors.round()).all()
