"""Requests at random: nobody gets in without credentials, or out of the tenant that is theirs, and nothing breaks.

``CHROMA_FUZZ_SECONDS`` says for how long; by default it is a few seconds.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from chromadb._auth.actions import AuthzAction
from chromadb._wire.routes import ROUTES, templates
from chromadb.config import Settings

from .conftest import Api

SECONDS = float(os.environ.get("CHROMA_FUZZ_SECONDS", "6"))
SECRET, ROOT, OURS = "what-they-wrote", "r00t-Token", "0urs-Token"
OPEN = {route.operation for route in ROUTES if route.action is None}
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "G\x00T"]
ODD = [
    "",
    " ",
    "\t",
    "\x00",
    "\x85",
    "\xa0",
    "\xff",
    ",",
    ";",
    "'",
    '"',
    "%",
    "\\",
    "=",
    ":",
    "*",
    "..",
    "/",
    "#",
    "?",
    "\u00e9",
]


class Dice:
    """Requests at random, from a seed that a failure shows."""

    def __init__(self, seed: int, world: dict[str, str]) -> None:
        self.random = random.Random(seed)
        self.world = world

    def one(self, choices: Any) -> Any:
        return self.random.choice(list(choices))

    def spoiled(self, text: str) -> str:
        """Return a text that is nearly this one."""
        place = self.random.randrange(len(text) + 1)
        return self.one(
            [
                text[:place] + self.one(ODD) + text[place:],
                text[:place] + text[place + 1 :],
                text.swapcase(),
                text + text,
                text[::-1],
                f"{text},{text}",
                text[:place],
                "",
                "null",
                self.one(ODD) * self.random.randrange(300),
                self.one(self.world.values()),
            ]
        )

    def credentials(self, token: str) -> str:
        """Return the value of a header that proves nothing, however much it looks like it."""
        scheme = self.one(["Bearer ", "bearer ", "Basic ", "Token ", "Bearer", "", "Bearer\t", "Digest username="])
        value = scheme + self.spoiled(token)
        # Blanks around the value of a header are none of it.
        parts = value.strip(" \t").split(" ")
        proves = parts[0].lower() == "bearer" and parts[-1] in (ROOT, OURS) and not any(parts[1:-1])
        return "Bearer x" if proves else value

    def headers(self, token: str) -> list[tuple[str, str]]:
        names = [
            "authorization",
            "x-chroma-token",
            "cookie",
            "proxy-authorization",
            "x-forwarded-for",
            "x-original-url",
        ]
        names += [
            "x-http-method-override",
            "content-type",
            "user-agent",
            "origin",
            "host",
            "content-length",
            "forwarded",
        ]
        count = self.random.randrange(5)
        chosen = [(self.one(names), self.credentials(token)) for _ in range(count)]
        return [(name, value.encode("latin-1", "replace").decode("latin-1")) for name, value in chosen]

    def target(self) -> tuple[str, str]:
        """Return a method and a path with a query."""
        route, _, template = self.one(templates())
        values = {name: self.one(self.world.values()) for name in (*template.segments, *template.query)}
        path, query = template.fill(values)
        if self.random.random() < 0.4:
            pieces = path.split("/")
            at = self.random.randrange(len(pieces))
            tricks = ["", ".", "..", "%2e%2e", "%2e", "%2f", "%252e", "..;", pieces[at].upper(), pieces[at] + "%00"]
            pieces[at : at + self.random.randrange(2)] = [self.one([*tricks, self.spoiled(pieces[at])])]
            path = "/".join(pieces)
        query = {
            **query,
            self.one(["tenant", "database", "collection_id", "name", "limit", "x"]): self.one(self.world.values()),
        }
        text = "&".join(f"{name}={value}" for name, value in query.items() for _ in range(self.random.randrange(3)))
        method = route.method if self.random.random() < 0.8 else self.one(METHODS)
        clean = (path.replace("?", "%3f") + f"?{text}").encode("ascii", "ignore").decode()
        return method, clean

    def body(self) -> Any:
        world = self.world
        whole = {
            "name": self.one(world.values()),
            "new_name": self.one([None, "renamed-collection"]),
            "tenant": self.one(world.values()),
            "database": self.one(world.values()),
            "collection_id": self.one(world.values()),
            "get_or_create": self.one([True, False]),
            "ids": self.one([["a"], ["n"], [], None]),
            "embeddings": [[1.0, 2.0]],
            "query_embeddings": [[1.0, 2.0]],
            "include": ["documents", "embeddings"],
        }
        return self.one([whole, whole, {}, [], None, b"{", b"\xff", {**whole, "ids": SECRET}])


def place(tenant: str, database: str = "data") -> str:
    return f"/api/v2/tenants/{tenant}/databases/{database}"


def root(api: Api, method: str, target: str, body: Any = None) -> Any:
    return api.send(method, target, body, {"authorization": f"Bearer {ROOT}"})


@pytest.fixture
def api(clean_environment: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setattr("chromadb._auth.attempts.FREE", 10**9)
    actions = [action.value for action in AuthzAction]
    users = [{"id": "root", "role": "all", "tokens": [ROOT]}]
    users += [{"id": "ours", "role": "all", "tenant": "ours", "databases": ["data"], "tokens": [OURS]}]  # type: ignore[list-item]
    content = json.dumps({"roles_mapping": {"all": {"actions": actions}}, "users": users})
    api = Api(
        Settings(
            chroma_server_authn_provider="chromadb.auth.token_authn.TokenAuthenticationServerProvider",
            chroma_server_authn_credentials=content,
            chroma_server_authz_provider="chromadb.auth.simple_rbac_authz.SimpleRBACAuthorizationProvider",
            chroma_server_authz_config=content,
            allow_reset=True,
        )
    )
    yield api
    api.close()


@pytest.fixture
def world(api: Api) -> dict[str, str]:
    """Two tenants; what one of them wrote is the secret. The result is names and ids to try."""
    names = {"ours": "ours", "theirs": "theirs", "data": "data", "more": "more", "letters": "letters"}
    names |= {"tenant": "default_tenant", "database": "default_database", "number": "1", "star": "*"}
    for tenant in ("ours", "theirs"):
        assert root(api, "POST", "/api/v2/tenants", {"name": tenant}).status == 200
        for database in ("data", "more"):
            assert root(api, "POST", f"/api/v2/tenants/{tenant}/databases", {"name": database}).status == 200
            made = root(api, "POST", f"{place(tenant, database)}/collections", {"name": "letters"}).json
            text = "ours" if (tenant, database) == ("ours", "data") else SECRET
            body = {"ids": ["a"], "embeddings": [[1, 2]], "documents": [text]}
            assert root(api, "POST", f"{place(tenant, database)}/collections/{made['id']}/add", body).status == 201
            names[f"{tenant}/{database}"] = made["id"]
    return names


def restore(api: Api, world: dict[str, str]) -> None:
    """Make what is ours anew where it was deleted: its owner may do that."""
    root(api, "POST", "/api/v2/tenants/ours/databases", {"name": "data"})
    made = root(api, "POST", f"{place('ours')}/collections", {"name": "letters", "get_or_create": True}).json
    world["ours/data"] = made["id"]
    body = {"ids": ["a"], "embeddings": [[1, 2]], "documents": ["ours"]}
    root(api, "POST", f"{place('ours')}/collections/{made['id']}/upsert", body)


def state(api: Api, world: dict[str, str], *, foreign: bool) -> Any:
    """Return what is stored, of all or of what is not ours."""
    found: list[Any] = []
    for tenant in ("ours", "theirs", "default_tenant"):
        databases = root(api, "GET", f"/api/v2/tenants/{tenant}/databases").json
        for each in databases:
            if foreign and (tenant, each["name"]) == ("ours", "data"):
                continue
            collections = root(api, "GET", f"{place(tenant, each['name'])}/collections").json
            found.append((each, collections))
            for one in collections:
                path = f"{place(tenant, each['name'])}/collections/{one['id']}/get"
                found.append(root(api, "POST", path, {"include": ["documents", "embeddings"]}).json)
    return found


def rolls(seconds: float) -> Iterator[int]:
    """Give seeds until the time is up; the first hundred in any case."""
    end, seed = time.monotonic() + seconds, 0
    while seed < 100 or time.monotonic() < end:
        yield seed
        seed += 1


def test_nobody_gets_in_without_credentials(api: Api, world: dict[str, str]) -> None:
    before, count = state(api, world, foreign=False), 0
    from chromadb._server.refusals import Refusal
    from chromadb._server.router import match

    for seed in rolls(SECONDS / 2):
        dice, count = Dice(seed, world), count + 1
        method, target = dice.target()
        answer = api.send(method, target, dice.body(), dice.headers(dice.one([ROOT, OURS])))  # type: ignore[arg-type]
        assert SECRET.encode() not in answer.content, seed
        if answer.status == 200:
            try:
                route = match(method, target.partition("?")[0]).route
            except Refusal:
                raise AssertionError(f"seed {seed} gets in where nothing is: {method} {target}") from None
            assert route.operation in OPEN, f"seed {seed} gets in: {method} {target}"
        assert answer.status in (200, 400, 403, 404, 405), f"seed {seed}: {answer}"
    assert state(api, world, foreign=False) == before
    print(f"{count} requests")


def test_nobody_gets_out_of_their_tenant_and_database(api: Api, world: dict[str, str]) -> None:
    before, count = state(api, world, foreign=True), 0
    for seed in rolls(SECONDS / 2):
        if seed % 50 == 0:
            restore(api, world)
        dice, count = Dice(seed, world), count + 1
        method, target = dice.target()
        headers = [each for each in dice.headers(ROOT) if each[0] not in ("authorization", "x-chroma-token")]
        body = dice.body()
        answer = api.send(method, target, body, [*headers, ("authorization", f"Bearer {OURS}")])  # type: ignore[arg-type]
        assert SECRET.encode() not in answer.content or b"what-they-wrote" in json.dumps(str(body)).encode(), seed
        assert answer.status < 500 or answer.status == 501, f"seed {seed}: {method} {target} {answer}"
    assert state(api, world, foreign=True) == before
    print(f"{count} requests")
