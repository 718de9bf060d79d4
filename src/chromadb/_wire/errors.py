"""Errors on the wire: class, name and status, for either generation of clients.

The body is ``{"error": name, "message": text}``, as clients of every generation read it. ``type`` beside it is the
exact class, for our own clients; ``request_id`` is what the server's log knows the request by.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from chromadb import errors
from chromadb._decoding import decoder
from chromadb._model import operations as op
from chromadb._wire.dialects import Dialect
from chromadb._wire.routes import BY_OPERATION

UNKNOWN_PATH = errors.ServerAnswerError.__name__
"""The class by which a server tells our own clients that it has no such route, rather than nothing of that name."""


class ErrorBody(msgspec.Struct, omit_defaults=True):
    """The body of an answer that says what went wrong."""

    error: str = ""
    message: str = ""
    type: str = ""
    request_id: str = ""
    detail: Any = None
    """What servers of 0.x say instead, where their framework answered."""


class Failure(NamedTuple):
    """An error as it is answered."""

    status: int
    error: ErrorBody

    def body(self, request_id: str = "") -> bytes:
        """Return the body, with the id that the log knows the request by."""
        if request_id:
            return msgspec.json.encode(msgspec.structs.replace(self.error, request_id=request_id))
        return msgspec.json.encode(self.error)


# What clients of 0.x depend on, where 1.x differs; the first class that fits.
_OLD: tuple[tuple[type[errors.ChromaError], int, str], ...] = (
    (errors.InvalidCollectionException, 400, "InvalidCollection"),
    (errors.ResetDisabledError, 400, "InvalidArgumentError"),
    (errors.MalformedRequestError, 400, "InvalidArgumentError"),
    (errors.UnsupportedError, 501, "ChromaError"),
)
_NEW: tuple[tuple[type[errors.ChromaError], int, str], ...] = (
    (errors.NotFoundError, 404, "NotFoundError"),
    (errors.UniqueConstraintError, 409, "UniqueConstraintError"),
    (errors.InvalidDimensionException, 400, "InvalidArgumentError"),
    (errors.InvalidUUIDError, 400, "InvalidArgumentError"),
    (errors.StorageLockedError, 503, "InternalError"),
)


def encode_error(error: errors.ChromaError, dialect: Dialect) -> Failure:
    """Return how an error is answered to a client of this dialect."""
    table = _OLD if dialect.old else _NEW
    status, name = next(
        ((status, name) for kind, status, name in table if isinstance(error, kind)), (error.code(), error.name())
    )
    return Failure(status, ErrorBody(name, error.message(), type(error).__name__))


def _subclasses(kind: type[errors.ChromaError]) -> dict[str, type[errors.ChromaError]]:
    found = {kind.__name__: kind}
    for each in kind.__subclasses__():
        if each.__module__ == errors.__name__:
            found.update(_subclasses(each))
    return found


_BY_TYPE = _subclasses(errors.ChromaError)
_BY_NAME: dict[str, type[errors.ChromaError]] = {
    "InvalidArgumentError": errors.InvalidArgumentError,
    "InvalidDimension": errors.InvalidDimensionException,
    "InvalidCollection": errors.InvalidCollectionException,
    "InvalidUUID": errors.InvalidUUIDError,
    "DuplicateID": errors.DuplicateIDError,
    "IDAlreadyExists": errors.IDAlreadyExistsError,
    "NotFoundError": errors.NotFoundError,
    "UniqueConstraintError": errors.UniqueConstraintError,
    "AuthError": errors.ChromaAuthError,
    "AuthorizationError": errors.AuthorizationError,
    "QuotaError": errors.QuotaError,
    "RateLimitError": errors.RateLimitError,
    "BatchSizeExceededError": errors.BatchSizeExceededError,
    "VersionMismatchError": errors.VersionMismatchError,
    "InternalError": errors.InternalError,
}
_BY_STATUS: dict[int, type[errors.ChromaError]] = {
    400: errors.InvalidArgumentError,
    401: errors.AuthorizationError,
    403: errors.ChromaAuthError,
    404: errors.NotFoundError,
    409: errors.UniqueConstraintError,
    413: errors.RequestTooLargeError,
    422: errors.MalformedRequestError,
    429: errors.RateLimitError,
    501: errors.UnsupportedError,
    503: errors.ServerBusyError,
    504: errors.RequestTimeoutError,
}


def decode_error(status: int, body: bytes, operation: op.Operation[Any] | None = None) -> errors.ChromaError:
    """Return the error that an answer of any server tells of; to be raised.

    Args:
        status: of the answer, 400 or more.
        body: of the answer, whatever it is.
        operation: that was asked for; it tells what was not found.
    """
    try:
        told = decoder(ErrorBody).decode(body)
    except msgspec.MsgspecError:
        told = ErrorBody()
    kind = _BY_TYPE.get(told.type) or _BY_NAME.get(told.error) or _BY_STATUS.get(status)
    if kind is None:
        kind = errors.InternalError if status >= 500 else errors.ChromaError
    text = told.message or _what_else(told, status, body)
    return (kind if told.type else _of_others(kind, status, text, operation))(text)


def _of_others(
    kind: type[errors.ChromaError], status: int, text: str, operation: op.Operation[Any] | None
) -> type[errors.ChromaError]:
    """Return the class where a published server told of an error less exactly than this one does."""
    if kind is errors.NotFoundError and _is_of_collection(operation):
        return errors.InvalidCollectionException
    if isinstance(operation, op.DeleteCollection) and status == 400 and "does not exist" in text:
        return errors.InvalidCollectionException
    if isinstance(operation, op.Reset) and status in (400, 403):
        return errors.ResetDisabledError
    if isinstance(operation, (op.Add, op.Update, op.Upsert, op.Query)) and "dimension" in text and status in (400, 500):
        return errors.InvalidDimensionException
    return kind


def _is_of_collection(operation: op.Operation[Any] | None) -> bool:
    """Return whether an operation asks something of a collection that has to exist."""
    route = BY_OPERATION.get(type(operation)) if operation is not None else None
    return route is not None and (route.action or "").startswith("collection:")


def _what_else(told: ErrorBody, status: int, body: bytes) -> str:
    text = told.error or (str(told.detail) if told.detail is not None else "") or body[:200].decode(errors="replace")
    return f"The server answered with status {status}: {text.strip() or 'without a word'}."
