"""CORS: the origins whose pages may call the server from a browser."""

from __future__ import annotations

from urllib.parse import urlsplit

from chromadb._settings import Settings
from chromadb.errors import InvalidArgumentError

_NAMES = ("chroma_server_cors_allow_origins", "chroma_cors_allow_origins")


def allowed_origins(settings: Settings) -> list[str]:
    """Return the origins that settings name, under either name.

    Raises:
        InvalidArgumentError: the two differ, or one can be no origin.
    """
    origins, others = (settings[name] for name in _NAMES)
    if origins and others and origins != others:
        raise InvalidArgumentError(f"Expected one of {' and '.join(_NAMES)}, got both, and they differ. Leave one out.")
    for origin in origins or others:
        if origin != "*" and not _is_origin(origin):
            raise InvalidArgumentError(
                'Expected the origins of CORS to be "*" or like "https://app.example.com", without a path or a '
                f"slash at the end, got {origin!r}: a browser sends nothing else."
            )
    return list(origins or others)


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.scheme and parts.hostname) and text == f"{parts.scheme}://{parts.netloc}" and parts.port != 0
    except ValueError:
        return False
