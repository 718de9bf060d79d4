"""Who sends a request: credentials of every kind, right and wrong, and what an attacker may try with them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import bcrypt
import pytest

from chromadb.auth import ServerAuthenticationProvider, ServerAuthorizationProvider, UserIdentity
from chromadb.errors import ChromaAuthError, RateLimitError

TOKEN = "chromadb.auth.token_authn.TokenAuthenticationServerProvider"
BASIC = "chromadb.auth.basic_authn.BasicAuthenticationServerProvider"
IDENTITY = "/api/v2/auth/identity"
DATABASE = "/api/v2/tenants/default_tenant/databases/default_database"
COLLECTIONS = f"{DATABASE}/collections"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def basic(user: str, password: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


@pytest.fixture
def tokens(make_api: Callable[..., Any]) -> Any:
    """A server that knows one token."""
    return make_api(chroma_server_authn_provider=TOKEN, chroma_server_authn_credentials="t0ken", allow_reset=True)


@pytest.fixture
def passwords(make_api: Callable[..., Any]) -> Any:
    """A server that knows two users."""
    lines = [f"{user}:{bcrypt.hashpw(user.encode(), bcrypt.gensalt(4)).decode()}" for user in ("admin", "rob")]
    return make_api(chroma_server_authn_provider=BASIC, chroma_server_authn_credentials="\n".join(lines))


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Wait for nothing, and keep how long it would have been."""
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        if seconds:
            pauses.append(seconds)
        await sleep(0)

    monkeypatch.setattr("chromadb._server.access.asyncio.sleep", note)
    return pauses


def test_a_token_opens_the_server(tokens: Any) -> None:
    answer = tokens.send("GET", IDENTITY, headers=bearer("t0ken"))
    assert (answer.status, answer.json["user_id"]) == (200, "anonymous")
    assert tokens.send("POST", COLLECTIONS, {"name": "letters"}, bearer("t0ken")).status == 200
    assert tokens.send("POST", "/api/v2/reset", {}, bearer("t0ken")).json is True


def test_without_credentials_the_answer_is_403_in_the_form_of_any_error(tokens: Any) -> None:
    for headers in ({"user-agent": "curl"}, bearer("wrong"), {"x-chroma-token": "t0ken"}):
        answer = tokens.send("GET", COLLECTIONS, headers=headers)
        assert (answer.status, answer.json["error"]) == (403, "AuthError")
        assert answer.json["message"].startswith("Forbidden")
        assert "www-authenticate" not in answer.headers, "a browser would ask for a password"


def test_users_have_passwords(passwords: Any) -> None:
    for user in ("admin", "rob"):
        answer = passwords.send("GET", IDENTITY, headers=basic(user, user))
        assert answer.json == {"user_id": user, "tenant": None, "databases": None, "attributes": None}
    for user, password in (("admin", "rob"), ("nobody", "admin"), ("", "")):
        assert passwords.send("GET", IDENTITY, headers=basic(user, password)).status == 403


