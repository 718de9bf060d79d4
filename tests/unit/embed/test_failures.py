"""What the exceptions of client libraries mean."""

from __future__ import annotations

from email.utils import formatdate
from time import time
from typing import Any

import pytest

from chromadb import errors
from chromadb._embed.failures import read_failure


class Answered(Exception):
    """An error as client libraries raise it."""

    def __init__(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"HTTP {status}")
        self.status_code, self.body, self.headers = status, body, headers or {}


@pytest.mark.parametrize(
    ("status", "body", "kind", "passing"),
    [
        (400, {"message": "input must not be empty"}, errors.EmbeddingRequestError, False),
        (
            400,
            {"error": {"message": "maximum context length is 8192"}},
            errors.EmbeddingInputTooLongError,
            False,
        ),
        (
            422,
            {"detail": [{"msg": "must have less than 512 tokens"}]},
            errors.EmbeddingInputTooLongError,
            False,
        ),
        (413, "", errors.EmbeddingInputTooLongError, False),
        (400, b'{"message": "Invalid model: x"}', errors.EmbeddingModelNotFoundError, False),
        (404, {"error": "model 'x' not found"}, errors.EmbeddingModelNotFoundError, False),
        (401, {}, errors.EmbeddingAuthenticationError, False),
        (403, {"message": "forbidden"}, errors.EmbeddingAuthenticationError, False),
        (402, {}, errors.EmbeddingQuotaError, False),
        (429, {"error": {"code": "insufficient_quota", "message": "no"}}, errors.EmbeddingQuotaError, False),
        (403, {"message": "insufficient balance"}, errors.EmbeddingQuotaError, False),
        (429, {"message": "Quota exceeded for requests per minute"}, errors.EmbeddingRateLimitError, True),
        (408, {}, errors.EmbeddingTimeoutError, True),
        (409, {}, errors.EmbeddingUnavailableError, True),
        (500, {}, errors.EmbeddingUnavailableError, True),
        (501, {}, errors.EmbeddingUnavailableError, False),
        (529, {}, errors.EmbeddingUnavailableError, True),
        (504, {}, errors.EmbeddingTimeoutError, True),
        (302, {}, errors.EmbeddingRequestError, False),
        (200, "<html>", errors.EmbeddingAnswerError, False),
    ],
)
def test_status_and_text_tell_the_kind(status: int, body: Any, kind: type, passing: bool) -> None:
    failure = read_failure(Answered(status, body))
    assert failure is not None
    assert (failure.kind, failure.passing) == (kind, passing)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"error": {"message": "no.", "type": "invalid", "code": None}}, "no. [invalid]"),
        ({"detail": "no"}, "no"),
        ({"error": "no"}, "no"),
        ({"errors": [{"code": 1, "message": "no"}, {"message": "never"}]}, "no; never"),
        ('{"message": "no"}', "no"),
        (b"no\n  way.", "no way"),
        ({}, "HTTP 400"),
        ("x" * 1000, "x" * 300 + "..."),
    ],
)
def test_the_text_of_the_provider_is_found_in_every_form(body: Any, text: str) -> None:
    failure = read_failure(Answered(400, body))
    assert failure is not None
    assert failure.text == text


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3),
        ({"retry-after": "0.5"}, 0.5),
        ({"Retry-After-Ms": "250", "Retry-After": "9"}, 0.25),
        ({"Retry-After": "Mon, 01 Jan 2024 00:00:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: Any) -> None:
    failure = read_failure(Answered(429, None, headers))
    assert failure is not None
    assert failure.retry_after == seconds


def test_a_date_to_wait_until() -> None:
    failure = read_failure(Answered(429, None, {"Retry-After": formatdate(time() + 3_000, usegmt=True)}))
    assert failure is not None
    assert failure.retry_after == pytest.approx(3_000, abs=100)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError("late"), errors.EmbeddingTimeoutError),
        (ConnectionResetError("gone"), errors.EmbeddingUnavailableError),
        (KeyError("data"), errors.EmbeddingAnswerError),
    ],
)
def test_where_no_answer_came_or_none_that_can_be_read(error: Exception, kind: type) -> None:
    failure = read_failure(error)
    assert failure is not None
    assert failure.kind is kind


def test_the_cause_of_an_exception_is_looked_at_and_what_it_was_raised_beside_is_not() -> None:
    wrapped = RuntimeError("wrapped")
    wrapped.__cause__ = Answered(401)
    failure = read_failure(wrapped)
    assert failure is not None
    assert failure.kind is errors.EmbeddingAuthenticationError
    beside = RuntimeError("beside")
    beside.__context__ = Answered(401)
    assert read_failure(beside) is None


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt(), RuntimeError("something else")])
def test_what_is_about_no_request_is_left_alone(error: BaseException) -> None:
    assert read_failure(error) is None
