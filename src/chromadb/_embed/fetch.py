"""Fetch a file from a web server, within limits."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from chromadb._model.names import shorten
from chromadb.errors import DataLoadError, DataNotFoundError

if TYPE_CHECKING:
    import httpx

_REDIRECTS = 5


def connect(timeout: float) -> httpx.Client:
    """Return what several files are fetched with."""
    import httpx

    return httpx.Client(timeout=timeout, follow_redirects=False)


def fetch(client: httpx.Client, url: str, hosts: Collection[str] | None, max_bytes: int, timeout: float) -> bytes:
    """Return the content of an ``http:`` or ``https:`` URL.

    Args:
        client: of :func:`connect`.
        hosts: that may be asked, also by a redirect: names in lower case; None: all.
        max_bytes: of the content, at most; nothing beyond is read.
        timeout: seconds for all of it, redirects included.

    Raises:
        DataLoadError: the server may not be asked, cannot be reached, refuses, is too slow, or sends too much.
        DataNotFoundError: it has nothing there.
    """
    import httpx

    deadline = time.monotonic() + timeout
    address = url
    try:
        for _ in range(_REDIRECTS + 1):
            _check(address, url, hosts)
            with client.stream("GET", address, headers={"Accept-Encoding": "identity"}) as response:
                if response.has_redirect_location:
                    address = urljoin(address, response.headers["location"])
                    continue
                if response.status_code in (404, 410):
                    raise DataNotFoundError(
                        f"There is nothing where the URI {shorten(url)} points to (status {response.status_code})."
                    )
                if not response.is_success:
                    raise DataLoadError(
                        f"The server of the URI {shorten(url)} answers with status {response.status_code}, not "
                        "with the file."
                    )
                return _content(response, url, max_bytes, deadline)
    except httpx.TimeoutException as error:
        raise _too_slow(url, timeout) from error
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise DataLoadError(
            f"The URI {shorten(url)} cannot be fetched ({type(error).__name__}: {error}). Check the address and the "
            "network."
        ) from error
    except TimeoutError as error:
        raise _too_slow(url, timeout) from error
    raise DataLoadError(f"The URI {shorten(url)} leads from one address to the next, {_REDIRECTS} times and more.")


def _check(address: str, url: str, hosts: Collection[str] | None) -> None:
    try:
        parts = urlsplit(address)
        scheme, host = parts.scheme, parts.hostname
    except ValueError:
        scheme, host = "", None
    via = "" if address == url else f" leads to {shorten(address)}, which"
    if scheme not in ("http", "https") or not host:
        raise DataLoadError(f"The URI {shorten(url)}{via} is no http: or https: URL with a host.")
    if hosts is not None and host.lower() not in hosts:
        raise DataLoadError(
            f"The URI {shorten(url)}{via} is on {host}, which is not among the hosts of allow_http: "
            f"{', '.join(sorted(hosts)) or 'none'}."
        )


def _content(response: httpx.Response, url: str, max_bytes: int, deadline: float) -> bytes:
    packed = response.headers.get("content-encoding", "identity")
    if packed != "identity":  # a small answer could unpack to anything
        raise DataLoadError(
            f"The server of the URI {shorten(url)} sends the file packed ({packed}), although not asked."
        )
    parts: list[bytes] = []
    size = 0
    for part in response.iter_raw():
        size += len(part)
        parts.append(part)
        if size > max_bytes:
            raise DataLoadError(
                f"The file of the URI {shorten(url)} is larger than {max_bytes:,} bytes. Raise max_bytes."
            )
        if time.monotonic() > deadline:
            raise TimeoutError
    return b"".join(parts)


def _too_slow(url: str, timeout: float) -> DataLoadError:
    return DataLoadError(
        f"The server of the URI {shorten(url)} did not send the file within {timeout:g} s. Raise timeout."
    )
