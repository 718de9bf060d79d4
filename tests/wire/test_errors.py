"""Errors cross the wire: as their own class to our client, as the class that they expect to the others."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chromadb import errors
from chromadb._model import operations as op
from chromadb._wire.dialects import Dialect
from chromadb._wire.errors import decode_error, encode_error

CLASSES = sorted(
    (kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ChromaError)),
    key=lambda kind: kind.__name__,
)


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_arrives_as_the_class_it_was(kind: type[errors.ChromaError], dialect: Dialect) -> None:
    failure = encode_error(kind("What was wrong."), dialect)
    assert 400 <= failure.status < 600
    arrived = decode_error(failure.status, failure.body("request-1"))
    assert type(arrived) is kind
    assert arrived.message() == "What was wrong."
    assert json.loads(failure.body("request-1"))["request_id"] == "request-1"


# What is raised, and status and name for new clients and for old ones.
@pytest.mark.parametrize(
    ("kind", "new", "old"),
    [
        (errors.InvalidArgumentError, (400, "InvalidArgumentError"), (400, "InvalidArgumentError")),
        (errors.MalformedRequestError, (422, "InvalidArgumentError"), (400, "InvalidArgumentError")),
        (errors.InvalidDimensionException, (400, "InvalidArgumentError"), (400, "InvalidDimension")),
        (errors.InvalidUUIDError, (400, "InvalidArgumentError"), (400, "InvalidUUID")),
        (errors.InvalidCollectionException, (404, "NotFoundError"), (400, "InvalidCollection")),
        (errors.NotFoundError, (404, "NotFoundError"), (404, "NotFoundError")),
        (errors.UniqueConstraintError, (409, "UniqueConstraintError"), (409, "UniqueConstraintError")),
        (errors.ResetDisabledError, (403, "AuthorizationError"), (400, "InvalidArgumentError")),
        (errors.ChromaAuthError, (403, "AuthError"), (403, "AuthError")),
        (errors.BatchSizeExceededError, (413, "BatchSizeExceededError"), (413, "BatchSizeExceededError")),
        (errors.UnsupportedError, (501, "ChromaError"), (501, "ChromaError")),
        (errors.StorageFullError, (500, "InternalError"), (500, "InternalError")),
        (errors.StorageLockedError, (503, "InternalError"), (500, "InternalError")),
    ],
)
def test_the_status_and_the_name_that_clients_expect(kind: Any, new: Any, old: Any) -> None:
    for dialect, (status, name) in ((Dialect.V2, new), (Dialect.V2_OLD, old), (Dialect.V1, old)):
        failure = encode_error(kind("message"), dialect)
        assert (failure.status, failure.error.error) == (status, name)


COUNT = op.Count(None)  # type: ignore[arg-type]


# What published servers answer, and what is raised for it.
@pytest.mark.parametrize(
    ("status", "body", "operation", "kind", "message"),
    [
        (404, '{"error":"NotFoundError","message":"m"}', op.GetTenant("x"), errors.NotFoundError, "m"),
        (404, '{"error":"NotFoundError","message":"m"}', COUNT, errors.InvalidCollectionException, "m"),
        (400, '{"error":"InvalidCollection","message":"m"}', COUNT, errors.InvalidCollectionException, "m"),
        (409, '{"error":"ChromaError","message":"m"}', op.CreateTenant("x"), errors.UniqueConstraintError, "m"),
        (422, '{"error":"ChromaError","message":"m"}', COUNT, errors.MalformedRequestError, "m"),
        (403, '{"error":"ChromaError","message":"m"}', op.Reset(), errors.ResetDisabledError, "m"),
        (400, '{"error":"InvalidArgumentError","message":"m"}', op.Reset(), errors.ResetDisabledError, "m"),
        (403, '{"error":"AuthError","message":"Forbidden"}', COUNT, errors.ChromaAuthError, "Forbidden"),
        (403, '{"detail":"Forbidden"}', COUNT, errors.ChromaAuthError, "403: Forbidden"),
        (422, '{"detail":[{"loc":["query","limit"]}]}', COUNT, errors.MalformedRequestError, "limit"),
        (500, '{"error":"KeyError(\'_type\')"}', COUNT, errors.InternalError, "_type"),
        (413, "Payload too large", COUNT, errors.RequestTooLargeError, "Payload too large"),
        (429, '{"error":"RateLimitError","message":"m"}', COUNT, errors.RateLimitError, "m"),
        (410, '{"error":"Unimplemented","message":"m"}', COUNT, errors.ChromaError, "m"),
        (502, "<html>Bad gateway</html>", COUNT, errors.InternalError, "Bad gateway"),
        (404, "", COUNT, errors.InvalidCollectionException, "without a word"),
        (500, "\xff", None, errors.InternalError, "500"),
    ],
)
def test_what_published_servers_answer_is_understood(
    status: int, body: str, operation: Any, kind: type[errors.ChromaError], message: str
) -> None:
    error = decode_error(status, body.encode("latin-1"), operation)
    assert type(error) is kind
    assert message in error.message()
