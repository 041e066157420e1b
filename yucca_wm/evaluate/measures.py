"""Measures of a segmentation: the WMH challenge's five for lesions; overlap, surfaces and volume error for regions.

The challenge: Kuijf et al., IEEE TMI 38(11), 2019. The conventions are those of the challenge's own evaluation script:
label 1 is white-matter hyperintensity; voxels whose true label is 2 (other pathology) are left out of prediction and
truth alike; Dice, volume difference and Hausdorff distance are taken over all voxels, recall and F1 over lesions.
Lesions are connected over faces, edges and corners (26-connectivity). The 95 % Hausdorff distance is the larger of the
two directed 95th percentiles of the distances, in mm, between the outline voxels of the two masks, where outlines are
drawn in the axial planes. If a mask is empty, a measure may be undefined; see `EMPTY`. One difference: a prediction's
label 2 is not counted as WMH (the challenge, whose entries had one label, counts every label).

Masks and label maps are arrays [i, j, k] on one grid; affines are 4x4, voxel index -> world mm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects

from yucca_wm.core.regions import RegionTable
from yucca_wm.imaging.labels import LESION, OTHER_PATHOLOGY, dice

MEASURED = """\
lesions are 26-connected, and a true lesion is found if one of its voxels is; F1 is of lesions; HD95 is the larger of
both 95th percentiles of distances between the outlines (drawn in axial planes, 8 neighbours), in mm"""
"""How lesions are counted, and what the Hausdorff distance is."""

EMPTY = """\
both empty: Dice, recall, F1 are 1, volume difference 0 %, Hausdorff distance 0 mm;
only the prediction empty: Dice, recall, F1 are 0, volume difference 100 %, Hausdorff distance undefined (n/a);
only the truth empty: Dice and F1 are 0, recall 1, volume difference and Hausdorff distance undefined (n/a)."""
"""Conventions for empty masks; undefined values are None (``n/a`` in tables) and left out of means."""


@dataclass(frozen=True)
class LesionMeasures:
    """Measures of one case; None where undefined (see `EMPTY`).

    volume_left_out_ml : volume (mL) of the true label ``ignore``, where neither map counts.
    """

    dice: float
    hausdorff95_mm: float | None
    volume_difference_percent: float | None
    lesion_recall: float
    lesion_f1: float
    volume_pred_ml: float
    volume_true_ml: float
    lesions_pred: int
    lesions_true: int
    volume_left_out_ml: float = 0.0


def lesion_measures(
    prediction: NDArray[Any], truth: NDArray[Any], affine: NDArray[np.float64], *, ignore: int | None = OTHER_PATHOLOGY
) -> LesionMeasures:
    """Compare two lesion maps on one grid.

    prediction, truth : labels [i, j, k]; `LESION` counts, every other label is background.
    affine : 4x4, voxel index -> world mm, for volumes (mL) and distances (mm).
    ignore : true label of voxels that are left out (None: none).

    Raises ValueError if the shapes differ.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"shapes differ: {prediction.shape} and {truth.shape}")
    counted = np.ones(truth.shape, bool) if ignore is None else truth != ignore
    predicted, true = (prediction == LESION) & counted, truth == LESION
    n_predicted, n_true = int(predicted.sum()), int(true.sum())
    voxel_ml = float(abs(np.linalg.det(affine[:3, :3]))) / 1000
    recall, f1, lesions_predicted, lesions_true = lesion_detection(predicted, true)
    return LesionMeasures(
        dice=dice(predicted, true),
        hausdorff95_mm=hausdorff95_mm(predicted, true, affine),
        volume_difference_percent=_volume_difference_percent(n_predicted, n_true),
        lesion_recall=recall,
        lesion_f1=f1,
        volume_pred_ml=n_predicted * voxel_ml,
        volume_true_ml=n_true * voxel_ml,
        lesions_pred=lesions_predicted,
        lesions_true=lesions_true,
        volume_left_out_ml=int(np.count_nonzero(~counted)) * voxel_ml,
    )


def hausdorff95_mm(first: NDArray[np.bool_], second: NDArray[np.bool_], affine: NDArray[np.float64]) -> float | None:
    """Larger of the two directed 95th percentiles of distances (mm) between outline voxels of two masks [i, j, k].

    0 if both masks are empty, None if only one is. If a mask fills its planes and so has no outline, all its voxels
    count. Distances are Euclidean in world space (``affine``: 4x4, voxel index -> mm), so oblique and anisotropic grids
    are right.
    """
    if not first.any() or not second.any():
        return None if first.any() or second.any() else 0.0
    axis = axial_axis(affine)
    there, back = distances_mm(_edge(first, axis), _edge(second, axis), affine)
    return float(max(np.percentile(there, 95), np.percentile(back, 95)))


