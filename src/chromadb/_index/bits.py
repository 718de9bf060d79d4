"""Bitmaps: eight things to a byte, the first in the lowest bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Bitmap = NDArray[np.uint8]
Words = NDArray[np.uint64]
Mask = NDArray[np.bool_]
Numbers = NDArray[np.intp]

_COUNTS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, np.newaxis], axis=1).sum(axis=1, dtype=np.uint8)


def packed(mask: Mask) -> Bitmap:
    """Return a mask as a bitmap."""
    return np.packbits(mask, bitorder="little")


def unpacked(bitmap: Bitmap, total: int) -> Mask:
    """Return a bitmap of `total` things as a mask."""
    mask: Mask = np.unpackbits(bitmap, count=total, bitorder="little").view(np.bool_)
    return mask


def bitmap_of(numbers: Numbers, total: int) -> Bitmap:
    """Return the bitmap of `total` things that holds those with some numbers."""
    mask = np.zeros(total, dtype=np.bool_)
    mask[numbers] = True
    return packed(mask)


def bits_at(bitmap: Bitmap, numbers: Numbers) -> Mask:
    """Return which of some numbers a bitmap holds, shape (len(numbers),)."""
    held: Mask = (bitmap[numbers >> 3] & _bit(numbers)).astype(np.bool_)
    return held


def put_bits(bitmap: Bitmap, numbers: Numbers, values: Mask) -> None:
    """Set the bits of some numbers to `values`."""
    np.bitwise_or.at(bitmap, numbers[values] >> 3, _bit(numbers[values]))
    np.bitwise_and.at(bitmap, numbers[~values] >> 3, ~_bit(numbers[~values]))


def words_of(bitmap: Bitmap) -> Words:
    """Return a bitmap as words of 64 bits, the first in the lowest, filled up with zeros; at least one bit of these."""
    words = np.zeros(len(bitmap) // 8 + 1, dtype="<u8")
    words.view(np.uint8)[: len(bitmap)] = bitmap
    return words


def count_bits(words: Words) -> NDArray[np.uint8]:
    """Return how many bits of each word are set."""
    if hasattr(np, "bitwise_count"):
        counts: NDArray[np.uint8] = np.bitwise_count(words)
    else:
        # numpy 1: 0.1 ms for a million bits instead of 0.003.
        counts = _COUNTS[words.view(np.uint8)].reshape(-1, 8).sum(axis=1, dtype=np.uint8)
    return counts


def _bit(numbers: Numbers) -> Bitmap:
    bit: Bitmap = np.left_shift(1, numbers & 7).astype(np.uint8)
    return bit
