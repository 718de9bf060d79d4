"""Fixtures that several parts of the test suite share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def default_model() -> None:
    """Make sure that the default model is here: fetched once, then taken from the usual cache."""
    from chromadb._embed.model_files import locate

    locate()


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Remove every setting of this library from the environment."""
    for name in [name for name in os.environ if name.startswith("CHROMA_")]:
        monkeypatch.delenv(name)
    return monkeypatch
