"""Targets: a directory or a server, as options name them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from chromadb._cli import advice
from chromadb._cli.commands import Failure, Number
from chromadb._model.names import DEFAULT_DATABASE, DEFAULT_TENANT

if TYPE_CHECKING:
    from chromadb._client._sync.admin import AdminClient
    from chromadb._client._sync.client import Client
    from chromadb._settings import Settings

F = TypeVar("F", bound=Callable[..., Any])
R = TypeVar("R")

DEFAULT_PATH = "./chroma"

PLACES = "A directory is written as its path (./data), a server as its URL (http://localhost:8000)."

_URL = re.compile(r"(?i)https?://")
_SCHEME = re.compile(r"(?i)([a-z][a-z0-9+.-]+):/+")
_HOST_AND_PORT = re.compile(r"(?:\[[0-9a-fA-F:.%]+\]|[A-Za-z0-9.-]{2,}):[0-9]{1,5}(?:/.*)?")


@dataclass(frozen=True)
class Target:
    """A directory, or a server: one of `path` and `host` is set."""

    path: str | None = None
    host: str | None = None
    """A name, an address or a URL."""
    port: int | None = None
    ssl: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    option: str = "--path"
    """The option that names it, for messages."""

    def __str__(self) -> str:
        if self.host is None:
            return os.path.abspath(self.path or DEFAULT_PATH)
        from chromadb._client.http.endpoint import server_url

        settings = self._settings(create=True)
        return server_url(self.host, settings.chroma_server_http_port, bool(settings.chroma_server_ssl_enabled))

    def is_same(self, other: Target) -> bool:
        """Return whether both are the same directory, or the same server as far as its URL tells."""
        if self.host is None and other.host is None:
            return os.path.realpath(str(self)) == os.path.realpath(str(other))
        return str(self) == str(other)

    def client(self, tenant: str = DEFAULT_TENANT, database: str = DEFAULT_DATABASE, *, create: bool = False) -> Client:
        """Return a client; without `create` a directory must exist already."""
        from chromadb._client.connect import Client

        return Client(self._settings(create), tenant, database)

    def admin(self, *, create: bool = False) -> AdminClient:
        """Return an admin client; without `create` a directory must exist already."""
        from chromadb._client.connect import AdminClient

        return AdminClient(self._settings(create))

    def check_new(self, tenant: str, database: str) -> None:
        """Raise if a directory would have to be made, which then had no such database.

        Raises:
            Failure: what to do first. Nothing was made.
        """
        path = self.path or DEFAULT_PATH
        if self.host is not None or (os.path.isdir(path) and os.listdir(path)):
            return
        if tenant != DEFAULT_TENANT:
            raise Failure(f"Tenant {tenant!r} does not exist in {path}, which is new. {advice.MAKE_TENANT}")
        if database != DEFAULT_DATABASE:
            raise Failure(
                f"Database {database!r} does not exist in {path}, which is new. Make it with: "
                f"chroma db create {database!r} --path {path}"
            )

    def _settings(self, create: bool) -> Settings:
        from chromadb._client.connect import EMBEDDED_APIS, HTTP_API
        from chromadb._settings import Settings

        if self.host is None:
            path = self.path or DEFAULT_PATH
            if not create:
                check_directory(path, self.option)
            return Settings(chroma_api_impl=EMBEDDED_APIS[0], is_persistent=True, persist_directory=path)
        given: dict[str, Any] = {"chroma_api_impl": HTTP_API, "chroma_server_host": self.host}
        if self.port is not None:
            given["chroma_server_http_port"] = self.port
        if self.ssl:
            given["chroma_server_ssl_enabled"] = True
        if self.headers:
            given["chroma_server_headers"] = self.headers
        return Settings(**given)


def check_directory(path: str, option: str = "--path") -> None:
    """Raise if there is no database in a directory, which opening it would make.

    Args:
        path: the directory.
        option: that named it.

    Raises:
        Failure: what is there instead.
    """
    from chromadb._storage.local.layout import CATALOG, COLLECTIONS, PUBLISHED

    names = (CATALOG, COLLECTIONS, PUBLISHED)
    if not os.path.exists(path):
        advice = f"Give that of the database with {option}." if option == "--path" else PLACES
        raise Failure(f"There is no directory {path}. {advice}")
    if not os.path.isdir(path):
        folder = os.path.dirname(path) or "."
        known = any(os.path.exists(os.path.join(folder, name)) for name in names)
        advice = f"the one it is in: {option} {folder}" if known else "that of the database"
        raise Failure(f"Expected {option} to be a directory, got {path}, which is a file. Give {advice}.")
    if not os.listdir(path):
        raise Failure(f"The directory {path} is empty. Give that of the database with {option}.")
    if not any(os.path.exists(os.path.join(path, name)) for name in names):
        raise Failure(f"There is no database in {path}: {CATALOG} is missing. Give its directory with {option}.")


def server_meant(text: str) -> str | None:
    """Return the URL of the server that a word names, or seems to; None for what can only be a directory."""
    if os.path.exists(text):
        return None
    if _URL.match(text):
        return text
    scheme = _SCHEME.match(text)
    if scheme is not None:
        return f"{'https' if scheme[1].lower() in ('https', 'wss') else 'http'}://{text[scheme.end() :]}"
    return f"http://{text}" if _HOST_AND_PORT.fullmatch(text) else None


def path_option(function: F) -> F:
    """Add ``--path``, the directory of a database that exists."""
    return click.option(
        "--path", default=DEFAULT_PATH, show_default=True, metavar="DIRECTORY", help="The directory of the data."
    )(function)


def target_options(function: Callable[..., R]) -> Callable[..., R]:
    """Add the options that name a directory or a server; the command gets them as `target`."""

    @wraps(function)
    def with_target(
        *args: Any,
        path: str | None,
        host: str | None,
        port: int | None,
        ssl: bool,
        headers: tuple[str, ...],
        **others: Any,
    ) -> R:
        return function(*args, target=target_of(path, host, port, ssl, headers), **others)

    options = [
        click.option("--path", metavar="DIRECTORY", help=f"A directory of data.  [default: {DEFAULT_PATH}]"),
        click.option("--host", metavar="HOST", help="A server in its place: a name, an address or a URL."),
        click.option("--port", type=Number(1, 65535), metavar="PORT", help="The port of the server.  [default: 8000]"),
        click.option("--ssl", is_flag=True, help="Speak HTTPS with the server."),
        click.option(
            "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Send this header to the server too."
        ),
    ]
    command: Any = with_target
    for option in reversed(options):
        command = option(command)
    return cast(Callable[..., R], command)


def tenant_option(function: F) -> F:
    """Add ``--tenant``."""
    return click.option("--tenant", default=DEFAULT_TENANT, show_default=True, metavar="NAME", help="The tenant.")(
        function
    )


def database_option(function: F) -> F:
    """Add ``--database``."""
    return click.option(
        "--database", "--db", default=DEFAULT_DATABASE, show_default=True, metavar="NAME", help="The database."
    )(function)


def target_of(path: str | None, host: str | None, port: int | None, ssl: bool, headers: tuple[str, ...]) -> Target:
    """Return the target that options name.

    Raises:
        UsageError: they contradict each other.
    """
    if path is not None and host is not None:
        raise click.UsageError("--path and --host exclude each other: the data is in a directory, or at a server.")
    if path is not None and (meant := server_meant(path)) is not None:
        raise click.UsageError(f"Expected --path to be a directory, got {path}. A server is named by --host {meant}.")
    if host is None:
        given = {"--port": port, "--ssl": ssl, "--header": headers}
        for name, value in given.items():
            if value:
                raise click.UsageError(f"{name} belongs to a server: name it with --host.")
        return Target(path=path or DEFAULT_PATH)
    return Target(host=host, port=port, ssl=ssl, headers=parse_headers(headers))


def parse_target(text: str, headers: tuple[str, ...], option: str) -> Target:
    """Return the target that one word names: a URL of a server, or a directory.

    Args:
        text: the word.
        headers: for the server.
        option: that gave it.

    Raises:
        UsageError: it looks like a server, but is no URL; or headers were given for a directory.
    """
    meant = server_meant(text)
    if meant == text:
        return Target(host=text, headers=parse_headers(headers), option=option)
    if meant is not None:
        raise click.UsageError(
            f"Expected {option} to be a directory or a URL, got {text}. Did you mean {meant}? {PLACES}"
        )
    if headers:
        raise click.UsageError(f"Headers are sent to servers, but {text} is a directory. A server is named by its URL.")
    return Target(path=text, option=option)


def parse_headers(lines: tuple[str, ...]) -> dict[str, str]:
    """Return headers that were given as ``name: value``.

    Raises:
        UsageError: one is not written so. Its value is not shown, as it may be secret.
    """
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise click.UsageError("A header is written as 'Name: value'.")
        headers[name.strip()] = value.strip()
    return headers
