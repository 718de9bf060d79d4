"""What an answer means: a result, an error of the server, or that something else than a Chroma server answered."""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

from chromadb._model.names import shorten
from chromadb._model.operations import Operation
from chromadb._wire.errors import UNKNOWN_PATH, decode_error
from chromadb.errors import (
    ChromaError,
    RateLimitError,
    ServerAnswerError,
    ServerConnectionError,
    UnsupportedError,
    VersionMismatchError,
)

UNAVAILABLE = (502, 503, 504)
"""Statuses by which a server, or a proxy before it, says: not now."""

LONGEST_PAUSE = 5.0
"""Seconds that a server may ask for before a request is sent again; for more, the caller decides."""


def pause_asked(response: httpx.Response) -> float:
    """Return how many seconds the server asks to wait; 0 if it does not say."""
    asked = response.headers.get("retry-after", "")
    return float(asked) if asked.isdecimal() else 0.0


def is_unavailable(response: httpx.Response, repeatable: bool) -> bool:
    """Return whether it is safe, and may help, to send the request again.

    Args:
        response: read to its end.
        repeatable: whether it does no harm if the server carried out the request.
    """
    if pause_asked(response) > LONGEST_PAUSE:
        return False
    status = response.status_code
    if status == 429:
        # Too many requests: nobody looked at this one. Without a time that is asked for, it comes as ill again.
        return pause_asked(response) > 0
    begun = status != 503 or b"ServerBusyError" not in response.content
    return not begun or (repeatable and status in (502, 503))


def error_of(
    response: httpx.Response, operation: Operation[Any], url: str, version: str | None = None
) -> ChromaError | None:
    """Return the error that an answer tells of, None if it tells of none.

    Args:
        response: read to its end.
        operation: that was asked for.
        url: of the server.
        version: of the server, None if it is not known to be one of Chroma.
    """
    status = response.status_code
    if status < 300:
        return None
    if status < 400:
        return ServerAnswerError(
            f"The server at {url} redirects to {response.headers.get('location', 'nowhere')}. Give that host and port."
        )
    if _told(response):
        error = decode_error(status, response.content, operation)
        if isinstance(error, RateLimitError):
            error.retry_after = pause_asked(response) or None
        request = response.headers.get("x-request-id")
        if status != 500 or not request:
            return error
        return type(error)(f"{error.message()} The log of the server knows it as request {request}.")
    if status in UNAVAILABLE:
        return ServerConnectionError(
            f"The server at {url} is not available: status {status}, {_excerpt(response)}. Try again later."
        )
    if status in (404, 405, 410):
        asked = f"{response.request.method} {response.request.url.path}"
        if version is not None and _says_no_more(response):
            return UnsupportedError(f"The server at {url} is Chroma {version}, which does not know {asked}.")
        return ServerAnswerError(
            f"The server at {url} does not know {asked}: status {status}, {_excerpt(response)}. "
            "Is it a Chroma server, 0.5.23 or later, and is the path before /api right?"
        )
    return decode_error(status, response.content, operation)


def is_refusal(response: httpx.Response) -> bool:
    """Return whether an error may well be that of a Chroma server, or of a proxy before one."""
    return _told(response) or response.status_code in (401, 403, 413, 429, *UNAVAILABLE) or response.is_redirect


def stranger(response: httpx.Response, url: str) -> ServerAnswerError:
    """Return the error for an answer that no Chroma server gives where its API begins."""
    if _body(response).get("type") == UNKNOWN_PATH:
        return ServerAnswerError(
            f"There is a Chroma server, but its API does not begin at {url}: it does not know "
            f"{response.request.url.path}. Check the path in the host, or leave it out."
        )
    return ServerAnswerError(
        f"What listens at {url} is no Chroma server: to {response.request.url.path} it answered with status "
        f"{response.status_code}, {_excerpt(response)}. Check the host, the port and the path."
    )


def outdated(version: str, url: str) -> VersionMismatchError:
    """Return the error for a server that speaks API v1 alone."""
    return VersionMismatchError(
        f"The server at {url} is Chroma {version}, which speaks API v1; this client speaks API v2. "
        "Use a server of version 0.5.23 or later."
    )


def _told(response: httpx.Response) -> bool:
    """Return whether a Chroma server says what is wrong, rather than a proxy or somebody else."""
    body = _body(response)
    if body.get("type") == UNKNOWN_PATH:
        return False
    return "error" in body or ("detail" in body and body["detail"] not in ("Not Found", "Method Not Allowed"))


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}


def _says_no_more(response: httpx.Response) -> bool:
    """Return whether the answer is that of a Chroma server to a path that it does not know."""
    return not response.content or (response.content[:1] == b"{" and b'"detail"' in response.content)


def _excerpt(response: httpx.Response) -> str:
    kind = response.headers.get("content-type", "no content type").partition(";")[0]
    text = response.content[:200].decode("utf-8", "replace").strip()
    return f"{kind}, {shorten(text)}" if text else f"{kind}, without a body"
