"""Users with passwords, from lines as htpasswd writes them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from chromadb.auth import AuthError
from chromadb.auth.basic_authn import BasicAuthenticationServerProvider
from chromadb.errors import InvalidArgumentError


def basic(user: str, password: str) -> str:
    """Return the value of the header."""
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.fixture
def provider(make: Any, hashed: Callable[[str], str], tmp_path: Any) -> Any:
    path = tmp_path / "server.htpasswd"
    passwords = {"admin": "admin", "j\u00f6rg": "p\u00e4ss:w\u00f6rd", "long": "x" * 100, "empty": ""}
    lines = [f"{user}:{hashed(password)}" for user, password in passwords.items()]
    path.write_text("# users\n\n" + "\r\n".join(lines) + "\n", encoding="utf-8")
    return make(BasicAuthenticationServerProvider, authn_credentials_file=str(path))


def ask(provider: Any, value: str) -> Any:
    return provider.authenticate_or_raise({"authorization": value})


@pytest.mark.parametrize(
    ("user", "password"),
    [("admin", "admin"), ("j\u00f6rg", "p\u00e4ss:w\u00f6rd"), ("long", "x" * 100), ("empty", "")],
)
def test_several_users_have_passwords_of_any_kind(provider: Any, user: str, password: str) -> None:
    identity = ask(provider, basic(user, password))
    assert (identity.user_id, identity.tenant, identity.databases) == (user, None, None)


def test_the_scheme_is_the_same_in_any_case(provider: Any) -> None:
    assert ask(provider, basic("admin", "admin").replace("Basic", "bAsIc")).user_id == "admin"


@pytest.mark.parametrize(
    "value",
    [
        *(basic("admin", "wrong"), basic("admin", "admin\0"), basic("admin\0", "admin"), basic("nobody", "admin")),
        *(
            basic("Admin", "admin"),
            basic("", ""),
            basic("admin", ""),
            "",
            "Basic",
            "Basic ",
            "Basic :",
            "Basic YWRtaW4=",
        ),
        *("Basic " + base64.b64encode(b"\xff:admin").decode(), "Bearer YWRtaW46YWRtaW4=", "Basic YWRtaW46YWRtaW4"),
        *("Basic YWRtaW46YWRtaW4===", "Basic YWRtaW46 YWRtaW4=", "Basic YWRtaW46YWRtaW4=,Basic x", "Basic \udc80"),
    ],
)
def test_whatever_else_is_nobody(provider: Any, value: str) -> None:
    with pytest.raises(AuthError, match="Forbidden"):
        ask(provider, value)


def test_somebody_unknown_costs_a_check_too(provider: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []
    monkeypatch.setattr("bcrypt.checkpw", lambda password, hashed: checked.append(hashed) or True)
    with pytest.raises(AuthError):
        ask(provider, basic("nobody", "admin"))
    assert len(checked) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("admin:s3cret", "line 1 of .* a hash of bcrypt, got another one. htpasswd -B"),
        ("admin:$apr1$s3cret$s3cret", "a hash of bcrypt"),
        ("admin:{SHA}s3cret=", "a hash of bcrypt"),
        ("admin:$2y$99$" + "s" * 53, "a hash of bcrypt"),
        ("admin:$2y$05$" + "s" * 52, "a hash of bcrypt"),
        ("s3cret", "line 1 of .* to be user:hash"),
        (":$2y$05$" + "s" * 53, "to be user:hash"),
        ("# nothing", "users in .*, got none"),
        (f"admin:$2y$05${'s' * 53}\nadmin:$2y$05${'t' * 53}", "'admin' again in line 2"),
    ],
)
def test_files_that_are_written_wrongly_are_explained_and_not_shown(make: Any, content: str, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message) as caught:
        make(BasicAuthenticationServerProvider, authn_credentials=content)
    assert "s3cr" not in str(caught.value)


def test_nothing_secret_is_shown_by_a_provider(make: Any, hashed: Callable[[str], str]) -> None:
    line = f"admin:{hashed('s3cret')}"
    provider = make(BasicAuthenticationServerProvider, authn_credentials=line)
    assert line not in repr(provider) + repr(provider._settings)
