"""Anatomical rules for lesions: findings that cannot be lesions are rejected, each for an error seen on real scans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
"""Lesions entirely within this distance of a scan's lowest plane (below the tentorium) or highest plane (at the top of
the head) are rejected: cord, medulla and the crowns of gyri are bright there."""

LEAST_BORDER, BODY_MM3 = 0.25, 2000.0
"""At least this share of a lesion's in-plane border is tissue that lesions occur in, in components of 2 ml or more."""


def plausible_lesions(
    lesions: NDArray[np.bool_],
    tissue: NDArray[Any],
    brain: Brain,
    grid: Canonical,
    scans: Mapping[str, NDArray[np.float32]],
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
    scans : mapping of str to ndarray, float32, shape (x, y, z)
        Modality -> intensities, 0 outside the field of view. `brighter_than_cortex` needs a FLAIR.

    Returns
    -------
    ndarray, bool, shape (x, y, z)
        The lesion voxels that remain.
    """
    high = partial(at_the_top, brain, grid)
    labels = labelled(lesions)
    stays = plausible(labels, tissue, grid) & away_from_ends(labels, brain, grid, ends_of(scans), high)
    labels = np.where(stays[labels], labels, 0)
    return brighter_than_cortex(labels, scans["FLAIR"], tissue, high) if "FLAIR" in scans else labels > 0


def ends_of(scans: Mapping[str, NDArray[np.float32]]) -> list[tuple[int, int]]:
    """z of the lowest and highest plane that the FLAIR shows (if there is one), and that any scan shows."""
    shown = {name: np.flatnonzero((scan != 0).any((0, 1))) for name, scan in scans.items()}
    ends = {name: (int(planes[0]), int(planes[-1])) for name, planes in shown.items() if planes.size}
    lowest, highest = zip(*ends.values(), strict=True)
    return list(dict.fromkeys([*([ends["FLAIR"]] if "FLAIR" in ends else []), (min(lowest), max(highest))]))


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
    ends: Iterable[tuple[int, int]],
    high: Callable[[NDArray[np.float64]], NDArray[np.bool_]],
) -> NDArray[np.bool_]:
    """False for lesions that lie entirely within `EDGE_MM` of a scan's lowest plane and below the tentorium, or of its
    highest plane and at the top of the head.

    Parameters
    ----------
    labels : ndarray, int, shape (x, y, z)
        Lesion numbers from `labelled`.
    brain : Brain
        Output of the coarse network.
    grid : Canonical
        Grid of the scans.
    ends : iterable of (int, int)
        z of the lowest and highest plane of a scan. What lies beyond it is not judged by it.
    high : callable
        Whether each of the points [point, 3], in voxels, is at the top of the head.

    Returns
    -------
    ndarray, bool, shape (1 + lesions,)
        By lesion number; True for 0, the background.
    """
    planes = [box[2] for box in ndimage.find_objects(labels)]
    first, last = np.array([plane.start for plane in planes]), np.array([plane.stop - 1 for plane in planes])
    near = EDGE_MM / grid.spacing_mm[2] - ROUNDING
    at_bottom, at_top = np.zeros((2, len(planes)), bool)
    for lowest, highest in ends:
        at_bottom |= (first >= lowest) & (last - lowest < near)
        at_top |= (last <= highest) & (highest - first < near)
    stays = np.ones(1 + len(planes), bool)
    if len(bottom := 1 + np.flatnonzero(at_bottom)):
        voxels = np.nonzero(np.isin(labels, bottom))
        below = brain.at(grid, brain.remainder, voxels)[0].numpy()
        stays[bottom[ndimage.mean(below, labels[voxels], bottom) >= MOSTLY]] = False
    if len(top := 1 + np.flatnonzero(at_top)):
        stays[top[high(np.array(ndimage.center_of_mass(labels > 0, labels, top)))]] = False
    return stays


def brighter_than_cortex(
    labels: NDArray[Any],
    flair: NDArray[np.float32],
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
    tissue : ndarray, int, shape (x, y, z)
        Classes of `TISSUES`, lesions excluded.
    high : callable
        Whether each of the points [point, 3], in voxels, is at the top of the head.

    Returns
    -------
    ndarray, bool, shape (x, y, z)
        The lesion voxels that remain.
    """
    lesions, view = labels > 0, FieldOfView.of(flair).voxels()
    shown = np.where(view, labels, 0)
    voxels = np.bincount(shown.ravel())
    which = 1 + np.flatnonzero(voxels[1:])
    cortex = flair[(tissue == TISSUES["cortical_grey_matter"]) & ~lesions & view]
    if not len(which) or not len(cortex):
        return lesions
    middle = np.median(cortex)
    least = middle + BRIGHTER * MAD_TO_SD * np.median(np.abs(cortex - middle))
    dark = ndimage.median(flair, shown, which) < least
    dark &= high(np.array(ndimage.center_of_mass(shown > 0, shown, which)))
    gone = np.zeros(len(voxels), bool)
    gone[which[dark]] = True
    return np.asarray(lesions & ~gone[shown])
