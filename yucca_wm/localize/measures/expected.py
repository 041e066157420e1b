"""Compute the expected lesion volume of each region, and its uncertainty.

For every voxel v, two networks give the probability of a lesion, p(v), and of region r, q(v, r). If both are
independent at a voxel, the lesion volume of a region is a random variable with the mean

    sum over v of  voxel volume * p(v) * q(v, r)

whatever is assumed about the dependence between voxels. Its standard deviation depends on that, and softmaxes do not
show it, so both extremes are given; the truth lies between them:

- **independent** voxels: the variance is the sum of p q (1 - p q). Errors of voxels cancel out, so this is too small:
  networks err in patches, by shifting a border or missing a lesion.
- **correlated** as much as possible: all voxels of a map are cut at one level, drawn from 0 to 1. A lesion map cut at u
  and a region cut at w give one volume; the variance is over all u and w. No other dependence of voxels with the same p
  and q (lesion and region map independent of each other) has a larger variance.

Each variance is split by the law of total variance (the Hoeffding-Sobol decomposition; Sobol, Math. Comput. Simul. 55,
2001): **lesion** is the variance of the mean given the lesion map, Var(E[volume | lesion map]), which would remain if
regions were known up to their probabilities; **region** is Var(E[volume | region map]). The rest of the whole is their
interaction (a voxel that may be lesion and may be in the region).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.regions import OUTSIDE, TOTAL, RegionTable
from yucca_wm.ensemble.mean import Softmax, SoftmaxFiles
from yucca_wm.imaging.grids import on_grid
from yucca_wm.imaging.images import Image, decided
from yucca_wm.localize.measures.lesions import OUTSIDE_ID, Settings
from yucca_wm.localize.measures.load import TOTAL_ID

LEVELS = 256
"""Probabilities are binned in steps of 1/255 for the correlated case; means and the independent case are exact."""


@dataclass(frozen=True)
class LesionVoxels:
    """All voxels that may be lesion.

    index : [voxels, 3] array indices in the grid of ``outline``.
    probability : [voxels] lesion probability, above 0, up to 1.
    """

    index: NDArray[np.intp]
    probability: NDArray[np.float64]
    outline: Image

    @property
    def voxel_volume_mm3(self) -> float:
        return self.outline.voxel_volume_mm3


def lesion_voxels(softmax: Softmax, labels: Sequence[int]) -> LesionVoxels:
    """The voxels where the total probability of the classes ``labels`` is above 0.

    Raises InputError if the file has no such class, or is damaged.
    """
    if missing := [label for label in labels if label not in softmax.classes]:
        raise InputError(softmax.path, f"has no class {missing[0]}", "name its lesion classes with --lesion-labels")
    columns = [softmax.classes.index(label) for label in labels]
    places, probabilities = [], []
    for lo in range(0, softmax.grid.shape[0], softmax.planes_at_once):
        p = softmax.read(lo, min(lo + softmax.planes_at_once, softmax.grid.shape[0]))[columns].sum(axis=0)
        at = np.nonzero(p)
        places.append(np.stack(at, axis=1) + np.array((lo, 0, 0)))
        probabilities.append(np.minimum(p[at], 1))
    return LesionVoxels(np.concatenate(places), np.concatenate(probabilities), softmax.outline)


def region_slabs(
    lesions: LesionVoxels, softmax: Softmax, table: RegionTable, *, resample: bool = False
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Lesion probability [voxels] and region probabilities [1 + regions, voxels] (outside first), a few planes at once.

    Voxels not seen by any network, or beyond the region map, are outside. A voxel's region probabilities sum to 1.

    Raises InputError as `soft_rows`.
    """
    if unknown := sorted(set(softmax.classes) - {0, *table.indices}):
        raise InputError(softmax.path, f"has classes that are not in the table: {', '.join(map(str, unknown[:5]))}")
    if not resample:
        on_grid(softmax.outline, lesions.outline)
    to_regions = np.linalg.inv(softmax.grid.affine) @ decided(lesions.outline.affine)
    index = np.floor(lesions.index @ to_regions[:3, :3].T + to_regions[:3, 3] + 0.5).astype(np.intp)
    inside = ((index >= 0) & (index < softmax.grid.shape)).all(axis=1)
    beyond = lesions.probability[~inside]
    outside_only = np.zeros((len(table) + 1, len(beyond)))
    outside_only[0] = 1
    yield beyond, outside_only
    index, probability = index[inside], lesions.probability[inside]
    order = np.argsort(index[:, 0], kind="stable")
    index, probability = index[order], probability[order]
    column = {label: place for place, label in enumerate(softmax.classes)}
    step = softmax.planes_at_once
    for lo in range(0, softmax.grid.shape[0], step):
        hi = min(lo + step, softmax.grid.shape[0])
        here = slice(*np.searchsorted(index[:, 0], (lo, hi)))
        if here.start == here.stop:
            continue
        i, j, k = index[here].T
        q = softmax.read(lo, hi)[:, i - lo, j, k]
        regions = np.zeros((len(table) + 1, q.shape[1]))
        for place, label in enumerate(table.indices, start=1):
            if label in column:
                regions[place] = q[column[label]]
        regions[0] = np.maximum(1 - regions.sum(axis=0), 0)
        yield probability[here], regions


