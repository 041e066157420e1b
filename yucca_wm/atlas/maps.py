"""Atlas maps: JHU labels merged into regions; white matter and labels on one grid for registration."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.files import sha256
from yucca_wm.core.regions import RegionTable, read_table, region_table, regions
from yucca_wm.imaging.images import Image, check_same_grid, load, load_labels, save
from yucca_wm.imaging.kinds import labels_in, refuse_mask
from yucca_wm.imaging.reading import spelled

if TYPE_CHECKING:
    from yucca_wm.core.tsv import TableInput


DSEG = "regions_dseg.tsv"
"""Label table (BIDS) that is written beside a refined atlas."""


@dataclass(frozen=True)
class Atlas:
    """wm : mask [i, j, k] (uint8, 0 or 1); labels : label map on the same grid; digests : file name -> sha256."""

    wm: Image
    labels: Image
    table: RegionTable
    digests: dict[str, str]


def load_atlas(
    wm: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    names: TableInput | None = None,
    wm_labels: tuple[int, ...] | None = None,
) -> Atlas:
    """Read an atlas.

    wm : a mask, a probability map (0.5 and above), or the label map with everything but white matter removed.
    labels : label map. names : region table; the built-in regions by default.
    wm_labels : values of ``wm`` that are white matter (for a tissue map).

    Raises InputError as `load`, for grids that differ, labels outside the table, an atlas without half of the
    built-in regions and without a table of its own, or no white matter.
    """
    table = region_table(names)
    label_map = _load_known(labels, table)
    refuse_mask(labels_in(label_map), table, label_map.name)
    if names is None:
        check_label_table(Path(labels))
        absent = set(table.white_matter.indices) - labels_in(label_map)
        if 2 * len(absent) >= len(table.white_matter):
            problem = f"lacks {len(absent)} of the {len(table.white_matter)} regions of the built-in table"
            raise InputError(labels, problem, f"give its own table with {spelled('--names', 'names=')}")
    mask = _white_matter(load(wm), label_map, wm_labels)
    check_same_grid(label_map, mask)
    return Atlas(mask, label_map, table, {Path(path).name: sha256(path) for path in (wm, labels)})


def check_label_table(labels: Path) -> None:
    """Raise InputError if the label table that ``atlas refine`` wrote beside an atlas has not the built-in names."""
    beside, names = labels.with_name(DSEG), regions().names
    own = read_table(beside).names if beside.is_file() else {}
    if other := [label for label, name in names.items() if own.get(label, name) != name]:
        problem = f"calls label {other[0]} {own[other[0]]} in {DSEG}, the built-in table {names[other[0]]}"
        raise InputError(labels, problem, f"give its own table with {spelled('--names', 'names=')}")


def _load_known(path: str | os.PathLike[str], table: RegionTable) -> Image:
    image = load_labels(path)
    present = np.flatnonzero(np.bincount(image.data.ravel()))
    if present.max() == 0:
        raise InputError(path, "holds no label: every voxel is 0")
    unknown = [int(label) for label in present if label and label not in table.indices]
    if unknown:
        shown = some_of(unknown)
        own = f"give your own table with {spelled('--names', 'names=')}"
        remedy = f"merge JHU Type-II labels with 'python -m yucca_wm.atlas refine', or {own}"
        raise InputError(path, f"holds labels that are not in the table of regions: {shown}", remedy)
    return image


def _white_matter(image: Image, labels: Image, chosen: tuple[int, ...] | None) -> Image:
    data = image.data
    if chosen is not None:
        mask = np.isin(data, chosen)
    elif data.dtype.kind == "f" and (data != np.rint(data)).any():
        mask = data >= 0.5
    else:
        mask = data != 0
        several = mask.any() and bool((data[mask] != data[mask][0]).any())
        if several and not (data.shape == labels.data.shape and np.mean(data[mask] == labels.data[mask]) > 0.99):
            problem = "holds several values that are not the labels of its voxels: which of them is white matter?"
            raise InputError(image.name, problem, spelled("name them with --atlas-wm-labels", "give a mask"))
    if not mask.any():
        raise InputError(image.name, "holds no white matter")
    return Image(mask.astype(np.uint8), image.affine, image.path, image.header)


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
            labels.name, f"holds labels that belong to no region: {some_of(strange)}",
            "give the JHU-MNI Type-II parcellation, or name these labels in jhu_ids of a table of your own",
        )  # fmt: skip
    return replace(labels, data=lookup[labels.data])


def refine_file(
    labels: str | os.PathLike[str],
    out: str | os.PathLike[str],
    table: RegionTable | None = None,
    wm: str | os.PathLike[str] | None = None,
) -> Path:
    """Run `refine` from file to file; with ``wm``, only where that map is not zero."""
    image = load_labels(labels)
    if table is None and int(image.data.max(initial=0)) <= max(regions().indices):
        raise InputError(
            labels, f"has no label above {max(regions().indices)}: it is merged already, or not JHU-MNI Type-II"
        )
    refined = refine(image, table)
    if wm is not None:
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
