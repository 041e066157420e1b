"""Is a registration believable? Judged by how it fits, not by how the head lies (`python benchmarks/doubt.py`)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.images import Image
from yucca_wm.parcellate.fit import Fit

DETERMINANT = (0.85, 1.9)
"""Volume of the atlas brain over the subject's, in 170 published affines of real subjects."""

MAX_ANISOTROPY = 1.65
"""Largest over smallest stretch, in the same."""

MIN_PART = 0.80
"""Correlation of the smoothed masks in each of eight parts of the head: whole white matter well registered has more
than 0.82 in all of them, with the cerebellum left in, half a head or a turn by 15 degrees less than 0.79 in one."""

MIN_T1_CONTRAST = 0.85
"""A person's own white matter has 0.92 to 0.99 on the T1, somebody else's registered to it 0.73 to 0.80."""

MIN_WM_DICE = 0.7
"""Overlap of the given white matter with that of the tissue map; two people's, registered, have 0.67."""

MIN_NETWORK_AGREEMENT = 0.5
"""Voxels with the same region label: two good registrations agree on 0.7 to 0.89."""

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


def doubts(matrix: NDArray[np.float64], fit: Fit) -> list[str]:
    """What is out of the bounds above, in words; empty when all is usual.

    matrix : 4x4, subject world mm -> atlas world mm.
    """
    found = []
    poor = sorted((value, part) for part, value in fit.parts.items() if value < MIN_PART)
    if poor:
        where = ", ".join(f"{value:.2f} {part}" for value, part in poor[:3]) + ", ..." * (len(poor) > 3)
        found.append(
            f"white matter fits the atlas's poorly ({where}; usual above {MIN_PART:g}): "
            "cerebellum or brainstem in it, a part missing, or wrongly laid"
        )
    linear = matrix[:3, :3]
    determinant = float(np.linalg.det(linear))
    if not DETERMINANT[0] <= determinant <= DETERMINANT[1]:
        found.append(f"volume ratio {determinant:.2f} (usual {DETERMINANT[0]}-{DETERMINANT[1]})")
    stretch = np.linalg.svd(linear, compute_uv=False)
    if stretch[0] / stretch[2] > MAX_ANISOTROPY:
        found.append(f"anisotropy {stretch[0] / stretch[2]:.2f} (usual below {MAX_ANISOTROPY})")
    return found + _beside_other_images(fit)


def _beside_other_images(fit: Fit) -> list[str]:
    found = []
    if fit.t1_contrast is not None and fit.t1_contrast < MIN_T1_CONTRAST:
        found.append(
            f"white matter is not brighter than what lies around it on the T1 ({fit.t1_contrast:.2f}, usual above "
            f"{MIN_T1_CONTRAST:g}): is it this person's, and a T1?"
        )
    if fit.wm_in_tissue_dice is not None and fit.wm_in_tissue_dice < MIN_WM_DICE:
        found.append(
            f"white matter overlaps the tissue map's by {fit.wm_in_tissue_dice:.2f} (usual above {MIN_WM_DICE:g}): "
            "is it this person's?"
        )
    if fit.network_agreement is not None and fit.network_agreement < MIN_NETWORK_AGREEMENT:
        found.append(
            f"agrees with the other region map on {100 * fit.network_agreement:.0f} % of the voxels "
            f"(usual above {100 * MIN_NETWORK_AGREEMENT:.0f} %)"
        )
    return found


def warn_of_doubts(records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Say every doubt on stderr (name -> record of a parcellation); returns the names in doubt."""
    for name, record in records.items():
        for doubt in record["doubts"]:
            print(f"warning: {name}: registration in doubt: {doubt}", file=sys.stderr)
    return [name for name, record in records.items() if record["doubts"]]
