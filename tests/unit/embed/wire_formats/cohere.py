"""Cohere: POST /v1/embed."""

from __future__ import annotations

from typing import Any

from wire_formats.base import Asked, WireFormat


class Cohere(WireFormat):
    name = "cohere"
    class_name = "CohereEmbeddingFunction"
    path = "/v1/embed"
    arguments = {"model_name": "embed-english-v3.0", "truncation": False}
    tells_queries = True
    quota = (402, {"message": "Please add or update your payment method at https://dashboard.cohere.com/billing"})

    def texts(self, asked: Asked) -> list[str]:
        texts = asked.body["texts"]
        assert isinstance(texts, list)
        return texts

    def purpose(self, asked: Asked) -> str | None:
        return {"search_document": "document", "search_query": "query"}[asked.body["input_type"]]

    def answer(self, vectors: list[list[float]], asked: Asked) -> Any:
        return {
            "id": "e1",
            "response_type": "embeddings_floats",
            "texts": asked.body["texts"],
            "embeddings": vectors,
            "meta": {"api_version": {"version": "1"}, "billed_units": {"input_tokens": 1}},
        }

    def error(self, status: int, text: str, asked: Asked) -> Any:
        return {"message": text}

    def no_model(self, asked: Asked) -> tuple[int, Any]:
        return 404, {"message": f"model '{asked.body['model']}' not found, make sure the correct model ID was used"}

    def too_long(self, asked: Asked) -> tuple[int, Any]:
        return 400, {"message": "too many tokens: total number of tokens in the prompt cannot exceed 512"}
