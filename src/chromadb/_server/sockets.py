"""Sockets: binding to the addresses of a host."""

from __future__ import annotations

import errno
import ipaddress
import socket
import sys
from contextlib import suppress
from typing import Any

from chromadb._model.names import shorten
from chromadb.errors import InvalidArgumentError

BACKLOG = 2048

SocketAddress = tuple[int, Any]
"""Family and address of a socket."""

_OTHER_HOST = "--host chooses another one, such as localhost, or 0.0.0.0 for all addresses."

SPREADS = sys.platform == "linux"
"""Whether the system spreads connections over sockets that share a port. Where it does not, processes share a socket,
and whichever is awake first takes all the connections that wait."""


def listen(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen on every address of `host`; port 0 takes one that is free.

    ``localhost`` is 127.0.0.1 and ::1: some clients try the one, some the other.

    Raises:
        InvalidArgumentError: the host has no address here, or the port is taken or not allowed.
    """
    sockets: list[socket.socket] = []
    try:
        for family, address in _addresses(host, port):
            place = (address, sockets[0].getsockname()[1] if sockets else port)
            try:
                sockets.append(_listen(family, place))
            except OSError as error:
                # A second address is a courtesy: many machines know ::1 without having IPv6.
                if not sockets or error.errno == errno.EADDRINUSE:
                    raise _cannot_listen(host, port, error) from None
    except BaseException:
        for each in sockets:
            each.close()
        raise
    return sockets


def is_loopback(address: str) -> bool:
    """Return whether an address is reached from this machine alone."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def reserve(sockets: list[socket.socket]) -> list[socket.socket]:
    """Return sockets in place of these that take no connections but let others share their ports; see `join`.

    Raises:
        InvalidArgumentError: another program took the port at this very moment. These are closed all the same.
    """
    places: list[SocketAddress] = [(each.family, each.getsockname()) for each in sockets]
    for each in sockets:
        each.close()
    return _share(places)


def join(places: list[SocketAddress]) -> list[socket.socket]:
    """Return sockets that listen at places that are reserved, beside those of other processes.

    Raises:
        InvalidArgumentError: they are not reserved any more, and taken.
    """
    sockets = _share(places)
    for each in sockets:
        each.listen(BACKLOG)
    return sockets


def _share(places: list[SocketAddress]) -> list[socket.socket]:
    """Return sockets that share the ports of these places; all of them or none."""
    sockets: list[socket.socket] = []
    for family, place in places:
        try:
            sockets.append(_bind(family, place, shared=True))
        except OSError as error:
            for each in sockets:
                each.close()
            raise _cannot_listen(place[0], place[1], error) from None
    return sockets


def _addresses(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError, OverflowError) as error:
        raise InvalidArgumentError(
            f"Expected the host to be a name or an address of this machine, got {shorten(host)}: "
            f"{str(getattr(error, 'strerror', None) or error).rstrip('.')}. {_OTHER_HOST}"
        ) from None
    unique = {(family, str(place[0])): None for family, _, _, _, place in found}
    # IPv4 first: it is the address that is shown.
    return sorted(unique, key=lambda each: each[0] != socket.AF_INET)


def _listen(family: int, place: Any) -> socket.socket:
    sock = _bind(family, place)
    sock.listen(BACKLOG)
    return sock


def _bind(family: int, place: Any, *, shared: bool = False) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(place)
    except BaseException:
        sock.close()
        raise
    return sock


def _cannot_listen(host: str, port: int, error: OSError) -> InvalidArgumentError:
    if error.errno == errno.EADDRINUSE:
        return InvalidArgumentError(
            f"Port {port} of {host} is taken by another program. Stop that one, or choose another port with --port."
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return InvalidArgumentError(f"Port {port} of {host} is not allowed to this user. Choose one from 1024 on.")
    if error.errno == errno.EADDRNOTAVAIL:
        return InvalidArgumentError(
            f"Expected the host to be a name or an address of this machine, got {shorten(host)}. {_OTHER_HOST}"
        )
    return InvalidArgumentError(f"The server cannot listen on port {port} of {host}: {error.strerror or error}.")
