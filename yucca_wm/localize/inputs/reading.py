"""Read one subject's maps, check them, and bring them to the grid of the lesion map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from yucca_wm.cohort.region_record import check_names
from yucca_wm.core.errors import InputError, UnknownLabelsError, some_of
from yucca_wm.core.predictions import recorded_names
from yucca_wm.core.regions import RegionTable
from yucca_wm.core.tissue import tissues
from yucca_wm.imaging import images
from yucca_wm.imaging.grids import Window, on_grid, widened
from yucca_wm.imaging.images import Image, Source, name_of
from yucca_wm.imaging.kinds import is_mask, labels_in, look_like_regions, refuse_mask, refuse_tissue_map
from yucca_wm.imaging.reading import spelled
from yucca_wm.localize.inputs.pairs import Maps, Modality
from yucca_wm.localize.measures.lesions import Settings

TWO_MAPS = "give the lesions on one side and the regions on the other"


@dataclass(frozen=True)
class LabelMaps:
    """Label maps [i, j, k] of one subject in memory, all on one grid; None for missing ones.

    The grid is the lesion map's, extended to the fields of view of the others: a lesion map cropped to a slab must not
    limit region volumes or distances to the ventricles. own : the window of it that the lesion map covers.
    region_map : the regions on their own grid.
    """

    lesions: Image
    regions: Image
    own: Window
    region_map: Image
    ventricles: Image | None = None
    tissue: Image | None = None

    def cut(self, image: Image) -> Image:
        """``image`` [i, j, k], on this grid, cropped to the grid of the lesion map."""
        start = np.array([side.start for side in self.own])
        affine = image.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ start
        return replace(image, data=image.data[self.own], affine=affine)


def read_maps(maps: Maps, table: RegionTable, settings: Settings) -> LabelMaps:
    """Read one subject's maps, unless they are in memory.

    Parameters
    ----------
    maps : Maps
        Files or images in memory.
    table : RegionTable
        Regions that the region map may contain.
    settings : Settings
        Labels of the lesion map, and whether other grids are resampled.

    Returns
    -------
    LabelMaps
        Label maps on one grid.

    Raises
    ------
    InputError
        Unreadable files, labels that are not in the table (regions, tissue) or not in the settings (lesions), grids
        that differ, or one map given twice.
    """
    lesions = _load_lesions(maps, table, settings)
    tissue_map = maps.companions.tissue
    others = {
        "regions": _load_regions(maps.regions, table),
        "ventricles": None if maps.ventricles is None else images.load_labels(maps.ventricles),
        "tissue": None if tissue_map is None else images.load_labels(tissue_map, {0, *tissues().indices}),
    }
    given = {what: image for what, image in others.items() if image is not None}
    held = labels_in(given["regions"])
    refuse_tissue_map(held, table, name_of(maps.regions))
    wide, own = widened(lesions, given.values() if settings.resample else [])
    placed = {what: on_grid(image, wide, resample=settings.resample) for what, image in given.items()}
    if lesions.data.any() and np.array_equal(wide.data, placed["regions"].data):
        problem = f"holds the same voxels as the region map {name_of(maps.regions)}"
        raise InputError(name_of(maps.lesions), problem, TWO_MAPS)
    refuse_mask(held, table, name_of(maps.regions))
    check_names(maps.regions, given["regions"], held, table)
    return LabelMaps(wide, placed["regions"], own, given["regions"], placed.get("ventricles"), placed.get("tissue"))


def _load_regions(source: Source, table: RegionTable) -> Image:
    try:
        return images.load_labels(source, {0, *table.indices})
    except UnknownLabelsError as error:
        remedy = f"check that it is the right file, or name its labels with {spelled('--names', 'names=')}"
        raise InputError(error.path, error.problem, remedy) from None


def _load_lesions(maps: Maps, table: RegionTable, settings: Settings) -> Image:
    try:
        lesions = settings.labels.load(maps.lesions)
    except InputError:
        _check_not_exchanged(maps, table)
        raise
    if look_like_regions(labels_in(lesions), table):
        _check_not_exchanged(maps, table)
    return lesions


def _check_not_exchanged(pair: Maps, table: RegionTable) -> None:
    """Raise InputError if the lesion map holds the table's regions and the region map is a mask."""
    try:
        lesions, regions = (labels_in(images.load_labels(source)) for source in (pair.lesions, pair.regions))
    except InputError:
        return
    if look_like_regions(lesions, table) and is_mask(regions):
        problem = (
            f"is given as the lesion map and holds labels of regions ({some_of(sorted(lesions))}), "
            f"{name_of(pair.regions)}, given as the region map, is a mask: are lesions and regions exchanged?"
        )
        raise InputError(name_of(pair.lesions), problem, TWO_MAPS)


def load_modality(modality: Modality, regions: Image, table: RegionTable, settings: Settings) -> tuple[Image, Image]:
    """Lesions of one modality, and its own regions, else ``regions`` of the ensemble, on their grid [i, j, k]."""
    labels = settings.labels
    if labels.threshold is not None and isinstance(modality.lesions, Path) and modality.lesions.suffix == ".npz":
        problem = "is a softmax file, whose most probable labels would count whatever the threshold"
        raise InputError(modality.lesions, problem, "give the probability map, or leave out the threshold")
    lesions = _load_map(modality.lesions, labels.load, labels.known)
    if modality.regions is not None:
        regions = _load_map(modality.regions, partial(_load_regions, table=table), {0, *table.indices})
        check_names(modality.regions, regions, labels_in(regions), table)
    return lesions, on_grid(regions, lesions, resample=settings.resample)


def _load_map(path: Source, read: Callable[[Source], Image], allowed: set[int] | None) -> Image:
    """Result of ``read`` for a file or an image in memory, or the most probable labels of a softmax file (``.npz``).

    allowed : labels allowed in a softmax file; None: any.

    Raises InputError as ``read``, and for labels of a softmax file that are not allowed.
    """
    if isinstance(path, Image) or path.suffix != ".npz":
        return read(path)
    from yucca_wm.ensemble.folders import open_probabilities
    from yucca_wm.ensemble.merge import merge

    softmax = open_probabilities(path)
    merged = merge([softmax])
    found = set(np.unique(merged.labels).tolist())
    if allowed is not None and (unknown := sorted(found - allowed)):
        raise InputError(path, f"gives labels that are not in the table: {', '.join(map(str, unknown[:5]))}")
    header = images.as_nifti(merged.grid.image(merged.labels), recorded_names(getattr(softmax, "about", {}))).header
    return Image(merged.labels, merged.grid.affine, path, header)
