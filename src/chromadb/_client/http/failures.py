"""What went wrong between a client and a server: from exceptions of the transport to errors with the cause in them."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx

from chromadb._client.http.options import HttpOptions
from chromadb.errors import (
    ChromaError,
    InvalidArgumentError,
    ServerAnswerError,
    ServerCertificateError,
    ServerConnectionError,
    ServerTimeoutError,
)


def is_unsent(error: Exception) -> bool:
    """Return whether the server cannot have seen the request, so that repeating it is safe and may help."""
    return isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)) and not _find(error, ssl.SSLError)


def is_broken(error: Exception) -> bool:
    """Return whether the connection broke under way: the server may have done what was asked, or not."""
    return isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError))


def explain(error: Exception, options: HttpOptions, *, writing: bool) -> ChromaError:
    """Return the error that says what an exception of the transport means.

    Args:
        error: what httpx raised.
        options: of the request.
        writing: whether the request was to change something.
    """
    url, timeouts = options.url, options.timeouts
    where = f"the Chroma server at {url}"
    doubt = " What the request was to write may be written or not." if writing else ""
    if isinstance(error, httpx.ConnectTimeout):
        return ServerTimeoutError(
            f"Could not connect to {where} within {timeouts.connect} s. Check the host, the port and firewalls; "
            "chroma_http_connect_timeout_seconds sets the time."
        )
    if isinstance(error, httpx.PoolTimeout):
        return ServerTimeoutError(
            f"No connection to {where} became free within {timeouts.pool} s. Allow more at once with "
            "chroma_http_max_connections, or send fewer requests at once."
        )
    if isinstance(error, httpx.TimeoutException):
        return ServerTimeoutError(
            f"{where[0].upper()}{where[1:]} was silent for {timeouts.read} s.{doubt} "
            "chroma_http_timeout_seconds sets the time."
        )
    if options.proxy and isinstance(error, (httpx.ProxyError, httpx.ConnectError)) and not _find(error, ssl.SSLError):
        return ServerConnectionError(
            f"Could not connect to {where} through the proxy {urlsplit(options.proxy).hostname} of the environment: "
            f"{_innermost(error)}. Check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY, or except the host with NO_PROXY."
        )
    if isinstance(error, httpx.ConnectError):
        return _unconnected(error, where)
    if isinstance(error, httpx.DecodingError):
        return ServerAnswerError(f"The answer from {url} cannot be decompressed: {error}. Is it a Chroma server?")
    if isinstance(error, httpx.RemoteProtocolError) and "without sending" not in str(error):
        return ServerAnswerError(
            f"What listens at {url} does not speak HTTP as expected: {error}. Is it a Chroma server, and does it want "
            "HTTPS (ssl=True)?"
        )
    if isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError)):
        return ServerConnectionError(
            f"The connection to {where} broke: {_innermost(error)}. Is it a Chroma server, does it still run, and does "
            f"it want HTTPS (ssl=True)?{doubt}"
        )
    return InvalidArgumentError(f"The request cannot be sent to {url}: {error}.")


def _unconnected(error: httpx.ConnectError, where: str) -> ChromaError:
    untrusted = _find(error, ssl.SSLCertVerificationError)
    if isinstance(untrusted, ssl.SSLCertVerificationError):
        reason = (untrusted.verify_message or str(untrusted)).rstrip(".")
        return ServerCertificateError(
            f"Could not connect to {where}: its certificate is not trusted ({reason}). Give the certificate of its "
            'authority with Settings(chroma_server_ssl_verify="ca.pem").'
        )
    refused = _find(error, ssl.SSLError)
    if refused is not None:
        return ServerCertificateError(
            f"Could not connect to {where} by TLS: {refused}. Most likely it speaks plain HTTP: leave out ssl=True and "
            "write http://."
        )
    if _find(error, socket.gaierror):
        return ServerConnectionError(f"Could not connect to {where}: the name of the host cannot be resolved.")
    if _find(error, ConnectionRefusedError):
        return ServerConnectionError(
            f"Could not connect to {where}: the connection was refused. Is the server running? "
            "Start one with: chroma run --path ./chroma"
        )
    return ServerConnectionError(f"Could not connect to {where}: {_innermost(error)}.")


def _find(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    return next((each for each in _chain(error) if isinstance(each, kind)), None)


def _innermost(error: BaseException) -> str:
    texts = [str(each) for each in _chain(error) if str(each)]
    return texts[-1].rstrip(".") if texts else type(error).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and those behind it, those of groups included."""
    if error is None:
        return
    yield error
    for each in getattr(error, "exceptions", ()):
        yield from _chain(each)
    yield from _chain(error.__cause__ or error.__context__)
