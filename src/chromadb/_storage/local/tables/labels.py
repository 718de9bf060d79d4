"""Labels: the places of records in the order of insertion, as arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]

NO_LABELS: Labels = np.empty(0, dtype=np.int64)


def labels_of(labels: Iterable[Any]) -> Labels:
    """Return labels as an array."""
    return labels if isinstance(labels, np.ndarray) else np.fromiter(labels, dtype=np.int64)
