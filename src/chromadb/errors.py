"""The errors that chromadb raises.

Every error is a :class:`ChromaError`. Besides, each one satisfies every built-in or historical class that
callers of a published version are known to catch in its place: a missing collection is a
:class:`NotFoundError`, an :class:`InvalidCollectionException` and a :class:`ValueError`.

``code()`` is the HTTP status that a server answers with, ``name()`` the error's name on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping


class ChromaError(Exception):
    """Base of all errors."""

    _code = 400
    _wire_name = "ChromaError"

    def code(self) -> int:
        """Return the HTTP status code of this error."""
        return self._code

    def message(self) -> str:
        """Return the text of this error."""
        return ", ".join(str(arg) for arg in self.args)

    @classmethod
    def name(cls) -> str:
        """Return the name of this error on the wire."""
        return cls._wire_name


# --- bad input ------------------------------------------------------------------------------------


class InvalidArgumentError(ChromaError, ValueError):
    """An argument has a value that is not allowed."""

    _wire_name = "InvalidArgumentError"


class InvalidArgumentTypeError(InvalidArgumentError, TypeError):
    """An argument has a type, or for counts a range, that is not allowed."""


class MalformedRequestError(InvalidArgumentTypeError):
    """A request lacks a field, or a field has the wrong type."""

    _code = 422


class InvalidDimensionException(InvalidArgumentError):
    """A vector has another number of dimensions than the collection."""

    _wire_name = "InvalidDimension"


class InvalidUUIDError(InvalidArgumentError):
    """An identifier of a collection is not a UUID."""

    _wire_name = "InvalidUUID"


class InvalidHTTPVersion(ChromaError):
    """The peer does not speak a supported version of HTTP."""

    _wire_name = "InvalidHTTPVersion"


class DuplicateIDError(InvalidArgumentError):
    """One call names the same record id more than once."""

    _wire_name = "DuplicateID"


class IDAlreadyExistsError(InvalidArgumentError):
    """A record of this id exists already."""

    _code = 409
    _wire_name = "IDAlreadyExists"


class BatchSizeExceededError(InvalidArgumentError):
    """A request carries more records than the server accepts at once."""

    _code = 413
    _wire_name = "BatchSizeExceededError"


class RequestTooLargeError(InvalidArgumentError):
    """A request has more bytes than the server accepts at once."""

    _code = 413


# --- what is there, and what is not ----------------------------------------------------------------


class NotFoundError(ChromaError, ValueError):
    """A tenant, a database or a collection does not exist."""

    _code = 404
    _wire_name = "NotFoundError"


class InvalidCollectionException(NotFoundError):
    """A collection does not exist."""

    _wire_name = "InvalidCollection"


class InternalError(ChromaError):
    """The database could not do what it was asked, for a reason of its own."""

    _code = 500
    _wire_name = "InternalError"


class UniqueConstraintError(InternalError, ValueError):
    """A tenant, a database or a collection of this name exists already.

    An :class:`InternalError` too, because that is what embedded clients of 1.x catch here.
    """

    _code = 409
    _wire_name = "UniqueConstraintError"


# --- who may --------------------------------------------------------------------------------------


class ChromaAuthError(ChromaError):
    """The credentials are missing, wrong, or do not suffice."""

    _code = 403
    _wire_name = "AuthError"

    def message(self) -> str:
        """Return the text of this error."""
        return super().message() or "Forbidden"


class AuthorizationError(ChromaError):
    """The operation is not allowed."""

    _code = 401
    _wire_name = "AuthorizationError"


class ResetDisabledError(AuthorizationError, ValueError):
    """``reset()`` was called without ``allow_reset=True`` in the settings."""

    _code = 403


class QuotaError(ChromaError):
    """A quota is used up."""

    _wire_name = "QuotaError"


class RateLimitError(ChromaError):
    """Too many requests in too short a time."""

    _code = 429
    _wire_name = "RateLimitError"

    retry_after: float | None = None
    """Seconds after which it may be tried again; None if that is not known."""


# --- the service ----------------------------------------------------------------------------------


class UnsupportedError(ChromaError, NotImplementedError):
    """A version of Chroma knows this, but this one, or the server, cannot do it."""

    _code = 501


class ServerBusyError(ChromaError):
    """A server has more to do than it can take on; the request was not begun and may be sent again."""

    _code = 503


class RequestTimeoutError(ChromaError, TimeoutError):
    """A server did not finish in the time that a request may take; whether it will finish is not known."""

    _code = 504


# --- storage --------------------------------------------------------------------------------------


class StorageError(InternalError):
    """The record store could not read or write."""


class StorageFullError(StorageError):
    """The disk is full; nothing of the call was written."""


class StorageLockedError(StorageError):
    """Another process holds the lock longer than this one was told to wait."""


class StorageReadOnlyError(StorageError):
    """The directory or its files cannot be written."""


class ReadOnlyError(StorageReadOnlyError):
    """The directory was opened for reading only, by a setting."""

    _code = 403


class StorageChangedError(StorageError):
    """A file that nobody had open for writing was written to while a read-only client read it."""

    _code = 503


class StorageFormatError(StorageError, ValueError):
    """The directory was written by something else, or by a newer version."""


class StorageReplacedError(StorageError):
    """The files were removed or replaced while a client had them open."""


class StorageCorruptError(StorageError):
    """A file of the record store is damaged."""


class ClosedClientError(ChromaError, RuntimeError):
    """A client was used after ``close()``."""


# --- the way to a server ---------------------------------------------------------------------------


class ServerConnectionError(ChromaError, ValueError, ConnectionError):
    """A server cannot be reached, or the connection to it broke."""

    _code = 503
    _wire_name = "ServerConnectionError"


class ServerCertificateError(ServerConnectionError):
    """The certificate of a server is not trusted, or the two sides agree on no encryption."""


class ServerTimeoutError(ServerConnectionError, TimeoutError):
    """A server did not answer in time."""

    _code = 504
    _wire_name = "ServerTimeoutError"


class ServerAnswerError(ChromaError, ValueError):
    """The answer is not one that a Chroma server gives: most likely something else listens there."""

    _code = 502
    _wire_name = "ServerAnswerError"


class TransferError(ChromaError, RuntimeError):
    """A copy cannot be resumed, as what is there is none, or does not agree with its source at the end."""

    _code = 409


class ThinClientError(ChromaError, RuntimeError):
    """The thin client was asked for what only the full package has."""


# --- embedding ------------------------------------------------------------------------------------


class EmbeddingFunctionError(InvalidArgumentError):
    """An embedding function is missing, another one than the stored one, or gives unusable vectors."""


class EmbeddingProviderError(ChromaError, RuntimeError):
    """A provider of embeddings did not do what it was asked; the cause is the error of its client library."""

    _code = 502


class EmbeddingAuthenticationError(EmbeddingProviderError, EmbeddingFunctionError):
    """The key of a provider is missing, or the provider refuses it."""

    _code = 401


class EmbeddingQuotaError(EmbeddingProviderError, QuotaError):
    """A quota or the credit at a provider is used up; asking again does not help."""

    _code = 402


class EmbeddingRateLimitError(EmbeddingProviderError, RateLimitError):
    """A provider still says, after repetitions, that there are too many requests."""

    _code = 429


class EmbeddingModelNotFoundError(EmbeddingProviderError, ValueError):
    """A provider does not have the model, or does not know the address that was asked."""

    _code = 404


class EmbeddingInputTooLongError(EmbeddingProviderError, ValueError):
    """A text has more tokens than the model of a provider reads."""

    _code = 413


class EmbeddingRequestError(EmbeddingProviderError, ValueError):
    """A provider refuses a request for a reason of its own, which the message repeats."""

    _code = 400


class EmbeddingUnavailableError(EmbeddingProviderError, ConnectionError):
    """A provider cannot be reached, or still fails after repetitions."""

    _code = 503


class EmbeddingTimeoutError(EmbeddingUnavailableError, TimeoutError):
    """A provider did not answer in time."""

    _code = 504


class EmbeddingDiscontinuedError(EmbeddingProviderError, EmbeddingFunctionError):
    """A provider has switched off the service; the message says what to use instead."""

    _code = 410


class EmbeddingAnswerError(EmbeddingProviderError, ValueError):
    """The answer of a provider cannot be used: not one vector per text, or not of the dimension asked for."""


class ModelUnavailableError(ChromaError, RuntimeError):
    """The files of an embedding model are not here and no source could be reached."""

    _code = 500


class VersionMismatchError(ChromaError, ValueError):
    """Client and server do not fit together: the other side speaks another version of the API."""

    _code = 500
    _wire_name = "VersionMismatchError"


class DataLoadError(ChromaError, OSError):
    """A data loader could not load what a URI points to; the message names the URI and the reason.

    Where several failed, the message is about the first and `failures` has them all.
    """

    def __init__(self, *args: object, failures: Mapping[str, Exception] | None = None) -> None:
        super().__init__(*args)
        self.failures: dict[str, Exception] = dict(failures or {})
        """By URI."""


class DataNotFoundError(DataLoadError, FileNotFoundError):
    """There is nothing where a URI points to."""

    _code = 404
