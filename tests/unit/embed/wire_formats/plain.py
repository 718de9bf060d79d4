"""Formats of their own: Ollama, Hugging Face, its embedding server, Cloudflare, Nomic, Chroma Cloud."""

from __future__ import annotations

from typing import Any

from wire_formats.base import Asked, WireFormat


class Ollama(WireFormat):
    """POST /api/embed."""

    name = "ollama"
    class_name = "OllamaEmbeddingFunction"
    path = "/api/embed"
    has_key = False
    arguments = {"truncation": False}

    def address(self, url: str) -> dict[str, Any]:
        return {"url": url}

    def answer(self, vectors: list[list[float]], asked: Asked) -> Any:
        return {"model": asked.body["model"], "embeddings": vectors, "total_duration": 1, "load_duration": 1}

    def error(self, status: int, text: str, asked: Asked) -> Any:
        return {"error": text}

    def no_model(self, asked: Asked) -> tuple[int, Any]:
        return 404, {"error": f'model "{asked.body["model"]}" not found, try pulling it first'}

    def too_long(self, asked: Asked) -> tuple[int, Any]:
        assert asked.body["truncate"] is False
        return 400, {"error": "the input length exceeds the context length"}


class HuggingFace(WireFormat):
    """POST /models/{model}/pipeline/feature-extraction."""

    name = "huggingface"
    class_name = "HuggingFaceEmbeddingFunction"

    def knows(self, asked: Asked) -> bool:
        return asked.path.startswith("/models/") and asked.path.endswith("/pipeline/feature-extraction")

    def texts(self, asked: Asked) -> list[str]:
        texts = asked.body["inputs"]
        assert isinstance(texts, list)
        return texts

    def model(self, asked: Asked) -> str:
        return asked.path.removeprefix("/models/").removesuffix("/pipeline/feature-extraction")

    def answer(self, vectors: list[list[float]], asked: Asked) -> Any:
        return vectors

    def error(self, status: int, text: str, asked: Asked) -> Any:
        return {"error": "Invalid username or password." if status == 401 else text}

    def no_model(self, asked: Asked) -> tuple[int, Any]:
        return 400, {"error": f"Model {self.model(asked)} is not supported by provider hf-inference"}

    def too_long(self, asked: Asked) -> tuple[int, Any]:
        return 400, {"error": "Input is too long for this model: 1667 tokens, the maximum is 512"}


class HuggingFaceServer(HuggingFace):
    """POST /embed of text-embeddings-inference."""

    name = "huggingface_server"
    class_name = "HuggingFaceEmbeddingServer"
    has_key = False
    model_parameter = None

    def address(self, url: str) -> dict[str, Any]:
        return {"url": f"{url}/embed"}

    def knows(self, asked: Asked) -> bool:
        return asked.path == "/embed"

    def error(self, status: int, text: str, asked: Asked) -> Any:
        kinds = {422: "Tokenizer", 424: "Backend", 429: "Overloaded", 413: "Validation"}
        return {"error": text, "error_type": kinds.get(status, "Validation")}

    def too_long(self, asked: Asked) -> tuple[int, Any]:
        text = "Input validation error: `inputs` must have less than 512 tokens. Given: 1667"
        return 413, {"error": text, "error_type": "Validation"}


class Cloudflare(WireFormat):
    """POST /accounts/{account}/ai/run/{model}."""

    name = "cloudflare_workers_ai"
    class_name = "CloudflareWorkersAIEmbeddingFunction"
    arguments = {"model_name": "@cf/baai/bge-m3", "account_id": "0a1b"}

    def knows(self, asked: Asked) -> bool:
        return asked.path.startswith("/accounts/0a1b/ai/run/")

    def texts(self, asked: Asked) -> list[str]:
        texts = asked.body["text"]
        assert isinstance(texts, list)
        return texts

    def model(self, asked: Asked) -> str:
        return asked.path.removeprefix("/accounts/0a1b/ai/run/")

    def answer(self, vectors: list[list[float]], asked: Asked) -> Any:
        result = {"shape": [len(vectors), len(vectors[0])], "data": vectors, "pooling": "cls"}
        return {"result": result, "success": True, "errors": [], "messages": []}

    def error(self, status: int, text: str, asked: Asked) -> Any:
        code = 10000 if status == 401 else 7003
        return {"result": None, "success": False, "errors": [{"code": code, "message": text}], "messages": []}

    def no_model(self, asked: Asked) -> tuple[int, Any]:
        return 400, self.error(400, f"AiError: No such model {self.model(asked)} or task", asked)

    def too_long(self, asked: Asked) -> tuple[int, Any]:
        text = (
            "AiError: Bad input: the estimated number of input tokens (9000) exceeded this model context window limit"
        )
        return 400, self.error(400, text, asked)


