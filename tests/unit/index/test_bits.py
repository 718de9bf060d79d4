"""Bitmaps against masks."""

from __future__ import annotations

import numpy as np
import pytest

from chromadb._index.bits import bitmap_of, bits_at, count_bits, packed, put_bits, unpacked


@pytest.mark.parametrize("total", [0, 1, 7, 8, 9, 1000])
def test_a_bitmap_holds_what_the_mask_holds(total: int) -> None:
    rng = np.random.default_rng(total)
    mask = rng.random(total) < 0.3
    bitmap, numbers = packed(mask), rng.permutation(total)
    assert unpacked(bitmap, total).tolist() == mask.tolist()
    assert bitmap_of(np.flatnonzero(mask), total).tolist() == bitmap.tolist()
    assert bits_at(bitmap, numbers).tolist() == mask[numbers].tolist()
    changed, values = numbers[: total // 2], rng.random(total // 2) < 0.5
    put_bits(bitmap, changed, values)
    mask[changed] = values
    assert unpacked(bitmap, total).tolist() == mask.tolist()


@pytest.mark.parametrize("numpy_1", [False, True])
def test_bits_are_counted_by_byte(numpy_1: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if numpy_1:
        monkeypatch.delattr(np, "bitwise_count", raising=False)
    counts = np.empty(256, dtype=np.uint8)
    count_bits(np.arange(256, dtype=np.uint8), out=counts)
    assert counts.tolist() == [number.bit_count() for number in range(256)]
