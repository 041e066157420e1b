"""The content of the two kinds of page, from results to HTML text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from yucca_wm import __version__, images
from yucca_wm.errors import YuccaWMError
from yucca_wm.images import Image
from yucca_wm.localize.case import load_pair, on_grid
from yucca_wm.localize.flags import TITLES
from yucca_wm.localize.heatmap import draw_heat_map
from yucca_wm.localize.maps import labelled_lesions, outside_label
from yucca_wm.localize.pairs import Pair
from yucca_wm.localize.settings import Settings
from yucca_wm.regions import RegionTable
from yucca_wm.report import figures
from yucca_wm.report.html import embedded, render
from yucca_wm.report.results import Results, Row, is_region, value
from yucca_wm.report.viewer import slice_viewer

OUTSIDE_NAME = "outside"


def cohort_page(results: Results, links: Mapping[str, str], atlas: Image | None = None) -> str:
    """The cohort's page; ``links``: subject -> address of its page; ``atlas``: label map to paint mean loads on."""
    regions, loads = results.regions, results.loads_percent()
    names = [row["name"] for row in regions]
    mean, spread, known = _mean(loads)
    pictures = [
        _picture(draw_heat_map(results.subjects, names, loads), "Lesion load of every region in every subject."),
        _picture(figures.draw_left_right(regions, loads), "Mean load on the left against the right."),
    ]
    if atlas is not None:
        painted = {int(row["region_id"]): m for row, m in zip(regions, mean.tolist(), strict=True) if not np.isnan(m)}
        figure = figures.draw_on_atlas(atlas, painted, "Mean lesion load (% of region)")
        pictures.append(_picture(figure, "Mean lesion load of every region, painted on the atlas (%)."))
    affected = (np.nan_to_num(loads) > 0).sum(axis=0)
    subjects = results.summary["subjects"]
    return render(
        "cohort.html",
        title=f"Lesion localization: {len(results.load)} subjects",
        version=__version__,
        n_subjects=len(results.load),
        failures=results.summary["failures"],
        facts=_facts(results),
        flags=_flag_lines(subjects),
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
        pictures=pictures,
    )


def subject_page(subject: str, results: Results, table: RegionTable, background: Path | None = None) -> str:
    """One subject's page. ``background``: an image (FLAIR) to show lesions on; the region map without one."""
    rows, about = results.load[subject], results.summary["subjects"][subject]
    total = rows[-1]
    volumes = {row["name"]: value(row, "lesion_volume_ml") for row in rows[:-1]}
    colors = figures.region_colors({name: ml for name, ml in volumes.items() if name != OUTSIDE_NAME})
    colors[OUTSIDE_NAME] = figures.OUTSIDE_COLOR
    pictures, viewer = [], ""
    problem = ""
    try:
        under, labelled, names = _labelled(about, results.summary["settings"], table, background)
        title = f"{subject}: lesions by region"
        brightest = None if background else 3 * float(under.data.max(initial=1))
        slices = figures.draw_slices(under, labelled, names, colors, title=title, brightest=brightest)
        pictures.append(_picture(slices, "Lesions by region."))
        viewer = slice_viewer(
            under, labelled, {label: colors.get(name, figures.OTHER) for label, name in names.items()}
        )
    except YuccaWMError as error:
        problem = f"no picture of the lesions: {error}"
    named = [row for row in rows if is_region(row)]
    percents, ml = [value(row, "load_percent") for row in named], [value(row, "lesion_volume_ml") for row in named]
    bars = figures.draw_bars([row["name"] for row in named], percents, ml, colors)
    pictures.append(_picture(bars, "Load and lesion volume of every region."))
    heads = [head for head in total if head != "subject"]
    lesions = results.lesions.get(subject, [])
    lesion_heads = [head for head in lesions[0] if head != "subject"] if lesions else ["lesion"]
    return render(
        "subject.html",
        title=subject,
        version=__version__,
        facts=[
            ("lesion volume", f"{_text(value(total, 'lesion_volume_ml'))} ml in {total['n_lesions']} lesions"),
            ("lesion map", about["lesions"]),
            ("region map", about["regions"]),
            ("shown on", str(background) if background else "the region map"),
            *_facts(results)[:1],
        ],
        flags=[*about["flags"].values(), *([problem] if problem else [])],
        pictures=pictures,
        viewer=viewer,
        load_heads=heads,
        load_rows=[
            {"sum": row["group"] in ("outside", "total"), "cells": [_short(row[head]) for head in heads]}
            for row in rows
        ],
        lesion_heads=lesion_heads,
        lesion_rows=[[_short(row[head]) for head in lesion_heads] for row in lesions],
    )


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
    for flag, text in TITLES.items():
        if names := [name for name, about in subjects.items() if flag in about["flags"]]:
            lines.append(
                f"{text}: {len(names)} of {len(subjects)} subjects ({', '.join(names[:8])}{', ...' * (len(names) > 8)})"
            )
    return lines


def _subject_row(name: str, rows: list[Row], about: dict[str, Any], links: Mapping[str, str]) -> dict[str, Any]:
    total, outside = rows[-1], rows[-2]
    cells = [name, _short(total["lesion_volume_ml"]), total["n_lesions"], _short(outside["share_percent"])]
    return {"link": links.get(name), "cells": [*cells, _short(total["largest_lesion_ml"]), len(about["flags"])]}


def _mean(loads: Any) -> tuple[Any, Any, Any]:
    known = (~np.isnan(loads)).sum(axis=0)
    mean = np.where(known > 0, np.nansum(loads, axis=0) / np.maximum(known, 1), np.nan)
    spread = np.sqrt(np.nansum((loads - mean) ** 2, axis=0) / np.maximum(known - 1, 1))
    return mean, np.where(known > 1, spread, np.nan), known


def _picture(figure: Any, caption: str) -> dict[str, str]:
    return {"source": embedded(figure), "caption": caption}


def _text(number: float) -> str:
    return "" if np.isnan(number) else f"{number:.3f}"


def _short(text: str) -> str:
    """Six decimals are for files; three for reading."""
    return text[:-3] if text.count(".") == 1 and len(text.split(".")[1]) == 6 and text[-6:].isdigit() else text
