"""Bitmaps against masks."""

from __future__ import annotations

import numpy as np
import pytest

from chromadb._index.bits import bitmap_of, bits_at, count_bits, packed, put_bits, unpacked, words_of


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
def test_bits_are_counted_by_word(numpy_1: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if numpy_1:
        monkeypatch.delattr(np, "bitwise_count", raising=False)
    words = np.random.default_rng(0).integers(2**64, size=300, dtype=np.uint64)
    words[:3] = 0, 1, 2**64 - 1
    assert count_bits(words).tolist() == [int(word).bit_count() for word in words]


@pytest.mark.parametrize("total", [0, 1, 63, 64, 65, 127, 128, 1000])
def test_words_hold_the_same_bits_and_then_zeros(total: int) -> None:
    mask = np.random.default_rng(total).random(total) < 0.5
    words = words_of(packed(mask))
    assert total < 64 * len(words)
    assert [int(words[i // 64]) >> i % 64 & 1 for i in range(64 * len(words))] == mask.tolist() + [0] * (
        64 * len(words) - total
    )