class Nomic(WireFormat):
    """POST /v1/embedding/text."""

    name = "nomic"
    class_name = "NomicEmbeddingFunction"
    path = "/v1/embedding/text"
    model_parameter = "model"
    tells_queries = True
    arguments = {
        "model": "nomic-embed-text-v1.5",
        "task_type": "search_document",
        "query_config": {"task_type": "search_query"},
    }

    def address(self, url: str) -> dict[str, Any]:
        return {"api_base": f"{url}/v1"}

    def texts(self, asked: Asked) -> list[str]:
        texts = asked.body["texts"]
        assert isinstance(texts, list)
        return texts

    def purpose(self, asked: Asked) -> str | None:
        return {"search_document": "document", "search_query": "query"}[asked.body["task_type"]]

    def dimension(self, asked: Asked) -> int:
        return asked.body.get("dimensionality") or super().dimension(asked)

    def answer(self, vectors: list[list[float]], asked: Asked) -> Any:
        return {"embeddings": vectors, "usage": {"prompt_tokens": 1, "total_tokens": 1}, "model": asked.body["model"]}

    def error(self, status: int, text: str, asked: Asked) -> Any:
        return {"detail": text}

    def no_model(self, asked: Asked) -> tuple[int, Any]:
        allowed = "value is not a valid enumeration member; permitted: 'nomic-embed-text-v1', 'nomic-embed-text-v1.5'"
        return 422, {
            "detail": [{"loc": ["body", "model"], "msg": f"model is unknown: {allowed}", "type": "type_error.enum"}]
        }

    def too_long(self, asked: Asked) -> tuple[int, Any]:
        return 422, {"detail": "text at index 1 has too many tokens"}


class ChromaCloud(WireFormat):
    """POST /, as the client of 1.5.9 was observed to send it."""

    name = "chroma-cloud-qwen"
    class_name = "ChromaCloudQwenEmbeddingFunction"
    path = "/"
    key_header = "x-chroma-token"
    model_parameter = "model"
    tells_queries = True
    arguments = {"model": "Qwen/Qwen3-Embedding-0.6B", "task": "nl_to_code"}

    def texts(self, asked: Asked) -> list[str]:
        texts = asked.body["texts"]
        assert isinstance(texts, list)
        return texts

    def model(self, asked: Asked) -> str:
        return asked.headers["x-chroma-embedding-model"]

    def purpose(self, asked: Asked) -> str | None:
        return "query" if asked.body["instructions"].startswith("Given a question about coding") else "document"

    def answer(self, vectors: list[list[float]], asked: Asked) -> Any:
        return {"embeddings": vectors}

    def error(self, status: int, text: str, asked: Asked) -> Any:
        return {"error": text}


class ChromaCloudSparse(ChromaCloud):
    """POST /embed_sparse."""

    name = "chroma-cloud-splade"
    class_name = "ChromaCloudSpladeEmbeddingFunction"
    path = "/embed_sparse"
    tells_queries = False
    arguments = {}

    def purpose(self, asked: Asked) -> str | None:
        return None

    def answer(self, vectors: list[list[float]], asked: Asked) -> Any:
        assert asked.body["task"] == asked.body["target"] == ""
        tokens = asked.body["fetch_tokens"]
        assert tokens in ("true", "false")
        labels = {"labels": ["of the first", "of the second"]} if tokens == "true" else {}
        return {"embeddings": [{"indices": [9, 4], "values": vector[1:3], **labels} for vector in vectors]}
