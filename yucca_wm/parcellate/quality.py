"""Goodness of fit of a registration, and whether it is plausible: judged by where labels end up, not by head position.

The bounds are measured by `python benchmarks/doubt.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.regions import RegionTable
from yucca_wm.imaging.images import Image
from yucca_wm.registration.smoothed_masks import Blurred, blur, centre_mm
from yucca_wm.registration.warp import Warp

SPACING_MM, SIGMA_MM = 4.0, 3.2
"""Spacing and smoothing of the masks compared by part: coarse enough that thin and thick white matter agree too."""

PARTS = tuple(
    " ".join(words) for words in product(("lower", "upper"), ("back", "front"), ("left", "right"))
)  # in the order of 4 (z) + 2 (y) + (x)
"""Names of the eight parts around the centre of the atlas's white matter."""

SHELL_MM = 4.0
"""White matter is compared in brightness with voxels within this distance."""

MOST_VOXELS = 100_000
"""Brightness is compared on at most about this many voxels inside and outside."""


@dataclass(frozen=True)
class Fit:
    """Measures of fit; None where the image needed is missing.

    parts : part of the head -> correlation (0..1) of the smoothed white matter of subject and atlas there.
    starts, agreeing : number of starts tried for the affine, and how many of them led to it.
    t1_contrast : probability that a white-matter voxel is brighter on the T1 than one close around (0.5: no relation).
    wm_in_tissue_dice : overlap of the given white matter with the tissue map's.
    network_agreement : share of equal labels among the voxels labelled both here and in another region map.
    """

    parts: dict[str, float] = field(default_factory=dict)
    starts: int | None = None
    agreeing: int | None = None
    t1_contrast: float | None = None
    wm_in_tissue_dice: float | None = None
    network_agreement: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain rounded values for JSON, without missing measures."""
        parts = {part: round(value, 4) for part, value in self.parts.items()}
        values = {key: value for key, value in vars(self).items() if key != "parts" and value is not None}
        return {"parts": parts} | {
            key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()
        }


def agreement_by_part(atlas: Image, subject: Image, warp: Warp) -> dict[str, float]:
    """Part of the head -> sum(a b) / sqrt(sum(a a) sum(b b)) over it, where a and b are the smoothed masks; 0 if
    undefined.

    atlas, subject : masks. warp : subject world mm -> atlas world mm.
    """
    own, theirs = (blur(mask, SPACING_MM, SIGMA_MM) for mask in (subject, atlas))
    points = _lattice(own, theirs, warp)
    there = warp.points_mm(points)
    a, b = _sample(own, points), _sample(theirs, there)
    part = (there >= centre_mm(atlas)[:, None]).T @ np.array([1, 2, 4])
    both, first, second = (np.bincount(part, product_, minlength=8) for product_ in (a * b, a * a, b * b))
    values = both / np.sqrt(np.maximum(first * second, 1e-12))
    return dict(zip(PARTS, map(float, values), strict=True))


def _lattice(own: Blurred, theirs: Blurred, warp: Warp) -> NDArray[np.float64]:
    """Subject world mm [3, points] every SPACING_MM over both masks: white matter of the atlas alone counts too."""
    back = np.linalg.inv(warp.matrix)
    corners = np.array(list(product((0, 1), repeat=3))).T
    ends = [
        own.origin_mm[:, None] + corners * own.spacing_mm * np.array(own.data.shape)[:, None],
        back[:3, :3] @ (theirs.origin_mm[:, None] + corners * theirs.spacing_mm * np.array(theirs.data.shape)[:, None])
        + back[:3, 3:],
    ]
    steps = [np.floor((end - own.origin_mm[:, None]) / SPACING_MM) for end in ends]
    low = np.min([step.min(axis=1) for step in steps], axis=0)
    high = np.max([step.max(axis=1) for step in steps], axis=0) + 1
    index = np.indices((high - low + 1).astype(int)).reshape(3, -1)
    return own.origin_mm[:, None] + (index + low[:, None]) * SPACING_MM


def _sample(image: Blurred, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    index = (points_mm - image.origin_mm[:, None]) / image.spacing_mm
    return np.asarray(ndimage.map_coordinates(image.data, index, output=np.float64, order=1, mode="constant"))


def t1_contrast(wm: Image, t1: Image) -> float | None:
    """Probability that a voxel of ``wm`` is brighter on the T1 than one around it (ties count half).

    "Around it" means within SHELL_MM along each axis of the grid.
    """
    inside = wm.data > 0
    reach = np.maximum(np.rint(SHELL_MM / wm.spacing_mm), 1).astype(int)
    near = ndimage.maximum_filter(inside, size=(2 * reach + 1).tolist(), mode="constant")
    values = [t1.data[chosen] for chosen in (inside, near & ~inside)]
    if not all(group.size for group in values):
        return None
    bright, around = (np.sort(group[:: max(1, group.size // MOST_VOXELS)]) for group in values)
    below = np.searchsorted(around, bright, "left") + np.searchsorted(around, bright, "right")
    return float(below.mean() / (2 * around.size))


def network_agreement(registered: NDArray[Any], network: Image, table: RegionTable) -> float | None:
    """Share of equal labels among the voxels that both region maps assign to a white-matter region."""
    regions = table.measured.indices
    both = np.isin(registered, regions) & np.isin(network.data, regions)
    return float((registered[both] == network.data[both]).mean()) if both.any() else None


DETERMINANT = (0.85, 1.9)
"""Volume of the atlas brain divided by the subject's, in 170 published affines of real subjects."""

