"""What clients need of the wire beyond the exchange itself: names, filters, our own dialect, errors of any server."""

from __future__ import annotations

import json
import math
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from chromadb import errors
from chromadb._model import operations as op
from chromadb._model.entities import Address
from chromadb._model.records import Records
from chromadb._model.where import parse_filter
from chromadb._wire.codec import decode_result, encode_request, encode_result
from chromadb._wire.dialects import EXTENDED_AGENT, Dialect, client_dialect
from chromadb._wire.errors import decode_error
from chromadb._wire.filters import filter_to_wire

WHERE = Address("t", "d", UUID("11111111-2222-3333-4444-555555555555"))
VECTORS = np.array([[0.1, -1e-45], [3e38, 0]], dtype=np.float32)
RECORDS = Records(["a", "b"], VECTORS, [0, 1])


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


def test_one_condition_is_not_joined_with_nothing() -> None:
    assert filter_to_wire(parse_filter({"$and": [{"a": 1}]})) == ({"a": {"$eq": 1}}, None)


# --- the dialect of our own clients ------------------------------------------------------------------


def found(**columns: Any) -> dict[str, Any]:
    names = ("ids", "embeddings", "documents", "uris", "included", "data", "metadatas")
    return {**dict.fromkeys(names), **columns}


def test_our_clients_are_known_by_their_name() -> None:
    assert client_dialect("/api/v2/x", EXTENDED_AGENT, "") is Dialect.EXTENDED
    assert client_dialect("/api/v2/x", EXTENDED_AGENT.partition(" (")[0], "") is Dialect.V2
    assert (Dialect.EXTENDED.old, Dialect.EXTENDED.version) == (False, 2)


def test_vectors_travel_as_base64_both_ways() -> None:
    request = encode_request(op.Query(WHERE, VECTORS), Dialect.EXTENDED)
    assert request.body is not None
    assert all(isinstance(vector, str) for vector in json.loads(request.body)["query_embeddings"])
    exact = VECTORS.astype(np.float64)
    get = op.Get(WHERE, include=("embeddings",))
    query = op.Query(WHERE, VECTORS, include=("embeddings",))
    for dialect in (Dialect.EXTENDED, Dialect.V2, Dialect.V2_OLD):
        body = encode_result(get, found(ids=["a", "b"], embeddings=exact, included=["embeddings"]), dialect)  # type: ignore[arg-type]
        assert isinstance(json.loads(body)["embeddings"][0], str) == (dialect is Dialect.EXTENDED)
        got = decode_result(get, body, dialect)["embeddings"]
        assert got is not None
        assert got.dtype == np.float64
        assert np.array_equal(got, exact)
        nearest = found(ids=[["a", "b"], []], embeddings=[exact, exact[:0]], included=["embeddings"], distances=None)
        several = decode_result(query, encode_result(query, nearest, dialect), dialect)["embeddings"]  # type: ignore[arg-type]
        assert several is not None
        assert np.array_equal(several[0], exact)
        assert len(several[1]) == 0


def test_infinite_distances_arrive_as_they_were_and_stay_in_order() -> None:
    query = op.Query(WHERE, VECTORS, include=("distances",))
    distances = [[-math.inf, -3e38, 0.5, math.inf], []]
    body = encode_result(query, found(ids=[list("abcd"), []], included=["distances"], distances=distances), Dialect.V2)  # type: ignore[arg-type]
    assert json.loads(body)["distances"][0] == sorted(json.loads(body)["distances"][0])
    assert decode_result(query, body)["distances"] == distances
    null = b'{"ids":[["a"]],"distances":[[null]]}'
    assert decode_result(query, null)["distances"] == [[math.inf]]


def test_empty_metadata_is_none() -> None:
    body = b'{"ids":["a","b"],"metadatas":[{},{"k":1}]}'
    assert decode_result(op.Get(WHERE, include=("metadatas",)), body)["metadatas"] == [None, {"k": 1}]


# --- errors ------------------------------------------------------------------------------------------


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
