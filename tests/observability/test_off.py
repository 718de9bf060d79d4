"""Observability that is off: nothing is loaded, nothing recorded, nothing sent along."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import chromadb
from chromadb import _tracing
from chromadb._observability import options
from chromadb.config import Settings
from chromadb.errors import InvalidArgumentError

PROGRAM = """
import json, sys
import chromadb
from chromadb import _tracing

client = chromadb.PersistentClient(sys.argv[1])
collection = client.create_collection("letters", embedding_function=None)
collection.add(ids=["a"], embeddings=[[1.0, 2.0]])
collection.query(query_embeddings=[[1.0, 2.0]])
kind = type(client._system.runner).__name__
loaded = [name for name in sys.modules if name.startswith(("opentelemetry", "grpc", "chromadb._observability."))]
print(json.dumps([kind, loaded, _tracing._on]))
"""


def test_nothing_is_loaded_and_no_runner_wrapped(tmp_path: Path, clean_environment: pytest.MonkeyPatch) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(done.stdout) == ["Engine", [], False]


def test_a_span_that_nobody_records_is_always_the_same_one() -> None:
    assert _tracing.span("anything") is _tracing.NOTHING
    with _tracing.span("anything") as span:
        span.note("name", 1)
    assert _tracing.headers() == {}


def test_functions_keep_their_names_and_errors() -> None:
    @_tracing.spanned("name")
    def fails(value: int) -> int:
        """Fail."""
        raise KeyError(value)

    assert fails.__name__ == "fails"
    with pytest.raises(KeyError):
        fails(1)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"chroma_otel_collection_endpoint": "http://a:4317"}, r"opentelemetry\.sdk and .*\.grpc cannot be found"),
        ({"chroma_otel_collection_endpoint": "http://a:4318"}, r"opentelemetry\.sdk and .*\.http cannot be found"),
    ],
)
def test_packages_that_are_missing_are_named(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], name: str
) -> None:
    def find_spec(module: str) -> None:
        raise ModuleNotFoundError(module)

    monkeypatch.setattr(options, "find_spec", find_spec)
    with pytest.raises(InvalidArgumentError, match=name) as caught:
        chromadb.EphemeralClient(Settings(**settings))
    assert "pip install 'chromadb[otel]'" in caught.value.message()


def test_a_granularity_without_an_endpoint_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    options.check_observability(Settings(chroma_otel_granularity="all"))
    assert "has no effect without chroma_otel_collection_endpoint" in caplog.text
