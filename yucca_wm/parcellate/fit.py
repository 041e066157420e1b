"""How well a registration fits: measures that say nothing about how the head lies, only where labels end up."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.core.images import Image
from yucca_wm.core.regions import RegionTable
from yucca_wm.registration.smoothed_masks import Blurred, blur, centre_mm
from yucca_wm.registration.warp import Warp

SPACING_MM, SIGMA_MM = 4.0, 3.2
"""Of the masks that are compared by part: coarse enough that thin or thick white matter agrees as well."""

PARTS = tuple(
    " ".join(words) for words in product(("lower", "upper"), ("back", "front"), ("left", "right"))
)  # in the order of 4 (z) + 2 (y) + (x)
"""The eight parts around the centre of the atlas's white matter."""

SHELL_MM = 4.0
"""What lies this near white matter is what its brightness is compared with."""

MOST_VOXELS = 100_000
"""Brightness is compared on at most about this many voxels a side."""


@dataclass(frozen=True)
class Fit:
    """What can be measured; None where what is needed for it is not at hand.

    parts : part of the head -> correlation of the smoothed white matter of subject and atlas there (0..1).
    starts, agreeing : how many starts the affine was found from, and how many of them ended at it.
    t1_contrast : chance that a white-matter voxel is brighter on the T1 than one close around (0.5: no relation).
    wm_in_tissue_dice : overlap of the given white matter with the tissue map's.
    network_agreement : share of the voxels labelled by both that have the same label in another region map.
    """

    parts: dict[str, float] = field(default_factory=dict)
    starts: int | None = None
    agreeing: int | None = None
    t1_contrast: float | None = None
    wm_in_tissue_dice: float | None = None
    network_agreement: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain rounded values, as JSON holds them, without what was not measured."""
        parts = {part: round(value, 4) for part, value in self.parts.items()}
        values = {key: value for key, value in vars(self).items() if key != "parts" and value is not None}
        return {"parts": parts} | {
            key: round(value, 4) if isinstance(value, float) else value for key, value in values.items()
        }


def agreement_by_part(atlas: Image, subject: Image, warp: Warp) -> dict[str, float]:
    """Part of the head -> sum(a b) / sqrt(sum(a a) sum(b b)) over it, a and b the smoothed masks; 0 without any.

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
    """Subject world mm [3, points] every SPACING_MM over both masks: what only the atlas has counts too."""
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
    """Chance that a voxel of ``wm`` is brighter on the T1 than one around it (ties count half).

    Around is every voxel within SHELL_MM along each axis of the grid.
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


def dice(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Dice overlap of the nonzero voxels; 0 when there are none."""
    a, b = first != 0, second != 0
    return 2 * int((a & b).sum()) / max(int(a.sum()) + int(b.sum()), 1)


def network_agreement(registered: NDArray[Any], network: Image, table: RegionTable) -> float | None:
    """Share of equal labels among the voxels that both region maps give to a white-matter region."""
    regions = table.white_matter.indices or table.indices
    both = np.isin(registered, regions) & np.isin(network.data, regions)
    return float((registered[both] == network.data[both]).mean()) if both.any() else None
