"""Roboflow Inference: CLIP for texts and images, in the cloud or on a server of one's own, over plain HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Unpack

from chromadb._embed import http
from chromadb._embed.images import import_pillow, jpeg_base64, to_picture
from chromadb._embed.provider import Options, Provider, ProviderEmbeddingFunction, Purpose
from chromadb._model.names import describe, shorten
from chromadb._model.types import Embeddings
from chromadb.errors import EmbeddingAnswerError, EmbeddingFunctionError

_CLOUD = "https://infer.roboflow.com"


class RoboflowEmbeddingFunction(ProviderEmbeddingFunction):
    """Embed texts and images with CLIP at Roboflow, or at an Inference server, ``pip install chromadb[images]``.

    Args:
        api_key: not stored with collections; better in the environment.
        api_url: the address of the server, the cloud's by default.
        api_key_env_var: the environment variable of the key; else ``ROBOFLOW_API_KEY`` counts.
        server_url: another name of `api_url`, as the documentation has it.
        options: see :class:`Options`; `batch_size` counts texts or images, and a server takes no more than its
            ``CLIP_MAX_BATCH_SIZE``, 8 by default.

    Raises:
        EmbeddingAuthenticationError: there is no key.
        EmbeddingFunctionError: Pillow is not installed.
    """

    provider = Provider("roboflow", "Roboflow Inference", inputs=8, key_variables=("ROBOFLOW_API_KEY",))
    _fixed: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        api_key: str | None = None,
        api_url: str = _CLOUD,
        api_key_env_var: str = "CHROMA_ROBOFLOW_API_KEY",
        *,
        server_url: str | None = None,
        **options: Unpack[Options],
    ) -> None:
        import_pillow()
        super().__init__(api_key, api_key_env_var, options)
        if server_url is not None and api_url not in (_CLOUD, server_url):
            raise EmbeddingFunctionError(
                f"Expected api_url or server_url, got both, {api_url!r} and {server_url!r}. They are the same."
            )
        self.api_url = (server_url or api_url).rstrip("/")
        self.server_url: str | None = None

    def _connect(self) -> Any:
        return http.connect(self.timeout)

    def _model(self) -> str:
        return "CLIP"

    def _embed(self, texts: object, purpose: Purpose) -> Embeddings:
        if isinstance(texts, (str, np.ndarray)) or not isinstance(texts, (list, tuple)):
            raise EmbeddingFunctionError(f"Expected the input to be a list of texts and images, got {describe(texts)}.")
        vectors: NDArray[np.float32] | None = None
        for places, parts in self._parts(texts):
            found = self._embed_batch(parts, purpose)
            if vectors is None:
                vectors = np.empty((len(texts), found.shape[1]), dtype=np.float32)
            vectors[places] = found
        return [] if vectors is None else list(vectors)

    def _parts(self, items: Sequence[Any]) -> Iterator[tuple[list[int], list[str]]]:
        """Yield what goes with one request each, and its places: texts, or images as JPEG files in base64."""
        texts = {place: item for place, item in enumerate(items) if isinstance(item, str)}
        images = {place: to_picture(item, f"input[{place}]") for place, item in enumerate(items) if place not in texts}
        for places in _portions([*texts], self.batch_size):
            yield places, [texts[place].encode("utf-8", "replace").decode() for place in places]
        for places in _portions([*images], self.batch_size):
            yield places, [_Jpeg(jpeg_base64(images[place])) for place in places]

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        import httpx

        body: dict[str, Any]
        if isinstance(texts[0], _Jpeg):
            path, body = "/clip/embed_image", {"image": [{"type": "base64", "value": str(each)} for each in texts]}
        else:
            path, body = "/clip/embed_text", {"text": list(texts)}
        response = client.post(f"{self.api_url}{path}", params={"api_key": self._api_key}, json=body)
        if not response.is_success:
            # The error of httpx would show the address, and so the key, in a traceback.
            text = f"{self.api_url}{path} answered with status {response.status_code}"
            raise httpx.HTTPStatusError(text, request=response.request, response=response)
        return http.part(_json(response), "embeddings")


class _Jpeg(str):
    """A picture to embed, a JPEG file in base64."""


def _json(response: Any) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise EmbeddingAnswerError(
            f"Expected {response.url.host} to answer with JSON, got {shorten(response.text)}. Check the address."
        ) from error


def _portions(places: Sequence[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(places), size):
        yield list(places[start : start + size])
