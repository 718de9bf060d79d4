"""The codec: requests to operations and results to answers for servers, the other way round for clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import msgspec

from chromadb._decoding import decoder, laid_out
from chromadb._model.operations import Operation, R
from chromadb._tracing import ALL, spanned
from chromadb._wire import collections, records, service
from chromadb._wire.dialects import Dialect
from chromadb._wire.exchanges import Exchange, Parameters
from chromadb._wire.routes import BY_OPERATION, Route
from chromadb.errors import (
    InvalidArgumentError,
    InvalidCollectionException,
    MalformedRequestError,
    NotFoundError,
    UnsupportedError,
    VersionMismatchError,
)

EXCHANGES: dict[type[Operation[Any]], Exchange] = {**service.EXCHANGES, **collections.EXCHANGES, **records.EXCHANGES}

JSON = "application/json"


class Request(NamedTuple):
    """What a client sends."""

    method: str
    path: str
    query: dict[str, str]
    body: bytes | None
    """JSON; None for no body."""


# --- servers --------------------------------------------------------------------------------------


@spanned("wire.decode", ALL)
def decode_request(
    route: Route, parameters: Mapping[str, str], body: bytes, dialect: Dialect = Dialect.V2
) -> Operation[Any]:
    """Return the operation that a request asks for.

    Args:
        route: that method and path fit.
        parameters: from the path, unquoted, and from the query; names that mean nothing are passed over.
        body: JSON; whatever it is, if the route takes none.
        dialect: of the client.

    Raises:
        MalformedRequestError: the body lacks a field, or one has the wrong type.
        InvalidArgumentError: the body is not JSON, or a value is not allowed.
        UnsupportedError: this version cannot do it.
    """
    if route.operation is None:
        raise UnsupportedError(f"The operation {route.name} is not supported by this version.")
    exchange = EXCHANGES[route.operation]
    try:
        placed = msgspec.convert(parameters, laid_out(Parameters), strict=False)
    except msgspec.ValidationError as error:
        raise InvalidArgumentError(f"Expected the parameters of the request to fit: {_readable(error)}.") from None
    return cast("Operation[Any]", exchange.parse(placed, _decode_body(exchange, body, dialect)))


@spanned("wire.encode", ALL)
def encode_result(operation: Operation[R], result: R, dialect: Dialect) -> bytes:
    """Return the body of the answer to a client of this dialect."""
    return msgspec.json.encode(EXCHANGES[type(operation)].answer(result, operation, dialect))


def _decode_body(exchange: Exchange, body: bytes, dialect: Dialect) -> Any:
    if exchange.body is None:
        return None
    if not body:
        raise InvalidArgumentError("Expected the body of the request to be a JSON object, got an empty body.")
    try:
        decoded = decoder(exchange.body).decode(body)
        # Clients of API v1 write {} for no filter.
        return records.without_empty_filters(decoded) if dialect is Dialect.V1 else decoded
    except msgspec.ValidationError as error:
        if "out of range" in str(error):
            raise InvalidArgumentError(f"Expected numbers within 64 bits in the body: {_readable(error)}.") from None
        raise MalformedRequestError(f"Expected the body of the request to fit: {_readable(error)}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(f"Expected the body of the request to be JSON: {_readable(error)}.") from None
    except RecursionError:
        raise InvalidArgumentError("Expected the body of the request to be nested less deeply.") from None


# --- clients --------------------------------------------------------------------------------------


@spanned("wire.encode", ALL)
def encode_request(operation: Operation[Any], dialect: Dialect = Dialect.V2, *, base64: bool = False) -> Request:
    """Return what to send to a server of this dialect.

    Args:
        operation: what is asked for.
        dialect: that the server speaks; V2 is understood by every server since 0.5.13.
        base64: whether the server takes vectors as base64, as it says in its pre-flight checks.

    Raises:
        UnsupportedError: that version of the API has no such thing.
        NotFoundError: a name is empty, which nothing can have.
    """
    route = BY_OPERATION[type(operation)]
    template = route.template(dialect.version)
    if template is None:
        raise UnsupportedError(f"The API v{dialect.version} has no {route.name}.")
    asked = EXCHANGES[type(operation)].ask(operation, dialect, base64)
    _check_names(template.segments, asked.parameters)
    path, query = template.fill(asked.parameters)
    return Request(route.method, path, query, None if asked.body is None else msgspec.json.encode(asked.body))


def _check_names(names: Sequence[str], parameters: Mapping[str, Any]) -> None:
    """Refuse empty names, which nothing can have: the path would be one of something else."""
    tenant, database = parameters.get("tenant"), parameters.get("database")
    for name in names:
        if parameters[name] != "":
            continue
        if name == "name":
            raise InvalidCollectionException(
                f"Collection '' does not exist in database {database!r} of tenant {tenant!r}."
            )
        if name == "database":
            raise NotFoundError(f"Database '' does not exist in tenant {tenant!r}. It needs a name.")
        raise NotFoundError("Tenant '' does not exist. It needs a name.")


@spanned("wire.decode", ALL)
def decode_result(operation: Operation[R], body: bytes, dialect: Dialect = Dialect.V2) -> R:
    """Return the result that an answer without an error stands for.

    ModifyCollection gives None where the server does not tell what the collection is like now.

    Raises:
        VersionMismatchError: the answer is not what a Chroma server answers.
    """
    exchange = EXCHANGES[type(operation)]
    answered = None
    if exchange.answered is not None:
        try:
            answered = decoder(exchange.answered).decode(body)
            return cast(R, exchange.result(answered, operation))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            name = BY_OPERATION[type(operation)].name
            raise VersionMismatchError(
                f"The server answered {name} in a way that this client does not understand: {_readable(error)}. "
                "Is it a Chroma server, 0.5 or later?"
            ) from None
    return cast(R, exchange.result(answered, operation))


def _readable(error: Exception) -> str:
    return str(error).rstrip(".")[:500]
