"""Is a registration believable? Bounds from 170 published affines of real subjects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from yucca_wm.errors import InputError
from yucca_wm.images import Image

DETERMINANT = (0.85, 1.9)
"""Volume of the atlas brain over the subject's."""

MAX_ANISOTROPY = 1.65
"""Largest over smallest stretch."""

MAX_ROTATION_DEG = 20.0
"""Head against atlas; obliquity of the image grid does not count."""

MIN_WM_DICE = 0.5
"""Overlap of the carried atlas white matter with the subject's; 0.55-0.70 is usual for an affine."""

MAX_VOLUME_RATIO = 6.0
"""White matter more than this many times larger or smaller than the atlas's is not a brain in mm."""

MIN_FLATNESS = 0.65
"""Least thickness over greatest length of the white matter, as a part of the atlas's; one side alone has half."""


def check_whole(atlas: Image, subject: Image) -> None:
    """Raise InputError unless the subject's white matter has about the size and proportions of the atlas's."""
    volumes_ml = [float(image.data.astype(bool).sum()) * image.voxel_volume_mm3 / 1000 for image in (atlas, subject)]
    ratio = volumes_ml[1] / volumes_ml[0]
    if not 1 / MAX_VOLUME_RATIO <= ratio <= MAX_VOLUME_RATIO:
        problem = f"holds {volumes_ml[1]:.4g} ml of white matter, the atlas {volumes_ml[0]:.4g} ml"
        raise InputError(subject.name, problem, "check its labels and its voxel size")
    atlas_flat, subject_flat = _flatness(atlas), _flatness(subject)
    if subject_flat < MIN_FLATNESS * atlas_flat:
        problem = f"holds white matter {subject_flat:.2f} as thick as long ({atlas_flat:.2f} in the atlas)"
        raise InputError(subject.name, problem, "one side seems to be missing; give both hemispheres")


def _flatness(mask: Image) -> float:
    """Smallest over largest standard deviation of the mask's voxels along its principal axes."""
    points = mask.affine[:3, :3] @ np.array(np.nonzero(mask.data))
    spread = np.linalg.eigvalsh(np.cov(points))
    return float(np.sqrt(spread[0] / spread[2])) if spread[2] > 0 else 0.0


def doubts(matrix: NDArray[np.float64], wm_dice: float, grid: NDArray[np.float64]) -> list[str]:
    """What is out of the bounds above, in words; empty when all is usual.

    matrix : 4x4, subject world mm -> atlas world mm.
    grid : 3x3 rotation of the subject's image grid (a head may lie straight in the scanner or straight in the grid).
    """
    linear = matrix[:3, :3]
    found = []
    determinant = float(np.linalg.det(linear))
    if not DETERMINANT[0] <= determinant <= DETERMINANT[1]:
        found.append(f"volume ratio {determinant:.2f} (usual {DETERMINANT[0]}-{DETERMINANT[1]})")
    left, stretch, right = np.linalg.svd(linear)
    if stretch[0] / stretch[2] > MAX_ANISOTROPY:
        found.append(f"anisotropy {stretch[0] / stretch[2]:.2f} (usual below {MAX_ANISOTROPY})")
    angle = min(_angle_deg(left @ right), _angle_deg(left @ right @ grid))
    if angle > MAX_ROTATION_DEG:
        found.append(f"rotation {angle:.0f} degrees (usual below {MAX_ROTATION_DEG:.0f})")
    if wm_dice < MIN_WM_DICE:
        found.append(f"white-matter Dice {wm_dice:.2f} (usual above {MIN_WM_DICE})")
    return found


def _angle_deg(rotation: NDArray[np.float64]) -> float:
    return float(np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))))
