"""Making clients: the one place that knows which backend stands behind which kind of client."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chromadb._client._sync import admin, client
from chromadb._client.http.auth import check_headers
from chromadb._client.http.endpoint import DEFAULT_HOST, DEFAULT_PORT, check_host, check_port
from chromadb._client.system import AsyncSystem, System, shared_system
from chromadb._model.names import DEFAULT_DATABASE, DEFAULT_TENANT, describe
from chromadb._model.operations import Runner
from chromadb._observability import observe
from chromadb._settings import Settings
from chromadb._telemetry import told
from chromadb._thin import full_package
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError

if TYPE_CHECKING:
    from chromadb._client._async.client import AsyncClient as AsynchronousClient

_configured: dict[str, Any] = {}

MEMORY = "memory"
"""The backend of ephemeral clients."""

EMBEDDED_APIS = ("chromadb.api.segment.SegmentAPI", "chromadb.api.rust.RustBindingsAPI")
"""Values of ``chroma_api_impl`` that mean this process."""

HTTP_API = "chromadb.api.fastapi.FastAPI"
ASYNC_HTTP_API = "chromadb.api.async_fastapi.AsyncFastAPI"
"""Values of ``chroma_api_impl`` that mean a server."""


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


def HttpClient(
    host: str = DEFAULT_HOST,
    port: int | str = DEFAULT_PORT,
    ssl: bool = False,
    headers: Mapping[str, str] | None = None,
    settings: Settings | None = None,
    tenant: str = DEFAULT_TENANT,
    database: str = DEFAULT_DATABASE,
) -> client.Client:
    """Return a client of a server. It shares connections, headers and identity with no other client.

    Args:
        host: a name, an IP address or a URL, with a path if the server lies behind one.
        port: a URL brings its own, or that of its scheme.
        ssl: speak HTTPS, which a URL says by itself.
        headers: sent with each request, beside those of the settings.
        settings: the rest: trust in certificates, credentials, timeouts, connections.
        tenant: where the client begins.
        database: where the client begins.

    Raises:
        ServerConnectionError: the server cannot be reached; the message says why.
        ServerAnswerError: what listens there is no Chroma server.
        NotFoundError: the tenant or the database does not exist.
        ChromaAuthError: the credentials do not suffice.
        InvalidArgumentError: an argument is not allowed, or contradicts the settings.
    """
    return client.Client.join(_http_system(_of_server(host, port, ssl, headers, settings, HTTP_API)), tenant, database)


async def AsyncHttpClient(
    host: str = DEFAULT_HOST,
    port: int | str = DEFAULT_PORT,
    ssl: bool = False,
    headers: Mapping[str, str] | None = None,
    settings: Settings | None = None,
    tenant: str = DEFAULT_TENANT,
    database: str = DEFAULT_DATABASE,
) -> AsynchronousClient:
    """Return an asynchronous client of a server; all methods that wait are awaited.

    Args and errors are those of :func:`HttpClient`.
    """
    return await AsyncClient(_of_server(host, port, ssl, headers, settings, ASYNC_HTTP_API), tenant, database)


def CloudClient(
    tenant: str | None = None,
    database: str | None = None,
    api_key: str | None = None,
    settings: Settings | None = None,
    *,
    cloud_host: str = "api.trychroma.com",
    cloud_port: int = 443,
    enable_ssl: bool = True,
) -> client.Client:
    """Return a client of a tenant and database at a hosted service.

    Args:
        tenant: None for ``CHROMA_TENANT`` in the environment, else the one that the key is for.
        database: None for ``CHROMA_DATABASE`` in the environment, else the one that the key is for.
        api_key: None for ``CHROMA_API_KEY`` in the environment.
        settings: the rest.
        cloud_host: where the service is.
        cloud_port: its port.
        enable_ssl: speak HTTPS.

    Raises:
        InvalidArgumentError: there is no key.
        ChromaAuthError: the key is not one of the service, or for another tenant or database.
        ServerConnectionError: the service cannot be reached.
    """
    key = api_key or os.environ.get("CHROMA_API_KEY")
    if not key:
        raise InvalidArgumentError(
            "Expected api_key, or CHROMA_API_KEY in the environment, to be the key of the hosted service; got neither."
        )
    chosen = _of_server(cloud_host, cloud_port, enable_ssl, None, settings, HTTP_API)
    credentials = {
        "chroma_client_auth_provider": "chromadb.auth.token_authn.TokenAuthClientProvider",
        "chroma_client_auth_credentials": key,
        "chroma_auth_token_transport_header": "X-Chroma-Token",
    }
    system = _http_system(chosen.model_copy(update=credentials))
    system.by_identity = True
    return client.Client.join(
        system,
        tenant or os.environ.get("CHROMA_TENANT") or None,
        database or os.environ.get("CHROMA_DATABASE") or None,
    )


def Client(
    settings: Settings | None = None, tenant: str = DEFAULT_TENANT, database: str = DEFAULT_DATABASE
) -> client.Client:
    """Return the client that the settings describe."""
    return client.Client.join(_system(get_settings() if settings is None else settings), tenant, database)


async def AsyncClient(
    settings: Settings | None = None, tenant: str = DEFAULT_TENANT, database: str = DEFAULT_DATABASE
) -> AsynchronousClient:
    """Return the asynchronous client that the settings describe, which is always one of a server."""
    from chromadb._client._async.client import AsyncClient as Asynchronous
    from chromadb._client._async.http import AsyncHttpRunner
    from chromadb._client.http.options import http_options

    chosen = _check(get_settings() if settings is None else settings)
    server = AsyncHttpRunner(http_options(chosen))
    observer = observe(chosen)
    runner = server if observer is None else observer.async_client(server)
    system = AsyncSystem(runner, chosen.model_copy(), server.base_url, server).share()
    system.by_identity = chosen.chroma_overwrite_singleton_tenant_database_access_from_auth
    return await Asynchronous.join(system, tenant, database)


def AdminClient(settings: Settings | None = None) -> admin.AdminClient:
    """Return an admin client of the backend that the settings describe."""
    return admin.AdminClient(_system(get_settings() if settings is None else settings))


def _system(settings: Settings) -> System:
    chosen = _check(settings).chroma_api_impl
    if chosen == HTTP_API:
        return _http_system(settings)
    if chosen not in EMBEDDED_APIS:
        hint = " An asynchronous client is made by: await chromadb.AsyncHttpClient(...)" if "Async" in chosen else ""
        raise InvalidArgumentError(
            f"Expected chroma_api_impl to be one of {', '.join(EMBEDDED_APIS)}, {HTTP_API}; got {chosen!r}.{hint}"
        )
    # abspath alone, for what realpath refuses is explained by the backend.
    path = None
    if settings.is_persistent:
        given = settings.persist_directory
        path = os.path.abspath(given) if "\0" in given else os.path.realpath(given)
    return shared_system(path or MEMORY, settings, lambda: _engine(path, settings), on_disk=path is not None)


def _http_system(settings: Settings) -> System:
    """Return a system of its own for each client: identity and headers of one must not reach another."""
    from chromadb._client._sync.http import HttpRunner
    from chromadb._client.http.options import http_options

    server = HttpRunner(http_options(settings))
    observer = observe(settings)
    runner = server if observer is None else observer.client(server)
    system = System(runner, settings.model_copy(), server.base_url, server=server).share()
    system.by_identity = settings.chroma_overwrite_singleton_tenant_database_access_from_auth
    return system


def _of_server(host: Any, port: Any, ssl: Any, headers: Any, settings: Settings | None, api: str) -> Settings:
    """Return the settings that the arguments of a client and its settings make together.

    Raises:
        InvalidArgumentError: both name the server, and not the same one.
    """
    chosen = get_settings() if settings is None else _check(settings)
    given: dict[str, Any] = {}
    if host is not DEFAULT_HOST:
        given["chroma_server_host"] = check_host(host)
    if port is not None and port is not DEFAULT_PORT:
        given["chroma_server_http_port"] = check_port(port)
    if not isinstance(ssl, bool):
        raise InvalidArgumentTypeError(f"Expected ssl to be a bool, got {describe(ssl)}.")
    # What stands in the environment gives way to arguments; what is passed as settings does not.
    for name, value in given.items() if settings is not None else ():
        if getattr(chosen, name) not in (None, value):
            raise InvalidArgumentError(
                f"Expected one value of {name}, got {value!r} as an argument and {getattr(chosen, name)!r} in the "
                "settings. Give it in one place."
            )
    update = {"chroma_api_impl": api, "chroma_server_host": chosen.chroma_server_host or host, **given}
    if ssl:
        update["chroma_server_ssl_enabled"] = True
    if headers:
        update["chroma_server_headers"] = {**(chosen.chroma_server_headers or {}), **check_headers(headers, "headers")}
    return chosen.model_copy(update=update)


def _check(settings: Any) -> Settings:
    if not isinstance(settings, Settings):
        raise InvalidArgumentTypeError(f"Expected settings to be chromadb.Settings, got {describe(settings)}.")
    return settings


def _changed(settings: Settings | None, update: dict[str, Any]) -> Settings:
    chosen = get_settings() if settings is None else settings
    return chosen.model_copy(update=update) if isinstance(chosen, Settings) else chosen


def _engine(path: str | None, settings: Settings) -> Runner:
    instead = (
        f"Use chromadb.HttpClient or chromadb.AsyncHttpClient, or settings with chroma_api_impl {HTTP_API!r} or "
        f"{ASYNC_HTTP_API!r}"
    )
    with full_package("The embedded database", instead):
        from chromadb._engine.local import open_engine, wrapped
    return told(lambda: wrapped(open_engine(path, settings), settings, observe(settings)), settings)
