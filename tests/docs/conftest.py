"""A server where pages expect it: on port 8000."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from chromadb._client.http import options


@pytest.fixture(scope="module")
def documented_server(start_server: Callable[..., Any]) -> Any:
    """Return a server that may be reset."""
    return start_server(allow_reset=True)


@pytest.fixture
def server_at_8000(documented_server: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lead clients of ``localhost:8000``, as pages write it, to a server that is empty; return it."""
    found = options.server_url

    def elsewhere(*arguments: Any) -> str:
        return found(*arguments).replace("localhost:8000", f"localhost:{documented_server.port}")

    monkeypatch.setattr(options, "server_url", elsewhere)
    import chromadb

    with chromadb.HttpClient() as client:
        client.reset()
    return documented_server
