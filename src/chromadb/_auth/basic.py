"""Authentication by user and password."""

from __future__ import annotations

import base64
import binascii
import os
import re
from importlib import import_module

from chromadb._auth.credentials import source
from chromadb._auth.providers import ServerAuthenticationProvider
from chromadb._model.entities import UserIdentity
from chromadb._settings.classes import HasSettings
from chromadb.errors import ChromaAuthError, InvalidArgumentError

_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_BASIC = re.compile(r"basic +([A-Za-z0-9+/]+={0,2}) *", re.IGNORECASE)
_SETTING = "chroma_server_authn_credentials"

LONGEST = 72
"""Bytes of a password that bcrypt looks at; htpasswd too passes over what follows."""


class BasicAuthenticationServerProvider(ServerAuthenticationProvider):
    """Knows people by user and password (RFC 7617), from lines as htpasswd writes them with bcrypt.

    Raises:
        InvalidArgumentError: there are none, or one is written wrongly.
    """

    credential_headers = ("authorization",)
    # Each check keeps a core busy for as long as the cost of the hashes asks for.
    threads = max(1, (os.cpu_count() or 1) // 2)
    remember_seconds = 300.0

    def __init__(self, system: HasSettings) -> None:
        super().__init__(system)
        import_module("bcrypt")  # what is missing is said at the start
        self._hashes = _read(self.read_creds_or_creds_file(), source(self._settings, _SETTING))
        # Somebody unknown is checked against the most costly of them, so that it takes as long to be refused.
        self._other = max(self._hashes.values(), key=lambda each: each[4:6])

    def authenticate_or_raise(self, headers: dict[str, str]) -> UserIdentity:
        """Return who this is.

        Raises:
            AuthError: nobody who is known, or the password is wrong.
        """
        import bcrypt

        value = headers.get("authorization")
        if value is None:
            raise ChromaAuthError("Forbidden: the header authorization is missing.")
        user, password = _decoded(value)
        known = self._hashes.get(user)
        right = bcrypt.checkpw(password[:LONGEST], known or self._other)
        if known is None or not right:
            raise ChromaAuthError("Forbidden: user and password do not fit.")
        return UserIdentity(user)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self._hashes)} users>"


def _decoded(value: str) -> tuple[str, bytes]:
    found = _BASIC.fullmatch(value)
    try:
        user, colon, password = base64.b64decode(found[1] if found else "", validate=True).partition(b":")
        # bcrypt takes NUL for the end of a password.
        if colon and b"\0" not in password:
            return user.decode(), password
    except (binascii.Error, UnicodeDecodeError):
        pass
    raise ChromaAuthError("Forbidden: the header authorization is not that of user and password.")


def _read(lines: list[str], where: str) -> dict[str, bytes]:
    hashes: dict[str, bytes] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        user, colon, hashed = line.strip().partition(":")
        if not colon or not user:
            raise InvalidArgumentError(f"Expected line {number} of {where} to be user:hash, got something else.")
        cost = _BCRYPT.fullmatch(hashed)
        if not cost or not 4 <= int(cost[1]) <= 31:
            raise InvalidArgumentError(
                f"Expected line {number} of {where} to have a hash of bcrypt, got another one. htpasswd -B makes one."
            )
        if user in hashes:
            raise InvalidArgumentError(f"Expected every user of {where} once, got {user!r} again in line {number}.")
        # $2y$ is what htpasswd calls $2b$.
        hashes[user] = f"$2b${hashed[hashed.index('$', 1) + 1 :]}".encode()
    if not hashes:
        raise InvalidArgumentError(f"Expected users in {where}, got none.")
    return hashes
