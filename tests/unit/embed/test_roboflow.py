"""Roboflow's function against a server that speaks the documented format."""

from __future__ import annotations

import base64
import io
import logging
import traceback
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from wire_formats.base import KEY, Asked, Fault, Provider, WireFormat, serve

import chromadb
from chromadb import errors
from chromadb._embed import provider as provider_module
from chromadb._embed.registry import build, describe
from chromadb.utils.embedding_functions import RoboflowEmbeddingFunction

RED = np.full((20, 30, 3), (200, 0, 0), dtype=np.uint8)


class Roboflow(WireFormat):
    """POST /clip/embed_text and /clip/embed_image, with the key in the address."""

    name = "roboflow"
    class_name = "RoboflowEmbeddingFunction"

    def knows(self, asked: Asked) -> bool:
        return asked.path.partition("?")[0] in ("/clip/embed_text", "/clip/embed_image")

    def texts(self, asked: Asked) -> list[str]:
        """Return the texts; of pictures their size and colour in the middle."""
        if asked.path.startswith("/clip/embed_text"):
            texts: list[str] = asked.body["text"]
            return texts
        described = []
        for image in asked.body["image"]:
            assert image["type"] == "base64"
            picture = Image.open(io.BytesIO(base64.b64decode(image["value"])))
            assert (picture.format, picture.mode) == ("JPEG", "RGB")
            near = [round(part / 10) * 10 for part in picture.getpixel((picture.width // 2, picture.height // 2))]
            described.append(f"{picture.width} x {picture.height} {near}")
        return described

    def model(self, asked: Asked) -> str:
        return "clip"

    def dimension(self, asked: Asked) -> int:
        return 6

    def answer(self, vectors: list[list[float]], asked: Asked) -> Any:
        return {"embeddings": vectors, "time": 0.01}

    def error(self, status: int, text: str, asked: Asked) -> Any:
        return {"message": text}


@pytest.fixture
def there(clean_environment: pytest.MonkeyPatch) -> Iterator[Provider]:
    wire = Roboflow()
    wire.key = lambda headers: KEY  # type: ignore[method-assign]  # it is in the address: see below
    clean_environment.delenv("ROBOFLOW_API_KEY", raising=False)
    clean_environment.setenv("CHROMA_ROBOFLOW_API_KEY", KEY)
    with serve(wire) as running:
        respond = running.respond

        def with_key(asked: Asked) -> Any:
            if asked.path.partition("?")[2] != f"api_key={KEY}":
                running.asked.append(asked)
                return 401, {}, {"message": "Unauthorized api_key"}
            return respond(asked)

        running.respond = with_key  # type: ignore[method-assign]
        yield running


def expected(text: str) -> list[float]:
    return [0.0, (zlib.crc32(text.encode()) % 1000) / 8, 0.5, 0.5, 0.5, 0.5]


def test_texts_and_images_become_vectors_in_their_order(there: Provider) -> None:
    function = RoboflowEmbeddingFunction(api_url=there.url)
    inputs: Any = ["a", RED, "b", RED[:10], np.zeros((8, 8), np.uint8)]
    vectors = [vector.tolist() for vector in function(inputs)]
    described = ["a", "30 x 20 [200, 0, 0]", "b", "30 x 10 [200, 0, 0]", "8 x 8 [0, 0, 0]"]
    assert vectors == [expected(text) for text in described]
    assert [asked.path.partition("?")[0] for asked in there.asked] == ["/clip/embed_text", "/clip/embed_image"]
    assert function([]) == []


def test_requests_have_at_most_what_a_server_takes(there: Provider) -> None:
    function = RoboflowEmbeddingFunction(api_url=there.url)
    assert len(function([str(number) for number in range(17)])) == 17
    assert [len(texts) for texts in there.texts()] == [8, 8, 1]
    assert len(RoboflowEmbeddingFunction(api_url=there.url, batch_size=2)([RED] * 3)) == 3  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "inputs",
    [
        ["a", np.zeros((2, 2, 7))],
        ["a", np.full((2, 2), 300)],
        ["a", np.full((2, 2), np.nan)],
        ["a", np.zeros((0, 2))],
        ["a", np.zeros((2, 2), dtype=complex)],
        ["a", None],
        "text",
        RED,
    ],
    ids=str,
)
def test_what_is_no_list_of_texts_and_images_costs_no_request(there: Provider, inputs: Any) -> None:
    with pytest.raises(errors.EmbeddingFunctionError, match=r"input"):
        RoboflowEmbeddingFunction(api_url=there.url)(inputs)
    assert there.asked == []


def test_the_server_may_be_given_by_the_name_of_the_documentation(there: Provider) -> None:
    function = RoboflowEmbeddingFunction(server_url=f"{there.url}/")
    assert len(function(["a"])) == 1
    assert describe(function) == {
        "type": "known",
        "name": "roboflow",
        "config": {"api_url": there.url, "api_key_env_var": "CHROMA_ROBOFLOW_API_KEY"},
    }
    assert len(build(describe(function) or {})(["a"])) == 1
    assert RoboflowEmbeddingFunction().api_url == "https://infer.roboflow.com"
    with pytest.raises(errors.EmbeddingFunctionError, match="They are the same"):
        RoboflowEmbeddingFunction(api_url=there.url, server_url="http://localhost:9001")


def test_the_key_of_the_documentation_counts_and_a_missing_one_is_named(
    there: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHROMA_ROBOFLOW_API_KEY")
    with pytest.raises(errors.EmbeddingAuthenticationError, match="CHROMA_ROBOFLOW_API_KEY or ROBOFLOW_API_KEY"):
        RoboflowEmbeddingFunction()
    monkeypatch.setenv("ROBOFLOW_API_KEY", KEY)
    assert len(RoboflowEmbeddingFunction(api_url=there.url)(["a"])) == 1
    monkeypatch.delenv("ROBOFLOW_API_KEY")
    with pytest.warns(DeprecationWarning, match="not stored"):
        assert len(RoboflowEmbeddingFunction(api_key=KEY, api_url=there.url)(["a"])) == 1


def test_a_wrong_key_is_an_error_that_shows_no_key(there: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMA_ROBOFLOW_API_KEY", "rf-another-secret")
    with pytest.raises(errors.EmbeddingAuthenticationError, match="Unauthorized") as caught:
        RoboflowEmbeddingFunction(api_url=there.url)(["a"])
    assert "rf-another-secret" not in "".join(traceback.format_exception(caught.value))


def test_a_passing_failure_is_tried_again_and_a_lasting_one_is_not(
    there: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(provider_module, "sleep", waits.append)
    there.faults = [Fault(503), Fault(429, {"Retry-After": "3"})]
    assert len(RoboflowEmbeddingFunction(api_url=there.url)([RED])) == 1  # type: ignore[list-item]
    assert len(there.asked) == 3
    assert waits[1] == 3.0
    there.faults = [Fault(400, body={"message": "Could not load valid image from base64 string."})]
    with pytest.raises(errors.EmbeddingRequestError, match="Could not load valid image"):
        RoboflowEmbeddingFunction(api_url=there.url)([RED])  # type: ignore[list-item]
    assert len(there.asked) == 4


@pytest.mark.parametrize("body", [b"<html>", {"vectors": []}, {"embeddings": []}, {"embeddings": [["x"]]}], ids=str)
def test_an_answer_that_is_none_is_an_error(there: Provider, body: Any) -> None:
    there.respond = lambda asked: (200, {}, body)  # type: ignore[method-assign]
    with pytest.raises(errors.EmbeddingAnswerError):
        RoboflowEmbeddingFunction(api_url=there.url)(["a"])


def test_a_collection_of_texts_and_images(there: Provider, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), chromadb.EphemeralClient() as client:
        collection = client.create_collection(
            "pictures", embedding_function=RoboflowEmbeddingFunction(api_url=there.url)
        )
        assert collection.configuration_json["hnsw"]["space"] == "cosine"
        collection.add(ids=["r"], images=[RED])
        collection.add(ids=["t"], documents=["a text"])
        assert collection.query(query_images=[RED], n_results=1)["ids"] == [["r"]]
        assert collection.query(query_texts=["a text"], n_results=1)["ids"] == [["t"]]
        client.delete_collection("pictures")
