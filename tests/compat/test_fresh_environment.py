"""The thin client, installed the way a user does, into an environment with nothing else."""

from __future__ import annotations

import os
import subprocess
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

PROGRAM = """
import sys
from importlib.metadata import distributions
import chromadb
client = chromadb.HttpClient(host="localhost", port=int(sys.argv[1]))
collection = client.get_or_create_collection("fresh", embedding_function=None)
collection.upsert(ids=["1"], embeddings=[[1.0, 2.0]], documents=["text"])
assert collection.query(query_embeddings=[[1.0, 2.0]])["documents"] == [["text"]]
print(*sorted(each.metadata["Name"].lower() for each in distributions()))
"""


def test_it_installs_and_works(published_clients: Path, tmp_path: Path, start_server: Callable[..., Any]) -> None:
    venv.create(tmp_path / "fresh", with_pip=True)
    python = tmp_path / "fresh" / "bin" / "python"
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PIP_NO_INDEX")}
    packaging = ROOT / "packaging" / "thin"
    subprocess.run([python, "-m", "pip", "install", "--quiet", str(packaging)], check=True, env=environment)
    run = subprocess.run(
        [python, "-c", PROGRAM, str(start_server().port)],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    installed = set(run.stdout.split())
    assert "chromadb-client" in installed
    assert not installed & {"chromadb", "faiss-cpu", "onnxruntime", "uvicorn", "pydantic", "grpcio"}
    assert len(installed) <= 20, installed
