"""Providers: the classes that decide, which settings name, and which may be of somebody else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from chromadb._auth.actions import AuthzAction, AuthzResource
from chromadb._auth.credentials import read_either
from chromadb._auth.scope import narrowed
from chromadb._model.entities import UserIdentity
from chromadb._settings.classes import Component, import_class
from chromadb.errors import InvalidArgumentError

FORMER = {
    "chromadb.auth.basic.BasicAuthServerProvider": "chromadb.auth.basic_authn.BasicAuthenticationServerProvider",
    "chromadb.auth.basic.BasicAuthClientProvider": "chromadb.auth.basic_authn.BasicAuthClientProvider",
    "chromadb.auth.token.TokenAuthServerProvider": "chromadb.auth.token_authn.TokenAuthenticationServerProvider",
    "chromadb.auth.token.TokenAuthClientProvider": "chromadb.auth.token_authn.TokenAuthClientProvider",
    "chromadb.auth.authz.SimpleRBACAuthorizationProvider": (
        "chromadb.auth.simple_rbac_authz.SimpleRBACAuthorizationProvider"
    ),
}
"""Names that providers had until April 2024, and those that they have."""


class ServerAuthenticationProvider(Component, ABC):
    """Finds out who asks.

    To write one, derive from it, and name the class in the setting ``chroma_server_authn_provider``.

    Args:
        system: what has the ``settings`` of the server.
    """

    credential_headers: tuple[str, ...] = ()
    """The headers, in lower case, that alone decide; empty: any may."""
    threads: ClassVar[int] = 16
    """How many threads may be at work in `authenticate_or_raise`; 0: it is quick and is called in the event loop."""
    remember_seconds: ClassVar[float] = 0.0
    """How long the server need not ask again about the same `credential_headers`; nothing that failed is remembered."""

    @abstractmethod
    def authenticate_or_raise(self, headers: dict[str, str]) -> UserIdentity:
        """Return who sends these headers, whose names are in lower case.

        Raises:
            AuthError: nobody is known who does. Whatever else is raised is a failure of the server; nothing is allowed.
        """

    def ignore_operation(self, verb: str, path: str) -> bool:
        """Return whether everybody may send this method to this path, by ``chroma_server_auth_ignore_paths``."""
        return verb.upper() in self._settings.chroma_server_auth_ignore_paths.get(path, ())

    def read_creds_or_creds_file(self) -> list[str]:
        """Return the lines of ``chroma_server_authn_credentials``, or of the file that is named instead.

        Raises:
            InvalidArgumentError: both are set or neither is; the file cannot be read; there is nothing in it.
        """
        return read_either(self._settings, "chroma_server_authn_credentials")

    def singleton_tenant_database_if_applicable(self, user: UserIdentity | None) -> tuple[str | None, str | None]:
        """Return the one tenant and the one database that somebody may use, None where it is not one.

        That is so only with ``chroma_overwrite_singleton_tenant_database_access_from_auth``.
        """
        if user is None or not self._settings.chroma_overwrite_singleton_tenant_database_access_from_auth:
            return None, None
        return narrowed(user)


class ServerAuthorizationProvider(Component, ABC):
    """Decides who may do what.

    To write one, derive from it, and name the class in the setting ``chroma_server_authz_provider``.

    Args:
        system: what has the ``settings`` of the server.
    """

    threads: ClassVar[int] = 16
    """How many threads may be at work in `authorize_or_raise`; 0: it is quick and is called in the event loop."""

    @abstractmethod
    def authorize_or_raise(self, user: UserIdentity, action: AuthzAction, resource: AuthzResource) -> None:
        """Return if somebody may do this.

        Raises:
            AuthError: not allowed. Whatever else is raised is a failure of the server; nothing is allowed.
        """

    def read_config_or_config_file(self) -> list[str]:
        """Return the lines of ``chroma_server_authz_config``, or of the file that is named instead.

        Raises:
            InvalidArgumentError: both are set or neither is; the file cannot be read; there is nothing in it.
        """
        return read_either(self._settings, "chroma_server_authz_config")


def load_provider(setting: str, path: str, method: str, choices: str) -> Any:
    """Return the class at a dotted path.

    Args:
        setting: that names it.
        path: its value.
        method: that the class must have.
        choices: what the setting may be, in words.

    Raises:
        InvalidArgumentError: it cannot be imported, or is another kind of class.
    """
    found, reason = import_class(path)
    if isinstance(found, type) and callable(getattr(found, method, None)):
        return found
    if path in FORMER:
        reason = f", which is called {FORMER[path]} since April 2024"
    raise InvalidArgumentError(f"Expected {setting} to be {choices}; got {path!r}{reason}.")
