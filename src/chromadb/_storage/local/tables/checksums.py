"""Checksums of rows: what SQLite does not notice, a bit that flips within a value, they do.

They are verified where the values are read to be given out: vectors always, and a record with its document. Vectors
cost 0.2 us each. See ``schema/records/0003_checksums.sql``.
"""

from __future__ import annotations

from collections.abc import Callable

import xxhash

_SIGN = 2**63

_hash: Callable[[bytes | memoryview, int], int] = xxhash.xxh3_64_intdigest


def vector_checksum(label: int, vector: bytes | memoryview) -> int:
    """Return the checksum of a row of ``vectors``, which SQLite can hold."""
    return _hash(vector, label) - _SIGN


def record_checksum(label: int, id: str, document: str | None, uri: str | None, metadata: str | None) -> int:
    """Return the checksum of a row of ``records``, which SQLite can hold."""
    return _hash(f"{id}\0{document}\0{uri}\0{metadata}".encode(), label) - _SIGN
