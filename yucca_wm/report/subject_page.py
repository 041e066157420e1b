"""The page of one subject, from its results to HTML."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yucca_wm import __version__, images
from yucca_wm.errors import YuccaWMError
from yucca_wm.grids import on_grid
from yucca_wm.images import Image
from yucca_wm.localize.case import load_pair
from yucca_wm.localize.maps import labelled_lesions, outside_label
from yucca_wm.localize.pairs import Pair
from yucca_wm.localize.settings import Settings
from yucca_wm.regions import RegionTable
from yucca_wm.report import figures
from yucca_wm.report.html import count, decimals, render, short, table_of
from yucca_wm.report.pictures import Pictures
from yucca_wm.report.results import Results, Row, facts_of, is_region, value
from yucca_wm.report.viewer import slice_viewer

OUTSIDE_NAME = "outside"


def subject_page(
    subject: str, results: Results, table: RegionTable, pictures: Pictures, background: Path | None = None
) -> tuple[str, str]:
    """One subject's page, and why it lacks a picture, if it does.

    background : an image (FLAIR) to show lesions on; the region map without one.
    """
    rows, about = results.load[subject], results.summary["subjects"][subject]
    total = rows[-1]
    volumes = {row["name"]: value(row, "lesion_volume_ml") for row in rows[:-1]}
    colors = figures.region_colors({name: ml for name, ml in volumes.items() if name != OUTSIDE_NAME})
    colors[OUTSIDE_NAME] = figures.OUTSIDE_COLOR
    viewer = problem = ""
    try:
        under, labelled, names = _labelled(about, results.summary["settings"], table, background)
        brightest = None if background else 3 * float(under.data.max(initial=1))
        loads = [
            figures.RegionLoad(row["name"], value(row, "load_percent"), value(row, "lesion_volume_ml"))
            for row in rows
            if is_region(row)
        ]
        figure = figures.draw_subject(under, labelled, names, loads, colors, title=subject, brightest=brightest)
        pictures.add(figure, subject, "Lesions by region, and the load of every region.")
        of_labels = {label: colors.get(name, figures.OTHER) for label, name in names.items()}
        viewer = slice_viewer(under, labelled, of_labels, _centre_of_largest(results.lesions.get(subject, [])))
    except YuccaWMError as error:
        problem = str(error)
    heads = [head for head in total if head != "subject"]
    lesions = results.lesions.get(subject, [])
    volume, number = decimals(value(total, "lesion_volume_ml")), count(total["n_lesions"], "lesion")
    unseen = "no picture of the lesions" + ("" if results.anonymous else f": {problem}")
    page = render(
        "subject.html",
        title=subject,
        version=__version__,
        facts=[
            ("lesion volume", f"{volume} ml in {number}"),
            ("lesion map", results.place(about["lesions"])),
            ("region map", results.place(about["regions"])),
            ("shown on", results.place(background) if background else "the region map"),
            *facts_of(results)[:1],
        ],
        flags=[*about["flags"].values(), *([unseen] if problem else [])],
        pictures=pictures.shown,
        viewer=viewer,
        load_heads=heads,
        load_rows=[
            {"sum": row["group"] in ("outside", "total"), "cells": [short(row[head]) for head in heads]} for row in rows
        ],
        lesions=table_of("Lesions", lesions) if lesions else None,
        extra=[table_of(title, found) for title, by in results.extra.items() if (found := by.get(subject))],
    )
    return page, problem


def _centre_of_largest(lesions: list[Row]) -> list[float] | None:
    """World mm; the census begins with the largest lesion."""
    return [value(lesions[0], f"centroid_{axis}_mm") for axis in "xyz"] if lesions else None


def _labelled(
    about: dict[str, Any], stated: dict[str, Any], table: RegionTable, background: Path | None
) -> tuple[Image, Any, dict[int, str]]:
    """Background and lesion voxels labelled by region, in RAS order, and label -> name."""
    settings = Settings.stated(stated)
    pair = Pair("", Path(about["lesions"]), Path(about["regions"]))
    lesions, regions, _ = load_pair(pair, table, settings)
    labelled = labelled_lesions(lesions, regions, table, settings)
    if background is None:
        under = lesions.with_data(figures.region_greys(regions.data))
    else:
        under = on_grid(images.load(background), lesions, resample=True)
    label_names = {region.index: region.name for region in table} | {outside_label(table): OUTSIDE_NAME}
    return figures.to_ras(under), figures.to_ras(labelled).data, label_names
