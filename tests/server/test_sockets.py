"""Ports that are shared by workers, and what another program can do to them meanwhile."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from chromadb._server import sockets
from chromadb._server.sockets import join, listen, reserve
from chromadb.errors import InvalidArgumentError

pytestmark = pytest.mark.skipif(not sockets.SPREADS, reason="workers share a socket here, not a port")


def test_a_reserved_port_is_shared() -> None:
    reserved = reserve(listen("127.0.0.1", 0))
    places = [(each.family, each.getsockname()) for each in reserved]
    joined = [*join(places), *join(places)]
    for each in (*reserved, *joined):
        assert each.getsockname() == places[0][1]
        each.close()


def test_a_port_that_is_taken_while_it_is_reserved(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two addresses is taken: the error says which, and the first is free again."""
    mine = [*listen("127.0.0.1", 0), *listen("127.0.0.1", 0)]
    free, taken = (each.getsockname()[1] for each in mine)
    thief: list[socket.socket] = []
    bind = sockets._bind

    def late(family: int, place: Any, *, shared: bool = False) -> socket.socket:
        if shared and place[1] == taken and not thief:
            thief.append(bind(family, place))
            thief[0].listen()
        return bind(family, place, shared=shared)

    monkeypatch.setattr(sockets, "_bind", late)
    with pytest.raises(InvalidArgumentError, match=f"Port {taken} of 127.0.0.1 is taken by another program"):
        reserve(mine)
    assert all(each.fileno() == -1 for each in mine)
    listen("127.0.0.1", free)[0].close()
    thief[0].close()
