"""Servers and clients with limits."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def alone(clean_environment: pytest.MonkeyPatch) -> None:
    """Take no setting from the environment."""
