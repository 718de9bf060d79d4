"""Sparse vectors: the few numbers of a long vector that are not zero."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from chromadb._model.names import describe, shorten
from chromadb.errors import InvalidArgumentError

_TYPE = "sparse_vector"


@dataclass
class SparseVector:
    """A vector by the places and the values of what is not zero in it.

    Args:
        indices: whole numbers from 0 on, ascending, each once.
        values: finite numbers, one per index.
        labels: what the indices stand for, such as words; one per index.

    Raises:
        InvalidArgumentError: one of these is not so; it is named with its position.
    """

    indices: list[int]
    values: list[float]
    labels: list[str] | None = None

    def __post_init__(self) -> None:
        for name in ("indices", "values", "labels"):
            part = getattr(self, name)
            if not isinstance(part, list) and not (name == "labels" and part is None):
                raise InvalidArgumentError(f"Expected {name} of a sparse vector to be a list, got {describe(part)}.")
        if len(self.indices) != len(self.values):
            raise InvalidArgumentError(
                "Expected the indices and the values of a sparse vector to be of one length, got "
                f"{len(self.indices)} indices and {len(self.values)} values."
            )
        if self.labels is not None and len(self.labels) != len(self.indices):
            raise InvalidArgumentError(
                "Expected a sparse vector to have a label for each index or none at all, got "
                f"{len(self.labels)} labels for {len(self.indices)} indices."
            )
        before = -1
        for place, index in enumerate(self.indices):
            if isinstance(index, bool) or not isinstance(index, int) or index < 0:
                raise InvalidArgumentError(
                    "Expected the indices of a sparse vector to be whole numbers from 0 on, got "
                    f"{shorten(index)} at indices[{place}]."
                )
            if index <= before:
                raise InvalidArgumentError(
                    "Expected the indices of a sparse vector to ascend, each once, got "
                    f"{index} after {before} at indices[{place}]. Sort them, with their values."
                )
            before = index
        for place, value in enumerate(self.values):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                raise InvalidArgumentError(
                    f"Expected the values of a sparse vector to be finite numbers, got {shorten(value)} at "
                    f"values[{place}]."
                )
        for place, label in enumerate(self.labels or ()):
            if not isinstance(label, str):
                raise InvalidArgumentError(
                    f"Expected the labels of a sparse vector to be text, got {describe(label)} at labels[{place}]."
                )

    def to_dict(self) -> dict[str, Any]:
        """Return the vector as JSON data, as it is in requests; labels are called ``tokens`` there."""
        data: dict[str, Any] = {"#type": _TYPE, "indices": self.indices, "values": self.values}
        return data if self.labels is None else data | {"tokens": self.labels}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SparseVector:
        """Return the vector that ``to_dict`` gave.

        Raises:
            InvalidArgumentError: it is something else.
        """
        if not isinstance(data, Mapping) or data.get("#type") != _TYPE:
            raise InvalidArgumentError(f'Expected a dict with "#type": "{_TYPE}", got {shorten(data)}.')
        return cls(data.get("indices"), data.get("values"), data.get("tokens"))  # type: ignore[arg-type]


SparseVectors: TypeAlias = list[SparseVector]


def sparse_vector(entries: Mapping[int, float], labels: Mapping[int, str] | None = None) -> SparseVector:
    """Return the sparse vector of values by index."""
    indices = sorted(entries)
    return SparseVector(
        indices,
        [float(entries[index]) for index in indices],
        None if labels is None else [labels[index] for index in indices],
    )
