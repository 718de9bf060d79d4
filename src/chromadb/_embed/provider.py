"""The base of embedding functions that ask a provider: keys, batches, repetition, checks, what is stored."""

from __future__ import annotations

import inspect
import os
import random
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from time import sleep
from typing import Any, ClassVar, Literal, NamedTuple, TypedDict, TypeVar, get_type_hints

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from chromadb._embed.base import EmbeddingFunction
from chromadb._embed.configuration import check_parameters
from chromadb._embed.failures import explain, read_failure
from chromadb._embed.packages import install_command, is_installed
from chromadb._embed.secrets import without_secrets
from chromadb._model.names import describe, shorten
from chromadb._model.types import Documents, Embeddings, Space
from chromadb.errors import (
    EmbeddingAnswerError,
    EmbeddingAuthenticationError,
    EmbeddingFunctionError,
    EmbeddingInputTooLongError,
    EmbeddingProviderError,
)

Answer = TypeVar("Answer")
Purpose = Literal["document", "query"]

_FIRST_WAIT, _LONGEST_WAIT = 0.5, 60.0


class Portions(TypedDict, total=False):
    """What every provider's function takes beside its own parameters, by keyword."""

    max_retries: int
    """How often a request is sent again that failed for a passing reason; 5."""
    batch_size: int
    """How many texts go with one request at most; what the provider allows."""


class Options(Portions, total=False):
    """The same, and how long to wait."""

    timeout: float
    """Seconds to wait for an answer; 60."""


class Provider(NamedTuple):
    """What the base has to know of a provider."""

    name: str
    """By which collections remember its function."""
    title: str
    """In messages."""
    package: str | None = None
    """The client library, as it is imported; None: plain HTTP."""
    extra: str | None = None
    """Of this distribution, which installs the package."""
    inputs: int = 100
    """Texts that go with one request, at most."""
    input_bytes: int | None = None
    """Bytes of the texts of one request together, at most: a text has never more tokens than bytes."""
    key_variables: tuple[str, ...] = ()
    """Where else the key is looked for: the variables of the provider's own documentation."""


_OPTIONS = Options.__optional_keys__