def test_a_password_is_not_computed_for_every_request(passwords: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []
    check = bcrypt.checkpw
    monkeypatch.setattr("bcrypt.checkpw", lambda *given: checked.append(given) or check(*given))
    for _ in range(20):
        assert passwords.send("GET", IDENTITY, headers=basic("rob", "rob")).status == 200
    assert len(checked) == 1
    assert passwords.send("GET", IDENTITY, headers=basic("rob", "wrong")).status == 403
    assert len(checked) == 2, "what failed is not remembered"


def test_what_is_open_to_everybody(tokens: Any) -> None:
    for path in ("/api/v2", "/api/v2/heartbeat", "/api/v2/version", "/api/v2/pre-flight-checks", "/api/v2/healthcheck"):
        for each in (path, f"{path}/", path.replace("v2", "v1")):
            if each != "/api/v1/healthcheck":
                assert tokens.send("GET", each, headers={}).status == 200, each
                assert tokens.send("HEAD", each, headers={}).status == 200, each
    for path in ("/docs", "/openapi.json"):
        assert tokens.send("GET", path, headers={}).status == 200
    assert tokens.send("GET", "/nowhere", headers={}).status == 404
    assert tokens.send("POST", "/api/v2/heartbeat", headers={}).status == 405


def test_a_setting_says_what_else_is_open_and_what_is_not(make_api: Callable[..., Any]) -> None:
    api = make_api(
        chroma_server_authn_provider=TOKEN,
        chroma_server_authn_credentials="t0ken",
        chroma_server_auth_ignore_paths={COLLECTIONS: ["GET"], "/api/v2/version": []},
    )
    assert api.send("GET", COLLECTIONS, headers={}).json == []
    assert api.send("GET", f"{COLLECTIONS}/", headers={}).json == []
    for method, path in (
        ("POST", COLLECTIONS),
        ("GET", f"{COLLECTIONS}/letters"),
        ("GET", f"{COLLECTIONS}//"),
        ("GET", COLLECTIONS.replace("default_tenant", "%64efault_tenant")),
        ("GET", COLLECTIONS.replace("tenants", "x/../tenants")),
        ("GET", "/api/v2/version"),
        ("GET", "/api/v2/heartbeat"),
    ):
        assert api.send(method, path, headers={}).status in (403, 404), (method, path)
    assert api.send("GET", "/api/v2/pre-flight-checks", headers={}).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "//api/v2/auth/identity",
        "/api/v2//auth/identity",
        "/api/v2/./auth/identity",
        "/api/v2/heartbeat/../auth/identity",
        "/api/v2/heartbeat%2f..%2fauth/identity",
        "/api/v2/heartbeat;/auth/identity",
        "/api/v2/%61uth/identity",
        "/API/v2/auth/identity",
        "/api/v2/auth/identity/",
        "/api/v2/auth/identity%00",
        "/api/v2/heartbeat?/../auth/identity=",
        "http://localhost/api/v2/auth/identity",
    ],
)
def test_no_way_of_writing_a_path_leads_around(tokens: Any, path: str) -> None:
    answer = tokens.send("GET", path, headers={"x-original-url": "/api/v2/heartbeat", "x-rewrite-url": "/api/v2"})
    assert answer.status in (200, 403, 404)
    assert b"user_id" not in answer.content


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND", "POST", ""])
def test_no_method_leads_around(tokens: Any, method: str) -> None:
    headers = {"x-http-method-override": "OPTIONS", "origin": "https://a.b"}
    answer = tokens.send(method, COLLECTIONS, {"name": "letters"}, headers)
    assert answer.status in (403, 405)


@pytest.mark.parametrize(
    "headers",
    [
        [("authorization", "Bearer wrong"), ("authorization", "Bearer t0ken")],
        [("authorization", "Bearer t0ken"), ("authorization", "Bearer wrong")],
        [("authorization", "Bearer t0ken"), ("Authorization", "Bearer t0ken")],
        [("authorization", "Bearer t0ken"), ("x-chroma-token", "a"), ("x-chroma-token", "b")],
        [("authorization", "Bearer t0ken, Bearer t0ken")],
        [("authorization", "Bearer t0ken\x00")],
        [("authorization", "Bearer\xa0t0ken")],
        [("authorization", "Bearer t0ken\x85")],
        [("proxy-authorization", "Bearer t0ken")],
        [("x-forwarded-authorization", "Bearer t0ken")],
        [("cookie", "authorization=Bearer t0ken")],
    ],
)
def test_no_way_of_writing_a_header_leads_around(tokens: Any, headers: list[tuple[str, str]]) -> None:
    assert tokens.send("GET", IDENTITY, headers=headers).status == 403


def test_blanks_around_a_header_are_none_of_it(tokens: Any) -> None:
    assert tokens.send("GET", IDENTITY, headers={"authorization": " \tBearer t0ken \t"}).status == 200


def test_a_token_in_the_query_or_the_body_is_none(tokens: Any) -> None:
    assert tokens.send("GET", f"{IDENTITY}?authorization=Bearer%20t0ken&token=t0ken", headers={}).status == 403
    assert tokens.send("POST", COLLECTIONS, {"name": "letters", "token": "t0ken"}, {}).status == 403