def axial_axis(affine: NDArray[np.float64]) -> int:
    """Array axis (0, 1 or 2) closest to head-foot, the slice axis of the challenge's images; ``affine`` is 4x4."""
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return int(np.abs(directions[2]).argmax())


def outline(mask: NDArray[np.bool_], plane_axis: int | None = None) -> NDArray[np.bool_]:
    """Voxels of ``mask`` [i, j, k] with a neighbour (over face, edge or corner) outside it, as a mask of the same
    shape.

    plane_axis : consider only neighbours in the planes across this axis (default: all 26). Voxels beyond the image
    count as inside.
    """
    from scipy.ndimage import binary_erosion

    structure = np.ones([1 if axis == plane_axis else 3 for axis in range(3)], bool)
    return mask & ~binary_erosion(mask, structure, border_value=1)


def _edge(mask: NDArray[np.bool_], plane_axis: int | None = None) -> NDArray[np.bool_]:
    """The `outline`, or all voxels if there is none because the mask fills the image or its planes."""
    found = outline(mask, plane_axis)
    return found if found.any() else mask


def distances_mm(
    first: NDArray[np.bool_], second: NDArray[np.bool_], affine: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances (mm) from each voxel of one mask [i, j, k] to the nearest of the other, both ways, [voxels of the
    mask].

    affine : 4x4, voxel index -> world mm. Distances to an empty mask are infinite.
    """
    from scipy.spatial import cKDTree

    points = [np.argwhere(mask) @ affine[:3, :3].T for mask in (first, second)]
    if not len(points[0]) or not len(points[1]):
        return np.full(len(points[0]), np.inf), np.full(len(points[1]), np.inf)
    return cKDTree(points[1]).query(points[0])[0], cKDTree(points[0]).query(points[1])[0]


def lesion_detection(predicted: NDArray[np.bool_], true: NDArray[np.bool_]) -> tuple[float, float, int, int]:
    """Recall, F1 over lesions (26-connected), number of predicted lesions, number of true lesions; masks [i, j, k].

    A true lesion is found, and a predicted lesion is correct, if it shares at least one voxel with the other mask.
    """
    import cc3d

    true_lesions, n_true = cc3d.connected_components(true, connectivity=26, return_N=True)
    predicted_lesions, n_predicted = cc3d.connected_components(predicted, connectivity=26, return_N=True)
    found = np.count_nonzero(np.unique(true_lesions[predicted]))
    right = np.count_nonzero(np.unique(predicted_lesions[true]))
    recall = found / n_true if n_true else 1.0
    precision = right / n_predicted if n_predicted else 1.0
    f1 = 2 * recall * precision / (recall + precision) if recall + precision else 0.0
    return recall, f1, n_predicted, n_true


def _volume_difference_percent(predicted: int, true: int) -> float | None:
    if true == 0:
        return 0.0 if predicted == 0 else None
    return 100 * abs(predicted - true) / true


SURFACE_TOLERANCE_MM = 2.0
"""Surfaces closer than this agree: about the in-plane size of a voxel plus the uncertainty of a manual outline."""

ROUNDING_MM = 1e-3
"""Headers store axes as 32-bit numbers, so that a distance of exactly the tolerance, as between neighbours on a grid of
1 or 2 mm, comes out slightly larger or smaller depending on how they are stored."""


@dataclass(frozen=True)
class RegionMeasures:
    """Measures of one region of one case; None if the region is in neither map (for the error: not in the truth).

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
) -> list[RegionMeasures]:
    """Compare two region maps on one grid, region by region of ``table``, in its order.

    prediction, truth : labels [i, j, k]. affine : 4x4, voxel index -> world mm.

    Raises ValueError if the shapes differ.
    """
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
                surface_dice(predicted, true, affine, SURFACE_TOLERANCE_MM),
                100 * (n_predicted - n_true) / n_true if n_true else None,
                n_predicted * voxel_ml,
                n_true * voxel_ml,
            )
        )
    return measures


def surface_dice(
    first: NDArray[np.bool_], second: NDArray[np.bool_], affine: NDArray[np.float64], tolerance_mm: float
) -> float:
    """Share (0..1) of both masks' outline voxels within ``tolerance_mm`` of the other's outline; 0 if one mask is
    empty.

    first, second : masks [i, j, k]; if one fills the image, all its voxels count, as in `hausdorff95_mm`.
    affine : 4x4, voxel index -> world mm. 1 if both masks are empty.
    """
    there, back = distances_mm(_edge(first), _edge(second), affine)
    total, reach = len(there) + len(back), tolerance_mm + ROUNDING_MM
    return float(((there <= reach).sum() + (back <= reach).sum()) / total) if total else 1.0
