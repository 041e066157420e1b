"""Layers over the scan of one subject: lesions by region and by place, regions, tissue."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.regions import OUTSIDE, RegionTable
from yucca_wm.core.tissue import tissues
from yucca_wm.imaging.grids import to_ras
from yucca_wm.imaging.images import Image
from yucca_wm.localize.inputs.pairs import Companions, Pair
from yucca_wm.localize.inputs.reading import read_maps
from yucca_wm.localize.maps import labelled_lesions, outside_label
from yucca_wm.localize.measures.lesions import Settings, counted_lesions, intersect
from yucca_wm.localize.measures.load import census_order
from yucca_wm.localize.measures.places import PLACES, place_lesions
from yucca_wm.report.pictures.subject import region_greys
from yucca_wm.report.pictures.viewer import Layer
from yucca_wm.report.pictures.visits import NEW_COLOR
from yucca_wm.report.results import Row
from yucca_wm.report.scans import scan_under

NEW_LESIONS = "new lesions"


def subject_layers(
    about: Mapping[str, Any],
    stated: dict[str, Any],
    table: RegionTable,
    colors: Mapping[str, str],
    background: Path | None = None,
    new: Collection[int] = (),
) -> tuple[Image, list[Layer], bool]:
    """The scan and the layers over it, [x, y, z] in RAS order, lesions by region first; and whether the scan has
    another grid than the maps, so that headers alone lay it under them.

    about, stated : the subject's entry and the settings in ``localize.json``; colors : region name -> colour of its
    lesions. new : numbers of the lesions without one at the visit before, in a layer of their own. Without
    ``background`` the region map in greys replaces the scan. Raises YuccaWMError if a map is missing.
    """
    settings = Settings.stated(stated)
    tissue_map = Path(about["tissue"]) if "tissue" in about else None
    pair = Pair("", Path(about["lesions"]), Path(about["regions"]), companions=Companions(tissue=tissue_map))
    maps = read_maps(pair, table, settings)
    lesions, regions, tissue = maps.lesions, maps.regions, maps.tissue
    by_headers = False
    if background is None:
        under = lesions.with_data(region_greys(regions.data))
    else:
        under, by_headers = scan_under(background, lesions)
    names = {region.index: region.name for region in table}
    lesion_names = names | {outside_label(table): OUTSIDE}
    labelled = labelled_lesions(lesions, regions, table, settings)
    layers = [
        Layer(
            "lesions by region",
            to_ras(labelled).data,
            lesion_names,
            {label: colors[name] for label, name in lesion_names.items() if name in colors},
            sparse=True,
        )
    ]
    if tissue is not None:
        layers += _places(lesions, tissue, regions, table, settings)
    if new:
        layers.append(_new(lesions, regions, table, settings, new))
    layers.append(_of_table("regions", regions, table, "region"))
    if tissue is not None:
        apart = np.where(labelled.data > 0, 0, tissue.data)  # below a lesion the map may show fluid
        layers.append(_of_table("tissue", tissue.with_data(apart), tissues(), "tissue"))
    return to_ras(under), layers, by_headers


def check_counts(
    labelled: NDArray[Any], names: Mapping[int, str], rows: Sequence[Row], about: Mapping[str, Any]
) -> None:
    """Raise InputError unless the maps still match the counts in the table."""
    shown = np.bincount(labelled.ravel(), minlength=max(names) + 1)
    counted = {row["name"]: int(row["lesion_voxels"]) for row in rows}
    if any(shown[label] != counted[name] for label, name in names.items() if name in counted):
        problem = "is not the map that the tables were made from, or its region map has changed"
        raise InputError(about["lesions"], problem, "localize again, then write the pages")


def _places(lesions: Image, tissue: Image, regions: Image, table: RegionTable, settings: Settings) -> list[Layer]:
    """Layer with the place of every lesion voxel (1: first of PLACES); empty if the tissue map does not show places."""
    components = counted_lesions(lesions, settings)
    placed = place_lesions(components, tissue, regions.data, table)
    if placed is None:
        return []
    labelled = np.zeros(lesions.shape, np.uint8)
    labelled[tuple(components.voxels.T)] = placed.of_voxel + 1
    layer = Layer(
        "lesions by place",
        to_ras(lesions.with_data(labelled)).data,
        {number: place.title for number, place in enumerate(PLACES, start=1)},
        {number: place.color for number, place in enumerate(PLACES, start=1)},
        says="lesion",
        sparse=True,
    )
    return [layer]


def _new(lesions: Image, regions: Image, table: RegionTable, settings: Settings, numbers: Collection[int]) -> Layer:
    """Layer of the lesions with these ``numbers`` in the census, which are their labels."""
    components = counted_lesions(lesions, settings)
    order = census_order(components, intersect(components, regions.data, table.indices), lesions.affine)
    label = np.zeros(components.count, np.uint16)
    for number in numbers:
        label[order[number - 1]] = number
    labelled = np.zeros(lesions.shape, np.uint16)
    labelled[tuple(components.voxels.T)] = label[components.lesion]
    names = {number: f"new lesion {number}" for number in numbers}
    shown = to_ras(lesions.with_data(labelled)).data
    return Layer(NEW_LESIONS, shown, names, dict.fromkeys(names, NEW_COLOR), says="lesion", sparse=True)


def _of_table(title: str, labels: Image, table: RegionTable, says: str) -> Layer:
    names = {entry.index: entry.name for entry in table}
    return Layer(title, to_ras(labels).data, names, {entry.index: entry.color for entry in table}, says=says)
