"""OpenAI's format, which many others speak: POST /embeddings."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from wire_formats.base import Asked, WireFormat


class OpenAIFormat(WireFormat):
    """The format itself."""

    path = "/v1/embeddings"

    def address(self, url: str) -> dict[str, Any]:
        return {"api_base": f"{url}/v1"}

    def answer(self, vectors: list[list[float]], asked: Asked) -> Any:
        encode = asked.body.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": index, "embedding": _base64(numbers) if encode else numbers}
            for index, numbers in enumerate(vectors)
        ]
        # The order is that of `index`; nothing promises that of the list.
        return {
            "object": "list",
            "data": data[::-1],
            "model": asked.body["model"],
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        }

    def error(self, status: int, text: str, asked: Asked) -> Any:
        kind = {401: "invalid_request_error", 429: "requests", 500: "server_error"}.get(status, "invalid_request_error")
        return {"error": {"message": text, "type": kind, "param": None, "code": None}}


def _base64(numbers: list[float]) -> str:
    return base64.b64encode(np.asarray(numbers, dtype="<f4").tobytes()).decode()


class OpenAI(OpenAIFormat):
    name = "openai"
    class_name = "OpenAIEmbeddingFunction"
    quota = (
        429,
        {
            "error": {
                "message": "You exceeded your current quota, please check your plan and billing details.",
                "type": "insufficient_quota",
                "param": None,
                "code": "insufficient_quota",
            }
        },
    )

    def no_model(self, asked: Asked) -> tuple[int, Any]:
        text = f"The model `{asked.body['model']}` does not exist or you do not have access to it."
        return 404, {
            "error": {"message": text, "type": "invalid_request_error", "param": None, "code": "model_not_found"}
        }

    def too_long(self, asked: Asked) -> tuple[int, Any]:
        text = (
            "This model's maximum context length is 8192 tokens, however you requested 9000 tokens (9000 in your "
            "prompt; 0 for the completion). Please reduce your prompt; or completion length."
        )
        return 400, {"error": {"message": text, "type": "invalid_request_error", "param": None, "code": None}}
