"""A person's scans to lesions, regions and tissue, with the models that come with this package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.core.errors import InputError
from yucca_wm.imaging.images import Image, check_same_grid
from yucca_wm.models.brain import Brain, Network, find_brain
from yucca_wm.models.canonical import Canonical, field_of_view
from yucca_wm.models.places import at_the_top, lesion_bearing
from yucca_wm.models.tissue import tissue_probability
from yucca_wm.training.synthesis.structures import TISSUES

LESION, WHITE_MATTER = TISSUES["lesion"], TISSUES["cerebral_white_matter"]
LEAST_REMAINDER = 0.15
"""Share of the atlas's remainder (cerebellum, brainstem, deep grey matter) from which those can be."""

SMALLEST_LESION_MM3 = 10.0
"""Less than a ball of 3 mm, the least extent that counts as a lesion (McDonald criteria, Thompson et al. 2018)."""

BRIGHTER = 1.5
"""On FLAIR a lesion at the top of the head is brighter than cortex: its median, by this many robust standard deviations
of cortex at least."""

MAD_TO_SD = 1.4826
"""Median absolute deviation to standard deviation, of a normal distribution."""

LEAST_PROBABILITY = 0.01
"""Less is not looked at when lesions and white matter are kept to where they can lie."""

HOLDERS = tuple(TISSUES[name] for name in ("cerebral_white_matter", "deep_grey_matter", "cerebellum", "brainstem"))
LEAST_BORDER, BODY_MM3 = 0.25, 2000.0
"""Of a lesion's border within its planes, this share is tissue that lesions lie in, in one body of at least 2 ml."""

BRAIN_ML = (500.0, 2200.0)
"""Brains, ventricles included, outside this range are none, or not whole."""


@dataclass(frozen=True)
class Segmentation:
    """Maps on the grid of the scans, in their files' own order of axes.

    lesions : uint8, 1 in lesions. regions : uint8, labels of the region table, in white matter and lesions.
    tissue : uint8, labels of `TISSUES` without lesions (a lesion's voxels are of the tissue it lies in).
    lesion_probability : float32. brain_ml : volume of the brain, ventricles included.
    """

    lesions: NDArray[np.uint8]
    regions: NDArray[np.uint8]
    tissue: NDArray[np.uint8]
    lesion_probability: NDArray[np.float32]
    brain_ml: float


@dataclass(frozen=True)
class Networks:
    """The two networks, as functions of a batch [B, channel, ...] that give logits [B, class, ...]."""

    regions: Network
    tissue: Network


def segment(networks: Networks, scans: Mapping[str, Image], threshold: float = 0.5) -> Segmentation:
    """Segment the scans of one person.

    scans : ``T1`` and ``FLAIR``, or one of them, on one grid.
    threshold : probability from which a voxel is of a lesion.

    Raises InputError when no whole brain is found in them.
    """
    images = list(scans.values())
    for other in images[1:]:
        check_same_grid(images[0], other)
    grid = Canonical.of(images[0])
    data = {name: np.ascontiguousarray(grid.reordered(image.data), dtype=np.float32) for name, image in scans.items()}
    brain = find_brain(networks.regions, data, grid)
    if not BRAIN_ML[0] <= brain.volume_ml <= BRAIN_ML[1]:
        raise InputError(
            images[0].name,
            f"shows no whole brain ({brain.volume_ml:.0f} ml of brain found)",
            "check that it is a T1 or FLAIR of a whole head, and its header",
        )
    probability = tissue_probability(networks.tissue, data, grid, brain, len(TISSUES))
    _keep_below_tentorium(probability, brain, grid)
    _keep_in_place(probability, brain, grid)
    tissue = probability[:LESION].argmax(0)
    found = _believable((probability[LESION] >= threshold).numpy(), tissue.numpy(), grid)
    if "FLAIR" in data:
        found = _brighter_than_cortex(found, data["FLAIR"], tissue.numpy(), lambda at: at_the_top(brain, grid, at))
    lesions = torch.from_numpy(found)
    tissue = torch.where(lesions & (tissue == 0), 1 + probability[1:LESION].argmax(0), tissue)
    regions = _regions(brain, grid, ((tissue == WHITE_MATTER) | lesions).numpy())
    return Segmentation(
        lesions=grid.restored(lesions.numpy()).astype(np.uint8),
        regions=grid.restored(regions),
        tissue=grid.restored(tissue.numpy()).astype(np.uint8),
        lesion_probability=grid.restored(probability[LESION].numpy()),
        brain_ml=brain.volume_ml,
    )


