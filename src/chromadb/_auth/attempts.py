"""Attempts: who has proved who they are of late, and who has tried in vain.

Somebody who tries again and again waits longer and longer before the next attempt is looked at, by address. Whoever has
proved who they are waits for nobody: what is remembered of them lets them pass, whatever else comes from their address.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from chromadb._model.entities import UserIdentity

FREE = 5
"""Attempts in vain that cost nothing."""

FIRST, LONGEST = 0.1, 2.0
"""Seconds that the next one waits; each further one waits twice as long, up to the longest."""

FORGIVEN = 10.0
"""Seconds after which an attempt in vain is forgotten."""

MOST_WAITING = 20
"""Attempts from one address that may wait or be looked at at once."""

CLIENTS, PROOFS = 10_000, 10_000
"""Addresses, and proofs, that are remembered: the last ones."""


class _Client:
    """What is known of an address."""

    def __init__(self) -> None:
        self.failures = 0.0
        self.since = 0.0
        self.waiting = 0


class Attempts:
    """What is known of addresses; only where something is known that is not forgiven."""

    def __init__(self) -> None:
        self._clients: OrderedDict[str, _Client] = OrderedDict()

    def begin(self, address: str, now: float) -> float | None:
        """Return the seconds to wait before an attempt is looked at, None if it is one too many.

        It counts as one in vain until `end` says otherwise, so that many at once are no way around.
        """
        client = self._clients.get(address)
        if client is None:
            client = self._clients[address] = _Client()
            if len(self._clients) > CLIENTS:
                self._clients.popitem(last=False)
        self._clients.move_to_end(address)
        client.failures = max(0.0, client.failures - (now - client.since) / FORGIVEN)
        client.since = now
        if client.waiting >= MOST_WAITING:
            return None
        beyond = client.failures - FREE
        client.failures += 1
        client.waiting += 1
        return 0.0 if beyond < 0 else min(LONGEST, FIRST * 2 ** min(beyond, 20))

    def end(self, address: str, *, proved: bool) -> None:
        """Say how an attempt that was begun ended."""
        client = self._clients.get(address)
        if client is not None:
            client.waiting = max(0, client.waiting - 1)
            if proved:
                client.failures = max(0.0, client.failures - 1)


class _Proof(NamedTuple):
    identity: UserIdentity
    until: float


class Proofs:
    """The credentials that were found right, as digests under a key of this process, and whose they are."""

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._proofs: OrderedDict[bytes, _Proof] = OrderedDict()

    def digest(self, values: Iterable[str]) -> bytes:
        """Return what credentials are remembered by."""
        digest = hashlib.blake2b(key=self._key, digest_size=32)
        for value in values:
            data = value.encode("utf-8", "surrogatepass")
            digest.update(b"%d:" % len(data))
            digest.update(data)
        return digest.digest()

    def find(self, digest: bytes, now: float) -> UserIdentity | None:
        """Return whose credentials these are, None if that is not known any more."""
        proof = self._proofs.get(digest)
        return proof.identity if proof is not None and now < proof.until else None

    def remember(self, digest: bytes, identity: UserIdentity, until: float) -> None:
        """Remember credentials until then."""
        self._proofs[digest] = _Proof(identity, until)
        self._proofs.move_to_end(digest)
        if len(self._proofs) > PROOFS:
            self._proofs.popitem(last=False)


def address_of(client: str) -> str:
    """Return what stands for an address: of IPv6 the network, because whoever has one address there has them all."""
    if ":" not in client:
        return client
    try:
        address = ipaddress.IPv6Address(client.partition("%")[0])
    except ValueError:
        return client
    return str(address.ipv4_mapped or ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
