"""Authentication by a token."""

from __future__ import annotations

import hashlib
import os
import re
from enum import Enum

from chromadb._auth.credentials import source
from chromadb._auth.providers import ServerAuthenticationProvider
from chromadb._auth.scope import ANY
from chromadb._auth.users import ANONYMOUS, TOKEN, User, read_users
from chromadb._model.entities import UserIdentity
from chromadb._settings.classes import HasSettings
from chromadb.errors import ChromaAuthError, InvalidArgumentError

_BEARER = re.compile(r"bearer +(.*)", re.IGNORECASE | re.DOTALL)
_IN_YAML = re.compile(r"\s*(#|---|[\w-]+\s*:(\s|$)|[{\[])")
_HASHED = re.compile(r":\$2[aby]?\$\d\d\$")
_SETTING = "chroma_server_authn_credentials"


class TokenTransportHeader(str, Enum):
    """The header that carries a token."""

    AUTHORIZATION = "Authorization"
    X_CHROMA_TOKEN = "X-Chroma-Token"


class TokenAuthenticationServerProvider(ServerAuthenticationProvider):
    """Knows people by their tokens, in ``Authorization: Bearer`` or in ``X-Chroma-Token``.

    The credentials are one token, or ``users`` in YAML, each with ``id``, ``tokens``, and perhaps ``tenant`` and
    ``databases``.

    Raises:
        InvalidArgumentError: they are missing or written wrongly.
    """

    threads = 0
    remember_seconds = 300.0

    def __init__(self, system: HasSettings) -> None:
        super().__init__(system)
        raw = self._settings.chroma_auth_token_transport_header == TokenTransportHeader.X_CHROMA_TOKEN.value
        self._header = "x-chroma-token" if raw else "authorization"
        self.credential_headers = (self._header,)
        # Digests under a key that nobody knows are looked up: how long that takes tells nothing about the token.
        self._key = os.urandom(32)
        self._identities: dict[bytes, UserIdentity] = {}
        where = source(self._settings, _SETTING)
        for user in self._users(where):
            if not user.tokens:
                raise InvalidArgumentError(f"Expected the user {user.id!r} in {where} to have tokens, got none.")
            identity = UserIdentity(user.id, user.tenant, user.databases)
            for token in user.tokens:
                if _HASHED.search(token):
                    raise InvalidArgumentError(
                        f"Expected tokens in {where}, got a hash of bcrypt. For users with passwords "
                        "chroma_server_authn_provider is chromadb.auth.basic_authn.BasicAuthenticationServerProvider."
                    )
                if not TOKEN.fullmatch(token):
                    raise InvalidArgumentError(
                        f"Expected the tokens of {user.id!r} in {where} to be printable ASCII without spaces, got "
                        "another one, which is not shown, as it is secret."
                    )
                if self._identities.setdefault(self._digest(token), identity) is not identity:
                    raise InvalidArgumentError(
                        f"Expected every token in {where} to be of one user, got one that {user.id!r} shares with "
                        "another."
                    )

    def authenticate_or_raise(self, headers: dict[str, str]) -> UserIdentity:
        """Return whose token this is.

        Raises:
            AuthError: nobody's.
        """
        value = headers.get(self._header)
        if value is None:
            raise ChromaAuthError(f"Forbidden: the header {self._header} is missing.")
        if self._header == "authorization":
            found = _BEARER.fullmatch(value)
            value = found[1] if found else ""
        identity = self._identities.get(self._digest(value))
        if identity is None:
            raise ChromaAuthError("Forbidden: the token is not known.")
        return identity

    def _digest(self, token: str) -> bytes:
        return hashlib.blake2b(token.encode("utf-8", "surrogatepass"), key=self._key, digest_size=32).digest()

    def _users(self, where: str) -> list[User]:
        lines = self.read_creds_or_creds_file()
        written = [line.strip() for line in lines if line.strip()]
        if len(written) == 1 and not _IN_YAML.match(written[0]):
            return [User(ANONYMOUS, tenant=ANY, tokens=written)]
        return read_users(lines, where)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self._identities)} tokens>"
