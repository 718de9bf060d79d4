"""What a provider's client library raised, and the error that says so: one mapping for all of them.

Client libraries differ in their classes, not in what they know: an HTTP status, headers, a body, or that no
answer came. These are read by the names under which libraries keep them.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from chromadb import errors

_STATUS = ("status_code", "http_status", "status", "code")
_RESPONSE = ("response", "raw_response", "http_response")
_BODY = ("body", "http_body", "text")
_TEXT = ("message", "detail", "details", "error", "errors", "msg", "description")

_TIMEOUT = re.compile(r"Timeout|DeadlineExceeded")
_UNREACHED = re.compile(r"Connect|Transport|Network|Protocol|NoResponse|ServiceUnavailable")
_UNREADABLE = re.compile(r"ParseError|DecodeError")
_NO_CREDIT = re.compile(r"insufficient[ _](quota|credit|balance|funds)|payment required|out of credit|arrears", re.I)
_TOO_LONG = re.compile(
    r"context[ _](length|window)|too long|too many (input )?tokens|(maximum|max)\b.{0,40}\btokens"
    r"|tokens?\b.{0,60}\b(exceed|limit)|exceed\w*.{0,60}\btokens?\b|longer than"
    r"|token count\b.{0,60}\bsupports up to|(less|fewer|more) than [\d,]+ tokens|input length",
    re.I | re.S,
)
_NO_MODEL = re.compile(
    r"(model|deployment)\b.{0,120}\b(not found|not exist|unknown|unsupported|not supported|invalid|not available"
    r"|is not an?)|(unknown|invalid|unsupported|no such)\b.{0,20}\bmodel",
    re.I | re.S,
)
_RETRY_DELAY = re.compile(r'"retryDelay":\s*"(\d+(?:\.\d+)?)s"')
_NO_KEY = re.compile(r"API[ _]key (not valid|not found|expired|invalid)|API_KEY_INVALID", re.I)
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_SHOWN = 300


class Failure(NamedTuple):
    """What is known of a request that failed."""

    kind: type[errors.EmbeddingProviderError]
    status: int | None
    text: str
    """What the provider or its client library says."""
    passing: bool
    """Whether the same request may succeed a little later."""
    retry_after: float | None = None
    """How many seconds the provider asks to wait."""


def read_failure(error: BaseException) -> Failure | None:
    """Return what an exception of a client library means, None where it is about no request to a provider."""
    for each in _chain(error):
        status = _status(each)
        if status is not None:
            text = _text(each)
            kind = _kind(status, text)
            passing = status in _PASSING and kind is not errors.EmbeddingQuotaError
            # Some libraries keep no headers, but were themselves told of the status by one that does.
            headers = _headers(each) or _headers(each.__context__)
            wait = _retry_after(headers)
            return Failure(kind, status, text, passing, _retry_delay(each) if wait is None else wait)
    for each in _chain(error):
        names = " ".join(kind.__name__ for kind in type(each).__mro__)
        text = f"{type(each).__name__}: {each}"
        if _TIMEOUT.search(names):
            return Failure(errors.EmbeddingTimeoutError, None, _cut(text), True)
        if _UNREACHED.search(names):
            return Failure(errors.EmbeddingUnavailableError, None, _cut(text), True)
        if _UNREADABLE.search(names):
            return Failure(errors.EmbeddingAnswerError, None, _cut(text), False)
        if "ValidationError" in names and "request" in str(each).lower():
            return Failure(errors.EmbeddingRequestError, None, _cut(text), False)
    if isinstance(error, (AttributeError, LookupError, TypeError, ValueError)):
        return Failure(errors.EmbeddingAnswerError, None, _cut(f"{type(error).__name__}: {error}"), False)
    return None


def explain(failure: Failure, title: str, *, model: str, key: str, longest: str, attempts: int) -> str:
    """Return the text of the error for a failure: what happened, what the provider says, what to do.

    Args:
        title: of the provider.
        model: as it was asked for.
        key: where the key came from.
        longest: the longest text of the request, described.
        attempts: how often the request was sent.
    """
    said = f" ({failure.status}: {failure.text})" if failure.status else f" ({failure.text})"
    tried = f" after {attempts} attempts" if attempts > 1 else ""
    return _TEXTS[failure.kind].format(title=title, said=said, tried=tried, model=model, key=key, longest=longest)


_TEXTS: dict[type[errors.EmbeddingProviderError], str] = {
    errors.EmbeddingAuthenticationError: "{title} refuses {key}{said}. Use a valid key that may use {model}.",
    errors.EmbeddingQuotaError: "The quota or the credit at {title} is used up{said}. Raise it, or use another key.",
    errors.EmbeddingRateLimitError: "{title} takes no more requests at present{tried}{said}. Ask again later, "
    "or in smaller portions.",
    errors.EmbeddingModelNotFoundError: "{title} does not have {model}, or not at this address{said}. "
    "Check the name of the model and the address.",
    errors.EmbeddingInputTooLongError: "A text is longer than {title} reads with {model}{said}. {longest} Split it.",
    errors.EmbeddingRequestError: "{title} refuses the request{said}. Check the parameters of the embedding function "
    "and the texts. {longest}",
    errors.EmbeddingAnswerError: "The answer of {title} does not fit its client library, or this one{said}. "
    "Check the address, and the version of the library.",
    errors.EmbeddingTimeoutError: "{title} did not answer in time{tried}{said}. Ask again later, or raise timeout.",
    errors.EmbeddingUnavailableError: "{title} is not available{tried}{said}. Check the address and the network, "
    "or ask again later.",
}


def _kind(status: int, text: str) -> type[errors.EmbeddingProviderError]:
    if status < 300:
        return errors.EmbeddingAnswerError
    if status == 402 or (status in {403, 429} and _NO_CREDIT.search(text)):
        return errors.EmbeddingQuotaError
    if status in {401, 403} or (status == 400 and _NO_KEY.search(text)):
        return errors.EmbeddingAuthenticationError
    if status == 404:
        return errors.EmbeddingModelNotFoundError
    if status in {408, 504}:
        return errors.EmbeddingTimeoutError
    if status == 429:
        return errors.EmbeddingRateLimitError
    if status == 413 or (400 <= status < 500 and _TOO_LONG.search(text)):
        return errors.EmbeddingInputTooLongError
    if 400 <= status < 500 and _NO_MODEL.search(text):
        return errors.EmbeddingModelNotFoundError
    if status in _PASSING or status >= 500:
        return errors.EmbeddingUnavailableError
    return errors.EmbeddingRequestError


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those it was raised from."""
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__


