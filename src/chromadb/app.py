"""The server as an ASGI application: ``uvicorn chromadb.app:app``, configured by the environment or ``.env``."""

from __future__ import annotations

from chromadb._client.connect import get_settings
from chromadb._server.app import Application
from chromadb._server.environment import warn_of_misspelt_settings
from chromadb._settings.sources import refuse_unprotecting
from chromadb._settings.table import SETTINGS

refuse_unprotecting(SETTINGS)
app = Application(get_settings())
warn_of_misspelt_settings()

__all__ = ["app"]
