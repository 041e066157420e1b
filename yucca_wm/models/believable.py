"""What is believed of the fine network's answer: rules of anatomy, each for an error that real scans have shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.models.brain import Brain
from yucca_wm.models.canonical import Canonical, field_of_view
from yucca_wm.models.places import lesion_bearing
from yucca_wm.training.synthesis.structures import TISSUES

LESION, WHITE_MATTER, VENTRICLES = (TISSUES[n] for n in ("lesion", "cerebral_white_matter", "lateral_ventricles"))
LEAST_REMAINDER = 0.15
"""Share of the atlas's remainder (cerebellum, brainstem, deep grey matter) from which those can be."""

MOSTLY = 0.5
"""Share of the remainder from which a lesion is below the tentorium."""

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
BETWEEN_MM, BETWEEN_SHARE = 8.0, 0.5
"""Septum and fornix have lateral ventricle within this distance to the left and to the right; a lesion of which they
are this share is none. Of the lesions drawn by hand in four patients less than 2 % lie there."""

EDGE_MM = 5.0
"""Below the tentorium, what lies within this distance of a scan's lowest plane alone is no lesion: cord and medulla are
bright there."""

LEAST_BORDER, BODY_MM3 = 0.25, 2000.0
"""Of a lesion's border within its planes, this share is tissue that lesions lie in, in one body of at least 2 ml."""

SMALLEST_VENTRICLE_MM3, VENTRICLES_WITHIN_MM = 100.0, 35.0
"""Parts of the lateral ventricles (a horn may be apart) are at least as large, and as near to the largest."""


def keep_below_tentorium(probability: torch.Tensor, brain: Brain, grid: Canonical) -> None:
    """Cerebellum and brainstem are where the coarse network sees the remainder of the atlas; a plane alone cannot tell.

    probability : [class, x, y, z], changed in place.
    """
    above = brain.at(grid, _remainder(brain))[0] < LEAST_REMAINDER
    for name in ("cerebellum", "brainstem"):
        probability[TISSUES[name]][above] = 0


def _remainder(brain: Brain) -> torch.Tensor:
    """Share [1, x, y, z] of the atlas's remainder in what the coarse network sees of the brain."""
    return (brain.probability[[35, 36]].sum(0) / brain.inside.clamp(min=1e-3))[None]


def keep_in_place(probability: torch.Tensor, brain: Brain, grid: Canonical) -> None:
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


def keep_whole_ventricles(probability: torch.Tensor, grid: Canonical) -> None:
    """Specks of lateral ventricle (26-connected), and what is far from the largest part, are of the next likely class.

    probability : [class, x, y, z], changed in place.
    """
    import cc3d

    labels, n = cc3d.connected_components((probability[:LESION].argmax(0) == VENTRICLES).numpy(), return_N=True)
    if n < 2:
        return
    volume_mm3 = np.bincount(labels.ravel(), minlength=n + 1) * float(np.prod(grid.spacing_mm))
    volume_mm3[0] = 0
    (box,) = ndimage.find_objects((labels > 0).astype(np.uint8))
    distance_mm = ndimage.distance_transform_edt(labels[box] != volume_mm3.argmax(), sampling=grid.spacing_mm)
    nearest_mm = ndimage.minimum(distance_mm, labels[box], np.arange(n + 1))
    whole = (volume_mm3 >= SMALLEST_VENTRICLE_MM3) & (nearest_mm <= VENTRICLES_WITHIN_MM)
    whole[[0, volume_mm3.argmax()]] = True
    probability[VENTRICLES][torch.from_numpy(~whole[labels])] = 0


def believable(lesions: NDArray[np.bool_], tissue: NDArray[Any], grid: Canonical) -> NDArray[np.bool_]:
    """Lesions (26-connected) that are large enough, border on white matter, not on fat or bone alone, and are not the
    septum between the ventricles."""
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
    septum = ndimage.mean(_between_ventricles(tissue, grid), labels, np.arange(n + 1)) >= BETWEEN_SHARE
    kept = large & (share >= LEAST_BORDER) & ~septum
    kept[0] = False
    return np.asarray(kept[labels])


def _between_ventricles(tissue: NDArray[Any], grid: Canonical) -> NDArray[np.bool_]:
    """Voxels with lateral ventricle within `BETWEEN_MM` to the left, and to the right."""
    n, size = round(BETWEEN_MM / float(grid.spacing_mm[0])), tissue.shape[0]
    before = np.zeros((size + 1, *tissue.shape[1:]), np.int32)
    np.cumsum(tissue == VENTRICLES, axis=0, out=before[1:])
    x = np.arange(size)
    left = before[x] - before[np.maximum(x - n, 0)]
    right = before[np.minimum(x + n + 1, size)] - before[x + 1]
    return np.asarray((left > 0) & (right > 0))


def without_cord(lesions: NDArray[np.bool_], brain: Brain, grid: Canonical) -> NDArray[np.bool_]:
    """Lesions (26-connected) but those below the tentorium that lie within `EDGE_MM` of the lowest plane alone."""
    import cc3d

    labels, _n = cc3d.connected_components(lesions, connectivity=26, return_N=True)
    tops = np.array([box[2].stop - 1 for box in ndimage.find_objects(labels)])
    low = 1 + np.flatnonzero(tops * grid.spacing_mm[2] < EDGE_MM)
    voxels = np.nonzero(np.isin(labels, low))
    below = brain.at(grid, _remainder(brain), voxels)[0].numpy()
    cord = low[ndimage.mean(below, labels[voxels], low) >= MOSTLY] if len(low) else low
    return np.asarray(lesions & ~np.isin(labels, cord))


def brighter_than_cortex(
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
