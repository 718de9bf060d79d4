"""Product telemetry: how a deployment is used, for its operator. Nothing is sent without a key of the operator's own.

=========== =============================================================================================
``events``  what may be told: counts, never what is stored
``clients`` who tells it, and whom
``runner``  a runner whose operations are told of
=========== =============================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chromadb._model.operations import Runner
    from chromadb._settings import Settings

POSTHOG = "chromadb.telemetry.product.posthog.Posthog"
"""The path that settings name the built-in class by."""


def told(open_runner: Callable[[], Runner], settings: Settings, *, server: bool = False) -> Runner:
    """Return a runner whose operations are told of, where settings ask for it; nothing is loaded where they do not.

    Args:
        open_runner: makes the runner.
        settings: of the client or the server.
        server: whether it is a server that begins, rather than a client.

    Raises:
        ChromaError: the settings are not allowed, or the runner cannot be made.
    """
    named = {settings.chroma_product_telemetry_impl, settings.chroma_telemetry_impl} != {POSTHOG}
    if not (named or settings.chroma_product_telemetry_api_key or settings.chroma_product_telemetry_host):
        return open_runner()
    from chromadb._telemetry.runner import begin, telemetry_client

    client = telemetry_client(settings, server=server)
    return open_runner() if client is None else begin(open_runner(), client, server=server)
