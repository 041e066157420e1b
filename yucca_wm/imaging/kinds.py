"""Detection of an image's kind from its values (mask, regions or scan), to refuse a file given in the wrong place."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.regions import RegionTable
from yucca_wm.core.tissue import Tissue
from yucca_wm.imaging.images import Image, count_labels
from yucca_wm.imaging.labels import LESION, OTHER_PATHOLOGY
from yucca_wm.imaging.reading import spelled

MIN_VALUES = 12
"""A scan with fewer different values than this is a label map, or empty."""

MAX_EQUAL_NEIGHBOURS = 0.8
"""In label maps nearly all neighbours are equal; in scans few are."""

LEAST_EQUAL = 0.5
"""In a label map, even one of separate lesions or single gyri, a larger share of neighbours than this is equal. In
scans it is a few per cent; at most 0.7, in 8-bit scans with every voxel duplicated."""

AS_IF_NAMES = 1.0
"""Smallest mean difference of unequal neighbours in a parcellation, in standard deviations: its numbers are names. In
scans it is less than half of this."""

LEAST_REGIONS = 5
"""Fewer labels than this may be kinds of lesion, whatever the region table says."""


MOST_LESIONS_ML = 300.0
"""More white-matter lesion than this has not been reported in one brain."""


def labels_in(labels: Image) -> set[int]:
    """The labels of a map without the background."""
    return set(np.flatnonzero(count_labels(labels.data)).tolist()) - {0}


def is_mask(labels: Collection[int]) -> bool:
    """Whether a map with these labels is a mask: at most one label, or lesion and other pathology."""
    return len(labels) < 2 or set(labels) == {1, OTHER_PATHOLOGY}


def look_like_regions(labels: Collection[int], table: RegionTable) -> bool:
    """Whether a map with these labels holds most regions of ``table``, and nothing else."""
    enough = len(labels) >= LEAST_REGIONS and 2 * len(labels) > len(table)
    return enough and set(labels) <= set(table.indices)


def refuse_mask(labels: Collection[int], table: RegionTable, name: str) -> None:
    """Raise InputError for a map given as regions that holds nothing but the labels of a lesion map, unless the table
    has only a few regions."""
    if labels and set(labels) <= {LESION, OTHER_PATHOLOGY} and len(table) >= LEAST_REGIONS:
        held = " and ".join(map(str, sorted(labels)))
        problem = f"holds label {held} alone, of the {len(table)} regions in the table: it looks like a mask"
        remedy = f"give the region map; for a map of a single region, its table with {spelled('--names', 'names=')}"
        raise InputError(name, problem, remedy)


def refuse_tissue_map(labels: Collection[int], table: RegionTable, name: str) -> None:
    """Raise InputError for a map given as regions whose labels are all tissues and nothing else."""
    if set(labels) == set(Tissue) and set(table.indices) > set(labels):
        problem = f"has the labels of a tissue map ({min(Tissue):d} to {max(Tissue):d}), not those of regions"
        own = spelled("--names", "names=")
        raise InputError(name, problem, f"give the region map, or {own} if these are regions of your own")


def more_than_lesions(labels: Image) -> bool:
    """Whether a map covers more than the white-matter lesions of one brain can."""
    return bool(np.count_nonzero(labels.data) * labels.voxel_volume_mm3 > 1000 * MOST_LESIONS_ML)


def refuse_flat(image: Image) -> None:
    """Raise InputError for an image with an axis of one voxel, or with one value only."""
    if min(image.shape) < 2:
        raise InputError(image.name, f"has shape {image.shape}, a volume is needed")
    if image.data.min() == image.data.max():
        raise InputError(image.name, f"holds the value {image.data.flat[0]} only", "check that it is the right file")


def equal_neighbours(data: NDArray[Any], background: float = 0) -> float | None:
    """Share of equal values among neighbours along the first axis that are both not background; None if there are no
    such neighbours."""
    first, second = data[:-1], data[1:]
    foreground = (first != background) & (second != background)
    return float((first[foreground] == second[foreground]).mean()) if foreground.any() else None


def refuse_label_map(scan: Image) -> None:
    """Raise InputError if ``scan`` is in fact a label map."""
    if _is_label_map(scan.data):
        raise InputError(scan.name, "is a label map, not a scan", "give the T1 or FLAIR itself")


def _is_label_map(data: NDArray[Any]) -> bool:
    """Judge by the middle one of the three axes: slices may be thick, or duplicated."""
    values, counts = np.unique(data, return_counts=True)
    if values.size < MIN_VALUES:
        return True
    background = values[counts.argmax()]
    along = [equal_neighbours(np.moveaxis(data, axis, 0), background) or 0.0 for axis in range(3)]
    equal = sorted(along)[1]
    if equal > MAX_EQUAL_NEIGHBOURS:
        return True
    return equal > LEAST_EQUAL and _step_between_neighbours(data, background) > AS_IF_NAMES


def _step_between_neighbours(data: NDArray[Any], background: float) -> float:
    """Mean difference of unequal neighbours along the first axis, in standard deviations of what is not background."""
    first, second = data[:-1], data[1:]
    unequal = (first != background) & (second != background) & (first != second)
    if not unequal.any():
        return 0.0
    steps = np.abs(first[unequal].astype(np.float64) - second[unequal])
    return float(steps.mean() / data[data != background].std(dtype=np.float64))


def refuse_scan(labels: Image) -> None:
    """Raise InputError if ``labels`` is in fact a scan of whole numbers (or a map of percentages)."""
    if labels.data.max(initial=0) < MIN_VALUES or (values := len(labels_in(labels))) < MIN_VALUES:
        return
    equal = equal_neighbours(labels.data)
    if equal is not None and equal < LEAST_EQUAL:
        problem = (
            f"is a scan, or holds probabilities ({values} different values, most unlike those of their neighbours)"
        )
        raise InputError(labels.name, problem, "give a label map")
