"""Keep secrets out of what is stored: credentials in addresses and headers."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_SECRET = re.compile(r"auth|key|token|secret|password|cookie|credential|signature|^sig$", re.I)


def without_secrets(value: Any) -> Any:
    """Return a parameter without what must not be stored.

    An address loses its user and password, and the parts of its query that are called keys or tokens; a dict, such
    as one of headers, the entries that are called so.
    """
    if isinstance(value, dict):
        return {name: each for name, each in value.items() if not _SECRET.search(str(name))}
    if isinstance(value, str) and "://" in value:
        parts = urlsplit(value)
        query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _SECRET.search(pair[0])]
        if "@" not in parts.netloc and len(query) == len(parse_qsl(parts.query, keep_blank_values=True)):
            return value
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=urlencode(query)))
    return value
