"""A member of an ensemble seen on another grid."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from yucca_wm.ensemble.grid import Grid, Probabilities


@dataclass(frozen=True)
class Resampled:
    """Probabilities linearly interpolated, through world space, to ``grid``; zero outside their own grid."""

    source: Probabilities
    grid: Grid
    path: Path
    classes: tuple[int, ...]

    @classmethod
    def like(cls, source: Probabilities, grid: Grid) -> Resampled:
        return cls(source, grid, source.path, source.classes)

    def add_to(self, total: NDArray[np.float32], lo: int, weight: float = 1.0) -> None:
        """Add ``weight`` times the planes from ``lo`` on to ``total`` [class, i, j, k]."""
        matrix = np.linalg.inv(self.source.grid.affine) @ self.grid.affine
        shift = np.eye(4)
        shift[0, 3] = lo
        matrix = matrix @ shift
        corners = np.array(np.meshgrid(*[(0, n - 1) for n in total.shape[1:]], indexing="ij")).reshape(3, -1)
        rows = matrix[0, :3] @ corners + matrix[0, 3]
        first = max(0, int(np.floor(rows.min())))
        last = min(self.source.grid.shape[0], int(np.ceil(rows.max())) + 1)
        if first >= last:
            return
        needed = np.zeros((len(self.classes), last - first, *self.source.grid.shape[1:]), np.float32)
        self.source.add_to(needed, first, weight)
        offset = matrix[:3, 3] - [first, 0, 0]
        for index, plane in enumerate(needed):
            if plane.any():
                total[index] += affine_transform(plane, matrix[:3, :3], offset, total.shape[1:], order=1)