def test_the_body_of_somebody_unknown_is_not_read(tokens: Any) -> None:
    answer = tokens.drive("POST", COLLECTIONS, [], {"user-agent": "slow"})
    assert answer.status == 403


# --- attempts in vain --------------------------------------------------------------------------------


def test_who_tries_again_and_again_waits_and_others_do_not(tokens: Any, no_pause: list[float]) -> None:
    for number in range(10):
        assert tokens.send("GET", IDENTITY, headers=bearer(f"guess{number}")).status == 403
    assert len(no_pause) in (4, 5)
    assert no_pause == sorted(no_pause)
    waited = len(no_pause)
    assert tokens.send("GET", IDENTITY, headers=bearer("guess"), client=("192.0.2.2", 1)).status == 403
    assert tokens.send("GET", IDENTITY, headers=bearer("t0ken"), client=("192.0.2.3", 1)).status == 200
    assert len(no_pause) == waited


def test_who_is_known_does_not_wait_behind_an_attacker_at_the_same_address(tokens: Any, no_pause: list[float]) -> None:
    assert tokens.send("GET", IDENTITY, headers=bearer("t0ken")).status == 200
    for number in range(20):
        tokens.send("GET", IDENTITY, headers=bearer(f"guess{number}"))
    waited = len(no_pause)
    assert tokens.send("GET", IDENTITY, headers=bearer("t0ken")).status == 200
    assert len(no_pause) == waited


def test_who_is_new_waits_behind_an_attacker_at_the_same_address_but_is_let_in(
    tokens: Any, no_pause: list[float]
) -> None:
    for number in range(20):
        tokens.send("GET", IDENTITY, headers=bearer(f"guess{number}"))
    waited = len(no_pause)
    assert tokens.send("GET", IDENTITY, headers=bearer("t0ken")).status == 200
    assert len(no_pause) == waited + 1


def test_too_many_attempts_at_once_are_refused(tokens: Any) -> None:
    async def all_of_them() -> list[Any]:
        ask = [tokens._drive("GET", IDENTITY, [], bearer(f"guess{number}"), {}) for number in range(40)]
        return list(await asyncio.gather(*ask))

    answers = tokens._loop.run_until_complete(all_of_them())
    statuses = [answer.status for answer in answers]
    assert set(statuses) == {403, 429}
    refused = next(answer for answer in answers if answer.status == 429)
    assert (refused.json["error"], refused.headers["retry-after"]) == ("RateLimitError", "2")


def test_many_requests_of_a_client_that_begins_are_one_attempt(
    passwords: Any, own: Any, monkeypatch: pytest.MonkeyPatch, no_pause: list[float]
) -> None:
    checked = []
    check = bcrypt.checkpw
    monkeypatch.setattr("bcrypt.checkpw", lambda *given: checked.append(given) or check(*given))

    def statuses(api: Any, headers: dict[str, str]) -> set[int]:
        async def all_of_them() -> list[Any]:
            whole = {"type": "http.request", "body": b""}
            return list(await asyncio.gather(*[api._drive("GET", IDENTITY, [whole], headers, {}) for _ in range(60)]))

        return {answer.status for answer in api._loop.run_until_complete(all_of_them())}

    assert statuses(passwords, basic("rob", "rob")) == {200}
    assert len(checked) == 1
    assert statuses(passwords, basic("rob", "wrong")) == {403}
    assert len(checked) == 2
    assert statuses(own, {"x-user": "bob"}) == {200}
    assert statuses(own, {"x-user": "error"}) == {500}
    assert no_pause == []
    assert passwords.application._access._pending == own.application._access._pending == {}


def test_to_send_no_credentials_is_no_attempt(tokens: Any, no_pause: list[float]) -> None:
    for _ in range(30):
        assert tokens.send("GET", IDENTITY, headers={}).status == 403
    assert no_pause == []


# --- providers of one's own --------------------------------------------------------------------------


