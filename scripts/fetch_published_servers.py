"""Fetch published servers of every generation, for ``make test-compat``: unmodified, each in an environment of its own.

    python scripts/fetch_published_servers.py FOLDER

Afterwards FOLDER has ``<version>/bin/chroma``. What is there already is kept. Some 500 MB each.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

VERSIONS = ("0.5.23", "0.6.3", "1.5.9")


def fetch(folder: Path) -> None:
    """Make the environments that are missing."""
    for version in VERSIONS:
        place = folder / version
        if (place / "bin" / "chroma").exists():
            continue
        venv.create(place, with_pip=True)
        python = place / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"chromadb=={version}"], check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    fetch(Path(sys.argv[1]).resolve())
