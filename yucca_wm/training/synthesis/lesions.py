"""Lesions for a painted plane: real ones, caps and rims along the ventricles, and blobs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.training.synthesis import degrade
from yucca_wm.training.synthesis.heads import Head
from yucca_wm.training.synthesis.structures import (
    BRAINSTEM,
    CEREBELLAR_CORTEX,
    CEREBELLAR_WM,
    CEREBRAL_WM,
    CORTEX,
    PALLIDUM,
    PUTAMEN,
    STRIATUM,
    THALAMUS,
)

Array = NDArray[np.float32]
_DISC = ndimage.generate_binary_structure(2, 1)

BLOB_SITES: tuple[tuple[float, tuple[int, ...]], ...] = (
    (0.64, (CEREBRAL_WM,)),
    (0.14, (CEREBELLAR_WM, CEREBELLAR_CORTEX)),
    (0.08, (BRAINSTEM,)),
    (0.14, (THALAMUS, STRIATUM, PUTAMEN, PALLIDUM)),
)
"""Probability of each group of structures as the site of blobs, among those that a plane shows."""

WITHOUT = 0.35
"""Share of planes without lesions."""

LEUKOCORTICAL = 0.3
"""Share of planes in which blobs of white matter reach into the cortex beside it."""


def lay_lesions(
    head: Head,
    voxels: tuple[NDArray[np.intp], ...],
    structures: NDArray[np.uint8],
    distance_mm: Array,
    random: np.random.Generator,
) -> NDArray[np.bool_]:
    """Lesion mask [thickness, x, y]: real ones moved, caps and rims along the ventricles, and blobs."""
    found = np.zeros(structures.shape, bool)
    if random.random() < WITHOUT:
        return found
    cerebral = structures == CEREBRAL_WM
    size = structures.shape[1:]
    if random.random() < 0.75 and head.n_masks:
        n = int(random.choice([1, 2, 3, 5], p=[0.4, 0.3, 0.2, 0.1]))
        chosen = head.some_masks(n, random)
        shift = random.integers(-6, 7, 3)
        shape = head.lesions.shape
        moved = tuple(np.clip(v + s, 0, n - 1) for v, s, n in zip(voxels, shift, shape, strict=True))
        real = (head.lesions[moved] & chosen) > 0
        grow = random.random()
        if grow < 0.25:
            real = ndimage.binary_dilation(real, _DISC[None], iterations=int(random.integers(1, 3)))
        elif grow < 0.35:
            real = ndimage.binary_erosion(real, _DISC[None])
        found |= real & cerebral
    if random.random() < 0.55:  # along the ventricles, of uneven thickness, confluent when thick
        reach = random.uniform(1, 5) if random.random() < 0.6 else random.uniform(4, 16)
        uneven = reach * (0.4 + degrade.smooth_field(size, int(random.integers(4, 12)), random))
        found |= cerebral & (distance_mm < uneven[None]) & (uneven[None] > 2)
    if random.random() < 0.55:
        found |= _blobs(structures, random)
    if random.random() < 0.3 and found.any():  # frayed edges
        found &= degrade.smooth_field(size, 40, random)[None] > -1.2
    return found


def _blobs(structures: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.bool_]:
    """Ellipsoids [thickness, x, y] around points in one of `BLOB_SITES`, within it."""
    found = np.zeros(structures.shape, bool)
    share = np.array([p * np.isin(structures, site).any() for p, site in BLOB_SITES])
    if not share.any():
        return found
    site = BLOB_SITES[int(random.choice(len(share), p=share / share.sum()))][1]
    places = np.argwhere(np.isin(structures, site))
    x, y = np.ogrid[: structures.shape[1], : structures.shape[2]]
    most = 14 if CEREBRAL_WM in site else 4
    for place in places[random.integers(0, len(places), int(random.integers(1, most)))]:
        a, b = random.uniform(1.2, 6, 2) if random.random() < 0.8 else random.uniform(4, 14, 2)
        angle = random.uniform(0, np.pi)
        u = (x - place[1]) * np.cos(angle) + (y - place[2]) * np.sin(angle)
        v = (y - place[2]) * np.cos(angle) - (x - place[1]) * np.sin(angle)
        depth = random.uniform(0.5, 1.0) * max(a, b)
        t = np.arange(structures.shape[0])[:, None, None] - place[0]
        found |= ((u / a) ** 2 + (v / b) ** 2)[None] + (t / depth) ** 2 < 1
    holders = {CEREBRAL_WM, CEREBELLAR_WM, BRAINSTEM, *site}
    if random.random() < LEUKOCORTICAL:
        holders.add(CORTEX)
    return np.asarray(found & np.isin(structures, list(holders)))
