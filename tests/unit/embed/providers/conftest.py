"""Providers that run for a test, and waits that do not take time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from wire_formats import FORMATS
from wire_formats.base import KEY, Provider, WireFormat, serve

from chromadb._embed import provider as provider_module
from chromadb._embed.table import FUNCTIONS
from chromadb.utils import embedding_functions

KEYS = {row.name: row.key for row in FUNCTIONS}


@pytest.fixture
def run_provider(clean_environment: pytest.MonkeyPatch) -> Iterator[Callable[[WireFormat], Provider]]:
    """Run the server of a format, with its key in the environment."""
    with ExitStack() as stack:

        def run(wire: WireFormat) -> Provider:
            for name in getattr(embedding_functions, wire.class_name).provider.key_variables:
                clean_environment.delenv(name, raising=False)
            running = stack.enter_context(serve(wire))
            key = KEYS.get(wire.name)
            for name, value in {**({key: KEY} if key else {}), **wire.environment(running.url)}.items():
                clean_environment.setenv(name, value)
            return running

        yield run


@pytest.fixture
def there(wire: WireFormat, run_provider: Callable[[WireFormat], Provider]) -> Provider:
    """Return the running provider of a case."""
    return run_provider(wire)


@pytest.fixture
def run(run_provider: Callable[[WireFormat], Provider]) -> Callable[[str], Provider]:
    """Run the provider of a name."""
    return lambda name: run_provider(FORMATS[name])


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note how long the function would wait, without waiting."""
    noted: list[float] = []
    monkeypatch.setattr(provider_module, "sleep", noted.append)
    return noted
