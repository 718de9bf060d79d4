"""How to speak with one server: from settings to addresses, headers, timeouts, limits and trust."""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from chromadb._client.http.auth import request_headers
from chromadb._client.http.endpoint import base_url, is_loopback
from chromadb._settings import Settings
from chromadb.errors import InvalidArgumentError

USER_AGENT = "Chroma Python Client v1.5.9"
"""Servers tell generations of clients by it."""


@dataclass(frozen=True)
class HttpOptions:
    """How to speak with one server."""

    url: str
    """Below which the API lies, without a slash at its end."""
    headers: dict[str, str]
    timeouts: httpx.Timeout
    limits: httpx.Limits
    trust: ssl.SSLContext
    use_proxies: bool
    """Whether proxies that the environment names are used."""
    retries: int
    """How often a request that is safe to repeat is sent again."""


def http_options(settings: Settings) -> HttpOptions:
    """Return what the settings say about a server.

    Raises:
        InvalidArgumentError: there is no host, or a value is not allowed.
    """
    host = settings.require("chroma_server_host")
    url = base_url(
        host,
        settings.chroma_server_http_port,
        bool(settings.chroma_server_ssl_enabled),
        settings.chroma_server_api_default_path,
    )
    silence = settings.chroma_http_timeout_seconds
    headers = {"user-agent": USER_AGENT, "accept": "application/json", **request_headers(settings)}
    return HttpOptions(
        url,
        headers,
        httpx.Timeout(silence, connect=settings.chroma_http_connect_timeout_seconds),
        httpx.Limits(
            max_connections=settings.chroma_http_max_connections,
            max_keepalive_connections=settings.chroma_http_max_keepalive_connections,
            keepalive_expiry=settings.chroma_http_keepalive_secs,
        ),
        _trust(url, settings.chroma_server_ssl_verify),
        use_proxies=not is_loopback(urlsplit(url).hostname or ""),
        retries=settings.chroma_http_retries,
    )


def _trust(url: str, verify: bool | str | None) -> ssl.SSLContext:
    """Return whom to trust.

    Raises:
        InvalidArgumentError: a file of certificates is missing or holds none.
    """
    if url.startswith("http:"):
        # To load certificates takes longer than all the rest, and nobody would look at them.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if isinstance(verify, str):
        try:
            return ssl.create_default_context(**{"capath" if os.path.isdir(verify) else "cafile": verify})
        except (OSError, ssl.SSLError) as error:
            raise InvalidArgumentError(
                f"Expected chroma_server_ssl_verify to be a boolean, or the path of a file of certificates in PEM or of "
                f"a directory of such files, got {verify!r}: {error}."
            ) from None
    context = httpx.create_ssl_context()
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
