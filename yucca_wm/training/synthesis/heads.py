"""A head to paint: its structures, where lesions lie in other people, and where its voxels are in the atlas."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yucca_wm.training.synthesis.structures import lookup

LOOKUP = lookup()

COORDINATE_STEP = 3
"""Atlas coordinates are kept at every third voxel along each axis."""

DISTANCE_UNITS_PER_MM = 4


@dataclass(frozen=True)
class Head:
    """One head on a 1 mm grid, axes towards right, front and top (RAS).

    structures : uint8 [x, y, z], see `yucca_wm.training.synthesis.structures`.
    lesions : uint32 [x, y, z]; bit k is set where the k-th lesion mask of real patients lies.
    ventricle : uint8 [x, y, z], distance to the lateral ventricles in quarters of a millimetre (255: or more).
    regions : uint8 [x, y, z], region of the atlas in every brain voxel, grey matter and ventricles too; 0 elsewhere.
    coordinates_mm : float16 [3, x, y, z] at every `COORDINATE_STEP`-th voxel: where it lies in the atlas.
    """

    structures: NDArray[np.uint8]
    lesions: NDArray[np.uint32]
    ventricle: NDArray[np.uint8]
    regions: NDArray[np.uint8]
    coordinates_mm: NDArray[np.float16]

    @cached_property
    def brain(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Voxel index of the brain's centre, and the share of the brain at and below each plane."""
        inside = LOOKUP.brain[self.structures]
        below = inside.sum((0, 1)).cumsum()
        return np.argwhere(inside[::4, ::4, ::4]).mean(0) * 4, below / below[-1]

    @cached_property
    def affine_part(self) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """The affine [3, 4], voxel -> atlas mm, that fits the coordinates best, and what it leaves [3, x, y, z]."""
        shape = self.coordinates_mm.shape[1:]
        index = np.indices(shape, dtype=np.float64).reshape(3, -1) * COORDINATE_STEP
        design = np.vstack([index, np.ones_like(index[:1])])
        place = self.coordinates_mm.reshape(3, -1).astype(np.float64)
        linear = np.asarray(np.linalg.lstsq(design[:, ::17].T, place[:, ::17].T, rcond=None)[0].T, np.float64)
        return linear, (place - linear @ design).reshape(3, *shape).astype(np.float32)


def load_head(path: str | os.PathLike[str]) -> Head:
    """Read what `save_head` wrote."""
    with np.load(Path(path), allow_pickle=False) as found:
        names = ("structures", "lesions", "ventricle", "regions", "coords")
        return Head(*(found[name] for name in names))
