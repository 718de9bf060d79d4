"""Amazon Bedrock: POST /model/{model}/invoke, here with the bodies of Cohere's models."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from wire_formats.base import Asked, WireFormat

_TYPES = {
    400: "ValidationException",
    403: "UnrecognizedClientException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}


class Bedrock(WireFormat):
    name = "amazon_bedrock"
    class_name = "AmazonBedrockEmbeddingFunction"
    arguments = {"model_name": "cohere.embed-multilingual-v3"}
    tells_queries = True
    space = "l2"

    def address(self, url: str) -> dict[str, Any]:
        import boto3

        return {"session": boto3.Session(region_name="eu-central-1"), "endpoint_url": url}

    def environment(self, url: str) -> dict[str, str]:
        return {
            "AWS_SECRET_ACCESS_KEY": "the-secret-part",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nowhere/config",
            "AWS_SHARED_CREDENTIALS_FILE": "/nowhere/credentials",
        }

    def key(self, headers: dict[str, str]) -> str:
        found = re.match(
            r"AWS4-HMAC-SHA256 Credential=([^/]+)/\d{8}/eu-central-1/bedrock/aws4_request", headers["authorization"]
        )
        assert found is not None
        return found[1]

    def knows(self, asked: Asked) -> bool:
        return re.fullmatch(r"/model/[^/]+/invoke", asked.path) is not None

    def model(self, asked: Asked) -> str:
        return unquote(asked.path.split("/")[2])

    def texts(self, asked: Asked) -> list[str]:
        if "inputText" in asked.body:
            return [asked.body["inputText"]]
        texts = asked.body["texts"]
        assert isinstance(texts, list)
        return texts

    def purpose(self, asked: Asked) -> str | None:
        return {"search_document": "document", "search_query": "query"}.get(asked.body.get("input_type", ""))

    def answer(self, vectors: list[list[float]], asked: Asked) -> Any:
        if "inputText" in asked.body:
            return {"embedding": vectors[0], "inputTextTokenCount": 3}
        return {"id": "e1", "response_type": "embeddings_floats", "texts": asked.body["texts"], "embeddings": vectors}

    def error(self, status: int, text: str, asked: Asked) -> Any:
        return {"message": text, "__type": _TYPES.get(status, "UnknownException")}

    def wrong_key(self, asked: Asked) -> tuple[int, Any]:
        return 403, self.error(403, "The security token included in the request is invalid.", asked)

    def no_model(self, asked: Asked) -> tuple[int, Any]:
        return 400, self.error(400, "The provided model identifier is invalid.", asked)

    def too_long(self, asked: Asked) -> tuple[int, Any]:
        text = "Too many input tokens. Max input tokens: 8192, request input token count: 9000"
        return 400, self.error(400, text, asked)
