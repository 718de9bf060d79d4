"""What a client sends is what a server understands, and the other way round, for every operation and dialect."""

from __future__ import annotations

import math
import re
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import numpy as np
import pytest

from chromadb import errors
from chromadb._model import operations as op
from chromadb._model.configuration import Configuration, HnswConfiguration
from chromadb._model.entities import Address, CollectionInfo, Database, Finding, IndexingStatus, Tenant, UserIdentity
from chromadb._model.operations import Selection
from chromadb._model.records import Records
from chromadb._model.where import parse_filter
from chromadb._wire.codec import Request, decode_request, decode_result, encode_request, encode_result
from chromadb._wire.dialects import Dialect
from chromadb._wire.errors import decode_error, encode_error
from chromadb._wire.filters import filter_to_wire
from chromadb._wire.routes import BY_OPERATION

ID = UUID("11111111-2222-3333-4444-555555555555")
WHERE = Address("t t/ü", "d%2F", ID)
RECORDS = Records(
    ["a", "b"],
    np.array([[0.1, -1e-45], [3e38, 0]], dtype=np.float32),
    [0, 1],
    ["x", None],
    [{"k": [1, 2], "n": 2**63 - 1, "f": 0.1, "b": True}, None],
    [None, "u"],
)
PARTLY = Records(["a", "b"], np.array([[1.5, 2]], dtype=np.float32), [1], modality="image")
SELECTION = Selection(["a"], parse_filter({"n": {"$gt": 1}}, {"$contains": "x"}))
FUNCTION = {"type": "known", "name": "default", "config": {}}
PLACE = (WHERE.tenant, WHERE.database)

OPERATIONS: list[op.Operation[Any]] = [
    op.Heartbeat(),
    op.GetVersion(),
    op.GetMaxBatchSize(),
    op.GetUserIdentity(),
    op.Check(),
    op.Reset(),
    op.CreateTenant("acme"),
    op.GetTenant(".."),
    op.CreateDatabase("archive", "acme"),
    op.GetDatabase("a/b?c#d", "%2e"),
    op.DeleteDatabase("archive", "acme"),
    op.ListDatabases("acme", 3, 1),
    op.CreateCollection(*PLACE, "abc", HnswConfiguration("cosine", ef_search=7), FUNCTION, {"a": 1}, True),
    op.GetCollection(*PLACE, "abc"),
    op.GetCollectionById(*PLACE, ID),
    op.ListCollections(*PLACE, None, 5),
    op.CountCollections(*PLACE),
    op.ModifyCollection(WHERE, "new", {"b": 2}, {"hnsw": {"ef_search": 3}}, FUNCTION),
    op.DeleteCollection(*PLACE, "abc"),
    op.Add(WHERE, RECORDS),
    op.Update(WHERE, PARTLY),
    op.Upsert(WHERE, RECORDS),
    op.Delete(WHERE, SELECTION, 5),
    op.Count(WHERE),
    op.Get(WHERE, SELECTION, 3, 1, ("embeddings", "uris")),
    op.Query(WHERE, RECORDS.vectors, 7, SELECTION, ("distances",), True, 50),  # type: ignore[arg-type]
    op.GetIndexingStatus(WHERE),
]


def arrives(request: Request, operation: op.Operation[Any], version: int) -> op.Operation[Any]:
    """Return the operation that a server makes of a request."""
    route = BY_OPERATION[type(operation)]
    template = route.template(version)
    assert template is not None
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template.path)
    found = re.fullmatch(pattern, request.path)
    assert found, request.path
    assert request.method == route.method
    parameters = {name: unquote(value) for name, value in found.groupdict().items()} | request.query
    return decode_request(route, parameters, request.body or b"")


