"""Settings that would leave a server open, or that contradict each other, are refused with what to do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chromadb._auth.protection import Protection, read_protection
from chromadb._settings.sources import refuse_unprotecting
from chromadb._settings.table import SETTINGS
from chromadb.auth.basic_authn import BasicAuthenticationServerProvider
from chromadb.auth.simple_rbac_authz import SimpleRBACAuthorizationProvider
from chromadb.auth.token_authn import TokenAuthenticationServerProvider
from chromadb.config import Settings
from chromadb.errors import InvalidArgumentError

TOKEN = "chromadb.auth.token_authn.TokenAuthenticationServerProvider"
BASIC = "chromadb.auth.basic_authn.BasicAuthenticationServerProvider"
RBAC = "chromadb.auth.simple_rbac_authz.SimpleRBACAuthorizationProvider"
FILE = "roles_mapping: {r: {actions: ['collection:get']}}\nusers: [{id: u, role: r, tokens: [s3cret]}]"


def read(**settings: Any) -> Protection | None:
    known = {name if name in SETTINGS else f"chroma_server_{name}": value for name, value in settings.items()}
    return read_protection(Settings(**known))


@pytest.fixture(autouse=True)
def _clean(clean_environment: pytest.MonkeyPatch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_a_provider_everybody_may_do_everything() -> None:
    assert read() is None
    # As a compose file gives variables that are not set.
    assert read(authn_provider="", authn_credentials="", authz_provider="", authz_config_file="") is None


def test_settings_name_providers(tmp_path: Path, hashed: Callable[[str], str]) -> None:
    path = tmp_path / "authz.yaml"
    path.write_text(FILE)
    both = read(
        authn_provider=TOKEN,
        authn_credentials_file=str(path),
        authz_provider=f" {RBAC} ",
        authz_config_file=str(path),
        chroma_overwrite_singleton_tenant_database_access_from_auth=True,
    )
    assert both is not None
    assert isinstance(both.authentication, TokenAuthenticationServerProvider)
    assert isinstance(both.authorization, SimpleRBACAuthorizationProvider)
    assert both.overwrites
    one = read(authn_provider=BASIC, authn_credentials=f"admin:{hashed('admin')}")
    assert one is not None
    assert isinstance(one.authentication, BasicAuthenticationServerProvider)
    assert one.authorization is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"authn_credentials": "s3cret"}, "authn_provider to be set with chroma_server_authn_credentials, got none"),
        ({"authn_credentials_file": "x"}, "authn_provider to be set with chroma_server_authn_credentials_file"),
        (
            {"authz_provider": RBAC, "authz_config": "s3cret"},
            "authn_provider to be set with chroma_server_authz_provider",
        ),
        ({"authz_config": "s3cret"}, "authz_provider to be set with chroma_server_authz_config, got none"),
        ({"authz_config_file": "x"}, "authz_provider to be set with chroma_server_authz_config_file"),
        ({"auth_ignore_paths": {}, "authn_credentials": "s3cret"}, "authn_provider to be set"),
        ({"auth_ignore_paths": {"/api/v2/reset": ["POST"]}}, "set with chroma_server_auth_ignore_paths, got none"),
        ({"authn_provider": TOKEN}, "Expected chroma_server_authn_credentials or chroma_server_authn_credentials_file"),
        ({"authn_provider": TOKEN, "authn_credentials": "s3cret", "authn_credentials_file": "x"}, "got both"),
        (
            {"authn_provider": TOKEN, "authn_credentials": "a", "authz_provider": RBAC},
            "Expected chroma_server_authz_config or chroma_server_authz_config_file to be set, got neither",
        ),
        (
            {"authn_provider": TOKEN, "authn_credentials": "a", "authz_provider": RBAC, "authz_config": FILE}
            | {"authz_config_file": "x"},
            "one of chroma_server_authz_config and chroma_server_authz_config_file, got both",
        ),
        ({"authn_provider": "token", "authn_credentials": "s3cret"}, "got 'token'"),
        ({"authn_provider": "chromadb.auth.token_authn.Token"}, r"got 'chromadb.auth.token_authn.Token' \(module"),
        ({"authn_provider": "nowhere.Token"}, r"got 'nowhere.Token' \(No module named 'nowhere'\)"),
        ({"authn_provider": "chromadb.auth.token.TokenAuthServerProvider"}, f"is called {TOKEN} since April 2024"),
        ({"authn_provider": "chromadb.auth.basic.BasicAuthServerProvider"}, f"is called {BASIC} since April 2024"),
        ({"authn_provider": "chromadb.auth.token_authn.TokenAuthClientProvider"}, "or the dotted path of a ServerAuth"),
        ({"authn_provider": RBAC, "authn_credentials": "a"}, "or the dotted path of a ServerAuthenticationProvider"),
        (
            {"authn_provider": TOKEN, "authn_credentials": "a", "authz_provider": TOKEN},
            "or the dotted path of a ServerAuthorizationProvider",
        ),
        (
            {"authn_provider": BASIC, "authn_credentials": f"a:$2y$05${'s' * 53}"}
            | {"chroma_auth_token_transport_header": "X-Chroma-Token"},
            "chroma_auth_token_transport_header to be left out",
        ),
        (
            {"authn_provider": TOKEN, "authn_credentials": "a", "auth_ignore_paths": {"/api/v2/": ["GET"]}},
            "to begin with a slash and to end without one, got '/api/v2/'",
        ),
        (
            {"authn_provider": TOKEN, "authn_credentials": "a", "auth_ignore_paths": {"/api/v2": ["get"]}},
            "to be GET, POST, PUT, PATCH or DELETE, got 'get'",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message) as caught:
        read(**settings)
    assert "s3cr" not in str(caught.value)


def test_a_provider_that_cannot_be_made_is_named_and_its_words_are_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_providers.py").write_text(
        "from chromadb.auth import ServerAuthenticationProvider\n"
        "class Broken(ServerAuthenticationProvider):\n"
        "    def __init__(self, system):\n"
        "        raise ValueError('s3cret')\n"
        "    def authenticate_or_raise(self, headers): ...\n"
        "class Missing(Broken):\n"
        "    def __init__(self, system):\n"
        "        import ldap_that_is_not_there\n"
        "class Abstract(ServerAuthenticationProvider):\n"
        "    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for name, message in (
        ("Broken", "my_providers.Broken, cannot be made: it raised ValueError"),
        ("Missing", "needs the package ldap_that_is_not_there"),
        ("Abstract", "cannot be made: it raised TypeError"),
    ):
        with pytest.raises(InvalidArgumentError, match=message) as caught:
            read(authn_provider=f"my_providers.{name}")
        assert "s3cret" not in str(caught.value)


def test_users_need_the_package_for_their_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    with pytest.raises(InvalidArgumentError, match="needs the package bcrypt"):
        read(authn_provider=BASIC, authn_credentials=f"a:$2y$05${'s' * 53}")


@pytest.mark.parametrize(
    "name",
    [
        "CHROMA_SERVER_AUTH_TOKEN",
        "chroma_server_authn_credential",
        "CHROMA_SERVER_SSL_CERT",
        "CHROMA_SERVER_CORS",
        "CHROMA_SERVER_MAX_BODY",
    ],
)
def test_a_server_refuses_what_is_nearly_a_setting_that_protects_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "s3cret")
    with pytest.raises(InvalidArgumentError, match=f"There is no setting {name.lower()} .environment variable {name}"):
        refuse_unprotecting(SETTINGS)
    monkeypatch.delenv(name)
    Path(".env").write_text(f"{name}=s3cret\n")
    with pytest.raises(InvalidArgumentError, match=r"\.env file") as caught:
        refuse_unprotecting(SETTINGS)
    assert "s3cret" not in str(caught.value)
    monkeypatch.setenv("CHROMA_SERVER_PORT_8000_TCP", "tcp://10.0.0.1:8000")
    Path(".env").write_text(f"{name}=\n")
    refuse_unprotecting(SETTINGS)
