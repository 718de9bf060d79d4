"""The table of open collections: who may close what, and what it remembers."""

from __future__ import annotations

from typing import Any

import numpy as np

from chromadb._model.operations import Selection


def fill(backend: Any, address: Any, records: Any) -> None:
    with backend.open(address) as store:
        store.write("add", records(["a", "b"]))
        store.query(np.zeros((1, 2), dtype=np.float32), 1, Selection(), ())


def test_a_deleted_collection_is_forgotten_even_if_it_was_in_use(open_backend: Any, create: Any, records: Any) -> None:
    backend = open_backend(memory_limit=10**9)
    for number in range(20):
        address = create(backend, f"docs-{number}")
        fill(backend, address, records)
        if number % 2:
            with backend.open(address):
                backend.delete_collection("default_tenant", "default_database", f"docs-{number}")
        else:
            backend.delete_collection("default_tenant", "default_database", f"docs-{number}")
    assert not backend._open.leases
    assert not backend._open._sizes


def test_a_forked_child_builds_nothing_at_first(open_backend: Any, create: Any, records: Any) -> None:
    backend = open_backend()
    address = create(backend)
    fill(backend, address, records)
    with backend.open(address) as store:
        store.building = True
        store.after_fork(child=False)
        assert store.building
        store.after_fork(child=True)
        assert not store.building
