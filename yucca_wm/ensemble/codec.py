"""Compression of probabilities of many classes: quantise, drop zeros, store differences, entropy-code.

A slab of probabilities is quantised uniformly. Most classes are zero in most places: only blocks of 8 voxels (along the
last axis) of a class that are not all zero are kept, with blocks at the same place of neighbouring rows stored one
after the other. Within a block, and from one kept block to the next, values change slowly, so each is replaced by its
difference from a prediction by the previous value and two values of the previous block (the Lorenzo predictor: Ibarria
et al., Computer Graphics Forum 22(3), 2003); the remainders are small numbers. Their low bytes, and the high bytes of
blocks where one is not zero, are Huffman-coded. All of this is exact except for the quantisation.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

MIN_BITS, MAX_BITS = 10, 14
"""Bits of a quantised probability: the error is at most 0.0005 and 0.00003."""

BLOCK = 8
"""Voxels in a block: 16 bytes, which numpy moves as one complex number."""

_LENGTHS = struct.Struct("<IIII")
_ALL_BYTES, _HIGH_BYTES = np.uint64(0xFFFF_FFFF_FFFF_FFFF), np.uint64(0xFF00_FF00_FF00_FF00)


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Softmax over the first axis of ``logits`` [class, ...], as float32."""
    exponentials = np.subtract(logits, logits.max(axis=0), dtype=np.float32)
    np.exp(exponentials, out=exponentials)
    exponentials /= exponentials.sum(axis=0)
    return exponentials


def quantise(probabilities: NDArray[np.float32], bits: int) -> NDArray[np.uint16]:
    """Integer multiple of ``1 / (2**bits - 1)`` nearest to each probability."""
    scaled = probabilities * np.float32(2**bits - 1)
    scaled += np.float32(0.5)
    return scaled.astype(np.uint16)


def pack(levels: NDArray[np.uint16]) -> bytes:
    """Encode a slab [class, i, j, k] of quantised probabilities."""
    levels = _padded(levels)
    kept = np.ascontiguousarray(np.swapaxes(_any_of_block(levels), 2, 3))
    values = np.swapaxes(levels.view(np.complex128), 2, 3)[kept].view(np.uint16)
    by_block = values.copy()
    by_block[BLOCK:] -= values[:-BLOCK]
    residual = by_block.copy()
    residual[1:] -= by_block[:-1]
    residual[::BLOCK] = by_block[::BLOCK]
    signed = residual.view(np.int16)
    sign = signed >> 15
    signed <<= 1
    signed ^= sign
    large = _any_of_block(residual, _HIGH_BYTES)
    low = residual.astype(np.uint8)
    high = (residual.view(np.complex128)[large].view(np.uint16) >> 8).astype(np.uint8)
    parts = [_deflate(part) for part in (np.packbits(kept), np.packbits(large), high, low)]
    return _LENGTHS.pack(*map(len, parts)) + b"".join(parts)


