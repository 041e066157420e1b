"""Rotations that searches start from, and the angle of one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation


def tilts(degrees: float) -> list[NDArray[np.float64]]:
    """Rotations [3, 3] about each world axis, both ways."""
    turns = [(axis, sign * degrees) for axis in "xyz" for sign in (-1, 1)]
    return [Rotation.from_euler(axis, turn, degrees=True).as_matrix() for axis, turn in turns]


def right_angles() -> list[NDArray[np.float64]]:
    """The 24 rotations [3, 3] by multiples of 90 degrees, the identity first."""
    found = Rotation.create_group("O").as_matrix().round()
    return sorted(found, key=lambda matrix: -np.trace(matrix))


def angle_deg(matrix: NDArray[np.float64]) -> float:
    """Angle of a rotation [3, 3] about its own axis."""
    return float(np.degrees(Rotation.from_matrix(matrix).magnitude()))
