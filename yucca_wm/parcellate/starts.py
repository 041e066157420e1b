"""Where a registration begins: centres of mass on each other, and the head lying in several ways."""

from __future__ import annotations

from itertools import product

import numpy as np
from nibabel.orientations import io_orientation
from numpy.typing import NDArray

from yucca_wm.core.images import Image
from yucca_wm.parcellate.blur import centre_mm

Matrix = NDArray[np.float64]

OBLIQUE_DEG = 3.0
"""A grid turned by more than this against the world's axes is a second guess at how the head lies."""

TURN_DEG = 30.0
"""Heads lie up to about 40 degrees off the world's axes; from this far on either side all of that is in reach."""


def starts(atlas: Image, subject: Image) -> list[Matrix]:
    """Maps (subject world mm -> atlas world mm) that lay the subject's centre of mass on the atlas's.

    The head straight in the world, or turned by TURN_DEG either way about each of the world's axes; where the image
    grid is oblique, also straight in the grid.
    """
    linear = [np.eye(3), *(_turn(axis, sign * TURN_DEG) for axis, sign in product(range(3), (-1, 1)))]
    straight = grid_rotation(subject).T
    turned = float(np.degrees(np.arccos(np.clip((np.trace(straight) - 1) / 2, -1, 1))))
    if turned > OBLIQUE_DEG:
        linear.append(straight)
    return [centred(atlas, subject, matrix) for matrix in linear]


def _turn(axis: int, degrees: float) -> Matrix:
    """The 3x3 rotation about one of the world's axes."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    angle = np.radians(degrees)
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[j, i], matrix[i, j] = np.sin(angle), -np.sin(angle)
    return matrix


def grid_rotation(image: Image) -> Matrix:
    """The 3x3 rotation from the world's axes to the nearest axes of the image's grid (identity: not oblique)."""
    left, _, right = np.linalg.svd(image.affine[:3, :3] / image.spacing_mm)
    axes = left @ right
    order = io_orientation(image.affine)[:, 0].astype(int)
    nearest = np.zeros((3, 3))
    nearest[order, range(3)] = np.sign(axes[order, range(3)])
    return axes @ nearest.T


def centred(atlas: Image, subject: Image, linear: Matrix | None = None) -> Matrix:
    """``linear`` (3x3, default: identity) followed by the shift that lays the centres of mass on each other; 4x4."""
    matrix = np.eye(4)
    if linear is not None:
        matrix[:3, :3] = linear
    matrix[:3, 3] = centre_mm(atlas) - matrix[:3, :3] @ centre_mm(subject)
    return matrix
