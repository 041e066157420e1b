"""Mean white matter of the heads that the shipped models were trained on, in atlas space."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.core.files import atomic_path

STEP_MM, ORIGIN_MM, SHAPE = 3.0, np.array([-195.0, -15.0, -15.0]), (71, 81, 71)
"""Grid of the mean head, in atlas mm."""

FILE = Path(__file__).parent / "weights" / "mean_head.npz"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MeanHead:
    """white_matter : share of heads (0 to 1) with cerebral white matter at each voxel, [x, y, z] of `SHAPE`."""

    white_matter: Floats

    def at(self, coordinates_mm: Floats) -> Floats:
        """Share of heads [...] with white matter at ``coordinates_mm`` [3, ...], atlas mm, linearly interpolated."""
        return sample(self.white_matter, coordinates_mm)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write an ``.npz`` file, with shares in units of 1/255."""
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, white_matter=np.rint(self.white_matter * 255).astype(np.uint8))
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> MeanHead:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as found:
            return cls(found["white_matter"] / 255.0)


@cache
def shipped_mean_head() -> MeanHead:
    """The mean head that comes with this package, loaded once."""
    return MeanHead.load(FILE)


def sample(values: Floats, coordinates_mm: Floats) -> Floats:
    """``values`` [x, y, z] on the mean head's grid at ``coordinates_mm`` [3, ...], atlas mm, interpolated linearly."""
    index = (coordinates_mm.reshape(3, -1) - ORIGIN_MM[:, None]) / STEP_MM
    found: Floats = ndimage.map_coordinates(values, index, order=1, mode="nearest")
    return found.reshape(coordinates_mm.shape[1:])
