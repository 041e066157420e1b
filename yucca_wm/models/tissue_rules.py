"""Anatomical rules for class probabilities: what the network finds in impossible places goes to other classes.

Each is for an error seen on real scans.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.models.brain import Brain
from yucca_wm.models.canonical import Canonical
from yucca_wm.models.conventions import LESION, TISSUES, VENTRICLES, WHITE_MATTER
from yucca_wm.models.positions import lesion_bearing

LEAST_REMAINDER = 0.15
"""Share of the atlas's remainder (cerebellum, brainstem, deep grey matter) from which these tissues can occur."""

NEGLIGIBLE = 0.01
"""Less probable classes are ignored when classes are restricted to possible locations or reassigned."""


@dataclass(frozen=True)
class Whole:
    """A class with one or few components: the largest, and those of at least ``smallest_mm3`` within ``within_mm`` of
    it."""

    smallest_mm3: float
    within_mm: float = math.inf


WHOLE = {
    VENTRICLES: Whole(100.0, 35.0),  # a horn may be separate
    TISSUES["cerebellum"]: Whole(100.0),
    TISSUES["brainstem"]: Whole(100.0),
}
"""A speck of ventricle would make nearby lesions periventricular, one of cerebellum or brainstem infratentorial."""


def keep_below_tentorium(probability: torch.Tensor, brain: Brain, grid: Canonical) -> None:
    """Set cerebellum and brainstem to 0 where the coarse network does not see the atlas's remainder.

    A single plane does not show which side of the tentorium it is on.

    Parameters
    ----------
    probability : torch.Tensor, float, shape (class, x, y, z)
        Class probabilities on ``grid``; changed in place.
    brain : Brain
        Output of the coarse network.
    grid : Canonical
        Grid of the scans.
    """
    above = brain.at(grid, brain.remainder)[0] < LEAST_REMAINDER
    for name in ("cerebellum", "brainstem"):
        probability[TISSUES[name]][above] = 0


def keep_in_place(probability: torch.Tensor, brain: Brain, grid: Canonical) -> None:
    """Where neither lesion nor white matter can occur, set both to 0 and renormalise the other classes.

    Possible locations are those of `yucca_wm.models.positions`.

    Parameters
    ----------
    probability : torch.Tensor, float, shape (class, x, y, z)
        Class probabilities on ``grid``; changed in place.
    brain : Brain
        Output of the coarse network.
    grid : Canonical
        Grid of the scans.
    """
    found = probability.numpy()  # a view
    voxels = np.nonzero(found[[LESION, WHITE_MATTER]].max(0) > NEGLIGIBLE)
    astray = ~lesion_bearing(brain, grid, voxels)
    x, y, z = (axis[astray] for axis in voxels)
    found[LESION, x, y, z] = found[WHITE_MATTER, x, y, z] = 0
    others = found[:, x, y, z]
    others[0, others.sum(0) == 0] = 1
    found[:, x, y, z] = others / others.sum(0)


def keep_whole(probability: torch.Tensor, grid: Canonical) -> torch.Tensor:
    """Reassign small or distant components (26-connected) of the classes in `WHOLE` to the next most likely class.

    Parameters
    ----------
    probability : torch.Tensor, float, shape (class, x, y, z)
        Class probabilities on ``grid``; changed in place.
    grid : Canonical
        Grid of the scans.

    Returns
    -------
    torch.Tensor, int, shape (x, y, z)
        Most probable class of every voxel, lesions excluded.
    """
    tissue = probability[:LESION].max(0).indices  # argmax takes six times as long
    found = tissue.numpy()  # a view
    due = list(WHOLE)
    while due:
        label = due.pop(0)
        x, y, z = _specks(found == label, WHOLE[label], grid)
        if not len(x):
            continue
        probability.numpy()[label, x, y, z] = 0
        found[x, y, z] = instead = probability.numpy()[:LESION, x, y, z].argmax(0)
        due += [other for other in WHOLE if other not in due and (instead == other).any()]
    return tissue


def _specks(mask: NDArray[np.bool_], whole: Whole, grid: Canonical) -> tuple[NDArray[np.intp], ...]:
    """Voxel indices (x, y, z) of components of ``mask`` [x, y, z] that are too small or too far from the largest."""
    import cc3d

    box = next(iter(ndimage.find_objects(mask.view(np.uint8))), (slice(0),) * 3)
    labels, n = cc3d.connected_components(mask[box], connectivity=26, return_N=True)
    if n < 2:
        return (np.zeros(0, np.intp),) * 3
    volume_mm3 = np.bincount(labels.ravel(), minlength=n + 1) * float(np.prod(grid.spacing_mm))
    volume_mm3[0] = 0
    stays = volume_mm3 >= whole.smallest_mm3
    if math.isfinite(whole.within_mm):
        distance_mm = ndimage.distance_transform_edt(labels != volume_mm3.argmax(), sampling=grid.spacing_mm)
        stays &= ndimage.minimum(distance_mm, labels, np.arange(n + 1)) <= whole.within_mm
    stays[0] = stays[volume_mm3.argmax()] = True
    return tuple(index + side.start for index, side in zip(np.nonzero(~stays[labels]), box, strict=True))
