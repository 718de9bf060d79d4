"""How clients prove who they are, and what they make of who they are taken for."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from typing import Any

import pytest

import chromadb
from chromadb.api.async_client import AsyncClient
from chromadb.auth import ClientAuthProvider
from chromadb.auth.basic_authn import BasicAuthClientProvider
from chromadb.auth.token_authn import TokenAuthClientProvider
from chromadb.config import Settings
from chromadb.errors import ChromaAuthError, InvalidArgumentError

TOKEN = "chromadb.auth.token_authn.TokenAuthClientProvider"
BASIC = "chromadb.auth.basic_authn.BasicAuthClientProvider"


class Secret:
    def get_secret_value(self) -> str:
        return "from a vault"


class FromVault(ClientAuthProvider):
    """A provider of a user's own, as the documentation of 0.6 describes them."""

    def authenticate(self) -> Mapping[str, Any]:
        return {"X-Vault": Secret(), "X-Tenant": self._settings.require("chroma_server_host")}


def headers_of(stub: Any, **settings: Any) -> dict[str, str]:
    with chromadb.HttpClient(port=stub.port, settings=Settings(**settings)):
        found: dict[str, str] = stub.asked[-1].headers
        return found


def test_a_token(stub: Any) -> None:
    headers = headers_of(stub, chroma_client_auth_provider=TOKEN, chroma_client_auth_credentials="test-token")
    assert headers["authorization"] == "Bearer test-token"
    headers = headers_of(
        stub,
        chroma_client_auth_provider=TOKEN,
        chroma_client_auth_credentials="test-token",
        chroma_auth_token_transport_header="X-Chroma-Token",
    )
    assert headers["x-chroma-token"] == "test-token"
    assert "authorization" not in headers


def test_user_and_password(stub: Any) -> None:
    for credentials in ("admin:admin", "jörg:pass:wörd"):
        headers = headers_of(stub, chroma_client_auth_provider=BASIC, chroma_client_auth_credentials=credentials)
        kind, _, encoded = headers["authorization"].partition(" ")
        assert (kind, base64.b64decode(encoded).decode()) == ("Basic", credentials)


def test_credentials_from_the_environment(stub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMA_CLIENT_AUTH_PROVIDER", TOKEN)
    monkeypatch.setenv("CHROMA_CLIENT_AUTH_CREDENTIALS", "from-the-environment")
    with chromadb.HttpClient(port=stub.port):
        assert stub.asked[-1].headers["authorization"] == "Bearer from-the-environment"


def test_an_asynchronous_client(stub: Any) -> None:
    settings = Settings(chroma_client_auth_provider=TOKEN, chroma_client_auth_credentials="test-token")

    async def main() -> None:
        async with await chromadb.AsyncHttpClient(port=stub.port, settings=settings) as client:
            await client.heartbeat()

    asyncio.run(main())
    assert {asked.headers["authorization"] for asked in stub.asked} == {"Bearer test-token"}


def test_a_provider_of_ones_own(stub: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / "my_auth.py").write_text(
        "from chromadb.auth import ClientAuthProvider\n"
        "class FromVault(ClientAuthProvider):\n"
        "    def __init__(self, system):\n"
        "        super().__init__(system)\n"
        "        self.secret = system.settings.chroma_client_auth_credentials\n"
        "    def authenticate(self):\n"
        "        return {'X-Vault': self.secret}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    headers = headers_of(
        stub, chroma_client_auth_provider="my_auth.FromVault", chroma_client_auth_credentials="deposited"
    )
    assert headers["x-vault"] == "deposited"


def test_a_secret_that_hides_itself() -> None:
    from chromadb._client.http.auth import check_headers

    class Holder:
        settings = Settings(chroma_server_host="here")

    assert check_headers(FromVault(Holder()).authenticate(), "it") == {"x-vault": "from a vault", "x-tenant": "here"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"chroma_client_auth_provider": TOKEN}, "chroma_client_auth_credentials is needed here but not set"),
        ({"chroma_client_auth_provider": BASIC}, "chroma_client_auth_credentials is needed here but not set"),
        ({"chroma_client_auth_provider": BASIC, "chroma_client_auth_credentials": "s3cret"}, "without a colon"),
        ({"chroma_client_auth_provider": TOKEN, "chroma_client_auth_credentials": "s3cret\n"}, "printable ASCII"),
        ({"chroma_client_auth_provider": TOKEN, "chroma_client_auth_credentials": "s3crét"}, "printable ASCII"),
        ({"chroma_client_auth_provider": "chromadb.auth.token.TokenAuthClientProvider"}, "since April 2024"),
        ({"chroma_client_auth_provider": "chromadb.auth.Nonsense"}, "dotted path of a ClientAuthProvider"),
        ({"chroma_client_auth_provider": "chromadb.Settings"}, "dotted path of a ClientAuthProvider"),
        ({"chroma_client_auth_provider": "nonsense"}, "dotted path of a ClientAuthProvider"),
        ({"chroma_server_headers": {"a b": "s3cret"}}, "names of HTTP headers"),
        ({"chroma_server_headers": {"a": "s3cret\r\nb: c"}}, "one line of text"),
    ],
)
def test_what_cannot_prove_anything_is_refused(stub: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message) as caught:
        chromadb.HttpClient(port=stub.port, settings=Settings(**settings))
    assert "s3cr" not in str(caught.value)
    assert stub.asked == []