@dataclass(frozen=True, slots=True)
class Spread:
    """Standard deviations in ml: of the volume, and the contribution of each map alone."""

    whole: float
    lesion: float
    region: float


@dataclass(frozen=True, slots=True)
class SoftRow:
    """One row of ``lesion_load_soft.tsv``."""

    region_id: int
    name: str
    side: str
    group: str
    expected_ml: float
    independent: Spread
    correlated: Spread


def expected_rows(
    lesion_softmax: SoftmaxFiles, region_softmax: SoftmaxFiles, lesions: Image, table: RegionTable, settings: Settings
) -> list[SoftRow]:
    """`soft_rows` from softmax files. lesions : the map made from them, whose grid they must have.

    Raises InputError as `soft_rows`.
    """
    softmax = Softmax(lesion_softmax)
    if not settings.resample:
        on_grid(softmax.outline, lesions)
    voxels = lesion_voxels(softmax, settings.labels.among(softmax.classes))
    return soft_rows(voxels, Softmax(region_softmax), table, resample=settings.resample)


def soft_rows(lesions: LesionVoxels, regions: Softmax, table: RegionTable, *, resample: bool = False) -> list[SoftRow]:
    """A row for every region, outside and total, as in `yucca_wm.localize.measures.load.load_rows`.

    Regions and outside add up to the total.

    Every voxel counts with its probability: without a threshold there are no lesions, and no minimum size.

    Raises InputError if a softmax file is damaged, has classes that are not in the table, or is on another grid than
    the lesions' (with ``resample``, the nearest region voxel is used).
    """
    sums = _Sums(len(table) + 1)
    for lesion, region in region_slabs(lesions, regions, table, resample=resample):
        sums.add(lesion, region)
    ml = lesions.voxel_volume_mm3 / 1000
    rows = [
        SoftRow(region.index, region.name, str(region.side), region.group, *sums.of(place, ml))
        for place, region in enumerate(table, start=1)
    ]
    rows.append(SoftRow(OUTSIDE_ID, OUTSIDE, "none", OUTSIDE, *sums.of(0, ml)))
    total = _Sums(1)
    total.add(lesions.probability, np.ones((1, len(lesions.probability))))
    rows.append(SoftRow(TOTAL_ID, TOTAL, "none", TOTAL, *total.of(0, ml)))
    return rows


class _Sums:
    """Sums over voxels for each place: moments of the independent case, and a joint histogram of p and q."""

    def __init__(self, places: int) -> None:
        self.mean, self.variance, self.of_lesion, self.of_region = np.zeros((4, places))
        self.histogram = np.zeros((places, LEVELS * LEVELS))

    def add(self, p: NDArray[np.float64], q: NDArray[np.float64]) -> None:
        """Add voxels with lesion probabilities ``p`` [voxels] and region probabilities ``q`` [places, voxels]."""
        both = p * q
        self.mean += both.sum(axis=1)
        self.variance += (both * (1 - both)).sum(axis=1)
        self.of_lesion += (q**2 * (p * (1 - p))).sum(axis=1)
        self.of_region += (p**2 * (q * (1 - q))).sum(axis=1)
        p_level = np.rint(p * (LEVELS - 1)).astype(np.intp) * LEVELS
        for place, values in enumerate(q):
            at = np.flatnonzero(values)
            level = p_level[at] + np.rint(values[at] * (LEVELS - 1)).astype(np.intp)
            self.histogram[place] += np.bincount(level, minlength=LEVELS * LEVELS)

    def of(self, place: int, ml: float) -> tuple[float, Spread, Spread]:
        """Expected volume, and its spread in the independent and the correlated case, in ml."""
        variances = self.variance[place], self.of_lesion[place], self.of_region[place]
        independent = Spread(*(math.sqrt(value) * ml for value in variances))
        # voxels[u, w]: number of voxels above level u in the lesion map and above level w in the region map
        above = self.histogram[place].reshape(LEVELS, LEVELS)[::-1, ::-1].cumsum(axis=0).cumsum(axis=1)[::-1, ::-1]
        voxels = above[1:, 1:]
        spread = voxels.std(), voxels.mean(axis=1).std(), voxels.mean(axis=0).std()
        return float(self.mean[place]) * ml, independent, Spread(*(float(value) * ml for value in spread))
