"""Google: the Gemini API, POST /v1beta/models/{model}:batchEmbedContents; Vertex AI, POST ...:predict."""

from __future__ import annotations

import re
from typing import Any

from wire_formats.base import Asked, WireFormat

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
# The former library sends the number of a task.
_TASKS = {"RETRIEVAL_QUERY": "query", 1: "query", "RETRIEVAL_DOCUMENT": "document", 2: "document"}


class Google(WireFormat):
    key_header = "x-goog-api-key"
    tells_queries = True
    address_pattern: str

    def knows(self, asked: Asked) -> bool:
        return re.fullmatch(self.address_pattern, asked.path.partition("?")[0]) is not None

    def model(self, asked: Asked) -> str:
        found = re.fullmatch(self.address_pattern, asked.path.partition("?")[0])
        assert found is not None
        return found[1]

    def error(self, status: int, text: str, asked: Asked) -> Any:
        return {"error": {"code": status, "message": text, "status": _STATUS.get(status, "UNKNOWN")}}

    def wrong_key(self, asked: Asked) -> tuple[int, Any]:
        body = self.error(400, "API key not valid. Please pass a valid API key.", asked)
        body["error"]["details"] = [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "API_KEY_INVALID",
                "domain": "googleapis.com",
            }
        ]
        return 400, body

    def too_long(self, asked: Asked) -> tuple[int, Any]:
        text = "The input token count (3000) exceeds the maximum number of tokens allowed (2048)."
        return 400, self.error(400, text, asked)


class Gemini(Google):
    name = "google_gemini"
    class_name = "GoogleGeminiEmbeddingFunction"
    address_pattern = r"/v1(?:beta)?/models/([\w.-]+):batchEmbedContents"
    arguments = {"task_type": "RETRIEVAL_DOCUMENT"}

    def texts(self, asked: Asked) -> list[str]:
        return [part["text"] for each in asked.body["requests"] for part in each["content"]["parts"]]

    def purpose(self, asked: Asked) -> str | None:
        return _TASKS[asked.body["requests"][0]["taskType"]]

    def dimension(self, asked: Asked) -> int:
        return asked.body["requests"][0].get("outputDimensionality") or super().dimension(asked)

    def answer(self, vectors: list[list[float]], asked: Asked) -> Any:
        return {"embeddings": [{"values": vector} for vector in vectors]}

    def no_model(self, asked: Asked) -> tuple[int, Any]:
        text = f"models/{self.model(asked)} is not found for API version v1beta, or is not supported for embedContent."
        return 404, self.error(404, text, asked)


class GenerativeAi(Gemini):
    name = "google_generative_ai"
    class_name = "GoogleGenerativeAiEmbeddingFunction"
    heavy = True


class Vertex(Google):
    name = "google_vertex"
    class_name = "GoogleVertexEmbeddingFunction"
    address_pattern = r"/v1/projects/project-1/locations/us-central1/publishers/google/models/([\w.-]+):predict"
    arguments = {
        "model_name": "text-embedding-005",
        "project_id": "project-1",
        "task_type": "RETRIEVAL_DOCUMENT",
        "truncation": False,
    }

    def environment(self, url: str) -> dict[str, str]:
        return {"NO_GCE_CHECK": "true", "CLOUDSDK_CONFIG": "/nowhere", "GOOGLE_APPLICATION_CREDENTIALS": ""}

    def texts(self, asked: Asked) -> list[str]:
        return [each["content"] for each in asked.body["instances"]]

    def purpose(self, asked: Asked) -> str | None:
        return _TASKS[asked.body["instances"][0]["task_type"]]

    def dimension(self, asked: Asked) -> int:
        return asked.body.get("parameters", {}).get("outputDimensionality") or super().dimension(asked)

    def answer(self, vectors: list[list[float]], asked: Asked) -> Any:
        statistics = {"truncated": False, "token_count": 4}
        return {"predictions": [{"embeddings": {"statistics": statistics, "values": vector}} for vector in vectors]}

    def no_model(self, asked: Asked) -> tuple[int, Any]:
        text = f"Publisher Model `{asked.path.removeprefix('/v1/').removesuffix(':predict')}` was not found."
        return 404, self.error(404, text, asked)

    def too_long(self, asked: Asked) -> tuple[int, Any]:
        text = "Unable to submit request because the input token count is 3000 but the model supports up to 2048."
        return 400, self.error(400, text, asked)
