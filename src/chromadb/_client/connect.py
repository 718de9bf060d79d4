"""Making clients: the one place that knows which backend stands behind which kind of client."""

from __future__ import annotations

import os
from typing import Any

from chromadb._client._sync import admin, client
from chromadb._client.system import System, shared_system
from chromadb._model.names import DEFAULT_DATABASE, DEFAULT_TENANT, describe
from chromadb._model.operations import Runner
from chromadb._settings import Settings
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError

_configured: dict[str, Any] = {}

MEMORY = "memory"
"""The place of ephemeral clients."""

EMBEDDED_APIS = ("chromadb.api.segment.SegmentAPI", "chromadb.api.rust.RustBindingsAPI")
"""Values of ``chroma_api_impl`` that mean this process."""


def configure(**values: Any) -> None:
    """Set defaults of settings for all clients made later, above environment and ``.env``.

    Raises:
        InvalidArgumentError: a value is not allowed.
    """
    Settings(**{**_configured, **values})
    _configured.update(values)


def get_settings() -> Settings:
    """Return the settings that ``configure``, the environment and ``.env`` make together."""
    return Settings(**_configured)


def EphemeralClient(
    settings: Settings | None = None, tenant: str = DEFAULT_TENANT, database: str = DEFAULT_DATABASE
) -> client.Client:
    """Return a client on memory; all those of a process share their data."""
    return client.Client.join(_system(_changed(settings, {"is_persistent": False})), tenant, database)


def PersistentClient(
    path: str | os.PathLike[str] = "./chroma",
    settings: Settings | None = None,
    tenant: str = DEFAULT_TENANT,
    database: str = DEFAULT_DATABASE,
) -> client.Client:
    """Return a client on a directory."""
    if not isinstance(path, (str, os.PathLike)):
        raise InvalidArgumentTypeError(f"Expected path to be a str or a Path, got {describe(path)}.")
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        raise InvalidArgumentError(f"Expected path to be text that UTF-8 can hold, got {os.fspath(path)!a}.") from None
    update = {"is_persistent": True, "persist_directory": os.fspath(path)}
    return client.Client.join(_system(_changed(settings, update)), tenant, database)


def Client(
    settings: Settings | None = None, tenant: str = DEFAULT_TENANT, database: str = DEFAULT_DATABASE
) -> client.Client:
    """Return the client that the settings describe."""
    return client.Client.join(_system(get_settings() if settings is None else settings), tenant, database)


def AdminClient(settings: Settings | None = None) -> admin.AdminClient:
    """Return an admin client of the place that the settings describe."""
    return admin.AdminClient(_system(get_settings() if settings is None else settings))


def _system(settings: Settings) -> System:
    if not isinstance(settings, Settings):
        raise InvalidArgumentTypeError(f"Expected settings to be chromadb.Settings, got {describe(settings)}.")
    if settings.chroma_api_impl not in EMBEDDED_APIS:
        raise InvalidArgumentError(
            f"Expected chroma_api_impl to be one of {', '.join(EMBEDDED_APIS)}; got {settings.chroma_api_impl!r}. "
            "Clients of a server are not part of this version yet."
        )
    # abspath alone, for what realpath refuses is explained by the backend.
    path = None
    if settings.is_persistent:
        given = settings.persist_directory
        path = os.path.abspath(given) if "\0" in given else os.path.realpath(given)
    return shared_system(path or MEMORY, settings, lambda: _engine(path, settings))


def _changed(settings: Settings | None, update: dict[str, Any]) -> Settings:
    chosen = get_settings() if settings is None else settings
    return chosen.model_copy(update=update) if isinstance(chosen, Settings) else chosen


def _engine(path: str | None, settings: Settings) -> Runner:
    from chromadb._engine.local import open_engine

    return open_engine(path, settings)
