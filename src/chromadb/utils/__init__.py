"""Public helpers around the client."""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    # An attribute after a plain `import chromadb`, as callers have it, without loading it there.
    if name in ("data_loaders", "embedding_functions"):
        return importlib.import_module(f"chromadb.utils.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
