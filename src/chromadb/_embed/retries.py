"""Repetition of embedding functions that fail, by tenacity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from chromadb.errors import ChromaError, EmbeddingRateLimitError, EmbeddingUnavailableError

Result = TypeVar("Result")

_ATTEMPTS, _FIRST_WAIT, _LONGEST_WAIT = 6, 0.5, 60.0
_PASSING = (EmbeddingRateLimitError, EmbeddingUnavailableError)


def with_retries(call: Callable[[], Result], retry_kwargs: Mapping[str, Any]) -> Result:
    """Return what `call` returns, and call it again where it fails for what may be a passing reason.

    Six attempts, after pauses of 0.5, 1, 2, 4 and 8 seconds, each up to a second longer, unless told otherwise.

    Args:
        retry_kwargs: what ``tenacity.Retrying`` takes: ``stop``, ``wait``, ``retry``, ``reraise``, ...

    Raises:
        Exception: the last attempt's; a ``tenacity.RetryError`` where `retry_kwargs` has ``stop`` and no ``reraise``.
        TypeError: tenacity knows no such argument.
    """
    import tenacity

    arguments: dict[str, Any] = {
        "stop": tenacity.stop_after_attempt(_ATTEMPTS),
        "wait": tenacity.wait_exponential_jitter(initial=_FIRST_WAIT, max=_LONGEST_WAIT),
        "retry": tenacity.retry_if_exception(_may_pass),
        "reraise": "stop" not in retry_kwargs,
        **retry_kwargs,
    }
    return tenacity.Retrying(**arguments)(call)


def _may_pass(error: BaseException) -> bool:
    """Tell whether what failed may succeed: our own errors say, of others nobody knows."""
    return isinstance(error, _PASSING if isinstance(error, ChromaError) else Exception)
