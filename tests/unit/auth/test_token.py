"""Tokens: one, or several of several users."""

from __future__ import annotations

from typing import Any

import pytest

from chromadb.auth import AuthError
from chromadb.auth.token_authn import TokenAuthenticationServerProvider, TokenTransportHeader
from chromadb.errors import InvalidArgumentError

USERS = """
users:
  - id: alice
    role: admin
    tokens: ["alice-1", alice-2]
  - id: rob
    tenant: acme
    databases: [archive]
    tokens: ["rob-1"]
  - tokens: [anybody]
"""


def ask(provider: Any, value: str, header: str = "authorization") -> Any:
    return provider.authenticate_or_raise({header: value})


def test_one_token_is_of_somebody_who_may_go_anywhere(make: Any) -> None:
    provider = make(TokenAuthenticationServerProvider, authn_credentials="test-token")
    identity = ask(provider, "Bearer test-token")
    assert (identity.user_id, identity.tenant, identity.databases) == ("anonymous", "*", ["*"])


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "Bearer   "])
def test_the_scheme_is_the_same_in_any_case(make: Any, scheme: str) -> None:
    provider = make(TokenAuthenticationServerProvider, authn_credentials="test-token")
    assert ask(provider, f"{scheme}test-token").user_id == "anonymous"


@pytest.mark.parametrize(
    "value",
    [
        *("", "test-token", "Bearer", "Bearer ", "Bearer test-token ", "Bearer Test-token", "Bearer test-tokem"),
        *("Bearertest-token", "Basic test-token", "Bearer test-toke", "Bearer test-token,Bearer test-token"),
        *(
            "Bearer\ttest-token",
            "Bearer test-tok\u00e9n",
            "Bearer test-token\0",
            "Bearer \udc80",
            "X Bearer test-token",
        ),
    ],
)
def test_whatever_else_is_nobody(make: Any, value: str) -> None:
    provider = make(TokenAuthenticationServerProvider, authn_credentials="test-token")
    with pytest.raises(AuthError, match="Forbidden"):
        ask(provider, value)


def test_only_the_header_of_the_setting_counts(make: Any) -> None:
    raw = make(TokenAuthenticationServerProvider, header="x-chroma-token", authn_credentials="test-token")
    assert ask(raw, "test-token", TokenTransportHeader.X_CHROMA_TOKEN.value.lower()).user_id == "anonymous"
    for value, header in (("Bearer test-token", "authorization"), ("Bearer test-token", "x-chroma-token")):
        with pytest.raises(AuthError):
            ask(raw, value, header)
    usual = make(TokenAuthenticationServerProvider, authn_credentials="test-token")
    with pytest.raises(AuthError):
        ask(usual, "test-token", "x-chroma-token")


@pytest.mark.parametrize("way", ["value", "file"])
def test_users_have_tokens_each_of_their_own(make: Any, tmp_path: Any, way: str) -> None:
    path = tmp_path / "authz.yaml"
    path.write_text(f"\ufeff{USERS}", encoding="utf-8")
    given = {"authn_credentials": USERS} if way == "value" else {"authn_credentials_file": str(path)}
    provider = make(TokenAuthenticationServerProvider, **given)
    found = {token: ask(provider, f"Bearer {token}") for token in ("alice-1", "alice-2", "rob-1", "anybody")}
    assert [each.user_id for each in found.values()] == ["alice", "alice", "rob", "anonymous"]
    assert (found["rob-1"].tenant, found["rob-1"].databases) == ("acme", ["archive"])
    assert (found["alice-1"].tenant, found["alice-1"].databases) == ("*", ["*"])


def test_a_file_may_hold_a_token_alone(make: Any, tmp_path: Any) -> None:
    path = tmp_path / "token"
    path.write_text("\ntest-token\n")
    provider = make(TokenAuthenticationServerProvider, authn_credentials_file=str(path))
    assert ask(provider, "Bearer test-token").user_id == "anonymous"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("s3cret token", "printable ASCII without spaces"),
        ("s3cr\u00e9t", "printable ASCII without spaces"),
        ("admin:$2y$05$s3cretabcdefghijklmnopqrstuvwxyz", "BasicAuthenticationServerProvider"),
        ("s3cret\ns3cret-2", "hold users in YAML, got a str"),
        ("users: []", "a list of users"),
        ("users: s3cret", "a list of users"),
        ("user: []", "to be users and roles_mapping, got 'user'"),
        ("users:\n - id: a\n   token: s3cret", "unknown field `token`"),
        ("users:\n - id: a", "user 'a' .* to have tokens, got none"),
        ("users:\n - id: a\n   tokens: []", "user 'a' .* to have tokens, got none"),
        ("users:\n - id: a\n   tokens: s3cret", "got `str` - at `\\$.tokens`"),
        ("users:\n - id: a\n   tokens: [12345]", "Numbers are written in quotes"),
        ("users:\n - id: a\n   tokens: ['']", "printable ASCII"),
        ("users:\n - id: a\n   tokens: [{token: s3cret}]", "got `object`"),
        ("users:\n - id: a\n   tokens: [s3cret]\n - id: b\n   tokens: [s3cret]", "'b' shares with another"),
        ("users:\n - id: a\n   databases: []\n   tokens: [s3cret]", "length >= 1"),
        ("users:\n - id: a\n   databases: [1]\n   tokens: [s3cret]", "`\\$.databases\\[0\\]`"),
        ("users:\n - id: ''\n   tokens: [s3cret]", "length >= 1"),
        ("users:\n - s3cret", "user 1"),
        ("users: [*s3cret]", "to be YAML, got something else in line 1"),
        ("users: [s3cret", "to be YAML"),
        ("users: !!python/object/apply:os.system [s3cret]", "to be YAML"),
        ("users:\n - id: a\n   tokens: [s3cret]\nusers: []", "every key in .* once, got 'users'"),
        ("users:\n - id: a\n   id: b\n   tokens: [s3cret]", "every key in .* once, got 'id'"),
        ("   ", "nothing but spaces"),
    ],
)
def test_credentials_that_are_written_wrongly_are_explained_and_not_shown(
    make: Any, tmp_path: Any, content: str, message: str
) -> None:
    path = tmp_path / "authz.yaml"
    path.write_text(content, encoding="utf-8")
    for given in ({"authn_credentials": content}, {"authn_credentials_file": str(path)}):
        with pytest.raises(InvalidArgumentError, match=message) as caught:
            make(TokenAuthenticationServerProvider, **given)
        assert "s3cr" not in str(caught.value)


def test_files_that_cannot_be_read_are_named(make: Any, tmp_path: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="got '/nowhere/x': No such file"):
        make(TokenAuthenticationServerProvider, authn_credentials_file="/nowhere/x")
    with pytest.raises(InvalidArgumentError, match="Is a directory"):
        make(TokenAuthenticationServerProvider, authn_credentials_file=str(tmp_path))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidArgumentError, match="to be UTF-8"):
        make(TokenAuthenticationServerProvider, authn_credentials_file=str(tmp_path / "binary"))
    (tmp_path / "empty").touch()
    with pytest.raises(InvalidArgumentError, match="nothing but spaces"):
        make(TokenAuthenticationServerProvider, authn_credentials_file=str(tmp_path / "empty"))


def test_nothing_secret_is_shown_by_a_provider(make: Any) -> None:
    provider = make(TokenAuthenticationServerProvider, authn_credentials="s3cret")
    assert "s3cret" not in repr(provider) + repr(vars(provider)) + str(provider._settings)