def _sources(error: object) -> Iterator[object]:
    yield error
    for name in _RESPONSE:
        response = getattr(error, name, None)
        if isinstance(response, Mapping):
            yield _Response(response)
        elif response is not None:
            yield response


class _Response:
    """A response that a library (botocore) keeps as a dict."""

    def __init__(self, response: Mapping[str, Any]) -> None:
        about = response.get("ResponseMetadata", {})
        self.status = about.get("HTTPStatusCode")
        self.headers = about.get("HTTPHeaders")
        self.body = {name.lower(): value for name, value in response.get("Error", {}).items()}


def _status(error: object) -> int | None:
    for source in _sources(error):
        for name in _STATUS:
            value = getattr(source, name, None)
            if isinstance(value, int) and not isinstance(value, bool) and 200 <= value < 600:
                return int(value)
    return None


def _headers(error: object) -> dict[str, str]:
    for source in _sources(error):
        headers = getattr(source, "headers", None)
        if isinstance(headers, Mapping):
            return {str(name).lower(): str(value) for name, value in headers.items()}
    return {}


def _text(error: BaseException) -> str:
    for source in _sources(error):
        for name in _BODY:
            found = _said(getattr(source, name, None))
            if found:
                return _cut(found)
    return _cut(str(error) or type(error).__name__)


def _said(body: Any) -> str:
    """Return the message within the body of an error, in any of the forms in use."""
    if isinstance(body, (bytes, bytearray)):
        body = bytes(body).decode("utf-8", "replace")
    if isinstance(body, str):
        try:
            parsed = json.loads(body)
        except ValueError:
            return body.strip()
        return _said(parsed) if isinstance(parsed, (dict, list)) else body.strip()
    if isinstance(body, list):
        return "; ".join(filter(None, map(_said, body)))
    if isinstance(body, Mapping):
        found = next(filter(None, (_said(body.get(name)) for name in _TEXT)), "")
        code = next((body[name] for name in ("code", "type") if isinstance(body.get(name), str)), "")
        return f"{found} [{code}]" if found and code and code not in found else found
    return ""


def _retry_after(headers: Mapping[str, str]) -> float | None:
    try:
        if "retry-after-ms" in headers:
            return max(0.0, float(headers["retry-after-ms"]) / 1000)
        if "retry-after" in headers:
            value = headers["retry-after"]
            if re.fullmatch(r"[\d.]+", value):
                return float(value)
            return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError):
        return None
    return None


def _retry_delay(error: object) -> float | None:
    """Return the seconds to wait that Google names within the body."""
    for source in _sources(error):
        text = getattr(source, "text", None)
        found = _RETRY_DELAY.search(text) if isinstance(text, str) else None
        if found:
            return float(found[1])
    return None


def _cut(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