@pytest.mark.parametrize("headers", [{"a": 5}, {5: "a"}, ["a"], "a: b", {"a": None}])
def test_headers_are_texts(stub: Any, headers: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="headers to be a dict of str to str"):
        chromadb.HttpClient(port=stub.port, headers=headers)


def test_credentials_without_a_provider_are_not_sent_and_that_is_said(stub: Any) -> None:
    with pytest.warns(UserWarning, match="not chroma_client_auth_provider, so that they are not sent"):
        headers = headers_of(stub, chroma_client_auth_credentials="s3cret")
    assert "s3cret" not in str(headers)


def test_secrets_are_not_shown(stub: Any) -> None:
    settings = Settings(chroma_client_auth_provider=TOKEN, chroma_client_auth_credentials="s3cret")
    with chromadb.HttpClient(port=stub.port, headers={"x-key": "s3cret"}, settings=settings) as client:
        assert "s3cret" not in repr(client) + repr(client.get_settings()) + repr(client._server)


def test_public_classes() -> None:
    assert issubclass(TokenAuthClientProvider, ClientAuthProvider)
    assert issubclass(BasicAuthClientProvider, ClientAuthProvider)
    with pytest.raises(TypeError, match="abstract"):
        ClientAuthProvider(object())  # type: ignore[abstract, arg-type]


# --- tenant and database of the identity -------------------------------------------------------------


def identify(stub: Any, tenant: str | None, databases: list[str] | None) -> None:
    stub.answers["/api/v2/auth/identity"] = {"user_id": "u", "tenant": tenant, "databases": databases}
    for name in ("t1", "t2"):
        stub.answers[f"/api/v2/tenants/{name}"] = {"name": name}
        for database in ("d1", "d2", "default_database"):
            answer = {"id": "00000000-0000-0000-0000-000000000000", "name": database, "tenant": name}
            stub.answers[f"/api/v2/tenants/{name}/databases/{database}"] = answer


def place(**arguments: Any) -> tuple[str, str]:
    settings = Settings(chroma_overwrite_singleton_tenant_database_access_from_auth=True)
    with chromadb.HttpClient(settings=settings, **arguments) as client:
        return client.tenant, client.database


def test_the_identity_says_where_a_client_works_if_the_settings_ask_for_it(stub: Any) -> None:
    identify(stub, "t1", ["d1"])
    assert place(port=stub.port) == ("t1", "d1")
    assert place(port=stub.port, tenant="t1", database="d1") == ("t1", "d1")
    with chromadb.HttpClient(port=stub.port) as client:
        assert (client.tenant, client.database) == ("default_tenant", "default_database")


def test_where_the_identity_leaves_it_open_the_arguments_count(stub: Any) -> None:
    identify(stub, "t1", ["d1", "d2"])
    assert place(port=stub.port) == ("t1", "default_database")
    assert place(port=stub.port, database="d2") == ("t1", "d2")
    for tenant, databases in (("*", ["*"]), (None, None)):
        identify(stub, tenant, databases)
        assert place(port=stub.port, tenant="t2", database="d1") == ("t2", "d1")
        assert place(port=stub.port) == ("default_tenant", "default_database")


def test_another_place_than_that_of_the_identity_is_refused(stub: Any) -> None:
    identify(stub, "t1", ["d1"])
    with pytest.raises(ChromaAuthError, match="these credentials are for the tenant 't1', not for 't2'"):
        place(port=stub.port, tenant="t2")
    with pytest.raises(ChromaAuthError, match="these credentials are for the database 'd1', not for 'd2'"):
        place(port=stub.port, database="d2")


# --- the hosted service ------------------------------------------------------------------------------


def cloud(stub: Any, **arguments: Any) -> Any:
    return chromadb.CloudClient(cloud_host="localhost", cloud_port=stub.port, enable_ssl=False, **arguments)


def test_a_key_says_everything(stub: Any) -> None:
    identify(stub, "t1", ["d1"])
    with cloud(stub, api_key="s3cret") as client:
        assert (client.tenant, client.database) == ("t1", "d1")
        assert "s3cret" not in repr(client.get_settings())
    assert {asked.headers["x-chroma-token"] for asked in stub.asked} == {"s3cret"}


def test_key_tenant_and_database_from_the_environment(stub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    identify(stub, "*", ["*"])
    monkeypatch.setenv("CHROMA_API_KEY", "s3cret")
    monkeypatch.setenv("CHROMA_TENANT", "t2")
    monkeypatch.setenv("CHROMA_DATABASE", "d2")
    with cloud(stub) as client:
        assert (client.tenant, client.database) == ("t2", "d2")
    with cloud(stub, tenant="t1", database="d1") as client:
        assert (client.tenant, client.database) == ("t1", "d1")


def test_what_a_key_leaves_open_has_to_be_given(stub: Any) -> None:
    identify(stub, "*", ["*"])
    with pytest.raises(ChromaAuthError, match="does not say which tenant"):
        cloud(stub, api_key="key")
    with pytest.raises(ChromaAuthError, match="does not say which database"):
        cloud(stub, api_key="key", tenant="t1")


def test_a_key_is_needed(stub: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="CHROMA_API_KEY"):
        cloud(stub, tenant="t1", database="d1")


def test_an_asynchronous_client_by_settings(stub: Any) -> None:
    settings = Settings(chroma_server_host="localhost", chroma_server_http_port=stub.port)

    async def main() -> str:
        async with await AsyncClient.create(settings=settings) as client:
            return await client.get_version()

    assert asyncio.run(main()) == "1.5.9"
