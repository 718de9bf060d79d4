"""OpenAI, Azure OpenAI, and the services that speak the same: by OpenAI's client library."""

from __future__ import annotations

from typing import Any

from typing_extensions import Unpack

from chromadb._embed.provider import Options, Provider, ProviderEmbeddingFunction, Purpose
from chromadb._model.names import shorten
from chromadb.errors import EmbeddingFunctionError


class OpenAICompatible(ProviderEmbeddingFunction):
    """What is common to the services that speak OpenAI's format."""

    def _connect(self) -> Any:
        import openai

        return openai.OpenAI(
            api_key=self._api_key, base_url=getattr(self, "api_base", None), timeout=self.timeout, max_retries=0
        )

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        answer = client.embeddings.create(input=texts, **self._asked())
        return [item.embedding for item in sorted(answer.data, key=lambda item: item.index)]

    def _asked(self) -> dict[str, Any]:
        """Return the parameters of a request beside the texts."""
        raise NotImplementedError


class OpenAIEmbeddingFunction(OpenAICompatible):
    """Embed texts with the models of OpenAI, also in Azure, ``pip install chromadb[openai]``.

    Args:
        api_key: not stored with collections; better in the environment.
        model_name: the model; in Azure the deployment, where `deployment_id` names none.
        organization_id: whose account is charged, for keys of several.
        api_base: another address than OpenAI's own; that of the resource in Azure.
        api_type: ``"azure"`` for Azure.
        api_version: of the interface, in Azure.
        deployment_id: the deployment in Azure.
        default_headers: sent with every request; those that look like secrets are not stored with collections.
        dimensions: of the vectors, for models that can shorten them.
        api_key_env_var: the environment variable of the key; else ``OPENAI_API_KEY`` counts.
        options: see :class:`Options`.

    Raises:
        EmbeddingFunctionError: Azure is asked for without its address or its version.
    """

    provider = Provider(
        "openai",
        "OpenAI",
        package="openai",
        extra="openai",
        inputs=2048,
        input_bytes=300_000,
        key_variables=("OPENAI_API_KEY",),
    )

    def __init__(
        self,
        api_key: str | None = None,
        model_name: str = "text-embedding-ada-002",
        organization_id: str | None = None,
        api_base: str | None = None,
        api_type: str | None = None,
        api_version: str | None = None,
        deployment_id: str | None = None,
        default_headers: dict[str, str] | None = None,
        dimensions: int | None = None,
        api_key_env_var: str = "CHROMA_OPENAI_API_KEY",
        **options: Unpack[Options],
    ) -> None:
        super().__init__(api_key, api_key_env_var, options)
        if api_type not in (None, "openai", "open_ai", "azure"):
            raise EmbeddingFunctionError(f"Expected api_type to be 'azure' or None, got {shorten(api_type)}.")
        if api_type == "azure" and not (api_base and api_version):
            raise EmbeddingFunctionError(
                "Expected api_base and api_version for Azure OpenAI, got "
                f"{shorten(api_base)} and {shorten(api_version)}. Pass the address of the resource and the version."
            )
        self.model_name = model_name
        self.organization_id = organization_id
        self.api_base = api_base
        self.api_type = api_type
        self.api_version = api_version
        self.deployment_id = deployment_id
        self.default_headers = default_headers
        self.dimensions = dimensions

    def _connect(self) -> Any:
        import openai

        common: dict[str, Any] = {
            "api_key": self._api_key,
            "organization": self.organization_id,
            "default_headers": self.default_headers,
            "timeout": self.timeout,
            "max_retries": 0,
        }
        if self.api_type == "azure":
            return openai.AzureOpenAI(
                azure_endpoint=self.api_base,
                api_version=self.api_version,
                azure_deployment=self.deployment_id,
                **common,
            )
        return openai.OpenAI(base_url=self.api_base, **common)

    def _asked(self) -> dict[str, Any]:
        asked: dict[str, Any] = {"model": self.deployment_id or self.model_name}
        return asked | ({"dimensions": self.dimensions} if self.dimensions is not None else {})
