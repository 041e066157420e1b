"""Merge the JHU Type-II labels into the 34 white-matter regions and two remainders."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.images import Image, load_labels, save
from yucca_wm.core.regions import RegionTable, regions


def refine(labels: Image, table: RegionTable | None = None) -> Image:
    """Every JHU label replaced by the region it belongs to; same grid.

    table : regions with their ``jhu_ids``; the built-in one by default.

    Raises InputError for a label that belongs to no region.
    """
    lookup = _lookup(table or regions())
    present = np.flatnonzero(np.bincount(labels.data.ravel()))
    strange = [int(label) for label in present if label and (label >= lookup.size or lookup[label] == 0)]
    if strange:
        raise InputError(
            labels.name, f"holds labels that belong to no region: {', '.join(map(str, strange[:5]))}",
            "this is not the JHU-MNI Type-II parcellation",
        )  # fmt: skip
    return replace(labels, data=lookup[labels.data])


def refine_file(
    labels: str | os.PathLike[str],
    out: str | os.PathLike[str],
    table: RegionTable | None = None,
    wm: str | os.PathLike[str] | None = None,
) -> Path:
    """`refine` from file to file; with ``wm``, only where that map is not zero."""
    image = load_labels(labels)
    if table is None and int(image.data.max(initial=0)) <= max(regions().indices):
        raise InputError(labels, "has no label above 36: it is merged already, or not JHU-MNI Type-II")
    refined = refine(image, table)
    if wm is not None:
        from yucca_wm.core.images import check_same_grid, load

        mask = load(wm)
        check_same_grid(refined, mask)
        refined = replace(refined, data=np.where(mask.data != 0, refined.data, 0).astype(refined.data.dtype))
    return save(refined, out)


def _lookup(table: RegionTable) -> NDArray[Any]:
    """Array [JHU label] -> region, 0 where there is none."""
    members = [(label, region.index) for region in table for label in region.jhu_ids]
    lookup = np.zeros(max((label for label, _ in members), default=0) + 1, np.min_scalar_type(max(table.indices)))
    for label, index in members:
        lookup[label] = index
    return lookup
