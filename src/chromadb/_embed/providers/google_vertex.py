"""Vertex AI of Google, over its documented REST interface."""

from __future__ import annotations

from typing import Any

from typing_extensions import Unpack

from chromadb._embed.http import connect, part, post
from chromadb._embed.packages import install_command, is_installed
from chromadb._embed.provider import Options, Provider, ProviderEmbeddingFunction, Purpose
from chromadb._embed.providers.google import task_for
from chromadb.errors import EmbeddingAuthenticationError

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_ACCESS_TOKEN = "ya29."


class GoogleVertexEmbeddingFunction(ProviderEmbeddingFunction):
    """Embed texts with the models of Vertex AI.

    The key is an API key of the project or an access token. Where none is found, the credentials of the machine count
    (a service account, ``gcloud auth application-default login``), with ``pip install chromadb[google-vertex]``.

    Args:
        api_key: not stored with collections; better in the environment.
        model_name: the model.
        project_id: the project that is charged.
        region: where the model runs.
        api_key_env_var: the environment variable of the key.
        task_type: what the vectors are for; with ``"RETRIEVAL_DOCUMENT"`` queries get ``"RETRIEVAL_QUERY"``.
        dimension: of the vectors, for models that can shorten them.
        truncation: whether what is longer than the model reads is cut off; otherwise it is an error.
        api_base: another address than Google's own for the region.
        options: see :class:`Options`.
    """

    provider = Provider("google_vertex", "Google Vertex AI", inputs=250, input_bytes=20_000)

    def __init__(
        self,
        api_key: str | None = None,
        model_name: str = "textembedding-gecko",
        project_id: str = "cloud-large-language-models",
        region: str = "us-central1",
        api_key_env_var: str = "CHROMA_GOOGLE_VERTEX_API_KEY",
        *,
        task_type: str | None = None,
        dimension: int | None = None,
        truncation: bool = True,
        api_base: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        self._credentials: Any = None
        super().__init__(api_key, api_key_env_var, options)
        self.model_name = model_name
        self.project_id = project_id
        self.region = region
        self.task_type = task_type
        self.dimension = dimension
        self.truncation = truncation
        self.api_base = api_base

    def _find_key(self, api_key: str | None) -> str | None:
        try:
            return super()._find_key(api_key)
        except EmbeddingAuthenticationError as error:
            self._credentials = _credentials_of_the_machine()
            if self._credentials is None:
                raise EmbeddingAuthenticationError(
                    f"{error.message()} The credentials of this machine would do as well "
                    f"({install_command('google-vertex')}, gcloud auth application-default login), but there are none."
                ) from None
            return None

    def _key_label(self) -> str:
        return super()._key_label() if self._credentials is None else "the credentials of this machine"

    def _connect(self) -> Any:
        if self._api_key is None or self._api_key.startswith(_ACCESS_TOKEN):
            return connect(self.timeout, self._api_key)
        return connect(self.timeout, headers={"x-goog-api-key": self._api_key})

    def _texts_per_request(self) -> int:
        return 1 if "gemini-embedding" in self.model_name else self.batch_size

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        if self._credentials is not None:
            client.headers["Authorization"] = f"Bearer {_token(self._credentials)}"
        task = task_for(self.task_type, purpose)
        instances = [{"content": text} | ({"task_type": task} if task else {}) for text in texts]
        parameters: dict[str, Any] = {"autoTruncate": self.truncation}
        if self.dimension is not None:
            parameters["outputDimensionality"] = self.dimension
        base = self.api_base or f"https://{self.region}-aiplatform.googleapis.com"
        url = (
            f"{base}/v1/projects/{self.project_id}/locations/{self.region}/publishers/google/models/"
            f"{self.model_name}:predict"
        )
        answer = part(post(client, url, {"instances": instances, "parameters": parameters}), "predictions")
        return [part(each, "embeddings", "values") for each in answer]


def _credentials_of_the_machine() -> Any:
    if not is_installed("google.auth"):
        return None
    import google.auth

    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
    except google.auth.exceptions.DefaultCredentialsError:
        return None
    return credentials


def _token(credentials: Any) -> str:
    """Return an access token, a new one where the present one has run out."""
    import google.auth.exceptions
    from google.auth.transport.requests import Request

    if not credentials.valid:
        try:
            credentials.refresh(Request())
        except google.auth.exceptions.RefreshError as error:
            raise EmbeddingAuthenticationError(
                f"Google does not accept the credentials of this machine ({error}). Log in again with gcloud auth "
                "application-default login, or set a key."
            ) from error
    return str(credentials.token)
