"""Public helpers around the client."""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    # An attribute after a plain `import chromadb`, as callers have it, without loading it there.
    if name == "embedding_functions":
        return importlib.import_module("chromadb.utils.embedding_functions")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