def _believable(lesions: NDArray[np.bool_], tissue: NDArray[Any], grid: Canonical) -> NDArray[np.bool_]:
    """Lesions (26-connected) that are large enough and border on white matter, not on fat or bone alone."""
    import cc3d

    labels, n = cc3d.connected_components(lesions, connectivity=26, return_N=True)
    large = np.bincount(labels.ravel(), minlength=n + 1) * float(np.prod(grid.spacing_mm)) >= SMALLEST_LESION_MM3
    holders = np.isin(tissue, HOLDERS) & ~lesions
    bodies, n_bodies = cc3d.connected_components(holders, connectivity=26, return_N=True)
    volume_mm3 = np.bincount(bodies.ravel(), minlength=n_bodies + 1) * float(np.prod(grid.spacing_mm))
    volume_mm3[0] = 0
    around = ndimage.grey_dilation(labels, footprint=np.ones((3, 3, 1)))
    shell = (around > 0) & ~lesions
    of, held = around[shell], (volume_mm3 >= BODY_MM3)[bodies[shell]]
    share = np.bincount(of, held, n + 1) / np.maximum(np.bincount(of, minlength=n + 1), 1)
    kept = large & (share >= LEAST_BORDER)
    kept[0] = False
    return np.asarray(kept[labels])


def _brighter_than_cortex(
    lesions: NDArray[np.bool_],
    flair: NDArray[np.float32],
    tissue: NDArray[Any],
    high: Callable[[NDArray[np.float64]], NDArray[np.bool_]],
) -> NDArray[np.bool_]:
    """At the top of the head, lesions (26-connected) by `BRIGHTER`; all others, and beyond the FLAIR's view, stay.

    Gyri that are alone in their planes are taken for lesions, and are as bright as cortex. Further down the rule would
    cost dim lesions of thick slices.

    high : whether each of these points [point, 3], in voxels, is at the top of the head.
    """
    import cc3d

    view = field_of_view(flair)
    labels, n = cc3d.connected_components(lesions & view, connectivity=26, return_N=True)
    cortex = flair[(tissue == TISSUES["cortical_grey_matter"]) & ~lesions & view]
    if n == 0 or not len(cortex):
        return lesions
    middle = np.median(cortex)
    least = middle + BRIGHTER * MAD_TO_SD * np.median(np.abs(cortex - middle))
    which = np.arange(1, n + 1)
    dark = ndimage.median(flair, labels, which) < least
    dark &= high(np.array(ndimage.center_of_mass(labels > 0, labels, which)))
    return np.asarray(lesions & ~np.concatenate([[False], dark])[labels])


def _keep_below_tentorium(probability: torch.Tensor, brain: Brain, grid: Canonical) -> None:
    """Cerebellum and brainstem are where the coarse network sees the remainder of the atlas; a plane alone cannot tell.

    probability : [class, x, y, z], changed in place.
    """
    remainder = brain.probability[[35, 36]].sum(0) / brain.inside.clamp(min=1e-3)
    above = brain.at(grid, remainder[None])[0] < LEAST_REMAINDER
    for name in ("cerebellum", "brainstem"):
        probability[TISSUES[name]][above] = 0


def _keep_in_place(probability: torch.Tensor, brain: Brain, grid: Canonical) -> None:
    """What lies where lesions and white matter cannot is what the other classes make of it (`yucca_wm.models.places`).

    probability : [class, x, y, z], changed in place.
    """
    found = probability.numpy()  # a view
    voxels = np.nonzero(found[[LESION, WHITE_MATTER]].max(0) > LEAST_PROBABILITY)
    astray = ~lesion_bearing(brain, grid, voxels)
    x, y, z = (axis[astray] for axis in voxels)
    found[LESION, x, y, z] = found[WHITE_MATTER, x, y, z] = 0
    others = found[:, x, y, z]
    others[0, others.sum(0) == 0] = 1
    found[:, x, y, z] = others / others.sum(0)


def _regions(brain: Brain, grid: Canonical, white_matter: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """The most probable region of every voxel of white matter."""
    regions = np.zeros(grid.shape, np.uint8)
    points = np.nonzero(white_matter)
    if len(points[0]):
        regions[points] = 1 + brain.at(grid, brain.probability[1:], points).argmax(0).numpy()
    return regions
