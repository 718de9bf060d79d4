"""The quick start of the README, where the model cannot be fetched."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(__file__).parents[2] / "examples" / "quickstart.py"


def start(folder: Path, **environment: str) -> subprocess.Popen[str]:
    """Start the quick start in a folder, with an empty cache of models."""
    named = {"HOME": str(folder), "USERPROFILE": str(folder), "CHROMA_MINILM_PATH": "", "CHROMA_MODEL_MIRROR": ""}
    return subprocess.Popen(
        [sys.executable, str(PROGRAM)],
        cwd=folder,
        env={**os.environ, **named, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_without_the_model_the_message_stands_alone(tmp_path: Path) -> None:
    with start(tmp_path, CHROMA_OFFLINE="1") as program:
        output, errors = program.communicate(timeout=60)
    assert program.returncode == 1
    assert "The first time this fetches the model" in output
    assert errors.startswith("The default embedding function needs the files of")
    assert "Traceback" not in errors
    assert "CHROMA_MINILM_PATH" in errors


def test_in_a_pipe_it_says_what_it_waits_for_before_it_waits(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        # A mirror that takes the connection and never answers.
        mirror = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with start(tmp_path, CHROMA_MODEL_MIRROR=mirror, CHROMA_OFFLINE="") as program:
            assert program.stdout is not None
            assert "The first time this fetches the model" in program.stdout.readline()
            assert program.poll() is None
            program.kill()
