"""The content of the two kinds of page, from results to HTML text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from yucca_wm import __version__, images
from yucca_wm.errors import YuccaWMError
from yucca_wm.images import Image
from yucca_wm.localize import frequency
from yucca_wm.localize.case import load_pair, on_grid
from yucca_wm.localize.flags import TITLES
from yucca_wm.localize.heatmap import draw_heat_map
from yucca_wm.localize.maps import labelled_lesions, outside_label
from yucca_wm.localize.pairs import Pair
from yucca_wm.localize.settings import Settings
from yucca_wm.regions import RegionTable
from yucca_wm.report import brain_maps, figures
from yucca_wm.report.html import count, render, short
from yucca_wm.report.pictures import Pictures
from yucca_wm.report.results import Results, Row, is_region, value
from yucca_wm.report.viewer import slice_viewer

OUTSIDE_NAME = "outside"


def cohort_page(results: Results, links: Mapping[str, str], pictures: Pictures, atlas: Image | None = None) -> str:
    """The cohort's page; ``links``: subject -> address of its page; ``atlas``: label map to paint mean loads on."""
    regions, loads = results.regions, results.loads_percent()
    names = [row["name"] for row in regions]
    mean, spread, known = _mean(loads)
    heat_map = draw_heat_map(results.subjects, names, loads)
    pictures.add(heat_map, "heat_map", "Lesion load of every region in every subject.")
    left_right = figures.draw_left_right(regions, loads)
    pictures.add(left_right, "left_right", "Mean load on the left and on the right.")
    if atlas is not None:
        painted = {int(row["region_id"]): m for row, m in zip(regions, mean.tolist(), strict=True)}
        figure = brain_maps.draw_on_atlas(atlas, painted, len(results.load))
        pictures.add(figure, "atlas_load", "Mean lesion load of every region, painted on the atlas.")
    notes = _add_frequency(results, pictures)
    affected = (np.nan_to_num(loads) > 0).sum(axis=0)
    subjects = results.summary["subjects"]
    return render(
        "cohort.html",
        title=f"Lesion localization: {count(len(results.load), 'subject')}",
        version=__version__,
        summary=f"{count(len(results.load), 'subject')} localized",
        failures=results.summary["failures"],
        facts=_facts(results),
        flags=[*_flag_lines(subjects), *notes],
        subject_heads=(
            "subject",
            "lesion volume (ml)",
            "lesions",
            "outside regions (%)",
            "largest lesion (ml)",
            "flags",
        ),
        subject_rows=[_subject_row(name, rows, subjects[name], links) for name, rows in results.load.items()],
        region_heads=(
            "id",
            "region",
            "side",
            "mean load (%)",
            "SD",
            "subjects with lesions",
            "subjects with the region",
        ),
        region_rows=[
            (row["region_id"], row["name"], row["side"], _text(m), _text(s), int(a), int(k))
            for row, m, s, a, k in zip(regions, mean, spread, affected, known, strict=True)
        ],
        extra=[
            _table(title, [row for rows in by_subject.values() for row in rows])
            for title, by_subject in results.extra.items()
            if all(len(rows) == 1 for rows in by_subject.values())
        ],
        pictures=pictures.shown,
    )


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
    volume, number = _text(value(total, "lesion_volume_ml")), count(total["n_lesions"], "lesion")
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
            *_facts(results)[:1],
        ],
        flags=[*about["flags"].values(), *([unseen] if problem else [])],
        pictures=pictures.shown,
        viewer=viewer,
        load_heads=heads,
        load_rows=[
            {"sum": row["group"] in ("outside", "total"), "cells": [short(row[head]) for head in heads]} for row in rows
        ],
        lesions=_table("Lesions", lesions) if lesions else None,
        extra=[_table(title, found) for title, by in results.extra.items() if (found := by.get(subject))],
    )
    return page, problem


def _centre_of_largest(lesions: list[Row]) -> list[float] | None:
    """World mm; the census begins with the largest lesion."""
    return [value(lesions[0], f"centroid_{axis}_mm") for axis in "xyz"] if lesions else None


def _table(title: str, rows: list[Row]) -> dict[str, Any]:
    """What the template needs of a table: title, heads and rows; a column with one subject only is left out."""
    heads = [head for head in rows[0] if head != "subject" or len({row["subject"] for row in rows}) > 1]
    return {"title": title, "heads": heads, "rows": [[short(row[head]) for head in heads] for row in rows]}


def _add_frequency(results: Results, pictures: Pictures) -> list[str]:
    """The lesion frequency map, where localize made one; returns who is not in it, in words."""
    folder = results.folder / frequency.FOLDER
    if not (folder / frequency.FREQUENCY).is_file():
        return []
    about = json.loads((folder / "template.json").read_text(encoding="utf-8"))
    shown = images.load(folder / frequency.FREQUENCY)
    try:
        template = on_grid(images.load(about["template"]), shown)
    except YuccaWMError:  # the template has gone since
        template = shown.with_data(np.zeros(shown.shape, np.uint8))
    figure = brain_maps.draw_frequency(shown, template, about["n_subjects"])
    pictures.add(figure, "lesion_frequency", "Share of subjects with a lesion at each place of the template.")
    return [f"not in the frequency map: {case}: {reason}" for case, reason in about["failures"].items()]


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


def _facts(results: Results) -> list[tuple[str, str]]:
    settings, inputs = results.summary["settings"], results.summary["inputs"]
    rule = (
        f"labels {', '.join(map(str, settings['lesion_labels']))}; {settings['connectivity']}-connected; "
        f"lesions under {settings['min_size_mm3']:g} mm3 left out"
    )
    if settings["assign_outside_mm"]:
        rule += f"; voxels outside given to regions within {settings['assign_outside_mm']:g} mm (columns of their own)"
    facts = [("what counts as a lesion", rule), *((name, path) for name, path in inputs.items())]
    return [*facts, ("program", f"{results.summary['program']} {results.summary['version']}")]


def _flag_lines(subjects: dict[str, Any]) -> list[str]:
    lines = []
    met = dict.fromkeys(flag for about in subjects.values() for flag in about["flags"])
    for flag in [*(flag for flag in TITLES if flag in met), *(flag for flag in met if flag not in TITLES)]:
        text = TITLES.get(flag, flag.replace("_", " "))
        if names := [name for name, about in subjects.items() if flag in about["flags"]]:
            lines.append(
                f"{text}: {len(names)} of {len(subjects)} subjects ({', '.join(names[:8])}{', ...' * (len(names) > 8)})"
            )
    return lines


def _subject_row(name: str, rows: list[Row], about: dict[str, Any], links: Mapping[str, str]) -> dict[str, Any]:
    total, outside = rows[-1], rows[-2]
    cells = [name, short(total["lesion_volume_ml"]), total["n_lesions"], short(outside["share_percent"])]
    return {"link": links.get(name), "cells": [*cells, short(total["largest_lesion_ml"]), len(about["flags"])]}


def _mean(loads: Any) -> tuple[Any, Any, Any]:
    known = (~np.isnan(loads)).sum(axis=0)
    mean = np.where(known > 0, np.nansum(loads, axis=0) / np.maximum(known, 1), np.nan)
    spread = np.sqrt(np.nansum((loads - mean) ** 2, axis=0) / np.maximum(known - 1, 1))
    return mean, np.where(known > 1, spread, np.nan), known


def _text(number: float) -> str:
    return "" if np.isnan(number) else f"{number:.3f}"
