"""Probabilities of many classes as few bytes: quantise, leave out what is zero, store differences, entropy-code.

A slab of probabilities is quantised uniformly. Most classes are zero in most places: only rows (along the last axis) of
a class that are not all zero are kept. Along a row, and from one kept row to the next, values change slowly, so each is
replaced by its difference from what the value before it and the two above predict (the Lorenzo predictor: Ibarria et
al., Computer Graphics Forum 22(3), 2003); what remains is small numbers, which zlib codes with runs and Huffman codes
only. All of it is exact but for the quantisation.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

MIN_BITS, MAX_BITS = 10, 14
"""Bits of a quantised probability: an error of at most 0.0005 and 0.00003."""

_LENGTHS = struct.Struct("<III")


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Softmax over the first axis, as float32."""
    exponentials = np.subtract(logits, logits.max(axis=0), dtype=np.float32)
    np.exp(exponentials, out=exponentials)
    exponentials /= exponentials.sum(axis=0)
    return exponentials


def quantise(probabilities: NDArray[np.float32], bits: int) -> NDArray[np.uint16]:
    """Nearest multiple of ``1 / (2**bits - 1)``, as that multiple."""
    scaled = probabilities * np.float32(2**bits - 1)
    scaled += np.float32(0.5)
    return scaled.astype(np.uint16)


def pack(levels: NDArray[np.uint16]) -> bytes:
    """Code a slab [class, i, j, k] of quantised probabilities."""
    kept = levels.any(axis=3)
    rows = levels[kept]
    residual = np.diff(np.diff(rows, axis=1, prepend=np.uint16(0)), axis=0, prepend=np.uint16(0))
    signed = residual.view(np.int16)
    zigzag = ((signed << 1) ^ (signed >> 15)).view(np.uint16)
    parts = [_deflate(np.packbits(kept)), *(_deflate((zigzag >> shift).astype(np.uint8)) for shift in (8, 0))]
    return _LENGTHS.pack(*map(len, parts)) + b"".join(parts)


def unpack(payload: bytes, shape: tuple[int, ...]) -> tuple[NDArray[np.bool_], NDArray[np.uint16]]:
    """Undo `pack` for a slab of ``shape`` [class, i, j, k]: which rows were kept [class, i, j], and these [row, k].

    Raises ValueError when the payload does not hold exactly such a slab; never allocates more than the slab.
    """
    if len(payload) < _LENGTHS.size:
        raise ValueError("it ends too early")
    lengths = _LENGTHS.unpack_from(payload)
    if len(payload) != _LENGTHS.size + sum(lengths):
        raise ValueError("its parts do not add up")
    ends = np.cumsum([_LENGTHS.size, *lengths]).tolist()
    parts = [payload[start:end] for start, end in itertools.pairwise(ends)]
    n_rows = int(np.prod(shape[:3]))
    kept = np.unpackbits(_inflate(parts[0], -(-n_rows // 8)), count=n_rows).view(bool).reshape(shape[:3])
    size = int(np.count_nonzero(kept)) * shape[3]
    high, low = (_inflate(part, size) for part in parts[1:])
    zigzag = high.astype(np.uint16)
    zigzag <<= 8
    zigzag |= low
    sign = -(zigzag & 1)
    zigzag >>= 1
    zigzag ^= sign
    rows = zigzag.reshape(-1, shape[3])
    np.add.accumulate(rows, axis=0, out=rows)
    np.add.accumulate(rows, axis=1, out=rows)
    return kept, rows


def _deflate(values: NDArray[np.uint8]) -> bytes:
    compressor = zlib.compressobj(1, strategy=zlib.Z_RLE)
    return compressor.compress(values.data) + compressor.flush()


def _inflate(data: bytes, size: int) -> NDArray[np.uint8]:
    decompressor = zlib.decompressobj()
    try:
        values = decompressor.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(values) != size or not (decompressor.eof or size == 0):
        raise ValueError("it does not hold as many values as it should")
    return np.frombuffer(values, np.uint8)
