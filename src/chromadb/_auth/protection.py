"""Protection: the providers that settings name. Settings that leave a server open by mistake are refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chromadb._auth.basic import BasicAuthenticationServerProvider
from chromadb._auth.providers import ServerAuthenticationProvider, ServerAuthorizationProvider, load_provider
from chromadb._settings import Settings
from chromadb._settings.classes import System, made
from chromadb._settings.table import OPEN_PATHS
from chromadb.errors import InvalidArgumentError

_AUTHN, _AUTHZ = "chroma_server_authn_provider", "chroma_server_authz_provider"
_IGNORED = "chroma_server_auth_ignore_paths"
_AUTHN_CHOICES = (
    "chromadb.auth.token_authn.TokenAuthenticationServerProvider, "
    "chromadb.auth.basic_authn.BasicAuthenticationServerProvider or the dotted path of a ServerAuthenticationProvider "
    "of your own"
)
_AUTHZ_CHOICES = (
    "chromadb.auth.simple_rbac_authz.SimpleRBACAuthorizationProvider or the dotted path of a "
    "ServerAuthorizationProvider of your own"
)


@dataclass(frozen=True)
class Protection:
    """Who finds out who asks, and who decides what they may do."""

    authentication: ServerAuthenticationProvider
    authorization: ServerAuthorizationProvider | None
    """None: who is known may do everything within their tenants and databases."""
    overwrites: bool
    """Whether the default tenant and database give way to those of somebody who may use one only."""


def read_protection(settings: Settings) -> Protection | None:
    """Return what settings ask for; None: everybody may do everything.

    Raises:
        InvalidArgumentError: they are unknown, contradict each other, or cannot be read.
    """
    authn, authz = settings.chroma_server_authn_provider, settings.chroma_server_authz_provider
    _refuse_both(settings, "chroma_server_authn_credentials")
    _refuse_both(settings, "chroma_server_authz_config")
    if authz is None:
        _refuse_lonely(settings, _AUTHZ, "chroma_server_authz_config", "chroma_server_authz_config_file")
    if authn is None:
        names = ("chroma_server_authn_credentials", "chroma_server_authn_credentials_file", _AUTHZ)
        _refuse_lonely(settings, _AUTHN, *names)
        if settings.chroma_server_auth_ignore_paths != OPEN_PATHS:
            _refuse_lonely(settings, _AUTHN, _IGNORED)
        return None
    _check_ignored(settings.chroma_server_auth_ignore_paths)

    def provider(setting: str, method: str, choices: str) -> Any:
        kind = load_provider(setting, settings[setting], method, choices)
        return made(setting, kind, System(settings), secret=True)

    authentication = provider(_AUTHN, "authenticate_or_raise", _AUTHN_CHOICES)
    if isinstance(authentication, BasicAuthenticationServerProvider) and settings.chroma_auth_token_transport_header:
        raise InvalidArgumentError(
            f"Expected chroma_auth_token_transport_header to be left out with {authn}, got one: it is for tokens."
        )
    authorization = provider(_AUTHZ, "authorize_or_raise", _AUTHZ_CHOICES) if authz else None
    overwrites = settings.chroma_overwrite_singleton_tenant_database_access_from_auth
    return Protection(authentication, authorization, overwrites)


def _refuse_both(settings: Settings, name: str) -> None:
    if settings[name] and settings[f"{name}_file"]:
        raise InvalidArgumentError(f"Expected one of {name} and {name}_file, got both. Leave one out.")


def _refuse_lonely(settings: Settings, needed: str, *names: str) -> None:
    """Refuse settings that mean nothing without another one."""
    given = [name for name in names if settings[name]]
    if given:
        raise InvalidArgumentError(
            f"Expected {needed} to be set with {' and '.join(given)}, got none: the server would not be protected. Set "
            f"{needed}, or leave {'it' if len(given) == 1 else 'them'} out."
        )


def _check_ignored(paths: dict[str, list[str]]) -> None:
    for path, methods in paths.items():
        if not path.startswith("/") or path != path.rstrip("/"):
            raise InvalidArgumentError(
                f"Expected the paths of {_IGNORED} to begin with a slash and to end without one, got {path!r}."
            )
        for method in methods:
            if method not in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                raise InvalidArgumentError(
                    f"Expected the methods of {path!r} in {_IGNORED} to be GET, POST, PUT, PATCH or DELETE, got "
                    f"{method!r}."
                )
