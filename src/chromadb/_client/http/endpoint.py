"""Where a server is: from the host, port and path that callers write to one URL."""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, urlsplit

from chromadb._model.names import describe, shorten
from chromadb.errors import InvalidArgumentError, InvalidArgumentTypeError

PORTS = {"http": 80, "https": 443}
API = "/api/v2"
"""Where the API begins on a server."""


class _DefaultHost(str):
    """A default that can be told from the same text given by a caller."""


class _DefaultPort(int):
    """A default that can be told from the same number given by a caller."""


DEFAULT_HOST = _DefaultHost("localhost")
DEFAULT_PORT = _DefaultPort(8000)
"""The defaults of `host` and `port`; these very objects mean that none was given."""


def server_url(host: Any, port: Any, ssl: bool) -> str:
    """Return the URL of a server, without a slash at its end.

    Args:
        host: a name, an IP address, either with ``:port``, or a URL, with a path if the server lies behind one.
        port: where `host` has none; None or ``DEFAULT_PORT``: 8000, or the scheme's where `host` is a URL.
        ssl: HTTPS, where `host` is not a URL.

    Raises:
        InvalidArgumentError: no server can be there; or two arguments contradict each other.
    """
    text = check_host(host).strip()
    is_url = "://" in text
    parts = _split(host, text if is_url else f"{'https' if ssl else 'http'}://{_bracketed(text)}")
    if ssl and parts.scheme == "http":
        raise InvalidArgumentError(f"Expected https:// in host, as ssl is set; got {shorten(host)}.")
    number = _port_of(host, parts)
    if number is None:
        given = port is not None and port is not DEFAULT_PORT
        number = check_port(port) if given else PORTS[parts.scheme] if is_url else int(DEFAULT_PORT)
    name = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    place = "" if number == PORTS[parts.scheme] else f":{number}"
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{name}{place}{path.removesuffix(API)}"


def check_api_path(path: str) -> str:
    """Return where the API begins, without a slash at its end.

    Raises:
        InvalidArgumentError: it is that of API v1.
    """
    checked = f"/{path.strip('/')}" if path.strip("/") else ""
    if checked.endswith("/api/v1"):
        raise InvalidArgumentError(
            f"Expected chroma_server_api_default_path to lead to API v2, got {path!r}: this client does not speak "
            "API v1. Leave the setting out."
        )
    return checked


def check_host(host: Any) -> str:
    """Return a host, which has to be a text that is not empty.

    Raises:
        InvalidArgumentError: it is none.
    """
    if not isinstance(host, str):
        raise InvalidArgumentTypeError(f"Expected host to be a str, got {describe(host)}.")
    if not host.strip():
        raise _no_host(host)
    return host


def check_port(port: Any) -> int:
    """Return a port, which may be written as a text.

    Raises:
        InvalidArgumentError: it is not a number from 1 to 65535.
    """
    number = int(port) if isinstance(port, str) and port.strip().isdecimal() else port
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 65536:
        raise InvalidArgumentTypeError(f"Expected port to be an int from 1 to 65535, got {describe(port)}.")
    return int(number)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, to which no proxy leads."""
    import ipaddress

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() in ("localhost", "localhost.localdomain") or host.lower().endswith(".localhost")


def _no_host(host: str) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"Expected host to be a name, an IP address or a URL, got {shorten(host)}. "
        'For example: "localhost", "10.0.0.7", "https://example.com/chroma".'
    )


def _bracketed(text: str) -> str:
    """Put an IPv6 address into the brackets that it has in a URL."""
    address, slash, path = text.partition("/")
    return f"[{address}]{slash}{path}" if address.count(":") > 1 and not address.startswith("[") else text


def _split(host: str, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = None
    if parts is None or not parts.hostname or any(letter.isspace() for letter in url):
        raise _no_host(host)
    if parts.scheme not in PORTS:
        raise InvalidArgumentError(f"Expected a URL in host to begin with http:// or https://, got {shorten(host)}.")
    if parts.username is not None or parts.password is not None:
        raise InvalidArgumentError(
            "Expected host without credentials, got a URL with some. Give them as "
            'Settings(chroma_client_auth_provider="chromadb.auth.basic_authn.BasicAuthClientProvider", '
            'chroma_client_auth_credentials="user:password").'
        )
    if parts.query or parts.fragment:
        # What stands there may be a key.
        shown = shorten(parts._replace(query="", fragment="").geturl())
        raise InvalidArgumentError(f"Expected a URL in host without ? and #, got something behind {shown}.")
    return parts


def _port_of(host: str, parts: SplitResult) -> int | None:
    try:
        number = parts.port
    except ValueError:
        number = 0
    if number == 0:
        raise InvalidArgumentError(f"Expected the port in host to be a number from 1 to 65535, got {shorten(host)}.")
    return number
