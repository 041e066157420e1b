"""Where the lesions and the regions of one subject are, to compare two visits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from yucca_wm.core.regions import RegionTable
from yucca_wm.imaging.images import Image
from yucca_wm.localize.measures.lesions import Components, Intersection

SAMPLES = 256
"""Grids with at least twice as many voxels along an axis are thinned along it to measure the centres of regions."""


@dataclass(frozen=True)
class Centres:
    """Centres of regions, in large grids measured on a part of their voxels.

    voxels : int [labels]. mm : float [labels, 3], mean of their positions in world mm; NaN for labels without a voxel.
    """

    voxels: NDArray[np.intp]
    mm: NDArray[np.float64]


@dataclass(frozen=True)
class Positions:
    """Lesions and regions of one subject.

    voxels : int [n, 3], array indices of the lesion voxels. affine : [4, 4], these -> world mm (RAS+). shape : int [3],
    of the grid. lesion : int [n], number of each voxel's lesion in ``lesions.tsv``, from 1. row : int [n], row of its
    region, or outside, in ``lesion_load.tsv``, from 0. region_mm : float [r, 3], mean of the voxel centres of every
    white-matter region of the table; NaN where it has no voxel. region_ml : [r], their volumes.
    """

    voxels: NDArray[np.intp]
    affine: NDArray[np.float64]
    shape: NDArray[np.intp]
    lesion: NDArray[np.intp]
    row: NDArray[np.intp]
    region_mm: NDArray[np.float64]
    region_ml: NDArray[np.float64]

    @property
    def lesion_mm(self) -> NDArray[np.float64]:
        """[n, 3] centres of the lesion voxels in world mm."""
        return apply_affine(self.affine, self.voxels)

    def shows(self, points_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
        """[n] whether points in world mm [n, 3] lie within the grid."""
        at = apply_affine(np.linalg.inv(self.affine), points_mm)
        return np.asarray(((at > -0.5) & (at < self.shape - 0.5)).all(axis=1))

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel."""
        return float(abs(np.linalg.det(self.affine[:3, :3])) / 1000)


def positions_of(
    components: Components,
    counts: Intersection,
    order: NDArray[np.intp],
    centres: Centres,
    regions: Image,
    table: RegionTable,
) -> Positions:
    """Positions of one subject.

    counts : of the ``components``. order : [lesions] components in the order of the census. regions : label map
    [i, j, k] on their grid.
    """
    row = np.zeros(max(table.indices) + 1, dtype=np.intp)
    row[counts.places] = np.roll(np.arange(len(counts.places)), 1)  # outside, the first place, is the last row
    measured = list(table.measured.indices)
    number = np.empty_like(order)
    number[order] = np.arange(1, len(order) + 1)
    return Positions(
        voxels=components.voxels,
        affine=regions.affine,
        shape=np.array(regions.shape),
        lesion=number[components.lesion],
        row=row[regions.data[tuple(components.voxels.T)]],
        region_mm=centres.mm[measured],
        region_ml=regions.voxel_volume_ml * counts.region_voxels[np.isin(counts.places, measured)].astype(float),
    )


def region_centres(regions: Image, table: RegionTable) -> Centres:
    """Where the regions of a label map [i, j, k] are."""
    size = max(table.indices) + 1
    steps = tuple(max(1, length // SAMPLES) for length in regions.shape)
    thinned = regions.data[tuple(slice(None, None, step) for step in steps)]
    at = np.nonzero(thinned)
    labels = thinned[at].astype(np.intp)
    number = np.bincount(labels, minlength=size)[:size]
    sums = np.stack([np.bincount(labels, along, minlength=size)[:size] for along in at], axis=1)
    with np.errstate(invalid="ignore"):
        centres = sums * steps / number[:, None]
    return Centres(number, apply_affine(regions.affine, centres))
