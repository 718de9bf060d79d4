"""Providers made from settings, without a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bcrypt
import pytest

from chromadb._settings.classes import System
from chromadb.config import Settings


@pytest.fixture
def make(clean_environment: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Make a provider of a class with settings; names are without their ``chroma_server_``."""

    def made(kind: Callable[[Any], Any], header: str | None = None, **settings: Any) -> Any:
        given = {f"chroma_server_{name}": value for name, value in settings.items()}
        return kind(System(Settings(**given, chroma_auth_token_transport_header=header)))

    return made


@pytest.fixture(scope="session")
def hashed() -> Callable[[str], str]:
    """Return a hash as htpasswd writes it, of the lowest cost."""
    return lambda password: bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$")
