"""Find the orientation of white matter whose header is lost: all 24 ways to lay a box on another."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.images import Image
from yucca_wm.parcellate.affine import Level, at_level, finest_level, gauss_newton
from yucca_wm.parcellate.blur import centre_mm

COARSE, FINE = Level(4, 5, 15), Level(2, 3, 8)
"""All rotations are tried at the first level, the best few of them at the second."""

BEST = 6


def search(atlas: Image, subject: Image) -> NDArray[np.float64]:
    """The best start for `affine.register`: subject world mm -> atlas world mm.

    Every proper rotation by right angles is tried, with axes stretched so that both masks have the same spread (a
    lost header has lost its voxel size too), and refined; the lowest cost wins. A mirror image is never made: white
    matter is too symmetric to tell, so that left and right rest on the voxel order alone.
    """
    scaled, to_unit = _unit_spread(subject, atlas)
    finest = [finest_level(mask, (COARSE, FINE)) for mask in (atlas, scaled)]
    candidates = []
    for rotation in _rotations():
        start = np.eye(4)
        start[:3, :3] = rotation * (_spread(atlas) / (np.abs(rotation) @ _spread(scaled)))[:, None]
        start[:3, 3] = centre_mm(atlas) - start[:3, :3] @ centre_mm(scaled)
        candidates.append(start)
    for level in (COARSE, FINE):
        pair = [at_level(mask, level) for mask in finest]
        found = [gauss_newton(pair[0], pair[1], matrix, level.steps) for matrix in candidates]
        candidates = [matrix for matrix, _ in sorted(found, key=lambda result: result[1])[:BEST]]
    return candidates[0] @ to_unit


def _unit_spread(subject: Image, atlas: Image) -> tuple[Image, NDArray[np.float64]]:
    """``subject`` stretched along its voxel axes to the atlas's mean spread, and the stretch as a world matrix."""
    mean = np.exp(np.log(_spread(atlas)).mean())
    index_spread = np.array([axis.std() for axis in np.nonzero(subject.data)])
    stretched = np.diag([*(mean / index_spread), 1.0])
    return Image(subject.data, stretched, subject.path), stretched @ np.linalg.inv(subject.affine)


def _spread(mask: Image) -> NDArray[np.float64]:
    """Standard deviation of a mask's voxels along world x, y, z, in mm."""
    return (mask.affine[:3, :3] @ np.array(np.nonzero(mask.data))).std(axis=1)


def _rotations() -> list[NDArray[np.float64]]:
    """The 24 proper rotations by multiples of 90 degrees."""
    found = []
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            matrix = np.zeros((3, 3))
            matrix[range(3), order] = signs
            if np.linalg.det(matrix) > 0:
                found.append(matrix)
    return found
