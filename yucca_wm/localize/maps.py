"""Lesion maps labelled by region: which voxel was counted where."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from yucca_wm.core import images
from yucca_wm.core.images import Image
from yucca_wm.core.regions import RegionTable
from yucca_wm.localize.case import load_pair
from yucca_wm.localize.inputs import Maps
from yucca_wm.localize.lesions import Settings, counted_lesions


def outside_label(table: RegionTable) -> int:
    """Label of lesion voxels in no region: one more than the largest region label (37 for the built-in table)."""
    return max(table.indices) + 1


def labelled_lesions(lesions: Image, regions: Image, table: RegionTable, settings: Settings) -> Image:
    """Region label at every lesion voxel that the tables count, `outside_label` where no region is, 0 elsewhere."""
    components = counted_lesions(lesions, settings)
    outside = outside_label(table)
    labelled = np.zeros(lesions.shape, dtype=np.min_scalar_type(outside))
    at = tuple(components.voxels.T)
    labelled[at] = np.where(regions.data[at] == 0, outside, regions.data[at])
    return lesions.with_data(labelled)


def write_map(pair: Maps, table: RegionTable, settings: Settings, path: str | os.PathLike[str]) -> Path:
    """Write one subject's labelled lesions as NIfTI on the grid of its lesion map."""
    lesions, regions, _ = load_pair(pair, table, settings)
    return images.save(labelled_lesions(lesions, regions, table, settings), path)
