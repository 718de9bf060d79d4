"""What a server advertises before the first write."""

from __future__ import annotations

from msgspec import Struct


class PreFlight(Struct):
    """The answer to ``pre-flight-checks``."""

    max_batch_size: int
    """How many records a write may carry."""
    supports_base64_encoding: bool = False
    """Whether vectors may be sent as base64 of little-endian float32."""
    extended: bool = False
    """Whether it does all that the embedded database does, beyond the published API: exact search for one."""
