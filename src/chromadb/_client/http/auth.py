"""How a client proves who it is: the headers that go with every request."""

from __future__ import annotations

import base64
import importlib
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

from chromadb._settings import Settings
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN = re.compile(r"[\x21-\x7e]+")


class _HasSettings(Protocol):
    @property
    def settings(self) -> Settings: ...


class ClientAuthProvider(ABC):
    """Gives the headers by which a server recognises the client.

    To write one, derive from it, and name the class in the setting ``chroma_client_auth_provider``.

    Args:
        system: what has the ``settings`` of the client.
    """

    def __init__(self, system: _HasSettings) -> None:
        self._system = system
        self._settings = system.settings

    @abstractmethod
    def authenticate(self) -> Mapping[str, Any]:
        """Return headers by name; a value is a str, or an object whose ``get_secret_value()`` gives one."""


class TokenAuthClientProvider(ClientAuthProvider):
    """Sends the token of ``chroma_client_auth_credentials``, as ``Authorization: Bearer`` or as ``X-Chroma-Token``.

    Raises:
        InvalidArgumentError: the token is not set, or is not printable ASCII without spaces.
    """

    def __init__(self, system: _HasSettings) -> None:
        super().__init__(system)
        token = str(self._settings.require("chroma_client_auth_credentials"))
        if not _TOKEN.fullmatch(token):
            raise InvalidArgumentError(
                "Expected the token in chroma_client_auth_credentials to be printable ASCII without spaces, got "
                "something else, which is not shown, as it is secret."
            )
        raw = self._settings.chroma_auth_token_transport_header == "X-Chroma-Token"
        self._headers = {"X-Chroma-Token": token} if raw else {"Authorization": f"Bearer {token}"}

    def authenticate(self) -> dict[str, str]:
        """Return the header."""
        return self._headers


class BasicAuthClientProvider(ClientAuthProvider):
    """Sends the ``user:password`` of ``chroma_client_auth_credentials``, as RFC 7617 says, in UTF-8.

    Raises:
        InvalidArgumentError: they are not set, or have no colon.
    """

    def __init__(self, system: _HasSettings) -> None:
        super().__init__(system)
        credentials = str(self._settings.require("chroma_client_auth_credentials"))
        if ":" not in credentials:
            raise InvalidArgumentError(
                'Expected chroma_client_auth_credentials to be "user:password", got a text without a colon, which is '
                "not shown, as it is secret."
            )
        self._headers = {"Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}

    def authenticate(self) -> dict[str, str]:
        """Return the header."""
        return self._headers


def request_headers(settings: Settings) -> dict[str, str]:
    """Return the headers of ``chroma_server_headers`` and of the client's provider, in lower case.

    Raises:
        InvalidArgumentError: a header cannot be sent, or the provider is none.
    """
    headers = dict(check_headers(settings.chroma_server_headers or {}, "chroma_server_headers"))
    path = settings.chroma_client_auth_provider
    if path is None:
        if settings.chroma_client_auth_credentials:
            warnings.warn(
                "chroma_client_auth_credentials is set, but not chroma_client_auth_provider, so that they are not "
                "sent. Set both.",
                UserWarning,
                stacklevel=5,
            )
        return headers
    given = load_provider(path)(_Holder(settings)).authenticate()
    return {**headers, **check_headers(given, f"what {path} gives")}


def load_provider(path: str) -> type[ClientAuthProvider]:
    """Return the class at a dotted path.

    Raises:
        InvalidArgumentError: it cannot be imported, or is no ``ClientAuthProvider``.
    """
    module, _, name = path.rpartition(".")
    reason = ""
    try:
        found = getattr(importlib.import_module(module), name) if module else None
    except (ImportError, AttributeError) as error:
        found, reason = None, f" ({error})"
    if not (isinstance(found, type) and callable(getattr(found, "authenticate", None))):
        raise InvalidArgumentError(
            "Expected chroma_client_auth_provider to be chromadb.auth.token_authn.TokenAuthClientProvider, "
            "chromadb.auth.basic_authn.BasicAuthClientProvider or the dotted path of a ClientAuthProvider of your own; "
            f"got {path!r}{reason}."
        )
    return found


def check_headers(headers: Any, what: str) -> dict[str, str]:
    """Return headers with their names in lower case. Values are never shown: they may be secret.

    Raises:
        InvalidArgumentError: not a mapping of str to str, or one that cannot be sent.
    """
    if not isinstance(headers, Mapping):
        raise InvalidArgumentTypeError(f"Expected {what} to be a dict of str to str, got a {type(headers).__name__}.")
    checked = {}
    for name, value in headers.items():
        if hasattr(value, "get_secret_value"):
            value = value.get_secret_value()
        if not isinstance(name, str) or not isinstance(value, str):
            raise InvalidArgumentTypeError(
                f"Expected {what} to be a dict of str to str, got {type(value).__name__} as the value of {name!r}."
            )
        if not _NAME.fullmatch(name):
            raise InvalidArgumentError(f"Expected the names in {what} to be names of HTTP headers, got {name!r}.")
        if _FORBIDDEN.search(value):
            raise InvalidArgumentError(f"Expected the value of {name} in {what} to be one line of text, got another.")
        checked[name.lower()] = value
    return checked


class _Holder:
    """What a provider gets: the settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def require(self, name: str) -> Any:
        return self.settings.require(name)