def shown(value: Any) -> Any:
    """Return an operation as something that compares; what the wire leaves out is left out."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Address):
        return value.collection
    if isinstance(value, Records):
        names = ("ids", "vectors", "vector_rows", "documents", "metadatas", "uris", "modality")
        return {name: shown(getattr(value, name)) for name in names}
    if isinstance(value, op.Operation):
        return {name: shown(getattr(value, name)) for name in value.__struct_fields__}
    return list(value) if isinstance(value, (tuple, range)) else value


@pytest.mark.parametrize("base64", [True, False])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: type(operation).__name__)
def test_an_operation_arrives_as_it_was_sent(operation: op.Operation[Any], base64: bool) -> None:
    request = encode_request(operation, Dialect.V2, base64=base64)
    assert shown(arrives(request, operation, 2)) == shown(operation)


def test_operations_of_the_table_are_all_here() -> None:
    assert set(BY_OPERATION) - {type(operation) for operation in OPERATIONS} <= {op.CheckHealth}


INFO = CollectionInfo(ID, "abc", *PLACE, Configuration(HnswConfiguration("ip"), FUNCTION), {"a": 1.5}, 3)
FOUND: dict[str, Any] = {
    "ids": ["a"],
    "embeddings": np.array([[0.1, -1e-45]], dtype=np.float32).astype(np.float64),
    "documents": None,
    "uris": ["u"],
    "included": ["embeddings", "uris"],
    "data": None,
    "metadatas": None,
}
NEAREST: dict[str, Any] = {
    "ids": [["a", "b", "c"]],
    "embeddings": None,
    "documents": None,
    "uris": None,
    "included": ["distances"],
    "data": None,
    "metadatas": None,
    "distances": [[-math.inf, 0.1, math.inf]],
}
RESULTS: list[tuple[Any, Any]] = [
    (op.Heartbeat(), 5),
    (op.GetVersion(), "1.5.9"),
    (op.GetMaxBatchSize(), 100),
    (op.GetUserIdentity(), UserIdentity("u", "t", ["d"])),
    (op.Check(), [Finding("file", "broken", True)]),
    (op.Reset(), True),
    (op.GetTenant("acme"), Tenant("acme")),
    (op.GetDatabase("archive", "acme"), Database(ID, "archive", "acme")),
    (op.ListDatabases("acme"), [Database(ID, "archive", "acme")]),
    (op.GetCollection(*PLACE, "abc"), INFO),
    (op.ListCollections(*PLACE), [INFO]),
    (op.CountCollections(*PLACE), 3),
    (op.ModifyCollection(WHERE, "abc"), INFO),
    (op.DeleteCollection(*PLACE, "abc"), None),
    (op.Add(WHERE, RECORDS), None),
    (op.Delete(WHERE, SELECTION), 3),
    (op.Count(WHERE), 3),
    (op.Get(WHERE, include=("embeddings", "uris")), FOUND),
    (op.Query(WHERE, RECORDS.vectors, include=("distances",)), NEAREST),  # type: ignore[arg-type]
    (op.GetIndexingStatus(WHERE), IndexingStatus(1, 2, 3)),
]


@pytest.mark.parametrize(("operation", "result"), RESULTS, ids=lambda each: type(each).__name__)
def test_a_result_arrives_as_it_was_answered(operation: Any, result: Any) -> None:
    got = decode_result(operation, encode_result(operation, result, Dialect.V2), Dialect.V2)
    if isinstance(got, dict) and got["embeddings"] is not None:
        assert np.array_equal(got.pop("embeddings"), result["embeddings"])
        result = {name: value for name, value in result.items() if name != "embeddings"}
    assert got == result


def test_clients_of_old_servers_find_the_space_where_those_show_it() -> None:
    request = encode_request(OPERATIONS[12], Dialect.V2_OLD)
    assert request.body is not None
    assert b'"hnsw:space":"cosine"' in request.body
    assert b'"hnsw:search_ef":7' in request.body
    answer = encode_result(op.GetCollection(*PLACE, "abc"), INFO, Dialect.V2_OLD)
    got = decode_result(op.GetCollection(*PLACE, "abc"), answer, Dialect.V2_OLD)
    assert got.configuration.hnsw.space == "ip"
    assert got.configuration.embedding_function is None


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        (op.GetCollection("t", "d", ""), errors.InvalidCollectionException),
        (op.DeleteCollection("t", "d", ""), errors.InvalidCollectionException),
        (op.GetTenant(""), errors.NotFoundError),
        (op.GetDatabase("", "t"), errors.NotFoundError),
        (op.GetDatabase("d", ""), errors.NotFoundError),
    ],
    ids=repr,
)
def test_an_empty_name_does_not_become_another_path(operation: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="'' does not exist"):
        encode_request(operation)


@pytest.mark.parametrize(
    ("where", "where_document"),
    [
        (None, None),
        ({"a": {"$eq": 1}}, None),
        (None, {"$contains": "x"}),
        ({"a": {"$in": [1, 2]}}, {"$or": [{"$contains": "x"}, {"$regex": "y"}]}),
        ({"$or": [{"a": {"$ne": True}}, {"#document": {"$contains": "x"}}]}, None),
        ({"$and": [{"a": {"$gt": 1}}, {"$or": [{"b": {"$lt": 2}}, {"c": {"$contains": "d"}}]}]}, None),
    ],
)
def test_a_filter_goes_back_to_what_it_came_from(where: Any, where_document: Any) -> None:
    assert filter_to_wire(parse_filter(where, where_document)) == (where, where_document)


def test_one_condition_is_not_joined_with_nothing() -> None:
    assert filter_to_wire(parse_filter({"$and": [{"a": 1}]})) == ({"a": {"$eq": 1}}, None)


# --- errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", [Dialect.V2, Dialect.V2_OLD])
def test_an_error_arrives_as_the_class_that_was_raised(dialect: Dialect) -> None:
    kinds = [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.ChromaError)
    ]
    assert len(kinds) > 30
    for kind in kinds:
        failure = encode_error(kind("the text"), dialect)
        got = decode_error(failure.status, failure.body("id"), op.Count(WHERE))
        assert (type(got), got.message()) == (kind, "the text")


@pytest.mark.parametrize(
    ("status", "body", "operation", "kind"),
    [
        (404, b'{"error":"NotFoundError","message":"x"}', op.Count(WHERE), errors.InvalidCollectionException),
        (404, b'{"error":"NotFoundError","message":"x"}', op.GetTenant("t"), errors.NotFoundError),
        (400, b'{"error":"InvalidCollection","message":"x"}', op.Count(WHERE), errors.InvalidCollectionException),
        (
            400,
            b'{"error":"InvalidArgumentError","message":"Collection a does not exist."}',
            op.DeleteCollection("t", "d", "a"),
            errors.InvalidCollectionException,
        ),
        (403, b'{"error":"ChromaError","message":"x"}', op.Reset(), errors.ResetDisabledError),
        (400, b'{"error":"InvalidArgumentError","message":"x"}', op.Reset(), errors.ResetDisabledError),
        (
            400,
            b'{"error":"InvalidArgumentError","message":"expecting embedding with dimension of 3"}',
            op.Add(WHERE, RECORDS),
            errors.InvalidDimensionException,
        ),
        (500, b'{"detail":"Embedding dimension 2"}', op.Add(WHERE, RECORDS), errors.InvalidDimensionException),
        (500, b'{"error":"KeyError(1)"}', op.Count(WHERE), errors.InternalError),
        (409, b'{"error":"ChromaError","message":"x"}', op.CreateTenant("t"), errors.UniqueConstraintError),
        (413, b"Payload too large", op.Add(WHERE, RECORDS), errors.RequestTooLargeError),
        (418, b"", op.Count(WHERE), errors.ChromaError),
        (599, b"\xff", op.Count(WHERE), errors.InternalError),
    ],
)
def test_what_published_servers_answer_is_understood(
    status: int, body: bytes, operation: Any, kind: type[errors.ChromaError]
) -> None:
    assert type(decode_error(status, body, operation)) is kind
