"""The Gemini API of Google, by its present client library and by the former one."""

from __future__ import annotations

import warnings
from typing import Any

from typing_extensions import Unpack

from chromadb._embed.provider import Options, Provider, ProviderEmbeddingFunction, Purpose
from chromadb.errors import EmbeddingFunctionError

_QUERIES = {"RETRIEVAL_DOCUMENT": "RETRIEVAL_QUERY"}


def task_for(task_type: str | None, purpose: Purpose) -> str | None:
    """Return the task of a request: documents that are retrieved have queries that retrieve them."""
    return _QUERIES.get(task_type or "", task_type) if purpose == "query" else task_type


class GoogleGeminiEmbeddingFunction(ProviderEmbeddingFunction):
    """Embed texts with the models of Google, by ``google-genai``, ``pip install chromadb[google-genai]``.

    Args:
        model_name: the model.
        task_type: what the vectors are for; with ``"RETRIEVAL_DOCUMENT"`` queries get ``"RETRIEVAL_QUERY"``.
        dimension: of the vectors, for models that can shorten them.
        api_key_env_var: the environment variable of the key; else ``GEMINI_API_KEY`` and ``GOOGLE_API_KEY`` count.
        vertexai: whether to ask Vertex AI instead of the Gemini API.
        project: of Vertex AI; the credentials are those of the machine then, and no key is used.
        location: of Vertex AI.
        api_base: another address than Google's own.
        options: see :class:`Options`.
    """

    provider = Provider(
        "google_gemini",
        "Google Gemini",
        package="google.genai",
        extra="google-genai",
        inputs=100,
        key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    )

    def __init__(
        self,
        model_name: str = "gemini-embedding-001",
        task_type: str | None = None,
        dimension: int | None = None,
        api_key_env_var: str | None = "GEMINI_API_KEY",
        vertexai: bool | None = None,
        project: str | None = None,
        location: str | None = None,
        *,
        api_base: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        if (project or location) and not vertexai:
            raise EmbeddingFunctionError("Expected vertexai=True where project or location are given. Pass it as well.")
        by_project = bool(vertexai and project)
        super().__init__(None, None if by_project else api_key_env_var or "GEMINI_API_KEY", options)
        self.api_key_env_var = api_key_env_var
        self.model_name = model_name
        self.task_type = task_type
        self.dimension = dimension
        self.vertexai = vertexai
        self.project = project
        self.location = location
        self.api_base = api_base

    def _connect(self) -> Any:
        from google import genai

        options = {
            "base_url": self.api_base,
            "timeout": int(self.timeout * 1000),
            "retry_options": {"attempts": 1},
        }
        if self.vertexai:
            return genai.Client(
                vertexai=True,
                api_key=self._api_key,
                project=self.project,
                location=self.location,
                http_options=options,
            )
        return genai.Client(vertexai=False, api_key=self._api_key, http_options=options)

    def _texts_per_request(self) -> int:
        # Vertex AI takes one text with a request to these models.
        return 1 if self.vertexai and "gemini-embedding" in self.model_name else self.batch_size

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        asked = {"task_type": task_for(self.task_type, purpose), "output_dimensionality": self.dimension}
        answer = client.models.embed_content(
            model=self.model_name,
            contents=texts,
            config={name: value for name, value in asked.items() if value is not None},
        )
        return [each.values for each in answer.embeddings]


GoogleGenaiEmbeddingFunction = GoogleGeminiEmbeddingFunction


class GoogleGenerativeAiEmbeddingFunction(ProviderEmbeddingFunction):
    """Embed texts with the models of Google, by the former ``google-generativeai``.

    ``pip install chromadb[google-generativeai]``. Google no longer develops that library;
    :class:`GoogleGeminiEmbeddingFunction` asks the same models by the present one.

    Args:
        api_key: not stored with collections; better in the environment.
        model_name: the model.
        task_type: what the vectors are for; with ``"RETRIEVAL_DOCUMENT"`` queries get ``"RETRIEVAL_QUERY"``.
        api_key_env_var: the environment variable of the key; else ``GEMINI_API_KEY`` and ``GOOGLE_API_KEY`` count.
        dimension: of the vectors, for models that can shorten them.
        api_base: another address than Google's own.
        options: see :class:`Options`.
    """

    provider = Provider(
        "google_generative_ai",
        "Google Generative AI",
        package="google.generativeai",
        extra="google-generativeai",
        inputs=100,
        key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    )

    def __init__(
        self,
        api_key: str | None = None,
        model_name: str = "gemini-embedding-001",
        task_type: str = "RETRIEVAL_DOCUMENT",
        api_key_env_var: str = "GEMINI_API_KEY",
        dimension: int | None = None,
        *,
        api_base: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(api_key, api_key_env_var, options)
        self.model_name = model_name
        self.task_type = task_type
        self.dimension = dimension
        self.api_base = api_base

    def _connect(self) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the library says of itself at import that it is no longer developed
            from google.ai import generativelanguage

        # A client of our own: genai.configure() would set the key of the whole process.
        options = {"api_key": self._api_key} | ({"api_endpoint": self.api_base} if self.api_base else {})
        return generativelanguage.GenerativeServiceClient(transport="rest", client_options=options)

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from google import generativeai

        answer = generativeai.embed_content(
            model=self.model_name if "/" in self.model_name else f"models/{self.model_name}",
            content=texts,
            task_type=task_for(self.task_type, purpose),
            output_dimensionality=self.dimension,
            client=client,
            request_options={"timeout": self.timeout, "retry": None},
        )
        return answer["embedding"]