class ProviderFunction:
    """What functions share that ask a provider, whatever kind of vectors it gives.

    A subclass sets `provider`, keeps the parameters of its constructor as attributes of the same names, and defines
    `_connect`, `_request` and `_checked`. What a collection stores follows from the parameters: all but `api_key`, and
    those that are by keyword only where they differ from their defaults.
    """

    provider: ClassVar[Provider]
    _fixed: ClassVar[tuple[str, ...]] = ("model_name", "model", "dimensions", "dimension")

    api_key_env_var: str | None = None

    def __init__(self, api_key: str | None, api_key_env_var: str | None, options: Options) -> None:
        about = self.provider
        if about.package is not None and not is_installed(about.package):
            raise EmbeddingFunctionError(
                f"The client library of {about.title} ({about.package}) is not installed; {type(self).__name__} needs "
                f"it. Run {install_command(about.extra)}."
            )
        unknown = set(options) - _OPTIONS
        if unknown:
            raise TypeError(f"{type(self).__name__}() got an unexpected keyword argument {sorted(unknown)[0]!r}")
        self.timeout = _checked_number("timeout", options.get("timeout", 60.0), above=0)
        self.max_retries = int(_checked_number("max_retries", options.get("max_retries", 5), above=-1))
        self.batch_size = int(_checked_number("batch_size", options.get("batch_size", about.inputs), above=0))
        self.api_key_env_var = api_key_env_var
        self._api_key = self._find_key(api_key)
        self._connection: tuple[int, Any] | None = None

    # --- what a subclass defines -------------------------------------------------------------------

    def _connect(self) -> Any:
        """Return what `_request` asks: a client of the provider's library, without repetition of its own."""
        raise NotImplementedError

    def _request(self, client: Any, texts: list[str], purpose: Purpose) -> Any:
        """Send one request and return the vectors, one per text, in order."""
        raise NotImplementedError

    def _checked(self, answer: Any, texts: list[str]) -> Any:
        """Return what `_request` returned as vectors of their kind, one per text.

        Raises:
            EmbeddingAnswerError: it is none.
        """
        raise NotImplementedError

    def _texts_per_request(self) -> int:
        """Return how many texts go with one request at most: less than `batch_size` where the model wants it."""
        return self.batch_size

    def _model(self) -> str:
        """Return the model for messages."""
        model = getattr(self, "model_name", None) or getattr(self, "model", None)
        return f"the model {model!r}" if model else "the model"

    # --- embedding ---------------------------------------------------------------------------------

    def _vectors(self, texts: object, purpose: Purpose) -> Iterator[Any]:
        """Yield the vectors of texts, those of a request together."""
        if not isinstance(texts, (list, tuple)) or not all(isinstance(text, str) for text in texts):
            raise EmbeddingFunctionError(f"Expected the texts to embed to be a list of str, got {describe(texts)}.")
        if texts:
            for batch in self._batches(texts):
                yield from self._embed_parts(batch, purpose)

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        most = self.provider.input_bytes or float("inf")
        batch: list[str] = []
        filled = 0
        for text in texts:
            data = text.encode("utf-8", "replace")  # lone surrogates, which no request can carry, become "?"
            if batch and (len(batch) >= self._texts_per_request() or filled + len(data) > most):
                yield batch
                batch, filled = [], 0
            batch.append(data.decode())
            filled += len(data)
        yield batch

    def _embed_parts(self, texts: list[str], purpose: Purpose) -> Iterator[Any]:
        """Yield the vectors of a batch: halves of it, where its texts are too long together."""
        try:
            yield self._embed_batch(texts, purpose)
        except EmbeddingInputTooLongError:
            if len(texts) == 1:
                raise
            half = len(texts) // 2
            yield from self._embed_parts(texts[:half], purpose)
            yield from self._embed_parts(texts[half:], purpose)

    def _embed_batch(self, texts: list[str], purpose: Purpose) -> Any:
        client = self._client()
        return self._checked(self._repeat(lambda: self._request(client, texts, purpose), texts), texts)

    def _client(self) -> Any:
        """Return the client of this process: connections are not shared with a child."""
        if self._connection is None or self._connection[0] != os.getpid():
            self._connection = os.getpid(), self._connect()
        return self._connection[1]

    def __del__(self) -> None:
        with suppress(Exception):
            if self._connection is not None and self._connection[0] == os.getpid():
                client = self._connection[1]
                # Most client libraries are context managers, most have close(), but not all of either.
                client.close() if hasattr(client, "close") else client.__exit__(None, None, None)

    def _repeat(self, request: Callable[[], Answer], texts: Sequence[str]) -> Answer:
        attempt = 0
        while True:
            attempt += 1
            try:
                return request()
            except EmbeddingProviderError:
                raise
            except Exception as error:
                failure = read_failure(error)
                if failure is None:
                    raise
                wait = failure.retry_after
                if wait is None:
                    wait = min(_FIRST_WAIT * 2 ** (attempt - 1), _LONGEST_WAIT) * random.uniform(0.5, 1)
                if not failure.passing or attempt > self.max_retries or wait > _LONGEST_WAIT:
                    text = explain(
                        failure,
                        self.provider.title,
                        model=self._model(),
                        key=self._key_label(),
                        longest=_longest(texts),
                        attempts=attempt,
                    )
                    raise failure.kind(self._redacted(text)) from error
            sleep(wait)

    # --- the key -----------------------------------------------------------------------------------

    def _find_key(self, api_key: str | None) -> str | None:
        if api_key is not None:
            warnings.warn(
                f"The api_key given to {type(self).__name__} is not stored with collections. Put it into an "
                "environment variable and name that in api_key_env_var, so that a collection can build the function "
                "again.",
                DeprecationWarning,
                stacklevel=4,
            )
            return api_key
        if self.api_key_env_var is None:
            return None
        for variable in self._key_variables():
            if os.environ.get(variable):
                return os.environ[variable]
        raise EmbeddingAuthenticationError(
            f"The key of {self.provider.title} is missing. Set the environment variable "
            f"{' or '.join(self._key_variables())}, or name another one in api_key_env_var."
        )

    def _key_label(self) -> str:
        if self._api_key is None:
            return "requests without a key"
        found = (name for name in self._key_variables() if os.environ.get(name) == self._api_key)
        return f"the key in {name}" if (name := next(found, None)) else "the key that was given"

    def _key_variables(self) -> list[str]:
        """Return the environment variables in which the key is looked for."""
        named = [] if self.api_key_env_var is None else [self.api_key_env_var]
        return list(dict.fromkeys([*named, *self.provider.key_variables]))

    def _redacted(self, text: str) -> str:
        return text.replace(self._api_key, "***") if self._api_key and len(self._api_key) > 3 else text

    # --- what a collection stores ------------------------------------------------------------------

    @classmethod
    def name(cls) -> str:
        """Return the name by which collections remember this function."""
        return cls.provider.name

    def get_config(self) -> dict[str, Any]:
        """Return the parameters of the constructor, without the key and other secrets."""
        config: dict[str, Any] = {}
        for parameter in _parameters(type(self)):
            value = without_secrets(getattr(self, parameter.name))
            if parameter.kind is not inspect.Parameter.KEYWORD_ONLY or value != parameter.default:
                config[parameter.name] = value
        return config | {name: value for name, value in self._changed_options().items() if name not in config}

    def _changed_options(self) -> dict[str, Any]:
        defaults: Options = {"timeout": 60.0, "max_retries": 5, "batch_size": self.provider.inputs}
        return {name: getattr(self, name) for name, default in defaults.items() if getattr(self, name) != default}

    @classmethod
    def build_from_config(cls, config: dict[str, Any]) -> Self:
        """Return the function that ``get_config`` described; the key comes from the environment."""
        cls.validate_config(config)
        return cls(**config)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Raise an error where ``build_from_config`` would not accept `config`.

        Raises:
            EmbeddingFunctionError: a parameter is unknown, missing, or of another type; it is named.
        """
        types = get_type_hints(cls.__init__) | get_type_hints(Options)
        parameters = {parameter.name: parameter for parameter in _parameters(cls)}
        allowed = list(parameters) + [option for option in sorted(_OPTIONS) if option not in parameters]
        needed = [name for name, each in parameters.items() if each.default is inspect.Parameter.empty]
        check_parameters(cls.name(), config, types, allowed, needed)

    def validate_config_update(self, old_config: dict[str, Any], new_config: dict[str, Any]) -> None:
        """Refuse another model or dimension: its vectors could not be compared with those that are stored.

        Raises:
            EmbeddingFunctionError: what decides on the vectors differs; both are named.
        """
        for name in self._fixed:
            if name not in old_config or name not in new_config:
                continue
            old, new = old_config[name], new_config[name]
            if old != new:
                raise EmbeddingFunctionError(
                    f"Expected {name} to be {shorten(old)}, as the collection has it, got {shorten(new)}: its vectors "
                    "could not be compared with those that are stored. Embed the documents again into a new collection."
                )


class ProviderEmbeddingFunction(ProviderFunction, EmbeddingFunction[Documents]):
    """Embed texts at a provider whose vectors are dense: `_request` returns lists, or an array."""

    def __call__(self, input: Documents | None = None, *, texts: Documents | None = None) -> Embeddings:
        """Return one float32 array per text, in the order of the texts.

        Args:
            input: the texts.
            texts: the same by another name, as parts of the documentation have it.

        Raises:
            EmbeddingProviderError: the provider cannot or will not embed the texts; the class says why.
        """
        return self._embed(input if texts is None else texts, "document")

    def embed_query(self, input: Documents) -> Embeddings:
        """Return one float32 array per query, made for finding documents where the model tells the two apart."""
        return self._embed(input, "query")

    def _embed(self, texts: object, purpose: Purpose) -> Embeddings:
        parts: list[NDArray[np.float32]] = list(self._vectors(texts, purpose))
        dimensions = {part.shape[1] for part in parts}
        if len(dimensions) > 1:
            raise EmbeddingAnswerError(
                f"{self.provider.title} answered with vectors of the dimensions {sorted(dimensions)} for "
                f"{self._model()}; those of a collection have one. Ask it for a definite version of the model."
            )
        return [vector for part in parts for vector in part]

    def _checked(self, answer: Any, texts: list[str]) -> NDArray[np.float32]:
        try:
            vectors = np.asarray(answer, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise EmbeddingAnswerError(
                f"Expected {self.provider.title} to answer with vectors of numbers, got {shorten(answer)}. "
                "Check the address and the model."
            ) from error
        wanted = getattr(self, "dimensions", None) or getattr(self, "dimension", None)
        if vectors.ndim != 2 or len(vectors) != len(texts) or 0 in vectors.shape:
            raise EmbeddingAnswerError(
                f"Expected {self.provider.title} to answer with {len(texts)} vectors, one per text, got an answer of "
                f"shape {vectors.shape}. Check the address and the model."
            )
        if wanted and vectors.shape[1] != wanted:
            raise EmbeddingAnswerError(
                f"Expected {self.provider.title} to answer with vectors of dimension {wanted}, as asked, got "
                f"dimension {vectors.shape[1]}. Check whether {self._model()} can be asked for a dimension."
            )
        return vectors

    def default_space(self) -> Space:
        """Return ``"cosine"``."""
        return "cosine"


def _parameters(function_class: type) -> list[inspect.Parameter]:
    """Return the parameters of a constructor that a collection stores."""
    given = inspect.signature(function_class).parameters.values()
    return [each for each in given if each.name != "api_key" and each.kind is not inspect.Parameter.VAR_KEYWORD]


def _checked_number(name: str, value: Any, *, above: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > above:
        raise EmbeddingFunctionError(f"Expected {name} to be a number above {above}, got {describe(value)}.")
    return value


def _longest(texts: Sequence[str]) -> str:
    place = max(range(len(texts)), key=lambda each: len(texts[each]))
    which = f"The longest of the {len(texts)} texts of the request" if len(texts) > 1 else "The text"
    return f"{which} has {len(texts[place]):,} characters: {shorten(texts[place])}."