def unpack(payload: bytes, shape: tuple[int, ...]) -> tuple[NDArray[np.bool_], NDArray[np.uint16]]:
    """Undo `pack` for a slab of ``shape`` [class, i, j, k]; also returns which planes [class, i] have any nonzero
    value.

    Raises ValueError if the payload does not hold exactly such a slab; never allocates more than a few slabs.
    """
    if len(payload) < _LENGTHS.size:
        raise ValueError("it ends too early")
    lengths = _LENGTHS.unpack_from(payload)
    if len(payload) != _LENGTHS.size + sum(lengths):
        raise ValueError("its parts do not add up")
    ends = np.cumsum([_LENGTHS.size, *lengths]).tolist()
    parts = [payload[start:end] for start, end in itertools.pairwise(ends)]
    n_classes, planes, rows, columns = shape
    blocks = -(-columns // BLOCK)
    kept = _inflate_bits(parts[0], n_classes * planes * blocks * rows).reshape(n_classes, planes, blocks, rows)
    large = np.flatnonzero(_inflate_bits(parts[1], int(np.count_nonzero(kept))))
    high = _inflate(parts[2], len(large) * BLOCK).astype(np.uint16)
    high <<= 8
    values = _inflate(parts[3], int(np.count_nonzero(kept)) * BLOCK).astype(np.uint16)
    by_block = values.reshape(-1, BLOCK)
    by_block[large] |= high.reshape(-1, BLOCK)
    sign = -(values & 1)
    values >>= 1
    values ^= sign
    for column in range(1, BLOCK):
        by_block[:, column] += by_block[:, column - 1]
    np.add.accumulate(by_block, axis=0, out=by_block)
    levels = np.zeros((n_classes, planes, rows, blocks * BLOCK), np.uint16)
    np.swapaxes(levels.view(np.complex128), 2, 3)[kept] = values.view(np.complex128)
    return np.asarray(kept.any(axis=(2, 3))), levels[..., :columns]


def _padded(levels: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Rows extended to a whole number of blocks by repeating their last value."""
    columns = levels.shape[3]
    if columns % BLOCK == 0:
        return np.ascontiguousarray(levels)
    padded = np.empty((*levels.shape[:3], -(-columns // BLOCK) * BLOCK), np.uint16)
    padded[..., :columns] = levels
    padded[..., columns:] = levels[..., -1:]
    return padded


def _any_of_block(values: NDArray[np.uint16], bits: np.uint64 = _ALL_BYTES) -> NDArray[np.bool_]:
    """Whether any value of each block along the last axis has one of the bits set."""
    halves = values.view(np.uint64)
    either: NDArray[np.bool_] = ((halves[..., ::2] | halves[..., 1::2]) & bits) != 0
    return either


def _deflate(values: NDArray[np.uint8]) -> bytes:
    compressor = zlib.compressobj(1, strategy=zlib.Z_HUFFMAN_ONLY, memLevel=9)
    return compressor.compress(values.data) + compressor.flush()


def _inflate_bits(data: bytes, count: int) -> NDArray[np.bool_]:
    return np.unpackbits(_inflate(data, -(-count // 8)), count=count).view(bool)


def _inflate(data: bytes, size: int) -> NDArray[np.uint8]:
    decompressor = zlib.decompressobj()
    try:
        values = decompressor.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(values) != size or not (decompressor.eof or size == 0):
        raise ValueError("it does not hold as many values as it should")
    return np.frombuffer(values, np.uint8)


TARGET_SHARE = 1 / 13
"""Precision is lowered, down to `MIN_BITS`, until a file takes at most this share of the size of float32 values ..."""

FREE_BYTES_PER_VOXEL, FREE_BYTES_PER_SLAB = 6.0, 8192
"""... or at most this many bytes, so that files of few classes or voxels, which are small anyway, stay precise."""

Slabs = Callable[[int, int], NDArray[np.float32]]
"""Function that returns planes ``lo`` to ``hi`` of the box along the first axis: probabilities [class, i, j, k]."""


def choose_bits(slabs: Slabs, starts: range, planes: int, max_share: float) -> int:
    """Finest precision (bits) at which the first planes of two slabs, a third from either end, would be small enough.

    Their size is measured at the finest precision; each bit less saves about one bit per nonzero value.
    """
    if not starts:
        return MAX_BITS
    looked_at = -(-starts.step // 4)
    size, values, budget = 0, 0, 0.0
    for lo in {starts[len(starts) // 3], starts[2 * len(starts) // 3]}:
        levels = quantise(slabs(lo, min(lo + looked_at, planes)), MAX_BITS)
        size += len(pack(levels))
        values += int(np.count_nonzero(levels))
        budget += levels[0].size * max(max_share * 4 * len(levels), FREE_BYTES_PER_VOXEL)
        budget += FREE_BYTES_PER_SLAB * looked_at / starts.step
    excess_bits = 8 * max(0.0, size - budget)
    return max(MIN_BITS, MAX_BITS - int(np.ceil(excess_bits / max(1, values))))
