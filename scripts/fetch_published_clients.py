"""Fetch published clients of every generation, for ``make test-compat``: unmodified, each in a folder of its own.

    python scripts/fetch_published_clients.py FOLDER

Afterwards FOLDER has ``python/bin/python`` (an environment with what the Python clients need), ``wheels/<version>`` (a
client each) and, where npm is at hand, ``node`` (the JavaScript clients). What is there already is kept.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

PYTHON_CLIENTS = ("0.5.12", "0.6.3", "1.0.0", "1.0.16", "1.3.5", "1.5.9")
NEEDS = (
    "bcrypt",  # their BasicAuthClientProvider imports it
    "httpx",
    "jsonschema",
    "numpy",
    "opentelemetry-api",
    "opentelemetry-exporter-otlp-proto-grpc",
    "opentelemetry-sdk",
    "orjson",
    "overrides",
    "posthog",
    "pybase64",
    "pydantic>=2",
    "pydantic-settings>=2",
    "PyYAML",
    "tenacity",
    "typing_extensions",
)
NODE_CLIENTS = {
    "chromadb-1.9.2": "chromadb@1.9.2",
    "chromadb-1.10.5": "chromadb@1.10.5",
    "chromadb-3.5.0": "chromadb@3.5.0",
    "chromadb-client-2.4.6": "chromadb-client@2.4.6",
}


def fetch_python(folder: Path) -> None:
    """Make the environment, and unpack every client that is missing."""
    python = folder / "python" / "bin" / "python"
    if not python.exists():
        venv.create(folder / "python", with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *NEEDS], check=True)
    for version in PYTHON_CLIENTS:
        place = folder / "wheels" / version
        if place.exists():
            continue
        with tempfile.TemporaryDirectory() as downloads:
            wanted = f"chromadb-client=={version}"
            subprocess.run([python, "-m", "pip", "download", "-q", "--no-deps", "-d", downloads, wanted], check=True)
            (wheel,) = Path(downloads).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(place)


def fetch_node(folder: Path) -> None:
    """Install the JavaScript clients side by side."""
    place = folder / "node"
    if (place / "node_modules").exists():
        return
    if shutil.which("npm") is None:
        print("npm is not here: the JavaScript clients are left out", file=sys.stderr)
        return
    place.mkdir(parents=True, exist_ok=True)
    (place / "package.json").write_text('{"name": "published-clients", "private": true}\n')
    packages = [f"{name}@npm:{package}" for name, package in NODE_CLIENTS.items()]
    # Without scripts: some of them fetch what nobody needs here.
    subprocess.run(["npm", "install", "--silent", "--ignore-scripts", "--no-audit", *packages], cwd=place, check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    target = Path(sys.argv[1]).resolve()
    fetch_python(target)
    fetch_node(target)
