"""How to speak with one server: from settings to addresses, headers, timeouts, limits and trust."""

from __future__ import annotations

import logging
import os
import ssl
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from chromadb._client.http.auth import request_headers
from chromadb._client.http.endpoint import API, check_api_path, is_loopback, server_url
from chromadb._settings import Settings
from chromadb._wire.dialects import EXTENDED_AGENT
from chromadb.errors import InvalidArgumentError

logger = logging.getLogger("chromadb.client")


@dataclass(frozen=True)
class HttpOptions:
    """How to speak with one server."""

    url: str
    """Of the server, without a slash at its end."""
    api_path: str
    """Where the API begins below it."""
    headers: dict[str, str] = field(repr=False)
    timeouts: httpx.Timeout
    limits: httpx.Limits
    trust: ssl.SSLContext
    proxy: str | None = field(repr=False)
    """The proxy that the environment names for this server."""
    retries: int
    """How often a request that is safe to repeat is sent again."""

    def for_httpx(self) -> dict[str, Any]:
        """Return the arguments of an httpx client."""
        return {
            "headers": self.headers,
            "timeout": self.timeouts,
            "limits": self.limits,
            "verify": self.trust,
            "proxy": self.proxy,
            "trust_env": False,  # what the environment says is in the options already
        }

    def address(self, path: str) -> str:
        """Return the URL of a path of the API, which begins with ``/api``."""
        below = path.removeprefix(API)
        return self.url + (path if below == path else self.api_path + below)


def http_options(settings: Settings) -> HttpOptions:
    """Return what the settings say about a server.

    Raises:
        InvalidArgumentError: there is no host, or a value is not allowed.
    """
    host = settings.require("chroma_server_host")
    url = server_url(host, settings.chroma_server_http_port, bool(settings.chroma_server_ssl_enabled))
    silence = settings.chroma_http_timeout_seconds
    headers = {"user-agent": EXTENDED_AGENT, "accept": "application/json", **request_headers(settings)}
    return HttpOptions(
        url,
        check_api_path(settings.chroma_server_api_default_path),
        headers,
        httpx.Timeout(silence, connect=settings.chroma_http_connect_timeout_seconds),
        httpx.Limits(
            max_connections=settings.chroma_http_max_connections,
            max_keepalive_connections=settings.chroma_http_max_keepalive_connections,
            keepalive_expiry=settings.chroma_http_keepalive_secs,
        ),
        _trust(url, settings.chroma_server_ssl_verify),
        proxy=_proxy(url),
        retries=settings.chroma_http_retries,
    )


def _proxy(url: str) -> str | None:
    """Return the proxy that the environment names for a URL; none leads to this machine.

    Raises:
        InvalidArgumentError: it is one of a kind that cannot be used here.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or is_loopback(host) or proxy_bypass(host):
        return None
    url = proxy if "://" in proxy else f"http://{proxy}"
    scheme = url.partition("://")[0]
    if scheme not in ("http", "https", "socks5", "socks5h"):
        raise InvalidArgumentError(
            f"Expected the proxy that the environment names to be an http://, https:// or socks5:// URL, got "
            f"{scheme}://. Check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY, or except the host with NO_PROXY."
        )
    if scheme.startswith("socks") and find_spec("socksio") is None:
        raise InvalidArgumentError(
            "Expected the package socksio for the SOCKS proxy that the environment names. Install it: "
            "pip install socksio. Or except the host with NO_PROXY."
        )
    return url


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
            if os.path.isdir(verify):
                return ssl.create_default_context(capath=verify)
            return ssl.create_default_context(cafile=verify)
        except (OSError, ssl.SSLError) as error:
            raise InvalidArgumentError(
                f"Expected chroma_server_ssl_verify to be a boolean, or the path of a file or directory of PEM "
                f"certificates; got {verify!r}: {error}."
            ) from None
    context = httpx.create_ssl_context()
    if verify is False:
        logger.warning(
            "the certificate of %s is not checked (chroma_server_ssl_verify is False): whoever is between can read and "
            "change everything, credentials too. Name its certificate authority in chroma_server_ssl_verify instead.",
            url,
        )
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
