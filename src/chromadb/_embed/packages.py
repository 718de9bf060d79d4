"""Libraries that extras install: whether they are here, and how to get them."""

from __future__ import annotations

import importlib.util


def is_installed(package: str) -> bool:
    """Tell whether a package can be imported; of ``a.b`` only ``a`` is."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def install_command(extra: str | None) -> str:
    """Return the command that installs an extra of this distribution, or of the thin client."""
    return f"pip install '{'chromadb-client' if is_installed('chromadb.is_thin_client') else 'chromadb'}[{extra}]'"
