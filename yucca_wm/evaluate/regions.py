"""Overlap, surface agreement and volume error of each region of a label map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from yucca_wm.core.regions import RegionTable
from yucca_wm.evaluate.lesions import dice, distances_mm, outline

SURFACE_TOLERANCE_MM = 2.0
"""Surfaces closer than this agree: about the in-plane size of a voxel plus the doubt of a manual outline."""

ROUNDING_MM = 1e-3
"""Headers keep axes as 32-bit numbers: a distance of exactly the tolerance, as between neighbours on a grid of 1 or
2 mm, comes out larger or smaller by the way in which they are stored."""


@dataclass(frozen=True)
class RegionMeasures:
    """Measures of one region of one case; None where the region is in neither map (or, for the error, not in truth).

    surface_dice : share of the outline voxels of both maps that lie within the tolerance of the other's outline
        (after Nikolov et al., JMIR 23(7), 2021, on voxels).
    volume_error_percent : signed, (prediction - truth) / truth.
    """

    index: int
    name: str
    dice: float | None
    surface_dice: float | None
    volume_error_percent: float | None
    volume_pred_ml: float
    volume_true_ml: float


def region_measures(
    prediction: NDArray[Any],
    truth: NDArray[Any],
    affine: NDArray[np.float64],
    table: RegionTable,
    *,
    tolerance_mm: float = SURFACE_TOLERANCE_MM,
) -> list[RegionMeasures]:
    """Compare two region maps on one grid, region by region of ``table``, in its order."""
    if prediction.shape != truth.shape:
        raise ValueError(f"shapes differ: {prediction.shape} and {truth.shape}")
    highest = max(table.indices)
    boxes = [find_objects(np.asarray(labels, dtype=np.int32), max_label=highest) for labels in (prediction, truth)]
    voxel_ml = float(abs(np.linalg.det(affine[:3, :3]))) / 1000
    measures = []
    for region in table:
        found = [box[region.index - 1] for box in boxes if box[region.index - 1] is not None]
        if not found:
            measures.append(RegionMeasures(region.index, region.name, None, None, None, 0.0, 0.0))
            continue
        window = tuple(
            slice(max(0, min(box[axis].start for box in found) - 1), max(box[axis].stop for box in found) + 1)
            for axis in range(3)
        )
        predicted, true = prediction[window] == region.index, truth[window] == region.index
        n_predicted, n_true = int(predicted.sum()), int(true.sum())
        measures.append(
            RegionMeasures(
                region.index,
                region.name,
                dice(predicted, true),
                surface_dice(predicted, true, affine, tolerance_mm),
                100 * (n_predicted - n_true) / n_true if n_true else None,
                n_predicted * voxel_ml,
                n_true * voxel_ml,
            )
        )
    return measures


def surface_dice(
    first: NDArray[np.bool_], second: NDArray[np.bool_], affine: NDArray[np.float64], tolerance_mm: float
) -> float:
    """Share of both masks' outline voxels within ``tolerance_mm`` of the other's; 0 where one mask is empty."""
    there, back = distances_mm(outline(first), outline(second), affine)
    total, reach = len(there) + len(back), tolerance_mm + ROUNDING_MM
    return float(((there <= reach).sum() + (back <= reach).sum()) / total) if total else 1.0
