"""Anatomical rules for lesions: findings that cannot be lesions are rejected, each for an error seen on real scans."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.imaging.field_of_view import FieldOfView
from yucca_wm.models.brain import Brain
from yucca_wm.models.canonical import Canonical
from yucca_wm.models.conventions import ROUNDING, TISSUES, VENTRICLES
from yucca_wm.models.positions import at_the_top

MOSTLY = 0.5
"""Mean share of the remainder from which a lesion is below the tentorium."""

SMALLEST_LESION_MM3 = 10.0
"""Less than a sphere 3 mm across, the smallest extent of a lesion (McDonald criteria, Thompson et al. 2018)."""

BRIGHTER = 1.5
"""On FLAIR the median of a lesion at the top of the head exceeds that of cortex by at least this many robust standard
deviations of cortex."""

MAD_TO_SD = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution."""

HOLDERS = tuple(TISSUES[name] for name in ("cerebral_white_matter", "deep_grey_matter", "cerebellum", "brainstem"))
BETWEEN_MM, BETWEEN_SHARE = 8.0, 0.5
"""Voxels with lateral ventricle within this distance on both left and right are septum or fornix; a lesion with at
least this share of them is rejected. Less than 2 % of the lesions drawn manually in four patients lie there."""

EDGE_MM = 5.0
"""Lesions entirely within this distance of a scan's lower end (below the tentorium) or upper end (at the top of the
head) are rejected: cord, medulla and the crowns of gyri are bright there."""

LEVEL = float(np.cos(np.pi / 4))
"""Ends tilted by less than 45 degrees are lower or upper ends."""

LEAST_BORDER, BODY_MM3 = 0.25, 2000.0
"""At least this share of a lesion's in-plane border is tissue that lesions occur in, in components of 2 ml or more."""


def plausible_lesions(
    lesions: NDArray[np.bool_],
    tissue: NDArray[Any],
    brain: Brain,
    grid: Canonical,
    flair: NDArray[np.float32] | None,
    views: Mapping[str, FieldOfView],
) -> NDArray[np.bool_]:
    """Lesions (26-connected) that pass every rule.

    Parameters
    ----------
    lesions : ndarray, bool, shape (x, y, z)
        Lesion voxels, on ``grid``.
    tissue : ndarray, int, shape (x, y, z)
        Classes of `TISSUES`, lesions excluded.
    brain : Brain
        Output of the coarse network.
    grid : Canonical
        Grid of the scans.
    flair : ndarray, float32, shape (x, y, z), or None
        FLAIR intensities, for `brighter_than_cortex`; None: there is no FLAIR.
    views : mapping of str to FieldOfView
        Modality -> field of view of its scan.

    Returns
    -------
    ndarray, bool, shape (x, y, z)
        The lesion voxels that remain.
    """
    high = partial(at_the_top, brain, grid)
    labels = labelled(lesions)
    stays = plausible(labels, tissue, grid) & away_from_ends(labels, brain, grid, views, high)
    labels = np.where(stays[labels], labels, 0)
    if flair is None:
        return labels > 0
    return brighter_than_cortex(labels, flair, views["FLAIR"], tissue, high)


def labelled(lesions: NDArray[np.bool_]) -> NDArray[Any]:
    """Lesion numbers [x, y, z], from 1, of the 26-connected components of ``lesions`` [x, y, z]; 0 elsewhere."""
    import cc3d

    return np.asarray(cc3d.connected_components(lesions, connectivity=26))


def plausible(labels: NDArray[Any], tissue: NDArray[Any], grid: Canonical) -> NDArray[np.bool_]:
    """Whether lesions are large enough, border on brain tissue (not only on fat or bone), and are not the septum
    between the ventricles.

    Parameters
    ----------
    labels : ndarray, int, shape (x, y, z)
        Lesion numbers from `labelled`.
    tissue : ndarray, int, shape (x, y, z)
        Classes of `TISSUES`, lesions excluded.
    grid : Canonical
        Grid of the scans.

    Returns
    -------
    ndarray, bool, shape (1 + lesions,)
        By lesion number; False for 0, the background.
    """
    import cc3d

    voxels = np.bincount(labels.ravel())
    large = voxels + ROUNDING >= SMALLEST_LESION_MM3 / float(np.prod(grid.spacing_mm))
    holders = np.isin(tissue, HOLDERS) & (labels == 0)
    bodies, n_bodies = cc3d.connected_components(holders, connectivity=26, return_N=True)
    volume_mm3 = np.bincount(bodies.ravel(), minlength=n_bodies + 1) * float(np.prod(grid.spacing_mm))
    volume_mm3[0] = 0
    of, shell = _borders(labels)
    held = (volume_mm3 >= BODY_MM3)[bodies.ravel()[shell]]
    share = np.bincount(of, held, len(voxels)) / np.maximum(np.bincount(of, minlength=len(voxels)), 1)
    septum = ndimage.mean(_between_ventricles(tissue, grid), labels, np.arange(len(voxels))) >= BETWEEN_SHARE
    stays = large & (share >= LEAST_BORDER) & ~septum
    stays[0] = False
    return np.asarray(stays)


