"""Make the HTML page of one subject from its results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from yucca_wm import __version__
from yucca_wm.core.errors import YuccaWMError, count
from yucca_wm.core.regions import IN_REMAINDER, OUTSIDE, REMAINDER, REMAINDERS, RESERVED_GROUPS, RegionTable
from yucca_wm.localize.measures.places import SORTED
from yucca_wm.localize.tables import NEW
from yucca_wm.localize.terminal import COUNTED, affected, load_shown, places_known
from yucca_wm.report.folder import BOTH_VISITS
from yucca_wm.report.html import LEFT, Pictures, decimals, embedded, render, short, table_of
from yucca_wm.report.layers import NEW_LESIONS, check_counts, subject_layers
from yucca_wm.report.notes import SMALL, Notes
from yucca_wm.report.pictures.subject import OUTSIDE_COLOR, RegionLoad, draw_subject, region_colors
from yucca_wm.report.pictures.viewer import slice_viewer
from yucca_wm.report.results import EXTRA, Results, Row, facts_of, value
from yucca_wm.report.scans import OTHER_GRID
from yucca_wm.report.visits import add_both_visits, in_short, since_before

FIRST = ("lesion", "main_region", "place", "volume_ml")
"""Columns of the census that come first on the page."""

CAPTION = (
    "Lesions, outlined in the colour of their region, in the axial planes that show most of them, at least 10 mm apart "
    f"(without lesions: evenly through the brain), with the height of their middle in the scan's coordinates. {LEFT} "
    "Below, the load and the lesion volume of every region, and the volume outside all of them; the volumes add up to "
    "the total."
)
REST = f" Remainder: {IN_REMAINDER}."
"""Added if the table has the built-in remainders."""


def subject_page(
    subject: str,
    results: Results,
    table: RegionTable,
    pictures: Pictures,
    background: Path | None = None,
    scan_before: Path | None = None,
    *,
    alone: bool = False,
) -> tuple[str, str]:
    """One subject's page, and the reason if it lacks a picture, else an empty string.

    background : scan (FLAIR) to show lesions on; None: the region map. scan_before : that of the visit before. alone :
    there is no page of a cohort.
    """
    rows, about = results.load[subject], results.summary["subjects"][subject]
    total = rows[-1]
    viewer, problem, by_headers = "", "", False
    unsure: list[str] = []
    try:
        viewer, by_headers = _draw(subject, results, table, pictures, background, scan_before, unsure)
    except YuccaWMError as error:
        problem = str(error)
    first, others = affected(rows)
    heads = [head for head in total if head != "subject"]
    lesions = results.lesions.get(subject, [])
    volume, number = decimals(value(total, "lesion_volume_ml")), count(total["n_lesions"], "lesion")
    notes = Notes.of({subject: results.notes.get(subject, [])})
    unsure = [*about["flags"].values(), *unsure]
    unsure += [doubt for doubt in notes.doubts.get(subject, []) if doubt.about not in about["flags"]]
    if problem:
        unsure.append("no picture of the lesions" + ("" if results.anonymous else f": {problem}"))
    if by_headers:
        unsure.append(OTHER_GRID)
    if background is None:
        unsure.append("no scan was given: lesions are shown on the region map")
    by_models = subject in results.regions_by
    page = render(
        "subject.html",
        title=subject,
        alone=alone,
        version=__version__,
        summary=f"{volume} ml in {number}" + (in_short(results.visits[subject]) if subject in results.visits else ""),
        facts=_facts(subject, results, background),
        flags=unsure,
        small=SMALL if by_models else "",
        since=since_before(results.visits[subject], by_models=by_models) if subject in results.visits else None,
        done=notes.done.get(subject, []),
        pictures=pictures.shown,
        viewer=viewer,
        places=_place_rows(results, subject),
        sorted=SORTED,
        left=LEFT,
        outside=any(row["name"] == OUTSIDE and value(row, "lesion_volume_ml") > 0 for row in rows),
        alignment=embedded(results.alignments[subject]) if subject in results.alignments else "",
        affected=[
            {
                "name": row["name"].replace("_", " "),
                "volume": short(row["lesion_volume_ml"]),
                "percent": load_shown(row),
                "lesions": row["n_lesions"],
                "sum": row["name"] in RESERVED_GROUPS,
            }
            for row in first
        ],
        others=others,
        counted=COUNTED,
        load_heads=heads,
        load_rows=[
            {"sum": row["group"] in RESERVED_GROUPS, "cells": [_cell(row, head) for head in heads]} for row in rows
        ],
        lesions=table_of("Lesions", [_first_things_first(row) for row in lesions]) if lesions else None,
        extra=[table_of(title, found) for title, by in results.extra.items() if (found := by.get(subject))],
    )
    return page, problem


def _draw(
    subject: str,
    results: Results,
    table: RegionTable,
    pictures: Pictures,
    background: Path | None,
    scan_before: Path | None,
    doubts: list[str],
) -> tuple[str, bool]:
    """Add the picture of the lesions to ``pictures``, and return the slice view, and whether maps lie on the scan by
    the headers alone. Adds to ``doubts`` what else cannot be shown. Raises YuccaWMError if a map or the scan cannot be
    shown."""
    rows, about = results.load[subject], results.summary["subjects"][subject]
    loads = [
        RegionLoad(
            row["name"],
            0.0 if row["group"] == REMAINDER else value(row, "load_percent"),  # only a rim: no bar and no cross
            value(row, "lesion_volume_ml"),
            row["name"] != OUTSIDE,
        )
        for row in rows[:-1]  # the last is the total
    ]
    colors = region_colors({load.name: load.volume_ml for load in loads if load.is_region})
    colors[OUTSIDE] = OUTSIDE_COLOR
    under, layers, by_headers = subject_layers(
        about, results.summary["settings"], table, colors, background, _new_lesions(results, subject)
    )
    lesions, names = layers[0].labelled, dict(layers[0].names)
    check_counts(lesions, names, rows, about)
    brain = (layers[-1].labelled > 0) | (lesions > 0)  # tissue, or else regions
    brightest = None if background else 3 * float(under.data.max(initial=1))
    figure = draw_subject(under, lesions, names, loads, colors, title=subject, brightest=brightest, brain=brain)
    pictures.add(figure, subject, CAPTION + REST * any(row["name"] in REMAINDERS for row in rows))
    if background is not None and scan_before is not None and subject in results.to_previous:
        new = next((layer.labelled for layer in layers if layer.title == NEW_LESIONS), lesions * 0)
        before = scan_before, results.to_previous[subject]
        try:
            add_both_visits(pictures, f"{BOTH_VISITS}/{subject}", before, under, new, brain)
        except YuccaWMError as error:
            doubts.append("no picture of both visits" + ("" if results.anonymous else f": {error}"))
    return slice_viewer(under, layers, _centre_of_largest(results.lesions.get(subject, [])), brain), by_headers


def _new_lesions(results: Results, subject: str) -> list[int]:
    """Numbers of the lesions without one at the visit before."""
    return [int(row["lesion"]) for row in results.extra.get(EXTRA[NEW.name], {}).get(subject, [])]


def _facts(subject: str, results: Results, background: Path | None) -> list[tuple[str, str]]:
    """What the results are of."""
    about = results.summary["subjects"][subject]
    facts = [(modality, results.shown_path(file)) for modality, file in results.scans.get(subject, {}).items()]
    maps = (("lesion map", "lesions"), ("region map", "regions"), ("tissue map", "tissue"))
    facts += [(title, results.shown_path(about[what])) for title, what in maps if what in about]
    if subject in results.regions_by:
        facts.append(("regions by", results.regions_by[subject]))
    facts.append(("shown on", results.shown_path(background) if background else "the region map"))
    return [*facts, *facts_of(results)[:1]]


def _cell(row: Row, column: str) -> str:
    """A value of the table of all regions; a remainder has no load, as in the short table."""
    return "" if column == "load_percent" and row["group"] == REMAINDER else short(row[column])


def _first_things_first(lesion: Row) -> Row:
    """A row of the census with the most important columns first."""
    return {column: lesion[column] for column in (*FIRST, *lesion) if column in lesion}


def _place_rows(results: Results, subject: str) -> list[dict[str, Any]]:
    """Lesions by place; empty without tissue maps."""
    titles = results.summary.get("places", {})
    own = results.places.get(subject, [])
    if not places_known(own):
        return []
    return [
        {
            "title": titles.get(row["place"], row["place"]),
            "volume": short(row["lesion_volume_ml"]),
            "percent": short(row["share_percent"]),
            "lesions": row["n_lesions"],
            "sum": row["place"] not in titles,
        }
        for row in own
    ]


def _centre_of_largest(lesions: list[Row]) -> list[float] | None:
    """Centroid [x, y, z] of the first lesion in the census, the largest, in world mm; None without lesions."""
    return [value(lesions[0], f"centroid_{axis}_mm") for axis in "xyz"] if lesions else None
