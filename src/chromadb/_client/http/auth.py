"""How a client proves who it is: the headers that go with every request."""

from __future__ import annotations

import base64
import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from chromadb._auth.providers import load_provider
from chromadb._settings import Settings
from chromadb._settings.classes import Component, HasSettings, System
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError

_PROVIDER = "chroma_client_auth_provider"
_CHOICES = (
    "chromadb.auth.token_authn.TokenAuthClientProvider, chromadb.auth.basic_authn.BasicAuthClientProvider or the "
    "dotted path of a ClientAuthProvider of your own"
)
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN = re.compile(r"[\x21-\x7e]+")


class ClientAuthProvider(Component, ABC):
    """Gives the headers by which a server recognises the client.

    To write one, derive from it, and name the class in the setting ``chroma_client_auth_provider``.

    Args:
        system: what has the ``settings`` of the client.
    """

    @abstractmethod
    def authenticate(self) -> Mapping[str, Any]:
        """Return headers by name; a value is a str, or an object whose ``get_secret_value()`` gives one."""


class TokenAuthClientProvider(ClientAuthProvider):
    """Sends the token of ``chroma_client_auth_credentials``, as ``Authorization: Bearer`` or as ``X-Chroma-Token``.

    Raises:
        InvalidArgumentError: the token is not set, or is not printable ASCII without spaces.
    """

    def __init__(self, system: HasSettings) -> None:
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

    def __init__(self, system: HasSettings) -> None:
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
    provider = load_provider(_PROVIDER, path, "authenticate", _CHOICES)
    given = provider(System(settings)).authenticate()
    return {**headers, **check_headers(given, f"what {path} gives")}


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
        if not value.isascii():
            raise InvalidArgumentError(f"Expected the value of {name} in {what} to be ASCII, got other characters.")
        checked[name.lower()] = value
    return checked
