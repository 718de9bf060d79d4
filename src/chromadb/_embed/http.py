"""JSON over plain HTTP, for providers whose documented interface is that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from chromadb._model.names import shorten
from chromadb.errors import EmbeddingAnswerError

if TYPE_CHECKING:
    import httpx


def connect(timeout: float, key: str | None = None, headers: Mapping[str, str] | None = None) -> httpx.Client:
    """Return a client that sends `key` as a bearer token.

    Args:
        timeout: of a request, in seconds.
    """
    import httpx

    sent = {"Accept": "application/json", **(headers or {})}
    if key is not None:
        sent["Authorization"] = f"Bearer {key}"
    return httpx.Client(headers=sent, timeout=timeout, follow_redirects=False)


def post(client: httpx.Client, url: str, body: Any) -> Any:
    """Send JSON and return the JSON of the answer.

    Raises:
        httpx.HTTPError: no answer came, or one of a status that is no success.
        EmbeddingAnswerError: the answer is no JSON.
    """
    response = client.post(url, content=orjson.dumps(body), headers={"Content-Type": "application/json"})
    response.raise_for_status()
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError as error:
        raise EmbeddingAnswerError(
            f"Expected {response.url.host} to answer with JSON, got {shorten(response.text)}. Check the address."
        ) from error


def part(answer: Any, *path: str | int) -> Any:
    """Return what lies at a path in an answer.

    Raises:
        EmbeddingAnswerError: there is nothing.
    """
    found = answer
    for step in path:
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError) as error:
            raise EmbeddingAnswerError(
                f"Expected the answer to have {'/'.join(map(str, path))}, got {shorten(answer)}. Check the address."
            ) from error
    return found
