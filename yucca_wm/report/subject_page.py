"""Make the HTML page of one subject from its results, with layers over the scan: lesions by region and by place,
regions, tissue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm import __version__
from yucca_wm.core.errors import InputError, YuccaWMError, count
from yucca_wm.core.regions import IN_REMAINDER, REMAINDER, REMAINDERS, RegionTable
from yucca_wm.core.tissue import tissues
from yucca_wm.imaging import images
from yucca_wm.imaging.grids import on_grid
from yucca_wm.imaging.images import Image
from yucca_wm.imaging.kinds import refuse_label_map
from yucca_wm.localize.inputs.pairs import Companions, Pair
from yucca_wm.localize.inputs.reading import read_maps
from yucca_wm.localize.maps import labelled_lesions, outside_label
from yucca_wm.localize.measures.lesions import Settings, counted_lesions
from yucca_wm.localize.measures.places import PLACES, SORTED, place_lesions
from yucca_wm.localize.terminal import SUMMARY, affected, load_shown
from yucca_wm.report.html import LEFT, Pictures, decimals, embedded, render, short, table_of
from yucca_wm.report.notes import SMALL, Notes
from yucca_wm.report.pictures.slices import to_ras
from yucca_wm.report.pictures.subject import OUTSIDE_COLOR, RegionLoad, draw_subject, region_colors, region_greys
from yucca_wm.report.pictures.viewer import Layer, slice_viewer
from yucca_wm.report.results import Results, Row, facts_of, value

FIRST = ("lesion", "main_region", "place", "volume_ml")
"""Columns of the census that come first on the page."""

OUTSIDE_NAME = "outside"

CAPTION = (
    "Lesions, outlined in the colour of their region, in the axial planes that show most of them, at least 10 mm apart "
    f"(without lesions: evenly through the brain), with their height in the scan's coordinates. {LEFT} "
    "Below, the load and the lesion volume of every region, and the volume outside all of them; the volumes add up to "
    "the total."
)
REST = f" Remainder: {IN_REMAINDER}."
"""Added if the table has the built-in remainders."""


def subject_layers(
    about: Mapping[str, Any],
    stated: dict[str, Any],
    table: RegionTable,
    colors: Mapping[str, str],
    background: Path | None = None,
) -> tuple[Image, list[Layer]]:
    """The scan and the layers over it, [x, y, z] in RAS order; lesions by region first.

    about, stated : the subject's entry and the settings in ``localize.json``; colors : region name -> colour of its
    lesions. Without ``background`` the region map in greys replaces the scan. Raises YuccaWMError if a map is missing.
    """
    settings = Settings.stated(stated)
    tissue_map = Path(about["tissue"]) if "tissue" in about else None
    pair = Pair("", Path(about["lesions"]), Path(about["regions"]), companions=Companions(tissue=tissue_map))
    maps = read_maps(pair, table, settings)
    lesions, regions, tissue = maps.lesions, maps.regions, maps.tissue
    if background is None:
        under = lesions.with_data(region_greys(regions.data))
    else:
        scan = images.load(background)
        refuse_label_map(scan)
        under = on_grid(scan, lesions, resample=True)
    names = {region.index: region.name for region in table}
    lesion_names = names | {outside_label(table): OUTSIDE_NAME}
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
    layers.append(_of_table("regions", regions, table, "region"))
    if tissue is not None:
        apart = np.where(labelled.data > 0, 0, tissue.data)  # below a lesion the map may show fluid
        layers.append(_of_table("tissue", tissue.with_data(apart), tissues(), "tissue"))
    return to_ras(under), layers


def _check_counts(
    labelled: NDArray[Any], names: Mapping[int, str], rows: Sequence[Row], about: Mapping[str, Any]
) -> None:
    """Raise InputError unless the maps still match the counts in the table."""
    shown = np.bincount(labelled.ravel(), minlength=max(names) + 1)
    counted = {row["name"]: int(row["lesion_voxels"]) for row in rows}
    if any(shown[label] != counted[name] for label, name in names.items() if name in counted):
        problem = "is not the map that the tables are of, or its region map is not"
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


def _of_table(title: str, labels: Image, table: RegionTable, says: str) -> Layer:
    names = {entry.index: entry.name for entry in table}
    return Layer(title, to_ras(labels).data, names, {entry.index: entry.color for entry in table}, says=says)


def subject_page(
    subject: str,
    results: Results,
    table: RegionTable,
    pictures: Pictures,
    background: Path | None = None,
    *,
    alone: bool = False,
) -> tuple[str, str]:
    """One subject's page, and the reason if it lacks a picture, else an empty string.

    background : scan (FLAIR) to show lesions on; None: the region map. alone : there is no page of a cohort.
    """
    rows, about = results.load[subject], results.summary["subjects"][subject]
    total = rows[-1]
    volumes = {row["name"]: value(row, "lesion_volume_ml") for row in rows[:-1]}
    colors = region_colors({name: ml for name, ml in volumes.items() if name != OUTSIDE_NAME})
    colors[OUTSIDE_NAME] = OUTSIDE_COLOR
    viewer = problem = ""
    try:
        under, layers = subject_layers(about, results.summary["settings"], table, colors, background)
        brightest = None if background else 3 * float(under.data.max(initial=1))
        loads = [
            RegionLoad(
                row["name"],
                0.0 if row["group"] == REMAINDER else value(row, "load_percent"),  # only a rim: no bar and no cross
                value(row, "lesion_volume_ml"),
                row["name"] != OUTSIDE_NAME,
            )
            for row in rows[:-1]  # the last is the total
        ]
        lesions_shown, names = layers[0].labelled, dict(layers[0].names)
        _check_counts(lesions_shown, names, rows, about)
        brain = (layers[-1].labelled > 0) | (lesions_shown > 0)  # tissue, or else regions
        figure = draw_subject(
            under, lesions_shown, names, loads, colors, title=subject, brightest=brightest, brain=brain
        )
        pictures.add(figure, subject, CAPTION + REST * any(row["name"] in REMAINDERS for row in rows))
        viewer = slice_viewer(under, layers, _centre_of_largest(results.lesions.get(subject, [])), brain)
    except YuccaWMError as error:
        problem = str(error)
    first, others = affected(rows)
    heads = [head for head in total if head != "subject"]
    lesions = results.lesions.get(subject, [])
    volume, number = decimals(value(total, "lesion_volume_ml")), count(total["n_lesions"], "lesion")
    notes = Notes.of({subject: results.notes.get(subject, [])})
    flags = list(about["flags"].values())
    unsure = [*flags, *(doubt for doubt in notes.doubts.get(subject, []) if doubt.about not in about["flags"])]
    if problem:
        unsure.append("no picture of the lesions" + ("" if results.anonymous else f": {problem}"))
    if background is None:
        unsure.append("no scan was given: lesions are shown on the region map")
    page = render(
        "subject.html",
        title=subject,
        alone=alone,
        version=__version__,
        summary=f"{volume} ml in {number}",
        facts=[
            *((modality, results.shown_path(file)) for modality, file in results.scans.get(subject, {}).items()),
            ("lesion map", results.shown_path(about["lesions"])),
            ("region map", results.shown_path(about["regions"])),
            *([("tissue map", results.shown_path(about["tissue"]))] if "tissue" in about else []),
            *([("regions by", results.regions_by[subject])] if subject in results.regions_by else []),
            ("shown on", results.shown_path(background) if background else "the region map"),
            *facts_of(results)[:1],
        ],
        flags=unsure,
        small=SMALL if subject in results.regions_by else "",
        done=notes.done.get(subject, []),
        pictures=pictures.shown,
        viewer=viewer,
        places=_place_rows(results, subject),
        sorted=SORTED,
        left=LEFT,
        outside=volumes.get(OUTSIDE_NAME, 0) > 0,
        alignment=embedded(results.alignments[subject]) if subject in results.alignments else "",
        affected=[
            {
                "name": row["name"].replace("_", " "),
                "volume": short(row["lesion_volume_ml"]),
                "percent": load_shown(row),
                "lesions": row["n_lesions"],
                "sum": row["name"] in SUMMARY,
            }
            for row in first
        ],
        others=others,
        load_heads=heads,
        load_rows=[
            {"sum": row["group"] in ("outside", "total"), "cells": [_cell(row, head) for head in heads]} for row in rows
        ],
        lesions=table_of("Lesions", [_first_things_first(row) for row in lesions]) if lesions else None,
        extra=[table_of(title, found) for title, by in results.extra.items() if (found := by.get(subject))],
    )
    return page, problem


def _cell(row: Row, column: str) -> str:
    """A value of the table of all regions; a remainder has no load, as in the short table."""
    return "" if column == "load_percent" and row["group"] == REMAINDER else short(row[column])


def _first_things_first(lesion: Row) -> Row:
    """A row of the census with the most important columns first."""
    return {column: lesion[column] for column in (*FIRST, *lesion) if column in lesion}


def _place_rows(results: Results, subject: str) -> list[dict[str, Any]]:
    """Lesions by place; empty without tissue maps."""
    titles = results.summary.get("places", {})
    return [
        {
            "title": titles.get(row["place"], row["place"]),
            "volume": short(row["lesion_volume_ml"]),
            "percent": short(row["share_percent"]),
            "lesions": row["n_lesions"],
            "sum": row["place"] not in titles,
        }
        for row in results.places.get(subject, [])
    ]


def _centre_of_largest(lesions: list[Row]) -> list[float] | None:
    """Centroid [x, y, z] of the first lesion in the census, the largest, in world mm; None without lesions."""
    return [value(lesions[0], f"centroid_{axis}_mm") for axis in "xyz"] if lesions else None