class House(ServerAuthenticationProvider):
    """Knows people by a header of its own, as one written for the published version would."""

    def authenticate_or_raise(self, headers: dict[str, str]) -> UserIdentity:
        user = headers.get("x-user", "")
        raised = {"": ChromaAuthError(), "error": ValueError("s3cret"), "limit": RateLimitError("Slowly.")}.get(user)
        if raised is not None:
            raise raised
        if user == "http":
            failure = Exception("s3cret")
            failure.status_code = 401  # type: ignore[attr-defined]
            raise failure
        return None if user == "none" else UserIdentity(user, attributes={"floor": 3})  # type: ignore[return-value]


class Rules(ServerAuthorizationProvider):
    """Keeps what it is asked."""

    asked: list[Any] = []  # noqa: RUF012

    def authorize_or_raise(self, user: UserIdentity, action: Any, resource: Any) -> None:
        self.asked.append((user.user_id, action.value, resource.tenant, resource.database, resource.collection))
        if user.user_id == "eve":
            raise ChromaAuthError("s3cret")
        if user.user_id == "broken":
            raise KeyError("s3cret")


@pytest.fixture
def own(make_api: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server with providers of one's own."""
    monkeypatch.setattr("chromadb.types.House", House, raising=False)
    monkeypatch.setattr("chromadb.types.Rules", Rules, raising=False)
    Rules.asked.clear()
    return make_api(
        chroma_server_authn_provider="chromadb.types.House",
        chroma_server_authz_provider="chromadb.types.Rules",
        allow_reset=True,
    )


@pytest.mark.parametrize(
    ("user", "status"),
    [("", 403), ("none", 500), ("error", 500), ("http", 403), ("limit", 429), ("bob", 200)],
)
def test_what_a_provider_raises_becomes_an_answer_that_lets_nobody_in(
    own: Any, user: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    answer = own.send("GET", IDENTITY, headers={"x-user": user} if user else {"accept": "*/*"})
    assert answer.status == status
    assert "s3cret" not in answer.content.decode() + caplog.text
    if status == 200:
        assert answer.json["attributes"] == {"floor": 3}


def test_what_a_provider_of_rights_raises_lets_nobody_through(own: Any, caplog: pytest.LogCaptureFixture) -> None:
    for user, status in (("eve", 403), ("broken", 500)):
        answer = own.send("GET", COLLECTIONS, headers={"x-user": user})
        assert answer.status == status
        assert "s3cret" not in answer.content.decode() + caplog.text
        assert own.send("POST", COLLECTIONS, {"name": "letters"}, {"x-user": user}).status == status
    assert own.send("GET", COLLECTIONS, headers={"x-user": "bob"}).json == []
    assert own.send("GET", IDENTITY, headers={"x-user": "eve"}).status == 200, "who one is, one may always know"


def test_a_provider_of_rights_is_asked_what_that_of_the_published_version_is(own: Any) -> None:
    bob = {"x-user": "bob"}
    own.send("POST", "/api/v2/tenants", {"name": "acme"}, bob)
    own.send("GET", "/api/v2/tenants/acme", headers=bob)
    own.send("POST", "/api/v2/tenants/acme/databases", {"name": "archive"}, bob)
    own.send("GET", "/api/v2/tenants/acme/databases", headers=bob)
    own.send("GET", "/api/v2/tenants/acme/databases/archive", headers=bob)
    made = own.send("POST", COLLECTIONS, {"name": "letters", "get_or_create": True}, bob).json
    own.send("GET", COLLECTIONS, headers=bob)
    own.send("GET", f"{DATABASE}/collections_count", headers=bob)
    own.send("GET", f"{COLLECTIONS}/letters", headers=bob)
    own.send("GET", f"{COLLECTIONS}/{made['id']}/count", headers=bob)
    own.send("POST", f"/api/v1/collections/{made['id']}/get", {}, bob)
    own.send("PUT", f"{COLLECTIONS}/{made['id']}", {"new_name": "archive"}, bob)
    own.send("POST", "/api/v2/reset", {}, bob)
    here = ("default_tenant", "default_database")
    assert [asked[1:] for asked in Rules.asked] == [
        ("tenant:create_tenant", "acme", None, None),
        ("tenant:get_tenant", "acme", None, None),
        ("db:create_database", "acme", "archive", None),
        ("db:list_databases", "acme", None, None),
        ("db:get_database", "acme", "archive", None),
        ("db:create_collection", *here, "letters"),
        ("db:list_collections", *here, None),
        ("db:count_collections", *here, None),
        ("collection:get_collection", *here, "letters"),
        ("collection:count", *here, made["id"]),
        # Here the published version does not say where the collection is.
        ("collection:get", *here, made["id"]),
        ("collection:update_collection", *here, made["id"]),
        ("system:reset", None, None, None),
    ]


# --- secrets -----------------------------------------------------------------------------------------


def test_secrets_are_in_no_answer_and_no_log(
    tokens: Any, passwords: Any, caplog: pytest.LogCaptureFixture, no_pause: list[float]
) -> None:
    secrets = ("t0ken", "gu3ss", "YWRtaW46", "admin:admin")
    answers = []
    for headers in (bearer("t0ken"), bearer("gu3ss"), {"x-chroma-token": "gu3ss"}, *[bearer("gu3ss")] * 10):
        for path in (IDENTITY, "/openapi.json", "/nowhere", COLLECTIONS):
            answers.append(tokens.send("GET", path, headers=headers).content.decode())
        answers.append(tokens.send("POST", COLLECTIONS, b"{", headers).content.decode())
    for headers in (basic("admin", "admin"), basic("admin", "gu3ss")):
        answers.append(passwords.send("GET", IDENTITY, headers=headers).content.decode())
    said = "".join(answers) + caplog.text + json.dumps(tokens.log() + passwords.log())
    said += repr(tokens.application.settings) + repr(tokens.application._access.__dict__)
    for secret in secrets:
        assert secret not in said


def test_the_log_says_who_asked(passwords: Any) -> None:
    passwords.send("GET", IDENTITY, headers=basic("rob", "rob"))
    passwords.send("GET", IDENTITY, headers=basic("rob", "wrong"))
    assert [(line["status"], line["user"]) for line in passwords.log()] == [(200, "rob"), (403, None)]


def test_answers_are_not_kept_by_browsers_and_not_taken_for_something_else(tokens: Any) -> None:
    for headers in (bearer("t0ken"), {}):
        head = tokens.send("GET", COLLECTIONS, headers=headers).headers
        assert (head["cache-control"], head["x-content-type-options"]) == ("no-store", "nosniff")
    page = tokens.send("GET", "/docs", headers={}).headers
    assert page["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in page["content-security-policy"]


def test_users_with_passwords_have_roles_too(make_api: Callable[..., Any]) -> None:
    users = {name: bcrypt.hashpw(name.encode(), bcrypt.gensalt(4)).decode() for name in ("admin", "rob", "eve")}
    api = make_api(
        chroma_server_authn_provider=BASIC,
        chroma_server_authn_credentials="\n".join(f"{name}:{hashed}" for name, hashed in users.items()),
        chroma_server_authz_provider="chromadb.auth.simple_rbac_authz.SimpleRBACAuthorizationProvider",
        chroma_server_authz_config=json.dumps(
            {
                "roles_mapping": {
                    "admin": {"actions": ["db:create_collection", "db:list_collections"]},
                    "reader": {"actions": ["db:list_collections"]},
                },
                "users": [{"id": "admin", "role": "admin"}, {"id": "rob", "role": "reader"}],
            }
        ),
    )
    statuses = {
        user: (
            api.send("POST", COLLECTIONS, {"name": f"of-{user}"}, basic(user, user)).status,
            api.send("GET", COLLECTIONS, headers=basic(user, user)).status,
            api.send("GET", IDENTITY, headers=basic(user, user)).status,
        )
        for user in users
    }
    assert statuses == {"admin": (200, 200, 200), "rob": (403, 200, 200), "eve": (403, 403, 200)}
