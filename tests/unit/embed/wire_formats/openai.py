"""OpenAI's format, which many others speak: POST /embeddings."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from chromadb import errors
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


class Azure(OpenAIFormat):
    """The same below a deployment, with the key in a header of its own."""

    name = "openai"
    class_name = "OpenAIEmbeddingFunction"
    path = "/openai/deployments/embeddings-of-ours/embeddings"
    key_header = "api-key"
    arguments = {"api_type": "azure", "api_version": "2024-02-01", "deployment_id": "embeddings-of-ours"}

    def address(self, url: str) -> dict[str, Any]:
        return {"api_base": url}

    def error(self, status: int, text: str, asked: Asked) -> Any:
        return {"error": {"code": str(status), "message": text}}


class Morph(OpenAIFormat):
    name = "morph"
    class_name = "MorphEmbeddingFunction"


class Baseten(OpenAIFormat):
    name = "baseten"
    class_name = "BasetenEmbeddingFunction"
    arguments = {"api_key": None}
    model_parameter = None  # the address says which


class TogetherAI(OpenAIFormat):
    name = "together_ai"
    class_name = "TogetherAIEmbeddingFunction"
    arguments = {"model_name": "intfloat/multilingual-e5-large-instruct"}

    def no_model(self, asked: Asked) -> tuple[int, Any]:
        text = f"Unable to access model {asked.body['model']}. Please visit the site to see available models."
        return 404, {
            "id": "1",
            "error": {"message": text, "type": "invalid_request_error", "code": "model_not_available"},
        }

    def too_long(self, asked: Asked) -> tuple[int, Any]:
        text = "Input validation error: `inputs` must have less than 512 tokens. Given: 1667"
        return 422, {"error": {"message": text, "type": "invalid_request_error"}}


class Jina(OpenAIFormat):
    name = "jina"
    class_name = "JinaEmbeddingFunction"
    arguments = {"task": "retrieval.passage", "query_config": {"task": "retrieval.query"}}
    tells_queries = True
    quota = (402, {"detail": "Insufficient account balance. Please recharge."})

    def purpose(self, asked: Asked) -> str | None:
        return {"retrieval.passage": "document", "retrieval.query": "query"}[asked.body["task"]]

    def error(self, status: int, text: str, asked: Asked) -> Any:
        return {"detail": text}

    def no_model(self, asked: Asked) -> tuple[int, Any]:
        return 422, {"detail": f"[ValidationError] Model '{asked.body['model']}' is not supported"}

    def too_long(self, asked: Asked) -> tuple[int, Any]:
        return 400, {"detail": "Single text cannot exceed 8194 tokens. 9000 tokens given."}


class Mistral(OpenAIFormat):
    name = "mistral"
    class_name = "MistralEmbeddingFunction"
    arguments = {"model": "mistral-embed"}
    model_parameter = "model"

    def address(self, url: str) -> dict[str, Any]:
        return {"api_base": url}

    def answer(self, vectors: list[list[float]], asked: Asked) -> Any:
        usage = {"prompt_tokens": 1, "total_tokens": 1, "completion_tokens": 0}
        return {"id": "e1", **super().answer(vectors, asked), "usage": usage}

    def error(self, status: int, text: str, asked: Asked) -> Any:
        if status == 401:
            return {"detail": "Unauthorized"}
        return {"object": "error", "message": text, "type": "invalid_request", "param": None, "code": "3051"}

    def no_model(self, asked: Asked) -> tuple[int, Any]:
        text = f"Invalid model: {asked.body['model']}"
        return 400, {"object": "error", "message": text, "type": "invalid_model", "param": None, "code": "1500"}

    def too_long(self, asked: Asked) -> tuple[int, Any]:
        text = "Input id 1 has 9000 tokens, exceeding max 8192 tokens."
        return 400, {
            "object": "error",
            "message": text,
            "type": "invalid_request_prompt",
            "param": None,
            "code": "3210",
        }


class Perplexity(OpenAIFormat):
    name = "perplexity"
    class_name = "PerplexityEmbeddingFunction"
    no_model_error = errors.EmbeddingProviderError  # some versions of its library have a list of models

    def address(self, url: str) -> dict[str, Any]:
        return {"api_base": url}

    def answer(self, vectors: list[list[float]], asked: Asked) -> Any:
        assert asked.body["encoding_format"] == "base64_int8"
        body = super().answer(vectors, asked)
        for item, numbers in zip(body["data"], vectors[::-1], strict=True):
            item["embedding"] = base64.b64encode(np.asarray(numbers).astype(np.int8).tobytes()).decode()
        return body

    def vector(self, text: str, purpose: str | None, dimension: int) -> list[float]:
        return [float(np.int8(number)) for number in super().vector(text, purpose, dimension)]


class VoyageAI(OpenAIFormat):
    name = "voyageai"
    class_name = "VoyageAIEmbeddingFunction"
    arguments = {"truncation": False}
    tells_queries = True
    heavy = True

    def purpose(self, asked: Asked) -> str | None:
        return str(asked.body["input_type"])

    def answer(self, vectors: list[list[float]], asked: Asked) -> Any:
        body = super().answer(vectors, asked)
        return {**body, "data": body["data"][::-1], "usage": {"total_tokens": 1}}  # in the order of the texts

    def dimension(self, asked: Asked) -> int:
        return asked.body.get("output_dimension") or super().dimension(asked)

    def error(self, status: int, text: str, asked: Asked) -> Any:
        return {"detail": text}

    def no_model(self, asked: Asked) -> tuple[int, Any]:
        return 400, {"detail": f"Model {asked.body['model']} is not supported. Supported models are ['voyage-3.5']."}

    def too_long(self, asked: Asked) -> tuple[int, Any]:
        text = "Request to model 'voyage-large-2' failed. The example at index 1 in your batch has too many tokens"
        return 400, {"detail": text}
