"""A server of ours, and the published clients that were fetched for the occasion."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CLIENTS = os.environ.get("CHROMA_COMPAT_CLIENTS")


@pytest.fixture(scope="session")
def published_clients() -> Path:
    """The folder that ``scripts/fetch_published_clients.py`` filled."""
    if not CLIENTS:
        pytest.skip("make test-compat runs these, with published clients")
    return Path(CLIENTS)


@pytest.fixture(scope="module")
def port(published_clients: Path, start_server: Callable[..., Any]) -> int:
    """The port of a server that may be reset."""
    return int(start_server(allow_reset=True).port)
