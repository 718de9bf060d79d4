"""Every route answers as clients expect it: paths, statuses, bodies, headers."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest

from chromadb._wire.routes import ROUTES

OLD = {"user-agent": "python-httpx/0.27.0"}
SCRIPT = {"user-agent": "node", "content-type": "application/json"}
DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"
COLLECTIONS = f"{DATABASE}/collections"


def test_the_service_tells_about_itself(api: Any) -> None:
    for path in ("/api/v2", "/api/v2/heartbeat", "/api/v1", "/api/v1/heartbeat"):
        assert api.send("GET", path).json["nanosecond heartbeat"] > 10**18
    assert api.send("GET", "/api/v2/version").json == api.send("GET", "/api/v1/version").json == "1.5.9"
    flight = {"max_batch_size": 41_666, "supports_base64_encoding": True, "extended": True}
    assert api.send("GET", "/api/v2/pre-flight-checks").json == flight
    assert api.send("GET", "/api/v1/pre-flight-checks").json == flight
    assert api.send("GET", "/api/v2/healthcheck").json == {"is_executor_ready": True, "is_log_client_ready": True}
    identity = api.send("GET", "/api/v2/auth/identity").json
    assert (identity["tenant"], identity["databases"]) == ("default_tenant", ["default_database"])
    assert api.send("GET", "/api/v2/check").json == []


def test_a_database_that_cannot_be_read_is_told_by_the_healthcheck(make_api: Callable[..., Any], tmp_path: Any) -> None:
    api = make_api(is_persistent=True, persist_directory=str(tmp_path / "data"))
    shutil.rmtree(tmp_path / "data")
    answer = api.send("GET", "/api/v2/healthcheck")
    assert (answer.status, answer.json["is_executor_ready"]) == (503, False)


@pytest.mark.parametrize("version", ["/api/v2", "/api/v1"])
def test_tenants_and_databases(api: Any, version: str) -> None:
    new = version == "/api/v2"
    databases = f"{version}/tenants/acme/databases" if new else f"{version}/databases"
    query = "" if new else "?tenant=acme"
    answer = api.send("POST", f"{version}/tenants", {"name": "acme"})
    assert (answer.status, answer.json) == (200, {} if new else None)
    assert api.send("POST", f"{version}/tenants", {"name": "acme"}).status == 409
    assert api.send("POST", f"{version}/tenants", {"name": "ab"}).status == 400
    assert api.send("GET", f"{version}/tenants/acme").json["name"] == "acme"
    assert api.send("GET", f"{version}/tenants/nobody").json["error"] == "NotFoundError"
    assert api.send("POST", databases + query, {"name": "archive"}).status == 200
    assert api.send("POST", databases + query, {"name": "archive"}).status == 409
    found = api.send("GET", f"{databases}/archive{query}").json
    assert (found["name"], found["tenant"]) == ("archive", "acme")
    assert api.send("GET", f"{databases}/nothing{query}").status == 404
    if new:
        assert [each["name"] for each in api.send("GET", databases).json] == ["archive"]
        assert api.send("DELETE", f"{databases}/archive").json == {}
        assert api.send("GET", databases).json == []
    else:
        assert api.send("DELETE", f"{databases}/archive{query}").status == 405


def test_a_collection_has_the_form_that_the_client_knows(api: Any) -> None:
    body = {"name": "letters", "metadata": {"hnsw:space": "cosine"}, "get_or_create": True}
    new = api.send("POST", COLLECTIONS, body, SCRIPT).json
    old = api.send("POST", COLLECTIONS, body, OLD).json
    oldest = api.send("POST", "/api/v1/collections", body, SCRIPT).json
    assert new["id"] == old["id"] == oldest["id"]
    assert set(old) == set(oldest) == set(new) - {"schema"}
    assert new["configuration_json"]["hnsw"]["space"] == "cosine"
    assert old["configuration_json"]["_type"] == "CollectionConfigurationInternal"
    assert old["configuration_json"]["hnsw_configuration"]["space"] == "cosine"
    assert set(old["configuration_json"]) == {"hnsw_configuration", "_type"}
    vectors = new["schema"]["keys"]["#embedding"]["float_list"]["vector_index"]["config"]
    assert (vectors["space"], vectors["hnsw"]["ef_search"]) == ("cosine", 100)


def test_collections_over_api_v1(api: Any) -> None:
    made = api.send("POST", "/api/v1/collections", {"name": "letters"}).json
    path = f"/api/v1/collections/{made['id']}"
    records = {"ids": ["a"], "embeddings": [[1, 2]], "where": {}}
    answer = api.send("POST", f"{path}/add", records)
    assert (answer.status, answer.json) == (201, True)
    found = api.send("POST", f"{path}/get", {"where": {}, "where_document": {}}).json
    assert found["ids"] == ["a"]
    assert api.send("GET", f"{path}/count").json == 1
    assert api.send("PUT", path, {"new_name": "renamed"}).status == 200
    assert [each["name"] for each in api.send("GET", "/api/v1/collections").json] == ["renamed"]
    assert api.send("GET", "/api/v1/count_collections?tenant=default_tenant&database=default_database").json == 1
    assert api.send("POST", f"{path}/delete", {"ids": ["a"]}).json is None
    assert api.send("GET", "/api/v1/collections/renamed").json["id"] == made["id"]
    assert api.send("DELETE", "/api/v1/collections/renamed").json is None
    assert api.send("GET", "/api/v1/collections?tenant=default_tenant").json == []


def test_collections_over_api_v2(api: Any) -> None:
    made = [api.send("POST", COLLECTIONS, {"name": name}).json for name in ("one", "two", "three")]
    assert [each["name"] for each in api.send("GET", f"{COLLECTIONS}?limit=1&offset=1").json] == ["two"]
    assert api.send("GET", f"{DATABASE}/collections_count").json == 3
    assert api.send("GET", f"{COLLECTIONS}/by-id/{made[2]['id']}").json["name"] == "three"
    assert api.send("GET", f"{COLLECTIONS}/three").json["id"] == made[2]["id"]
    changed = {"new_metadata": {"k": 1}, "new_configuration": {"hnsw": {"ef_search": 50}}}
    assert api.send("PUT", f"{COLLECTIONS}/{made[0]['id']}", changed).status == 200
    one = api.send("GET", f"{COLLECTIONS}/one").json
    assert one["metadata"] == {"k": 1}
    assert one["configuration_json"]["hnsw"]["ef_search"] == 50
    assert api.send("DELETE", f"{COLLECTIONS}/one").json == {}
    assert api.send("POST", "/api/v2/reset").json is True
    assert api.send("GET", COLLECTIONS).json == []


def test_a_fork_is_a_collection_of_its_own(api: Any, collection: str) -> None:
    fork = api.send("POST", f"{collection}/fork", {"new_name": "copy"})
    assert (fork.status, fork.json["name"], fork.json["dimension"]) == (200, "copy", 2)
    path = collection.rpartition("/")[0] + "/" + fork.json["id"]
    api.send("POST", f"{collection}/delete", {"ids": ["a"]})
    counts = [api.send("GET", f"{each}/count").json for each in (collection, path)]
    assert counts == [2, 3]
    assert api.send("POST", f"{collection}/fork", {"new_name": "copy"}).status == 409
    assert api.send("POST", f"{collection}/fork", {}).status == 422
    assert api.send("POST", path[:-4] + "0000/fork", {"new_name": "other"}).status == 404


def test_a_schema_sets_what_it_says_about_vectors(api: Any) -> None:
    config = {"space": "ip", "hnsw": {"ef_search": 33}, "embedding_function": {"type": "legacy"}}
    index = {"vector_index": {"enabled": True, "config": config}}
    body = {"name": "with-schema", "schema": {"defaults": {}, "keys": {"#embedding": {"float_list": index}}}}
    hnsw = api.send("POST", COLLECTIONS, body).json["configuration_json"]["hnsw"]
    assert (hnsw["space"], hnsw["ef_search"]) == ("ip", 33)


def test_defaults_that_a_client_fills_in_give_way_to_the_metadata(api: Any) -> None:
    body = {"name": "abc", "metadata": {"hnsw:space": "cosine"}, "configuration": {"hnsw": {"space": "l2"}}}
    assert api.send("POST", COLLECTIONS, body).json["configuration_json"]["hnsw"]["space"] == "cosine"
    body = {"name": "abcd", "metadata": {"hnsw:space": "cosine"}, "configuration": {"hnsw": {"space": "ip"}}}
    assert api.send("POST", COLLECTIONS, body).status == 400


def test_records(api: Any, collection: str) -> None:
    found = api.send("POST", f"{collection}/get", {"include": ["metadatas", "documents", "embeddings", "uris"]}).json
    assert found["ids"] == ["a", "b", "c"]
    assert found["embeddings"] == [[1, 0], [0, 1], [1, 1]]
    assert found["metadatas"] == [{"n": 1}, {"n": 2, "tag": "x"}, None]
    assert found["uris"] == [None, None, None]
    assert found["include"] == found["included"]
    body = {"query_embeddings": [[1, 0], [0, 1]], "n_results": 2, "include": ["distances", "embeddings"]}
    near = api.send("POST", f"{collection}/query", body).json
    assert near["ids"] == [["a", "c"], ["b", "c"]]
    assert near["distances"] == [[0, 1], [0, 1]]
    assert near["embeddings"] == [[[1, 0], [1, 1]], [[0, 1], [1, 1]]]
    assert near["documents"] is None
    assert api.send("GET", f"{collection}/count?read_level=index_and_wal").json == 3
    assert api.send("GET", f"{collection}/indexing_status").json["total_ops"] == 3
    assert api.send("POST", f"{collection}/delete", {"ids": ["a", "a", "no"]}).json == {"deleted": 1}
    assert api.send("POST", f"{collection}/delete", {"where": {"n": 2}, "limit": 5}).json == {"deleted": 1}


def test_head_is_get_without_the_body(api: Any, collection: str) -> None:
    for path in ("/api/v2/heartbeat", COLLECTIONS, f"{collection}/count", "/docs"):
        full, head = api.send("GET", path), api.send("HEAD", path)
        assert (head.status, head.content) == (200, b"")
        assert head.headers["content-type"] == full.headers["content-type"]
        assert int(head.headers["content-length"]) > 0


def test_a_slash_at_the_end_does_not_matter(api: Any, collection: str) -> None:
    assert api.send("GET", "/api/v2/heartbeat/").status == 200
    assert api.send("GET", f"{COLLECTIONS}/").status == 200
    assert api.send("POST", f"{collection}/get/", {}).status == 200
    assert api.send("GET", "/docs/").status == 200


def test_names_in_paths_are_percent_encoded(api: Any) -> None:
    assert api.send("POST", "/api/v2/tenants", {"name": "a/b ü"}).status == 200
    assert api.send("GET", "/api/v2/tenants/a%2Fb%20%C3%BC").json["name"] == "a/b ü"
    assert api.send("GET", "/api/v2/tenants/%ff").status == 400


def test_paths_and_methods_that_do_not_exist(api: Any) -> None:
    for path in ("/api", "/api/v3/heartbeat", "/api/v2/tenants//databases", "/api/v2/nothing", "//"):
        answer = api.send("GET", path)
        assert (answer.status, answer.json["error"]) == (404, "NotFoundError")
        assert answer.json["type"] == "ServerAnswerError"
    answer = api.send("PUT", "/api/v2/heartbeat")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.json["message"]


def test_the_root_leads_to_the_page_about_the_api(api: Any) -> None:
    for method in ("GET", "HEAD"):
        answer = api.send(method, "/")
        assert (answer.status, answer.headers["location"], answer.content) == (307, "docs", b"")
    assert api.send("GET", "/chroma/", root_path="/chroma").headers["location"] == "docs"
    assert api.send("POST", "/").status == 404


def test_behind_a_prefix(api: Any) -> None:
    assert api.send("GET", "/chroma/api/v2/heartbeat", root_path="/chroma").status == 200


def test_every_route_has_a_name_and_an_action_of_its_own() -> None:
    assert len({route.name for route in ROUTES}) == len(ROUTES)
    open_to_everybody = {route.name for route in ROUTES if route.action is None}
    assert open_to_everybody == {"heartbeat", "version", "pre_flight_checks", "healthcheck"}


def test_request_ids_are_kept_if_they_are_sane(api: Any) -> None:
    for given in ("abc-123", "00-4bf92f3577b34da6a3ce929d0e0e4736-01"):
        answer = api.send("GET", "/api/v2/nothing", headers={"X-Request-Id": given})
        assert answer.headers["x-request-id"] == answer.json["request_id"] == given
    for odd in ("", "a b", "x" * 200, 'a"b'):
        made = api.send("GET", "/api/v2/heartbeat", headers={"X-Request-Id": odd}).headers["x-request-id"]
        assert made not in ("", odd)


def test_the_document_describes_every_route(api: Any) -> None:
    document = api.send("GET", "/openapi.json").json
    named = {each["operationId"] for methods in document["paths"].values() for each in methods.values()}
    assert {route.name for route in ROUTES} <= named
    add = document["paths"][
        f"{COLLECTIONS}/{{collection_id}}/add".replace("default_tenant", "{tenant}").replace(
            "default_database", "{database}"
        )
    ]["post"]
    assert add["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/RecordsBody"}
    assert set(add["responses"]) >= {"201", "400", "404", "413", "422", "503"}
    for methods in document["paths"].values():
        for described in methods.values():
            for response in described["responses"].values():
                if "$ref" in response:
                    assert response["$ref"].rpartition("/")[2] in document["components"]["responses"]


def test_the_sections_begin_with_collections_and_records(api: Any) -> None:
    document = api.send("GET", "/openapi.json").json
    sections = [tag["name"] for tag in document["tags"]]
    assert sections[:2] == ["Collections", "Records"]
    used = {tag for methods in document["paths"].values() for each in methods.values() for tag in each["tags"]}
    assert used == set(sections)


@pytest.mark.parametrize("version", ["v2", "v1"])
def test_the_examples_of_the_document_succeed_one_after_the_other(api: Any, version: str) -> None:
    document = api.send("GET", "/openapi.json").json
    found = {
        operation["operationId"].removesuffix("_v1"): (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path.startswith(f"/api/{version}/") and operation["tags"] != ["Not supported"]
    }
    later = [name for name in ("delete_records", "delete_collection", "delete_database") if name in found]
    known, sent = {}, 0
    for name in [*(each for each in found if each not in later), *later]:
        method, path, operation = found[name]
        for parameter in operation["parameters"]:
            if parameter["in"] == "path":
                value = known.get("id") if parameter["name"] == "collection_id" else parameter["example"]
                path = path.replace(f"{{{parameter['name']}}}", value)
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        assert content is None or content["example"], name
        answer = api.send(method, path, content and content["example"])
        assert answer.status in (200, 201), (name, answer.content)
        sent += content is not None
        if name == "create_collection":
            known["id"] = answer.json["id"]
        if name == "query_records":
            assert answer.json["ids"] == [["a", "b"]]
    assert sent >= 10


def test_the_page_about_the_api_needs_nothing_from_elsewhere(api: Any) -> None:
    page = api.send("GET", "/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert b"openapi.json" in page.content
    assert b"http://" not in page.content
    assert b"https://" not in page.content


def test_other_origins_are_answered_where_the_settings_allow_them(make_api: Callable[..., Any]) -> None:
    origin = {"Origin": "https://app.example"}
    preflight = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-chroma-token"}
    closed = make_api()
    assert "access-control-allow-origin" not in closed.send("GET", "/api/v2/heartbeat", headers=origin).headers
    for allowed in (["*"], ["https://app.example"]):
        api = make_api(chroma_server_cors_allow_origins=allowed)
        answer = api.send("GET", "/api/v2/heartbeat", headers=origin)
        assert answer.headers["access-control-allow-origin"] in ("*", "https://app.example")
        assert api.send("OPTIONS", COLLECTIONS, headers=preflight).status == 200
    other = make_api(chroma_server_cors_allow_origins=["https://other.example"])
    assert "access-control-allow-origin" not in other.send("GET", "/api/v2/heartbeat", headers=origin).headers
