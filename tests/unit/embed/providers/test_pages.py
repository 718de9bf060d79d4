"""The specification's pages about providers: every form of call that a page shows gives what the page promises."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from wire_formats.base import KEY, Fault, Provider, WireFormat
from wire_formats.openai import Azure

import chromadb
import chromadb.utils.embedding_functions as embedding_functions

Run = Callable[[str], Provider]
Test = TypeVar("Test", bound=Callable[..., None])

GREETINGS = ["Good morning!", "Buon giorno!", "おはよう", "صباح الخير", "शुभ प्रभात"]


def page(name: str) -> Callable[[Test], Test]:
    """Mark a test as the one of a page."""
    return lambda test: test


@contextmanager
def told_that_the_key_is_not_stored() -> Iterator[None]:
    with pytest.warns(DeprecationWarning, match="not stored"):
        yield


def use_in_a_collection(function: Any) -> None:
    with chromadb.EphemeralClient() as client:
        collection = client.create_collection(name="name", embedding_function=function)
        collection.add(ids=["1", "2"], documents=["document1", "document2"])
        collection = client.get_collection(name="name", embedding_function=function)
        assert collection.query(query_texts=["document2"], n_results=1)["ids"] == [["2"]]


@page("integrations/embedding-models/cohere")
def test_cohere(run: Run) -> None:
    there = run("cohere")
    there.faults = [
        Fault(200, body={"id": "1", "response_type": "embeddings_floats", "embeddings": [[1], [2]], "texts": []})
    ]
    with told_that_the_key_is_not_stored():
        cohere_ef = embedding_functions.CohereEmbeddingFunction(api_key=KEY, model_name="large", api_base=there.url)
    assert len(cohere_ef(texts=["document1", "document2"])) == 2
    with told_that_the_key_is_not_stored():
        cohere_ef = embedding_functions.CohereEmbeddingFunction(
            api_key=KEY, model_name="embed-multilingual-v3.0", api_base=there.url
        )
    assert len(cohere_ef(texts=GREETINGS)) == 5
    assert there.texts() == [["document1", "document2"], GREETINGS]


@pytest.mark.heavy
@page("integrations/embedding-models/google-gemini")
def test_google_gemini(run: Run) -> None:
    there = run("google_generative_ai")
    with told_that_the_key_is_not_stored():
        google_ef = embedding_functions.GoogleGenerativeAiEmbeddingFunction(api_key=KEY, api_base=there.url)
    assert len(google_ef(["document1", "document2"])) == 2
    use_in_a_collection(google_ef)


@page("integrations/embedding-models/hugging-face")
def test_hugging_face(run: Run) -> None:
    there = run("huggingface")
    with told_that_the_key_is_not_stored():
        huggingface_ef = embedding_functions.HuggingFaceEmbeddingFunction(
            api_key=KEY, model_name="sentence-transformers/all-MiniLM-L6-v2", api_base=there.url
        )
    use_in_a_collection(huggingface_ef)


@page("integrations/embedding-models/hugging-face-server")
def test_hugging_face_server(run: Run) -> None:
    from chromadb.utils.embedding_functions import HuggingFaceEmbeddingServer

    huggingface_ef = HuggingFaceEmbeddingServer(url=f"{run('huggingface_server').url}/embed")
    use_in_a_collection(huggingface_ef)


@page("integrations/embedding-models/jina-ai")
def test_jina(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    there = run("jina")
    monkeypatch.setattr(type(there.wire), "purpose", lambda self, asked: None)
    with told_that_the_key_is_not_stored():
        jinaai_ef = embedding_functions.JinaEmbeddingFunction(
            api_key=KEY, model_name="jina-embeddings-v2-base-en", api_base=f"{there.url}/v1"
        )
    assert len(jinaai_ef(input=["This is my first text to embed", "This is my second document"])) == 2
    use_in_a_collection(jinaai_ef)


@page("integrations/embedding-models/ollama")
def test_ollama(run: Run) -> None:
    from chromadb.utils.embedding_functions.ollama_embedding_function import OllamaEmbeddingFunction

    ollama_ef = OllamaEmbeddingFunction(url=run("ollama").url, model_name="llama2")
    assert len(ollama_ef(["This is my first text to embed", "This is my second document"])) == 2
    use_in_a_collection(ollama_ef)


@page("integrations/embedding-models/openai")
def test_openai(run: Run, run_provider: Callable[[WireFormat], Provider]) -> None:
    with told_that_the_key_is_not_stored():
        openai_ef = embedding_functions.OpenAIEmbeddingFunction(
            api_key=KEY, model_name="text-embedding-3-small", api_base=f"{run('openai').url}/v1"
        )
    use_in_a_collection(openai_ef)

    class ByModel(Azure):
        path = "/openai/deployments/text-embedding-3-small/embeddings"

    with told_that_the_key_is_not_stored():
        openai_ef = embedding_functions.OpenAIEmbeddingFunction(
            api_key=KEY,
            api_base=run_provider(ByModel()).url,
            api_type="azure",
            api_version="2024-02-01",
            model_name="text-embedding-3-small",
        )
    use_in_a_collection(openai_ef)


@pytest.mark.heavy
@page("integrations/embedding-models/voyageai")
def test_voyageai(run: Run) -> None:
    there = run("voyageai")
    with told_that_the_key_is_not_stored():
        voyageai_ef = embedding_functions.VoyageAIEmbeddingFunction(
            api_key=KEY, model_name="voyage-3-large", api_base=f"{there.url}/v1"
        )
    assert len(voyageai_ef(texts=["document1", "document2"])) == 2
    assert len(voyageai_ef(texts=GREETINGS)) == 5
    assert [asked.body["input_type"] for asked in there.asked] == ["document", "document"]
