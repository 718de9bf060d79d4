"""Sizes under which indexes are built of a few dozen records, so that there is something to kill."""

from __future__ import annotations

from chromadb._storage.local.derived import builder, columns, sealing
from chromadb._storage.local.derived.text import documents
from chromadb._storage.local.tables import records


def build_early() -> None:
    """Build indexes of a few dozen records, soon after they were written, and forget changes soon."""
    sealing.SEAL_FROM = 60
    columns.SEAL_FROM = 40
    documents.INDEX_FROM = 40
    records.CHANGES_KEPT = 300
    builder.QUIET = 0.03
    builder.PATIENCE = 0.5
