"""A reader of the safetensors format, for float32 tensors, over a memory map."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_MAX_HEADER = 100 * 1024 * 1024  # the limit of the format's specification


def read_float32(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return the float32 tensors of a file by name; their memory is the file's, read only.

    Raises:
        ValueError: the file is not in the format, or is cut short.
    """
    size = path.stat().st_size
    if size < 8:
        raise ValueError(f"{path} is not a safetensors file: {size} bytes")
    data = np.memmap(path, dtype=np.uint8, mode="r")
    header_size = int(data[:8].view("<u8")[0])
    if header_size > min(_MAX_HEADER, size - 8):
        raise ValueError(f"{path} is not a safetensors file, or is cut short")
    start = 8 + header_size
    tensors = {}
    try:
        for name, entry in json.loads(data[8:start].tobytes()).items():
            if name == "__metadata__" or entry["dtype"] != "F32":
                continue
            begin, end = (start + int(offset) for offset in entry["data_offsets"])
            if not start <= begin <= end <= size:
                raise ValueError(f"{path} is cut short: {name} ends at byte {end} of {size}")
            tensors[name] = data[begin:end].view("<f4").reshape(entry["shape"])
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} has no readable safetensors header: {error!r}") from error
    return tensors
