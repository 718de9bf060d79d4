"""What one side writes the other side reads: operations and results, in every dialect."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from msgspec import structs

from chromadb._model import operations as op
from chromadb._model.configuration import Configuration, HnswConfiguration
from chromadb._model.entities import (
    Address,
    CollectionInfo,
    Database,
    Finding,
    IndexingStatus,
    Tenant,
    UserIdentity,
)
from chromadb._model.operations import Operation, Selection
from chromadb._model.records import Records, check_records
from chromadb._model.where import parse_filter
from chromadb._server.router import match
from chromadb._wire import codec
from chromadb._wire.dialects import Dialect, client_dialect
from chromadb._wire.routes import BY_OPERATION, ROUTES, V1, V2
from chromadb.errors import InvalidArgumentError, MalformedRequestError, UnsupportedError, VersionMismatchError

ID = UUID("11111111-2222-3333-4444-555555555555")
HERE = ("tenant/one", "datenbank ü")
ADDRESS = Address(*HERE, ID)
ANYWHERE = Address(None, None, ID)
VECTORS = np.array([[0.1, -2.5e-8, 3e38], [1, 2, 3]], dtype=np.float32)
HNSW = HnswConfiguration(space="cosine", ef_search=55, max_neighbors=32)
FUNCTION = {"type": "known", "name": "default", "config": {"a": [1, None]}}
INFO = CollectionInfo(ID, "letters", *HERE, Configuration(HNSW, FUNCTION), {"k": 1, "x": 0.5, "b": True}, 3)
FILTER = parse_filter({"$or": [{"n": {"$in": [1, 2]}}, {"s": "x"}]}, {"$not_contains": "a"})
RECORDS = check_records(
    ["a", "b"],
    embeddings=VECTORS,
    documents=["text", None],
    metadatas=[{"n": 1, "list": ["x", "y"]}, None],
    uris=[None, "file:///b"],
)
PARTIAL = check_records(["a", "b"], embeddings=[None, [1, 2, 3]], metadatas=[{"gone": None}, None], update=True)
FOUND: dict[str, Any] = {
    "ids": ["a"],
    "embeddings": VECTORS[:1].astype(np.float64),
    "documents": ["text \u2028 \0 😀"],
    "uris": [None],
    "included": ["embeddings", "documents", "uris", "metadatas"],
    "data": None,
    "metadatas": [{"n": 2**62, "f": 0.1, "l": [True]}],
}
NEAREST = {
    **{name: None if value is None else [value] for name, value in FOUND.items()},
    "included": ["embeddings", "documents", "uris", "metadatas", "distances"],
    "distances": [[0.10000000149011612]],
}

# An operation, and its result.
PAIRS: list[tuple[Operation[Any], Any]] = [
    (op.Heartbeat(), 1795426360242980515),
    (op.GetVersion(), "1.5.9"),
    (op.GetMaxBatchSize(), 41_666),
    (op.CheckHealth(), True),
    (op.GetUserIdentity(), UserIdentity("me", "default_tenant", ["default_database"], {"role": "x"})),
    (op.Reset(), True),
    (op.Check(), [Finding("file", "is damaged", True)]),
    (op.CreateTenant("tenant/one"), None),
    (op.GetTenant("tenant/one"), Tenant("tenant/one")),
    (op.CreateDatabase("new one", HERE[0]), None),
    (op.GetDatabase(HERE[1], HERE[0]), Database(ID, HERE[1], HERE[0])),
    (op.DeleteDatabase(HERE[1], HERE[0]), None),
    (op.ListDatabases(HERE[0], 5, 2), [Database(ID, HERE[1], HERE[0])]),
    (op.CreateCollection(*HERE, "letters", HNSW, FUNCTION, {"k": 1}, True), INFO),
    (op.GetCollection(*HERE, "letters"), INFO),
    (op.GetCollectionById(*HERE, ID), INFO),
    (op.ListCollections(*HERE, 0, 0), [INFO]),
    (op.CountCollections(*HERE), 7),
    (op.ModifyCollection(ADDRESS, "renamed", {"k": 2}, {"hnsw": {"ef_search": 9}}, FUNCTION), INFO),
    (op.ForkCollection(ADDRESS, "copies"), INFO),
    (op.DeleteCollection(*HERE, "letters"), None),
    (op.Add(ADDRESS, RECORDS), None),
    (op.Update(ADDRESS, PARTIAL), None),
    (op.Upsert(ADDRESS, structs.replace(op.Upsert(ADDRESS, PARTIAL)).records), None),
    (op.Delete(ADDRESS, Selection(["a"], FILTER), 3), 1),
    (op.Count(ADDRESS), 12),
    (op.Get(ADDRESS, Selection(["a"], FILTER), 5, 1, ("embeddings", "documents", "uris", "metadatas")), FOUND),
    (
        op.Query(
            ADDRESS,
            VECTORS,
            3,
            Selection(None, FILTER),
            ("embeddings", "documents", "uris", "metadatas", "distances"),
            True,
            99,
        ),
        NEAREST,
    ),
    (op.GetIndexingStatus(ADDRESS), IndexingStatus(1, 2, 3)),
]
IDS = [type(operation).__name__ for operation, _ in PAIRS]
ONLY_V2 = (op.CheckHealth, op.GetUserIdentity, op.Check, op.ListDatabases, op.DeleteDatabase, op.GetCollectionById)
ONLY_V2 = (*ONLY_V2, op.GetIndexingStatus, op.ForkCollection)


def plain(value: Any) -> Any:
    """Return something that compares with ==, arrays included."""
    if isinstance(value, Records):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.tolist())
    if isinstance(value, Operation):
        return (type(value), {name: plain(getattr(value, name)) for name in value.__struct_fields__})
    if isinstance(value, Mapping) and type(value) is dict:
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, (list, range)):
        return [plain(each) for each in value]
    return value


def received(operation: Operation[Any], request: codec.Request, dialect: Dialect) -> Operation[Any]:
    """Return what a server makes of a request."""
    found = match(request.method, request.path)
    assert found.route is BY_OPERATION[type(operation)]
    return codec.decode_request(found.route, {**request.query, **found.parameters}, request.body or b"", dialect)


@pytest.mark.parametrize("base64", [True, False])
@pytest.mark.parametrize(("operation", "result"), PAIRS, ids=IDS)
def test_an_operation_arrives_as_it_was_sent(operation: Any, result: Any, base64: bool) -> None:
    arrived = received(operation, codec.encode_request(operation, base64=base64), Dialect.V2)
    # The id of a collection is enough.
    sent = structs.replace(operation, address=ANYWHERE) if hasattr(operation, "address") else operation
    assert plain(arrived) == plain(sent)


@pytest.mark.parametrize(("operation", "result"), PAIRS, ids=IDS)
def test_a_result_arrives_as_it_was(operation: Any, result: Any) -> None:
    body = codec.encode_result(operation, result, Dialect.V2)
    assert plain(codec.decode_result(operation, body)) == plain(result)


@pytest.mark.parametrize("dialect", [Dialect.V1, Dialect.V2_OLD])
@pytest.mark.parametrize(("operation", "result"), PAIRS, ids=IDS)
def test_old_dialects_carry_what_they_can(operation: Any, result: Any, dialect: Dialect) -> None:
    if dialect is Dialect.V1 and isinstance(operation, ONLY_V2):
        with pytest.raises(UnsupportedError):
            codec.encode_request(operation, dialect)
        return
    request = codec.encode_request(operation, dialect)
    assert request.path.startswith(V1 if dialect is Dialect.V1 else V2)
    arrived = received(operation, request, dialect)
    if isinstance(operation, op.CreateCollection):
        # The parameters travel in the metadata; there is no place for the function.
        assert arrived.hnsw == HNSW
        assert arrived.embedding_function is None
    answered = codec.decode_result(operation, codec.encode_result(operation, result, dialect), dialect)
    if result == INFO:
        assert answered == structs_without_function(INFO)
    elif not isinstance(operation, (op.Delete, op.ListCollections)):
        assert plain(answered) == plain(result)


def structs_without_function(info: CollectionInfo) -> CollectionInfo:
    """Return a collection as an old server tells of it."""
    hnsw = HnswConfiguration(**{**vars(info.configuration.hnsw), "num_threads": 1})
    return CollectionInfo(
        info.id, info.name, info.tenant, info.database, Configuration(hnsw), info.metadata, info.dimension
    )


def test_every_operation_has_a_route_and_an_exchange() -> None:
    operations = {kind for kind in vars(op).values() if isinstance(kind, type) and issubclass(kind, Operation)}
    # A vacuum and a backup are of a directory alone; a server locates collections for itself.
    operations -= {Operation, op.Read, op.Write, op.Vacuum, op.MakeBackup, op.LocateCollection}
    assert set(BY_OPERATION) == set(codec.EXCHANGES) == operations == {type(operation) for operation, _ in PAIRS}
    assert len({route.name for route in ROUTES}) == len(ROUTES)


def test_vectors_are_the_same_bits_either_way() -> None:
    tricky = np.array([[1e-45, 3.4028235e38, -0.0, 0.1, 1 / 3]], dtype=np.float32)
    for base64 in (True, False):
        operation = op.Add(ADDRESS, check_records(["a"], embeddings=tricky))
        arrived: Any = received(operation, codec.encode_request(operation, base64=base64), Dialect.V2)
        assert arrived.records.vectors.tobytes() == tricky.tobytes()


@pytest.mark.parametrize(
    ("vectors", "error"),
    [
        ([[1.0, 2.0], [3.0]], "got 2 at query_embeddings[0] and 1 at query_embeddings[1]"),
        ([[], []], "non-empty vectors"),
        ([[1.0], [1e39]], "1e+39 at query_embeddings[1][0]"),
        (["AACAPw==", [1.0, 2.0]], "got 1 at query_embeddings[0] and 2 at query_embeddings[1]"),
        (["AACAPw"], "Invalid base64"),
        (["AAA="], "4 bytes a number; got 2 bytes"),
    ],
)
def test_vectors_that_are_none_are_refused(vectors: Any, error: str) -> None:
    with pytest.raises((InvalidArgumentError, MalformedRequestError)) as caught:
        asked(vectors)
    assert error in caught.value.message()


@pytest.mark.parametrize("vectors", [[[1, 0], [2.0, 0.5]], [[1.0, 0.0], "AAAAQAAAAD8="]])
def test_vectors_may_be_numbers_of_any_kind_or_base64(vectors: Any) -> None:
    assert asked(vectors).tolist() == [[1.0, 0.0], [2.0, 0.5]]


def asked(vectors: Any) -> Any:
    """Return the vectors of a query as a server understands them."""
    body = json.dumps({"query_embeddings": vectors}).encode()
    query: Any = codec.decode_request(BY_OPERATION[op.Query], {"collection_id": str(ID)}, body)
    assert query.vectors.dtype == np.float32
    return query.vectors


def test_base64_is_for_writes_only() -> None:
    query = codec.encode_request(op.Query(ADDRESS, VECTORS), base64=True)
    assert isinstance(json.loads(query.body or b"")["query_embeddings"][0], list)
    add = codec.encode_request(op.Add(ADDRESS, RECORDS), base64=True)
    assert isinstance(json.loads(add.body or b"")["embeddings"][0], str)


def test_data_is_not_asked_of_a_server() -> None:
    request = codec.encode_request(op.Get(ADDRESS, include=("uris", "data")))
    assert json.loads(request.body or b"")["include"] == ["uris"]


@pytest.mark.parametrize(
    "where",
    [
        {"n": 1},
        {"n": {"$ne": 0.5}},
        {"n": {"$nin": ["a", "b"]}},
        {"tags": {"$contains": "x"}},
        {"$and": [{"n": {"$gt": 1}}, {"$or": [{"a": True}, {"b": False}]}]},
        {"#document": {"$regex": "x+"}},
        {"$or": [{"n": 1}, {"#document": {"$contains": "x"}}]},
        {"$and": [{"n": 1}, {"#document": {"$contains": "x"}}]},
    ],
)
@pytest.mark.parametrize("where_document", [None, {"$contains": "y"}, {"$or": [{"$contains": "y"}, {"$regex": "z"}]}])
def test_a_filter_means_the_same_on_the_other_side(where: Any, where_document: Any) -> None:
    operation = op.Get(ADDRESS, Selection(None, parse_filter(where, where_document)))
    arrived: Any = received(operation, codec.encode_request(operation), Dialect.V2)
    assert arrived.selection.filter == operation.selection.filter


def test_conditions_on_documents_are_sent_where_old_servers_look_for_them() -> None:
    operation = op.Get(ADDRESS, Selection(None, parse_filter({"n": 1}, {"$contains": "y"})))
    body = json.loads(codec.encode_request(operation, Dialect.V2_OLD).body or b"")
    assert (body["where"], body["where_document"]) == ({"n": {"$eq": 1}}, {"$contains": "y"})


@pytest.mark.parametrize("shown", ["hnsw", "hnsw_configuration", "vector_index"])
def test_the_configuration_is_read_in_every_form(shown: str) -> None:
    forms: dict[str, Any] = {
        "hnsw": {"hnsw": {"space": "ip", "max_neighbors": 8}, "embedding_function": None},
        "hnsw_configuration": {"hnsw_configuration": {"space": "ip", "M": 8, "_type": "X"}, "_type": "Y"},
        "vector_index": {"vector_index": {"hnsw": {"space": "ip", "max_neighbors": 8}}},
    }
    body = {"id": str(ID), "name": "letters", "configuration_json": forms[shown], "surplus": 1}
    info = codec.decode_result(op.GetCollection(*HERE, "letters"), json.dumps(body).encode())
    assert (info.configuration.hnsw.space, info.configuration.hnsw.max_neighbors) == ("ip", 8)
    assert (info.tenant, info.database) == HERE


def test_metadata_says_what_an_old_server_leaves_out_of_the_configuration() -> None:
    body = {"id": str(ID), "name": "letters", "metadata": {"hnsw:space": "cosine"}}
    body["configuration_json"] = {"hnsw_configuration": {"space": "l2"}}
    info = codec.decode_result(op.GetCollection(*HERE, "letters"), json.dumps(body).encode())
    assert info.configuration.hnsw.space == "cosine"


def test_a_published_server_does_not_tell_what_it_changed() -> None:
    operation = op.ModifyCollection(ADDRESS, "renamed")
    assert codec.decode_result(operation, b"{}") is None
    assert codec.decode_result(operation, b"null") is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"ids":1}', b"\xff", b"[" * 100_000])
def test_an_answer_that_no_chroma_server_gives(body: bytes) -> None:
    with pytest.raises(VersionMismatchError, match="Is it a Chroma server"):
        codec.decode_result(op.Get(ADDRESS), body)


def test_clients_are_known_by_what_they_send() -> None:
    new = "Chroma Python Client v1.5.9 (https://github.com/chroma-core/chroma)"
    assert client_dialect("/api/v2/heartbeat", new, "") is Dialect.V2
    assert client_dialect("/api/v2/heartbeat", "python-httpx/0.27.0", "") is Dialect.V2_OLD
    assert client_dialect("/api/v2/heartbeat", "python-httpx/0.27.0", "application/json") is Dialect.V2
    assert client_dialect("/api/v2/heartbeat", "node", "application/json") is Dialect.V2
    assert client_dialect("/api/v1/heartbeat", "node", "application/json") is Dialect.V1
