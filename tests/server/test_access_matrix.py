"""Every route, with every kind of caller: who may, who may not, and what either is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chromadb._auth.actions import AuthzAction
from chromadb._wire.routes import Route, Template, templates

TOKEN = "chromadb.auth.token_authn.TokenAuthenticationServerProvider"
RBAC = "chromadb.auth.simple_rbac_authz.SimpleRBACAuthorizationProvider"
OPEN = {"heartbeat", "version", "pre_flight_checks", "healthcheck"}
EVERY = [action.value for action in AuthzAction]

CASES = [
    pytest.param(route, template, id=f"{route.method} {template.path.replace('/api/', '')}")
    for route, _, template in templates()
]
BODIES: dict[str, Any] = {
    "create_tenant": {"name": "made-tenant"},
    "create_database": {"name": "done"},
    "create_collection": {"name": "made"},
    "update_collection": {"new_metadata": {"a": 1}},
    "fork_collection": {"new_name": "forked"},
    "add_records": {"ids": ["n"], "embeddings": [[1, 2]]},
    "update_records": {"ids": ["a"], "embeddings": [[1, 2]]},
    "upsert_records": {"ids": ["a"], "embeddings": [[1, 2]]},
    "delete_records": {"ids": ["a"]},
    "get_records": {},
    "query_records": {"query_embeddings": [[1, 2]]},
}


def config() -> str:
    """Return users: one who may do everything, one per action who may do all but that, and some of one place."""
    import json

    roles: dict[str, Any] = {"all": {"actions": EVERY}}
    users: list[dict[str, Any]] = [{"id": "root", "role": "all", "tokens": ["root"]}]
    users += [
        {"id": "ours", "role": "all", "tenant": "ours", "tokens": ["of-ours"]},
        {"id": "theirs", "role": "all", "tenant": "theirs", "tokens": ["of-theirs"]},
        {"id": "other", "role": "all", "tenant": "ours", "databases": ["other"], "tokens": ["of-other"]},
        {"id": "within", "role": "all", "tenant": "ours", "databases": ["done", "other"], "tokens": ["of-within"]},
    ]
    for action in EVERY:
        name = action.replace(":", "-")
        roles[name] = {"actions": [each for each in EVERY if each != action]}
        users.append({"id": name, "role": name, "tokens": [f"not-{name}"]})
    return json.dumps({"roles_mapping": roles, "users": users})


class World:
    """A server with tenants that have databases that have collections."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.ids: dict[str, str] = {}
        for tenant in ("ours", "theirs"):
            self.ask("POST", "/api/v2/tenants", {"name": tenant})
            for database in ("done", "other"):
                self.ask("POST", f"/api/v2/tenants/{tenant}/databases", {"name": database})
                made = self.ask("POST", f"{place(tenant, database)}/collections", {"name": "letters"}).json
                self.ids[f"{tenant}/{database}"] = made["id"]
                records = {"ids": ["a", "b"], "embeddings": [[1, 2], [2, 1]], "documents": [f"{tenant} {database}"] * 2}
                self.ask("POST", f"{place(tenant, database)}/collections/{made['id']}/add", records)

    def ask(self, method: str, target: str, body: Any = None, token: str | None = "root") -> Any:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return self.api.send(method, target, body, headers)

    def target(self, template: Template, tenant: str = "ours", database: str = "done", owner: str = "ours/done") -> str:
        values = {"tenant": tenant, "database": database, "collection_id": self.ids[owner], "name": "letters"}
        path, query = template.fill({**values, "crn": "a:b:c", "function": "f", "limit": 10, "offset": 0})
        return path + ("?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else "")

    def call(self, route: Route, template: Template, token: str | None, **where: str) -> Any:
        return self.ask(route.method, self.target(template, **where), BODIES.get(route.name), token)

    def state(self) -> Any:
        """Return everything that a request could have changed, whatever tenant it is in."""
        state: list[Any] = []
        for tenant in ("ours", "theirs", "made-tenant", "default_tenant"):
            listed = self.ask("GET", f"/api/v2/tenants/{tenant}/databases")
            state.append((listed.status, listed.status == 200 and listed.json))
            for database in listed.json if listed.status == 200 else ():
                for each in self.ask("GET", f"{place(tenant, database['name'])}/collections").json:
                    path = f"{place(tenant, database['name'])}/collections/{each['id']}"
                    state.append((each, self.ask("POST", f"{path}/get", {"include": ["embeddings", "documents"]}).json))
        return state


def place(tenant: str, database: str) -> str:
    return f"/api/v2/tenants/{tenant}/databases/{database}"


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    content = config()
    return {
        "chroma_server_authn_provider": TOKEN,
        "chroma_server_authn_credentials": content,
        "chroma_server_authz_provider": RBAC,
        "chroma_server_authz_config": content,
        "allow_reset": True,
    }


@pytest.fixture(scope="module")
def api(settings: dict[str, Any]) -> Iterator[Any]:
    from chromadb.config import Settings

    from .conftest import Api

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chromadb._auth.attempts.FREE", 10**6)
        api = Api(Settings(**settings))
        yield api
        api.close()


@pytest.fixture
def world(api: Any) -> World:
    """A server as at first: what a request changed is forgotten."""
    api.send("POST", "/api/v2/reset", {}, {"authorization": "Bearer root"})
    return World(api)


def names(template: Template) -> set[str]:
    return {*template.segments, *template.query}


@pytest.mark.parametrize(("route", "template"), CASES)
def test_who_may_not_is_told_so_and_nothing_changes(world: World, route: Route, template: Template) -> None:
    before = world.state()
    nobody = [world.call(route, template, token) for token in (None, "wrong", "ro ot", "ROOT", "of-ours,root", "")]
    if route.name in OPEN:
        assert {answer.status for answer in nobody} == {200}
        return
    assert [(answer.status, answer.json["error"]) for answer in nobody] == [(403, "AuthError")] * len(nobody)
    assert route.action is not None
    lacking = world.call(route, template, f"not-{route.action.replace(':', '-')}")
    if route.name == "identity":
        assert lacking.status == 200, "who one is, one may always know"
    else:
        assert (lacking.status, lacking.json["error"], lacking.json["detail"]) == (403, "AuthError", "Forbidden")
        assert route.action in lacking.json["message"]
    foreign = [world.call(route, template, token) for token in ("of-theirs", "of-other")]
    if "tenant" in names(template):
        # The database says nothing where a tenant is asked for; the records of one come from its list.
        mine = {"get_tenant", "update_tenant", "list_databases"}
        assert foreign[0].status == 403
        assert foreign[1].status == (403 if route.name not in mine else 501 if route.operation is None else 200)
    elif route.action.startswith("system:") and route.name != "identity":
        assert [answer.status for answer in foreign] == [403, 403]
    elif "collection_id" in names(template):
        # Of API v1: whoever may not be there is told what they are told of one that does not exist.
        missing = world.ask(
            route.method, world.target(template).replace(world.ids["ours/done"], "0" * 32), BODIES.get(route.name)
        )
        blank = "00000000-0000-0000-0000-000000000000"
        for answer in foreign:
            assert answer.status == missing.status == 400
            assert answer.json["message"].replace(world.ids["ours/done"], blank) == missing.json["message"]
    elif route.name == "create_tenant":
        assert [answer.status for answer in foreign] == [403, 403]
    else:
        assert route.name in ("identity", "get_collection_by_crn")
    assert world.state() == before


MAKING_OR_DELETING = (
    "create_database",
    "create_collection",
    "fork_collection",
    "delete_collection",
    "delete_database",
)


@pytest.mark.parametrize(("route", "template"), CASES)
def test_who_may_is_served(world: World, route: Route, template: Template) -> None:
    for token in ("root", "of-ours", "of-within"):
        if route.name in ("reset", "check", "create_tenant") and token != "root":
            continue
        answer = world.call(route, template, token)
        if route.operation is None:
            assert answer.status == 501
        elif route.name in (
            "create_database",
            "create_collection",
            "fork_collection",
            "delete_collection",
            "delete_database",
        ):
            # Where one of them made or deleted it, the next one is told.
            assert answer.status in (route.status, 409, 400 if template.path.startswith("/api/v1") else 404), answer
        else:
            assert answer.status == route.status, answer


NAMED_BY_ID = [
    case
    for case in CASES
    if {"tenant", "collection_id"} <= names(case.values[1]) and case.values[0].operation is not None
]


@pytest.mark.parametrize(("route", "template"), NAMED_BY_ID)
def test_the_id_of_a_collection_opens_nothing_elsewhere(world: World, route: Route, template: Template) -> None:
    """Tenant and database of the path are those of the caller, the collection is not."""
    before = world.state()
    for owner in ("theirs/done", "ours/other", "theirs/other"):
        for token in ("of-ours", "of-within", "root"):
            answer = world.call(route, template, token, owner=owner)
            assert (answer.status, answer.json["error"]) == (404, "NotFoundError"), (owner, token)
            assert b"theirs" not in answer.content
    assert world.state() == before


def test_somebody_of_one_database_sees_no_other_in_a_list(world: World) -> None:
    path = "/api/v2/tenants/ours/databases"
    listed = {
        token: [each["name"] for each in world.ask("GET", path, token=token).json] for token in ("of-ours", "of-other")
    }
    assert listed == {"of-ours": ["done", "other"], "of-other": ["other"]}
    assert world.ask("GET", f"{path}?limit=1&offset=0", token="of-other").json[0]["name"] == "other"
    assert world.ask("GET", f"{path}?limit=1&offset=1", token="of-other").json == []


def test_names_in_a_body_count_like_those_in_a_path(world: World) -> None:
    for token, target, name in (
        ("of-ours", "/api/v2/tenants", "theirs2"),
        ("of-within", "/api/v2/tenants/ours/databases", "third"),
        ("of-within", "/api/v1/databases?tenant=ours", "third"),
        ("of-within", "/api/v1/databases", "done"),
        ("of-within", "/api/v1/databases?tenant=theirs", "done"),
        ("of-within", "/api/v1/collections", "made"),
        ("of-within", "/api/v1/collections?tenant=ours&tenant=theirs&database=done", "made"),
    ):
        answer = world.ask("POST", target, {"name": name, "tenant": "ours", "database": "done"}, token)
        assert answer.status == 403, target


def test_records_over_api_v1_are_found_by_their_id_where_the_caller_may_be(world: World) -> None:
    path = "/api/v1/collections/{}/get"
    mine = world.ask("POST", path.format(world.ids["ours/other"]), {}, "of-other")
    assert mine.json["documents"] == ["ours other"] * 2
    assert world.ask("POST", path.format(world.ids["ours/done"]), {}, "of-other").json["error"] == "InvalidCollection"
    lie = f"{path.format(world.ids['theirs/done'])}?tenant=ours&database=done&collection_id={world.ids['ours/done']}"
    assert world.ask("POST", lie, {}, "of-ours").json["error"] == "InvalidCollection"
    assert world.ask("POST", path.format("nonsense"), {}, "of-ours").status == 400


def test_where_an_identity_may_use_one_place_only_the_default_names_lead_there(
    make_api: Callable[..., Any], settings: dict[str, Any], world: World
) -> None:
    api = make_api(**settings, chroma_overwrite_singleton_tenant_database_access_from_auth=True)
    world = World(api)
    for path in ("/api/v2/tenants/default_tenant/databases/default_database/collections", "/api/v1/collections"):
        assert [each["database"] for each in world.ask("GET", path, token="of-other").json] == ["other"]
    made = world.ask("POST", "/api/v1/collections", {"name": "mine"}, "of-other").json
    assert (made["tenant"], made["database"]) == ("ours", "other")
    path = f"/api/v2/tenants/default_tenant/databases/default_database/collections/{world.ids['ours/other']}/get"
    assert world.ask("POST", path, {}, "of-other").json["documents"] == ["ours other"] * 2
    assert (
        world.ask("POST", path.replace(world.ids["ours/other"], world.ids["theirs/done"]), {}, "of-other").status == 404
    )
    assert world.ask("GET", "/api/v2/tenants/default_tenant", token="of-other").json["name"] == "ours"
    for path in (place("theirs", "other"), place("ours", "done"), "/api/v1/collections?tenant=theirs"):
        assert world.ask("GET", path, token="of-other").status == 403
    assert world.ask("GET", "/api/v1/collections", token="root").json == []
