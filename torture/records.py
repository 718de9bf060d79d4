"""Records that show by themselves whether they are whole: everything in them follows from a number and a worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from torture.ledger import MODULUS, Loss

DIMENSION = 16


def vector(worker: str, number: int) -> list[float]:
    """Return the vector of a record."""
    rng = np.random.default_rng([number, *worker.encode()])
    return rng.standard_normal(DIMENSION, dtype=np.float32).tolist()


def columns(worker: str, ids: Sequence[str], number: int) -> dict[str, Any]:
    """Return the arguments of a call that writes records with a number."""
    count = len(ids)
    return {
        "ids": list(ids),
        "embeddings": [vector(worker, number)] * count,
        "documents": [_document(worker, number)] * count,
        "metadatas": [{"worker": worker, "number": number, "rest": number % MODULUS}] * count,
    }


def numbers(found: Any) -> dict[str, int]:
    """Return ids and numbers of what ``get`` or a row of ``query`` returned.

    Raises:
        Loss: one part of a record is of another number than the rest.
    """
    numbers = {}
    for id, document, metadata, embedding in zip(
        found["ids"], found["documents"], found["metadatas"], found["embeddings"], strict=True
    ):
        worker, number = metadata["worker"], metadata["number"]
        whole = (
            document == _document(worker, number)
            and metadata["rest"] == number % MODULUS
            and np.array_equal(np.asarray(embedding, dtype=np.float32), np.float32(vector(worker, number)))
        )
        if not whole:
            raise Loss(f"record {id} of worker {worker} is not whole: {metadata}, {document[:40]!r}")
        numbers[id] = number
    return numbers


def _document(worker: str, number: int) -> str:
    return f"What {worker} has to say, number {number}. " * (1 + number % 40)