MAX_ANISOTROPY = 1.65
"""Largest divided by smallest stretch, in the same affines."""

MIN_PART = 0.80
"""Correlation of the smoothed masks in each of eight parts of the head: complete white matter, well registered, exceeds
0.82 in all of them, even with the cerebellum left in; half a head or a turn by 15 degrees stays below 0.79 in one."""

MIN_T1_CONTRAST = 0.85
"""A subject's own white matter has 0.92 to 0.99 on the T1, another subject's registered to it 0.73 to 0.80."""

MIN_WM_DICE = 0.7
"""Overlap of the given white matter with the tissue map's; two subjects', registered, have 0.67."""

MIN_NETWORK_AGREEMENT = 0.5
"""Share of voxels with the same region label: two good registrations agree on 0.7 to 0.89."""

MAX_VOLUME_RATIO = 6.0
"""White matter that is larger or smaller than the atlas's by more than this factor is not a brain in mm."""

MIN_FLATNESS = 0.65
"""Smallest thickness over largest length of the white matter, relative to the atlas's; one side alone has half."""


def check_whole(atlas: Image, subject: Image) -> None:
    """Raise InputError unless the subject's white matter has about the size and proportions of the atlas's."""
    volumes_ml = [float(image.data.astype(bool).sum()) * image.voxel_volume_ml for image in (atlas, subject)]
    ratio = volumes_ml[1] / volumes_ml[0]
    if not 1 / MAX_VOLUME_RATIO <= ratio <= MAX_VOLUME_RATIO:
        problem = f"holds {volumes_ml[1]:.4g} ml of white matter, the atlas {volumes_ml[0]:.4g} ml"
        raise InputError(subject.name, problem, "check its labels and its voxel size")
    atlas_flat, subject_flat = _flatness(atlas), _flatness(subject)
    if subject_flat < MIN_FLATNESS * atlas_flat:
        shown = f"thickness over length {subject_flat:.2f}; in the atlas {atlas_flat:.2f}"
        problem = f"holds implausibly flat white matter ({shown})"
        raise InputError(subject.name, problem, "one side seems to be missing; give both hemispheres")


def _flatness(mask: Image) -> float:
    """Smallest divided by largest standard deviation of the mask's voxels along its principal axes."""
    points = mask.affine[:3, :3] @ np.array(np.nonzero(mask.data))
    spread = np.linalg.eigvalsh(np.cov(points))
    return float(np.sqrt(spread[0] / spread[2])) if spread[2] > 0 else 0.0


def doubts(matrix: NDArray[np.float64], fit: Fit) -> list[str]:
    """Measures outside the bounds above, in words; empty if there are none.

    matrix : 4x4, subject world mm -> atlas world mm.
    """
    found = []
    poor = sorted((value, part) for part, value in fit.parts.items() if value < MIN_PART)
    if poor:
        where = some_of([f"{value:.2f} {part}" for value, part in poor], 3)
        found.append(
            f"white matter fits the atlas's poorly ({where}; usual above {MIN_PART:g}): "
            "it may hold cerebellum or brainstem, lack a part, or be misregistered"
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
    """Print every doubt on stderr (name -> record of a parcellation); returns the doubtful names."""
    for name, record in records.items():
        for doubt in record["doubts"]:
            print(f"warning: {name}: registration in doubt: {doubt}", file=sys.stderr)
    return [name for name, record in records.items() if record["doubts"]]
