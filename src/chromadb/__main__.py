"""``python -m chromadb``: the command ``chroma``."""

from __future__ import annotations

from chromadb._cli.main import main

if __name__ == "__main__":
    main()
