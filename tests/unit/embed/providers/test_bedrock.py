"""What the function of Amazon Bedrock takes beside a model: sessions, profiles, credentials."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from wire_formats.base import KEY, Fault, Provider

from chromadb import errors
from chromadb.utils import embedding_functions as ef

Run = Callable[[str], Provider]


def test_models_of_titan_get_one_text_with_a_request(run: Run) -> None:
    there = run("amazon_bedrock")
    function = there.wire.function(there.url, model_name="amazon.titan-embed-text-v1")
    texts = ["a", "b", "c"]
    assert [each.tolist() for each in function(texts)] == [there.wire.vector(text) for text in texts]
    assert [asked.body for asked in there.asked] == [{"inputText": text} for text in texts]


def test_vectors_of_cohere_may_come_by_type(run: Run) -> None:
    there = run("amazon_bedrock")
    there.faults = [Fault(200, body={"response_type": "embeddings_by_type", "embeddings": {"float": [[1, 2]]}})]
    function = there.wire.function(there.url, model_name="us.cohere.embed-v4:0")
    assert function(["text"])[0].tolist() == [1.0, 2.0]
    assert there.asked[0].path == "/model/us.cohere.embed-v4%3A0/invoke"


def test_arguments_of_the_client_are_used_and_stored_without_the_keys_among_them(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = run("amazon_bedrock")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")
    function = there.wire.function(
        there.url, aws_access_key_id=KEY, aws_secret_access_key="very-secret", region_name="eu-central-1", timeout=9
    )
    assert len(function(["text"])) == 1
    config = function.get_config()
    assert config == {
        "model_name": "cohere.embed-multilingual-v3",
        "session_args": {"region_name": "eu-central-1"},
        "kwargs": {"endpoint_url": there.url, "region_name": "eu-central-1", "timeout": 9},
    }
    assert "secret" not in json.dumps(config)


def test_what_the_published_package_stores_makes_the_function(run: Run) -> None:
    there = run("amazon_bedrock")
    stored = {
        "model_name": "amazon.titan-embed-text-v1",
        "session_args": {"region_name": "eu-central-1", "profile_name": "default"},
        "kwargs": {"endpoint_url": there.url},
    }
    function = ef.config_to_embedding_function({"name": "amazon_bedrock", "config": stored})
    assert len(function(["text"])) == 1


def test_a_profile_is_stored_by_name(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = run("amazon_bedrock")
    file = tmp_path / "credentials"
    file.write_text(f"[search]\naws_access_key_id = {KEY}\naws_secret_access_key = very-secret\n")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    session = boto3.Session(profile_name="search", region_name="eu-central-1")
    function = there.wire.function(there.url, session=session)
    config = function.get_config()
    assert config["session_args"] == {"region_name": "eu-central-1", "profile_name": "search"}
    assert len(ef.AmazonBedrockEmbeddingFunction.build_from_config(config)(["text"])) == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [({"session": "eu-central-1"}, "boto3.Session"), ({"config": object()}, "stored with a collection")],
)
def test_what_cannot_be_used_is_an_error(run: Run, given: dict[str, Any], says: str) -> None:
    there = run("amazon_bedrock")
    with pytest.raises(errors.EmbeddingFunctionError, match=says):
        there.wire.function(there.url, **given)


def test_a_model_that_is_not_ready_is_asked_again(run: Run, waits: list[float]) -> None:
    there = run("amazon_bedrock")
    there.faults = [Fault(429, body={"__type": "ModelNotReadyException", "message": "The model is not ready."})]
    assert len(there.wire.function(there.url)(["text"])) == 1
    assert len(waits) == 1
