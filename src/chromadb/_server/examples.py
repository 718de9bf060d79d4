"""Examples of bodies and parameters, by the names of routes: the page about the API is filled in with them.

Sent in the order of the table they all succeed, on a database in which there is no collection of this name.
"""

from __future__ import annotations

from typing import Any

NAME = "example"

BODIES: dict[str, Any] = {
    "create_collection": {"name": NAME, "metadata": {"hnsw:space": "cosine"}, "get_or_create": True},
    "update_collection": {"new_metadata": {"about": "made from the page about the API"}},
    "add_records": {
        "ids": ["a", "b"],
        "embeddings": [[1, 0, 0], [0, 1, 0]],
        "documents": ["the first one", "the second one"],
        "metadatas": [{"year": 1995}, {"year": 2020}],
    },
    "update_records": {"ids": ["a"], "embeddings": [[0.9, 0.1, 0]], "documents": ["the first one, revised"]},
    "upsert_records": {"ids": ["b", "c"], "embeddings": [[0, 1, 0], [0, 0, 1]], "metadatas": [{"year": 2021}, None]},
    "fork_collection": {"new_name": "example_fork"},
    "delete_records": {"ids": ["c"]},
    "get_records": {"limit": 10, "include": ["documents", "metadatas"]},
    "query_records": {
        "query_embeddings": [[1, 0.2, 0]],
        "n_results": 2,
        "where": {"year": {"$gte": 1990}},
        "include": ["documents", "metadatas", "distances"],
    },
    "create_tenant": {"name": "example_tenant"},
    "create_database": {"name": "example_database"},
}

PARAMETERS: dict[str, dict[str, str]] = {
    "get_collection": {"name": NAME},
    "delete_collection": {"name": NAME},
    "delete_database": {"database": "example_database"},
}
"""What stands in place of the usual parameters."""

USUAL = {"tenant": "default_tenant", "database": "default_database"}
"""Parameters of the path, unless a route has others; the id of a collection is known once there is one."""
