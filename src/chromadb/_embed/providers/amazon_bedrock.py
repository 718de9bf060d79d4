"""Amazon Bedrock, by boto3."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from typing_extensions import Self

from chromadb._embed.provider import Options, Provider, ProviderEmbeddingFunction, Purpose
from chromadb._embed.secrets import without_secrets
from chromadb._model.names import describe, shorten
from chromadb._model.types import Space
from chromadb.errors import EmbeddingAuthenticationError, EmbeddingFunctionError

_INPUT_TYPES = {"document": "search_document", "query": "search_query"}
_STORED = ("model_name", "session_args", "kwargs")


class AmazonBedrockEmbeddingFunction(ProviderEmbeddingFunction):
    """Embed texts with the models of Amazon Titan and Cohere in Bedrock, ``pip install chromadb[bedrock]``.

    Models of Cohere are told whether they embed documents or queries.

    Args:
        session: a ``boto3.Session``; a collection stores its region and its profile, never its keys.
        model_name: the id of the model, or of an inference profile.
        kwargs: further arguments of ``session.client``, such as ``region_name`` and ``endpoint_url``: text, numbers,
            bools or None; also ``timeout``, ``max_retries`` and ``batch_size``, see :class:`Options`.

    Raises:
        EmbeddingFunctionError: an argument cannot be stored with a collection, or boto3 is not installed.
        EmbeddingAuthenticationError: the session has no credentials.
    """

    provider = Provider(
        "amazon_bedrock",
        "Amazon Bedrock",
        package="boto3",
        extra="bedrock",
        inputs=96,
        key_variables=("AWS_ACCESS_KEY_ID",),
    )

    def __init__(self, session: Any, model_name: str = "amazon.titan-embed-text-v1", **kwargs: Any) -> None:
        options: Any = {name: kwargs.pop(name) for name in Options.__optional_keys__ & kwargs.keys()}
        super().__init__(None, None, options)
        for name, value in kwargs.items():
            if not (value is None or isinstance(value, (str, int, float, bool))):
                raise EmbeddingFunctionError(
                    f"Expected {name} to be text, a number, a bool or None, so that it can be stored with a "
                    f"collection; got {describe(value)}."
                )
        if not callable(getattr(session, "client", None)):
            raise EmbeddingFunctionError(
                f"Expected session to be a boto3.Session, got {describe(session)}. Pass boto3.Session(region_name=...)."
            )
        self._session = session
        self.model_name = model_name
        self.kwargs = kwargs
        if "aws_access_key_id" in kwargs:
            self._api_key = str(kwargs["aws_access_key_id"])
            return
        credentials = session.get_credentials()
        if credentials is None:
            raise EmbeddingAuthenticationError(
                "The credentials of Amazon Bedrock are missing. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                "make the session with a profile that has them."
            )
        self._api_key = credentials.access_key

    def _connect(self) -> Any:
        from botocore.config import Config

        config = Config(
            connect_timeout=self.timeout, read_timeout=self.timeout, retries={"total_max_attempts": 1, "mode": "legacy"}
        )
        return self._session.client("bedrock-runtime", config=config, **self.kwargs)

    def _texts_per_request(self) -> int:
        return self.batch_size if "cohere." in self.model_name else 1

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        if "cohere." in self.model_name:
            body: dict[str, Any] = {"texts": texts, "input_type": _INPUT_TYPES[purpose], "truncate": "NONE"}
        else:
            body = {"inputText": texts[0]}
        answer = client.invoke_model(
            modelId=self.model_name,
            body=json.dumps(body),
            accept="application/json",
            contentType="application/json",
        )
        found = json.loads(answer["body"].read())
        if "cohere." not in self.model_name:
            return [found["embedding"]]
        vectors = found["embeddings"]
        return vectors["float"] if isinstance(vectors, Mapping) else vectors

    def default_space(self) -> Space:
        """Return ``"l2"``."""
        return "l2"

    def get_config(self) -> dict[str, Any]:
        """Return the model, the region and the profile of the session, and the arguments of its client."""
        session = {"region_name": self._session.region_name}
        # The session says "default" too where there is no profile at all, which then could not be found again.
        if self._session.profile_name != "default":
            session["profile_name"] = self._session.profile_name
        stored = {name: without_secrets(value) for name, value in without_secrets(self.kwargs).items()}
        return {"model_name": self.model_name, "session_args": session, "kwargs": stored | self._changed_options()}

    @classmethod
    def build_from_config(cls, config: dict[str, Any]) -> Self:
        """Return the function that ``get_config`` described; the credentials come from the environment."""
        cls.validate_config(config)
        import boto3

        session = dict(config.get("session_args") or {})
        if session.get("profile_name") == "default":
            del session["profile_name"]
        return cls(boto3.Session(**session), config["model_name"], **(config.get("kwargs") or {}))

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Raise an error where ``build_from_config`` would not accept `config`.

        Raises:
            EmbeddingFunctionError: a parameter is unknown, missing, or of another type; it is named.
        """
        unknown = [name for name in config if name not in _STORED]
        if unknown:
            raise EmbeddingFunctionError(
                f"Expected the configuration of '{cls.name()}' to have the parameters {', '.join(_STORED)}, got "
                f"{shorten(unknown[0])}. Remove it."
            )
        try:
            msgspec.convert(config.get("model_name"), str)
            msgspec.convert(config.get("session_args") or {}, dict[str, str | None])
            arguments = msgspec.convert(config.get("kwargs") or {}, dict[str, str | int | float | bool | None])
            for name in Options.__optional_keys__ & arguments.keys():
                msgspec.convert(arguments[name], float)
        except msgspec.ValidationError as error:
            raise EmbeddingFunctionError(
                f"Expected the configuration of '{cls.name()}' to be model_name, session_args and kwargs, with "
                f"numbers as timeout, max_retries and batch_size ({error}); got {shorten(config)}."
            ) from error
