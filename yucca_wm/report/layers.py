"""What is shown over a subject's scan: lesions by region and by place, regions, tissue."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from yucca_wm.core import images
from yucca_wm.core.grids import on_grid
from yucca_wm.core.images import Image
from yucca_wm.core.regions import RegionTable
from yucca_wm.core.tissue import tissues
from yucca_wm.localize.case import load_pair, load_tissue
from yucca_wm.localize.inputs import Companions, Pair
from yucca_wm.localize.lesions import Settings, counted_lesions
from yucca_wm.localize.maps import labelled_lesions, outside_label
from yucca_wm.localize.places import PLACES, place_lesions
from yucca_wm.report.figures import region_greys, to_ras
from yucca_wm.report.viewer import Layer

OUTSIDE_NAME = "outside"


def subject_layers(
    about: Mapping[str, Any],
    stated: dict[str, Any],
    table: RegionTable,
    colors: Mapping[str, str],
    background: Path | None = None,
) -> tuple[Image, list[Layer]]:
    """The scan and what lies over it, in RAS order; lesions by region first.

    about, stated : the subject's entry and the settings in ``localize.json``; colors : region name -> colour of its
    lesions. Without ``background`` the region map in greys is the scan. Raises YuccaWMError when a map has gone.
    """
    settings = Settings.stated(stated)
    tissue_map = Path(about["tissue"]) if "tissue" in about else None
    pair = Pair("", Path(about["lesions"]), Path(about["regions"]), companions=Companions(tissue=tissue_map))
    lesions, regions, _ = load_pair(pair, table, settings)
    if background is None:
        under = lesions.with_data(region_greys(regions.data))
    else:
        under = on_grid(images.load(background), lesions, resample=True)
    names = {region.index: region.name for region in table}
    lesion_names = names | {outside_label(table): OUTSIDE_NAME}
    layers = [
        Layer(
            "lesions by region",
            to_ras(labelled_lesions(lesions, regions, table, settings)).data,
            lesion_names,
            {label: colors[name] for label, name in lesion_names.items() if name in colors},
            sparse=True,
        )
    ]
    tissue = load_tissue(pair.companions, lesions, settings)
    if tissue is not None and "no_places" not in about["flags"]:
        layers += _places(lesions, tissue, settings)
    layers.append(_of_table("regions", regions, table, "region"))
    if tissue is not None:
        layers.append(_of_table("tissue", tissue, tissues(), "tissue"))
    return to_ras(under), layers


def _places(lesions: Image, tissue: Image, settings: Settings) -> list[Layer]:
    """Every lesion voxel with its place: 1 is the first of PLACES; nothing where no place can be told."""
    components = counted_lesions(lesions, settings)
    placed = place_lesions(components, tissue)
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


def _of_table(title: str, labels: Image, table: RegionTable, says: str) -> Layer:
    names = {entry.index: entry.name for entry in table}
    return Layer(title, to_ras(labels).data, names, {entry.index: entry.color for entry in table}, says=says)
