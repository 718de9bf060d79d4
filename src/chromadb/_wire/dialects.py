"""Dialects: the generations of Chroma that differ on the wire, and how a server tells them apart."""

from __future__ import annotations

import enum


class Dialect(enum.Enum):
    """A generation of the HTTP API."""

    V1 = "API v1, as spoken by 0.4 and 0.5"
    V2_OLD = "API v2, as spoken by 0.5 and 0.6"
    V2 = "API v2, as spoken by 1.0 and later"
    EXTENDED = "API v2, as spoken by this project: vectors are base64 in both directions"

    @property
    def old(self) -> bool:
        """Whether collections, errors and answers have the form of 0.x."""
        return self in (Dialect.V1, Dialect.V2_OLD)

    @property
    def version(self) -> int:
        """Which paths are used: 1 or 2."""
        return 1 if self is Dialect.V1 else 2


EXTENDED_AGENT = "Chroma Python Client v1.5.9 (extended)"
"""What clients of this project call themselves. Servers of others take them for one of 1.5.9."""

_OLD_AGENTS = ("python-httpx/", "python-requests/")


def client_dialect(path: str, user_agent: str, content_type: str) -> Dialect:
    """Return the dialect of a client from what it sends.

    Python clients before 1.0 are known by the library they use and by the Content-Type they leave out. Whoever is not
    known gets the newest form.
    """
    if path.startswith("/api/v1"):
        return Dialect.V1
    if user_agent == EXTENDED_AGENT:
        return Dialect.EXTENDED
    if user_agent.startswith(_OLD_AGENTS) and not content_type:
        return Dialect.V2_OLD
    return Dialect.V2