def _borders(labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Pairs of lesion number [pair] and flat index [pair] of a voxel on its border in its plane; a voxel between two
    lesions is on the border of both."""
    padded = np.pad(labels, ((1, 1), (1, 1), (0, 0)))
    nx, ny = labels.shape[:2]
    found = []
    for dx, dy in product(range(3), repeat=2):
        near = padded[dx : dx + nx, dy : dy + ny]
        voxels = np.flatnonzero((near > 0) & (labels == 0))
        found.append(near.ravel()[voxels].astype(np.int64) * labels.size + voxels)
    pairs = np.unique(np.concatenate(found))
    return pairs // labels.size, pairs % labels.size


def _between_ventricles(tissue: NDArray[Any], grid: Canonical) -> NDArray[np.bool_]:
    """Voxels [x, y, z] with lateral ventricle within `BETWEEN_MM` on both left and right."""
    n, size = round(BETWEEN_MM / float(grid.spacing_mm[0])), tissue.shape[0]
    before = np.zeros((size + 1, *tissue.shape[1:]), np.int32)
    np.cumsum(tissue == VENTRICLES, axis=0, out=before[1:])
    x = np.arange(size)
    left = before[x] - before[np.maximum(x - n, 0)]
    right = before[np.minimum(x + n + 1, size)] - before[x + 1]
    return np.asarray((left > 0) & (right > 0))


def away_from_ends(
    labels: NDArray[Any],
    brain: Brain,
    grid: Canonical,
    views: Mapping[str, FieldOfView],
    high: Callable[[NDArray[np.float64]], NDArray[np.bool_]],
) -> NDArray[np.bool_]:
    """False for lesions that lie entirely within `EDGE_MM` of a scan's lower end and below the tentorium, or of its
    upper end and at the top of the head.

    Parameters
    ----------
    labels : ndarray, int, shape (x, y, z)
        Lesion numbers from `labelled`.
    brain : Brain
        Output of the coarse network.
    grid : Canonical
        Grid of the scans.
    views : mapping of str to FieldOfView
        Modality -> field of view. The ends of the FLAIR count for what lies on their inner side, those of another scan
        only for lesions that the FLAIR does not show as a whole.
    high : callable
        Whether each of the points [point, 3], in voxels, is at the top of the head.

    Returns
    -------
    ndarray, bool, shape (1 + lesions,)
        By lesion number; True for 0, the background.
    """
    voxels = np.argwhere(labels)
    if not len(voxels):
        return np.ones(1, bool)
    of = labels[tuple(voxels.T)]
    numbers = np.arange(1, 1 + int(labels.max()))
    at_bottom, at_top, judged = np.zeros((3, len(numbers)), bool)
    for _, view in sorted(views.items(), key=lambda item: item[0] != "FLAIR"):
        shown = np.ones(len(numbers), bool)
        for up, depth_mm in zip(*view.depths_mm(voxels, grid.spacing_mm), strict=True):
            inner = ndimage.minimum(depth_mm, of, numbers) >= -ROUNDING
            near = inner & ~judged & (ndimage.maximum(depth_mm, of, numbers) < EDGE_MM - ROUNDING)
            shown &= inner
            at_bottom |= near & (up < -LEVEL)
            at_top |= near & (up > LEVEL)
        judged |= shown
    stays = np.ones(1 + len(numbers), bool)
    if len(bottom := numbers[at_bottom]):
        there = np.nonzero(np.isin(labels, bottom))
        below = brain.at(grid, brain.remainder, there)[0].numpy()
        stays[bottom[ndimage.mean(below, labels[there], bottom) >= MOSTLY]] = False
    if len(top := numbers[at_top]):
        stays[top[high(np.array(ndimage.center_of_mass(labels > 0, labels, top)))]] = False
    return stays


def brighter_than_cortex(
    labels: NDArray[Any],
    flair: NDArray[np.float32],
    view: FieldOfView,
    tissue: NDArray[Any],
    high: Callable[[NDArray[np.float64]], NDArray[np.bool_]],
) -> NDArray[np.bool_]:
    """Remove lesions at the top of the head that are not brighter than cortex by `BRIGHTER`.

    Gyri isolated in their planes are mistaken for lesions, and are as bright as cortex. Further down the rule would
    remove dim lesions in thick slices. Voxels outside the FLAIR's field of view stay.

    Parameters
    ----------
    labels : ndarray, int, shape (x, y, z)
        Lesion numbers from `labelled`, without rejected lesions. Only the part within the FLAIR's field of view is
        judged.
    flair : ndarray, float32, shape (x, y, z)
        FLAIR intensities.
    view : FieldOfView
        Its field of view.
    tissue : ndarray, int, shape (x, y, z)
        Classes of `TISSUES`, lesions excluded.
    high : callable
        Whether each of the points [point, 3], in voxels, is at the top of the head.

    Returns
    -------
    ndarray, bool, shape (x, y, z)
        The lesion voxels that remain.
    """
    lesions, inside = labels > 0, view.voxels()
    shown = np.where(inside, labels, 0)
    voxels = np.bincount(shown.ravel())
    which = 1 + np.flatnonzero(voxels[1:])
    cortex = flair[(tissue == TISSUES["cortical_grey_matter"]) & ~lesions & inside]
    if not len(which) or not len(cortex):
        return lesions
    middle = np.median(cortex)
    least = middle + BRIGHTER * MAD_TO_SD * np.median(np.abs(cortex - middle))
    dark = ndimage.median(flair, shown, which) < least
    dark &= high(np.array(ndimage.center_of_mass(shown > 0, shown, which)))
    gone = np.zeros(len(voxels), bool)
    gone[which[dark]] = True
    return np.asarray(lesions & ~gone[shown])
