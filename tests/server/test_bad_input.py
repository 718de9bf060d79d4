"""What is wrong with a request is answered with the status and the error that clients of either generation expect."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

NEW = {"user-agent": "Chroma Python Client v1.5.9 (https://github.com/chroma-core/chroma)"}
OLD = {"user-agent": "python-httpx/0.27.0"}
COLLECTIONS = "/api/v2/tenants/default_tenant/databases/default_database/collections"
MISSING = "00000000-0000-0000-0000-00000000beef"

ARGUMENT = (400, "InvalidArgumentError")
SHAPE = (422, "InvalidArgumentError")
DONE = (200, None)

VECTOR = [[1, 0]]

# name, path below a collection, body, what new clients get, what old ones get
ROWS: list[tuple[str, str, Any, tuple[int, str | None], tuple[int, str | None]]] = [
    ("body is not JSON", "/get", b"{", ARGUMENT, ARGUMENT),
    ("body is empty", "/get", b"", ARGUMENT, ARGUMENT),
    ("body is compressed", "/get", b"\x1f\x8b\x08\x00", ARGUMENT, ARGUMENT),
    ("body is not UTF-8", "/get", b'{"ids":["\xff"]}', ARGUMENT, ARGUMENT),
    ("body is a list", "/get", [1], SHAPE, ARGUMENT),
    ("field missing", "/add", {"embeddings": VECTOR}, SHAPE, ARGUMENT),
    ("field of the wrong type", "/add", {"ids": "a", "embeddings": VECTOR}, SHAPE, ARGUMENT),
    ("id is a number", "/add", {"ids": [1], "embeddings": VECTOR}, SHAPE, ARGUMENT),
    ("NaN", "/add", b'{"ids":["x"],"embeddings":[[NaN,1]]}', ARGUMENT, ARGUMENT),
    ("number beyond float64", "/add", b'{"ids":["x"],"embeddings":[[1e999,1]]}', ARGUMENT, ARGUMENT),
    ("number beyond float32", "/add", b'{"ids":["x"],"embeddings":[[1e300,1]]}', ARGUMENT, ARGUMENT),
    ("add: wrong dimension", "/add", {"ids": ["x"], "embeddings": [[1]]}, ARGUMENT, (400, "InvalidDimension")),
    ("add: vectors of two lengths", "/add", {"ids": ["x", "y"], "embeddings": [[1], [1, 2]]}, ARGUMENT, None),
    ("add: unequal lengths", "/add", {"ids": ["x", "y"], "embeddings": VECTOR}, ARGUMENT, ARGUMENT),
    ("add: unequal documents", "/add", {"ids": ["x"], "embeddings": VECTOR, "documents": []}, ARGUMENT, ARGUMENT),
    ("add: no embeddings", "/add", {"ids": ["x"], "documents": ["text"]}, SHAPE, ARGUMENT),
    ("add: null embedding", "/add", {"ids": ["x"], "embeddings": [None]}, SHAPE, ARGUMENT),
    ("add: nothing", "/add", {"ids": [], "embeddings": []}, (201, None), (201, None)),
    ("add: vectors without ids", "/add", {"ids": [], "embeddings": VECTOR}, ARGUMENT, ARGUMENT),
    ("add: existing id", "/add", {"ids": ["a"], "embeddings": [[9, 9]]}, (201, None), (201, None)),
    ("add: empty id", "/add", {"ids": [""], "embeddings": VECTOR}, ARGUMENT, ARGUMENT),
    ("add: empty vector", "/add", {"ids": ["x"], "embeddings": [[]]}, ARGUMENT, ARGUMENT),
    ("add: text for a vector", "/add", {"ids": ["x"], "embeddings": ["no base64!"]}, SHAPE, ARGUMENT),
    ("add: base64 of five bytes", "/add", {"ids": ["x"], "embeddings": ["AAAAAAA="]}, ARGUMENT, ARGUMENT),
    ("add: unknown modality", "/add", {"ids": ["x"], "embeddings": VECTOR, "modality": "smell"}, ARGUMENT, ARGUMENT),
    ("metadata: object", "/add", {"ids": ["x"], "embeddings": VECTOR, "metadatas": [{"k": {}}]}, SHAPE, ARGUMENT),
    ("metadata: null", "/add", {"ids": ["x"], "embeddings": VECTOR, "metadatas": [{"k": None}]}, SHAPE, ARGUMENT),
    ("metadata: mixed", "/add", {"ids": ["x"], "embeddings": VECTOR, "metadatas": [{"k": [1, "a"]}]}, ARGUMENT, None),
    ("metadata: list", "/add", {"ids": ["x"], "embeddings": VECTOR, "metadatas": [{"k": [1, 2]}]}, (201, None), None),
    ("metadata: empty", "/add", {"ids": ["x"], "embeddings": VECTOR, "metadatas": [{}]}, (201, None), (201, None)),
    (
        "metadata: reserved key",
        "/add",
        {"ids": ["x"], "embeddings": VECTOR, "metadatas": [{"chroma:x": 1}]},
        ARGUMENT,
        None,
    ),
    (
        "metadata: lone surrogate",
        "/add",
        b'{"ids":["x"],"embeddings":[[1,0]],"documents":["\\ud800"]}',
        ARGUMENT,
        ARGUMENT,
    ),
    ("update: wrong dimension", "/update", {"ids": ["a"], "embeddings": [[1]]}, ARGUMENT, (400, "InvalidDimension")),
    ("update: missing id", "/update", {"ids": ["missing"], "embeddings": VECTOR}, DONE, DONE),
    ("update: null embedding", "/update", {"ids": ["a"], "embeddings": [None]}, DONE, DONE),
    ("upsert: wrong dimension", "/upsert", {"ids": ["a"], "embeddings": [[1]]}, ARGUMENT, (400, "InvalidDimension")),
    ("upsert: new without vector", "/upsert", {"ids": ["x"], "documents": ["text"]}, ARGUMENT, ARGUMENT),
    ("where: empty", "/get", {"where": {}}, ARGUMENT, ARGUMENT),
    ("where: unknown operator", "/get", {"where": {"n": {"$near": 1}}}, ARGUMENT, ARGUMENT),
    ("where: two keys", "/get", {"where": {"n": 1, "m": 2}}, ARGUMENT, ARGUMENT),
    ("where: two operators", "/get", {"where": {"n": {"$gt": 1, "$lt": 2}}}, ARGUMENT, ARGUMENT),
    ("where: $in nothing", "/get", {"where": {"n": {"$in": []}}}, ARGUMENT, ARGUMENT),
    ("where: $in mixed", "/get", {"where": {"n": {"$in": [1, "a"]}}}, ARGUMENT, ARGUMENT),
    ("where: $gt text", "/get", {"where": {"n": {"$gt": "a"}}}, ARGUMENT, ARGUMENT),
    ("where: text", "/get", {"where": "n"}, ARGUMENT, ARGUMENT),
    ("where: null", "/get", {"where": {"n": None}}, ARGUMENT, ARGUMENT),
    ("where: one clause", "/get", {"where": {"$and": [{"n": 1}]}}, DONE, DONE),
    ("where: document", "/get", {"where": {"#document": {"$contains": "o"}}}, DONE, DONE),
    ("where: in a list", "/get", {"where": {"n": {"$contains": 1}}}, DONE, DONE),
    (
        "where: nested deeply",
        "/get",
        {"where": json.loads('{"$and":[' * 300 + '{"n":1}' + "]}" * 300)},
        ARGUMENT,
        ARGUMENT,
    ),
    ("where_document: empty text", "/get", {"where_document": {"$contains": ""}}, ARGUMENT, ARGUMENT),
    ("where_document: regex", "/get", {"where_document": {"$regex": "t.o"}}, DONE, DONE),
    ("where_document: bad regex", "/get", {"where_document": {"$regex": "("}}, ARGUMENT, ARGUMENT),
    ("limit below zero", "/get", {"limit": -1}, SHAPE, ARGUMENT),
    ("offset below zero", "/get", {"offset": -1}, SHAPE, ARGUMENT),
    ("limit beyond 64 bits", "/get", {"limit": 10**30}, DONE, DONE),
    ("offset beyond 64 bits", "/get", {"offset": 10**30}, DONE, DONE),
    ("include: unknown", "/get", {"include": ["scent"]}, ARGUMENT, ARGUMENT),
    ("include: distances in get", "/get", {"include": ["distances"]}, ARGUMENT, ARGUMENT),
    ("query: no vector field", "/query", {}, SHAPE, ARGUMENT),
    ("query: results below zero", "/query", {"query_embeddings": VECTOR, "n_results": -1}, SHAPE, ARGUMENT),
    ("query: wrong dimension", "/query", {"query_embeddings": [[1]]}, ARGUMENT, (400, "InvalidDimension")),
    ("query: flat vector", "/query", {"query_embeddings": [1, 0]}, SHAPE, ARGUMENT),
    ("query: ef_search of zero", "/query", {"query_embeddings": VECTOR, "ef_search": 0}, ARGUMENT, ARGUMENT),
    ("delete: nothing said", "/delete", {}, ARGUMENT, ARGUMENT),
    ("delete: no ids", "/delete", {"ids": []}, ARGUMENT, ARGUMENT),
    ("delete: limit without filter", "/delete", {"ids": ["a"], "limit": 1}, ARGUMENT, ARGUMENT),
]


@pytest.mark.parametrize(("name", "path", "body", "new", "old"), ROWS, ids=[row[0] for row in ROWS])
def test_a_row_of_the_table(api: Any, collection: str, name: str, path: str, body: Any, new: Any, old: Any) -> None:
    for headers, expected in ((OLD, old), (NEW, new)):
        if expected is None:
            continue
        status, error = expected
        answer = api.send("POST", collection + path, body, headers)
        assert (answer.status, answer.json.get("error") if error else None) == (status, error), answer.content
        if error:
            assert answer.json["message"]
            assert answer.json["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("headers", [NEW, OLD])
@pytest.mark.parametrize(
    "body",
    [
        {"name": "x"},
        {"name": "has space"},
        {"name": "abc", "metadata": {}},
        {"name": "abc", "metadata": {"list": [1]}},
        {"name": "abc", "metadata": {"hnsw:space": "taxi"}},
        {"name": "abc", "configuration": {"hnsw": {"space": "taxi"}}},
        {"name": "abc", "configuration": {"hnsw": {"ef_search": -1}}},
        {"name": "abc", "configuration": {"embedding_function": "default"}},
        {"name": "abc", "configuration": {"hnsw": {"space": "l2"}, "spann": {"space": "l2"}}},
    ],
)
def test_a_collection_that_cannot_be_made(api: Any, headers: dict[str, str], body: dict[str, Any]) -> None:
    answer = api.send("POST", COLLECTIONS, body, headers)
    assert (answer.status, answer.json["error"]) == ARGUMENT
    assert api.send("GET", COLLECTIONS).json == []


def test_an_id_that_is_no_uuid(api: Any, collection: str) -> None:
    path = f"{COLLECTIONS}/letters/count"
    assert api.send("GET", path).json["error"] == "InvalidArgumentError"
    assert api.send("GET", path, headers=OLD).json["error"] == "InvalidUUID"
    assert api.send("GET", path).status == api.send("GET", path, headers=OLD).status == 400


def test_an_id_that_is_unknown(api: Any) -> None:
    path = f"{COLLECTIONS}/{MISSING}/count"
    new, old = api.send("GET", path), api.send("GET", path, headers=OLD)
    assert (new.status, new.json["error"]) == (404, "NotFoundError")
    assert (old.status, old.json["error"]) == (400, "InvalidCollection")


def test_a_name_that_is_unknown(api: Any) -> None:
    for method in ("GET", "DELETE"):
        new, old = (api.send(method, f"{COLLECTIONS}/missing", headers=headers) for headers in (NEW, OLD))
        assert (new.status, new.json["error"]) == (404, "NotFoundError")
        assert (old.status, old.json["error"]) == (400, "InvalidCollection")


def test_bodies_need_no_content_type(api: Any, collection: str) -> None:
    for given in ({}, {"content-type": "text/plain"}, {"content-type": "application/json"}):
        assert api.send("POST", f"{collection}/get", {}, given).json["ids"] == ["a", "b", "c"]


def test_a_repeated_id_is_written_once(api: Any, collection: str) -> None:
    twice = {"ids": ["x", "x"], "embeddings": [[1, 2], [3, 4]], "documents": ["first", "last"]}
    assert api.send("POST", f"{collection}/add", twice).status == 201
    read = {"ids": ["x"], "include": ["documents", "embeddings"]}
    found = api.send("POST", f"{collection}/get", read).json
    assert (found["documents"], found["embeddings"]) == (["first"], [[1, 2]])
    assert api.send("POST", f"{collection}/upsert", twice).status == 200
    found = api.send("POST", f"{collection}/get", read).json
    assert (found["documents"], found["embeddings"]) == (["last"], [[3, 4]])


def test_an_existing_id_is_left_as_it_is_by_add(api: Any, collection: str) -> None:
    assert api.send("POST", f"{collection}/add", {"ids": ["a"], "embeddings": [[9, 9]]}).status == 201
    assert api.send("POST", f"{collection}/get", {"ids": ["a"], "include": ["embeddings"]}).json["embeddings"] == [
        [1, 0]
    ]


def test_a_null_embedding_keeps_the_vector(api: Any, collection: str) -> None:
    changes = {"ids": ["a", "b"], "embeddings": [None, [5, 5]], "documents": ["uno", None]}
    assert api.send("POST", f"{collection}/update", changes).status == 200
    found = api.send("POST", f"{collection}/get", {"ids": ["a", "b"], "include": ["embeddings", "documents"]}).json
    assert found["embeddings"] == [[1, 0], [5, 5]]
    assert found["documents"] == ["uno", "two"]


def test_limits_of_zero_and_ids_of_none_give_nothing(api: Any, collection: str) -> None:
    assert api.send("POST", f"{collection}/get", {"limit": 0}).json["ids"] == []
    assert api.send("POST", f"{collection}/get", {"ids": []}).json["ids"] == []
    query = {"query_embeddings": [[1, 0]]}
    assert api.send("POST", f"{collection}/query", {**query, "n_results": 0}).json["ids"] == [[]]
    assert api.send("POST", f"{collection}/query", {**query, "ids": []}).json["ids"] == [[]]
    assert api.send("POST", f"{collection}/query", {"query_embeddings": []}).json["ids"] == []


def test_more_results_than_records_gives_them_all(api: Any, collection: str) -> None:
    for count in (100, 10**18, 10**30):
        found = api.send("POST", f"{collection}/query", {"query_embeddings": [[1, 0]], "n_results": count})
        assert found.json["ids"] == [["a", "c", "b"]]


def test_a_collection_is_found_in_the_path_of_another_database(api: Any, collection: str) -> None:
    id = collection.rpartition("/")[2]
    assert api.send("GET", f"/api/v2/tenants/other/databases/other/collections/{id}/count").json == 3


def test_a_filter_on_what_is_not_there_matches(api: Any, collection: str) -> None:
    assert api.send("POST", f"{collection}/get", {"where": {"tag": {"$ne": "x"}}}).json["ids"] == ["a", "c"]
    assert api.send("POST", f"{collection}/get", {"where": {"tag": {"$nin": ["x"]}}}).json["ids"] == ["a", "c"]


def test_base64_is_taken_in_writes_and_queries(api: Any, collection: str) -> None:
    body = {"ids": ["x"], "embeddings": ["AACAQAAAoEA="]}  # 4.0, 5.0
    assert api.send("POST", f"{collection}/add", body).status == 201
    found = api.send("POST", f"{collection}/query", {"query_embeddings": ["AACAQAAAoEA="], "n_results": 1}).json
    assert (found["ids"], found["distances"]) == ([["x"]], [[0.0]])


def test_a_name_that_is_taken(api: Any, collection: str) -> None:
    for headers in (NEW, OLD):
        answer = api.send("POST", COLLECTIONS, {"name": "letters"}, headers)
        assert (answer.status, answer.json["error"]) == (409, "UniqueConstraintError")


def test_a_name_that_is_taken_by_another_when_renaming(api: Any, collection: str) -> None:
    api.send("POST", COLLECTIONS, {"name": "others"})
    answer = api.send("PUT", collection, {"new_name": "others"})
    assert (answer.status, answer.json["error"]) == (409, "UniqueConstraintError")


def test_resetting_when_it_is_not_allowed(make_api: Any) -> None:
    api = make_api()
    new, old = api.send("POST", "/api/v2/reset"), api.send("POST", "/api/v2/reset", headers=OLD)
    assert (new.status, new.json["error"]) == (403, "AuthorizationError")
    assert (old.status, old.json["error"]) == (400, "InvalidArgumentError")
    for answer in (new, old):
        for way in ("chroma run --allow-reset", "allow_reset: true", "ALLOW_RESET=TRUE"):
            assert way in answer.json["message"]


def test_files_that_were_removed_are_a_matter_of_whoever_runs_the_server(
    make_api: Any, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    api = make_api(is_persistent=True, persist_directory=str(tmp_path / "data"))
    id = api.send("POST", COLLECTIONS, {"name": "notes"}).json["id"]
    shutil.rmtree(tmp_path / "data")
    for method, path, body in (("GET", COLLECTIONS, None), ("POST", f"{COLLECTIONS}/{id}/get", {})):
        answer = api.send(method, path, body)
        assert (answer.status, answer.json["type"]) == (500, "StorageReplacedError")
        assert "Whoever runs it has to restart it" in answer.json["message"]
        assert "client" not in answer.json["message"]
        assert str(tmp_path) not in answer.json["message"]
        assert str(tmp_path) in caplog.text
        assert answer.json["request_id"] in caplog.text


def test_what_only_the_published_versions_can_do(api: Any, collection: str) -> None:
    for method, path in (("POST", "search"), ("GET", "fork_count"), ("POST", "functions/attach")):
        answer = api.send(method, f"{collection}/{path}", {} if method == "POST" else None)
        assert (answer.status, answer.json["error"]) == (501, "ChromaError")
    schema = {"keys": {"title": {"string": {"string_inverted_index": {"enabled": False, "config": {}}}}}}
    assert api.send("POST", COLLECTIONS, {"name": "with-schema", "schema": schema}).status == 501


def test_a_body_that_is_nested_without_end(api: Any, collection: str) -> None:
    for body in (b"[" * 100_000, b'{"where":' + b'{"a":' * 100_000, b'{"where":' + b"[" * 5000 + b"]" * 5000 + b"}"):
        answer = api.send("POST", f"{collection}/get", body)
        assert 400 <= answer.status < 500
        assert answer.json["message"]


def test_queries_of_the_url_that_cannot_be(api: Any) -> None:
    for query in ("limit=-1", "limit=x", "offset=1.5", "limit=%ff", "limit=" + "9" * 5000):
        answer = api.send("GET", f"{COLLECTIONS}?{query}")
        assert (answer.status, answer.json["error"]) == ARGUMENT
    assert api.send("GET", f"{COLLECTIONS}?limit=&offset=&unknown=1").status == 200
