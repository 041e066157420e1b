"""Make the HTML page of a cohort from its results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from yucca_wm import __version__
from yucca_wm.core.errors import YuccaWMError, count, some_of
from yucca_wm.core.notes import Note
from yucca_wm.imaging import images
from yucca_wm.imaging.grids import on_grid
from yucca_wm.imaging.images import Image
from yucca_wm.localize import atlas_space
from yucca_wm.localize.heatmap import draw_heat_map
from yucca_wm.localize.measures.flags import TITLES
from yucca_wm.localize.terminal import load_shown
from yucca_wm.report.flagged import flag_lines, left_out_lines
from yucca_wm.report.html import LEFT, Pictures, decimals, render, short, table_of
from yucca_wm.report.notes import SMALL, Notes, failure_lines, note_lines
from yucca_wm.report.pictures.left_right import draw_left_right, left_right_pairs
from yucca_wm.report.pictures.value_maps import draw_frequency, draw_on_atlas
from yucca_wm.report.results import Results, facts_of, value
from yucca_wm.report.visits import add_differences, in_short, visits_table


def cohort_page(
    results: Results,
    links: Mapping[str, str],
    pictures: Pictures,
    atlas: Image | None = None,
    left_out: Mapping[str, str] | None = None,
) -> str:
    """The cohort's page. links : subject -> address of its page; atlas : label map [i, j, k] to paint mean loads on;
    left_out : subject excluded from the means -> reason."""
    import pandas as pd

    left_out = left_out or {}
    regions, loads = results.regions, results.loads_percent()
    names = [row["name"] for row in regions]
    heat_map = draw_heat_map(results.subjects, names, loads)
    caption = "Lesion load of every region in every subject; similar subjects are next to each other."
    pictures.add(heat_map, "heat_map", caption)
    used = [name for name in results.subjects if name not in left_out]
    loads = loads[[name not in left_out for name in results.subjects]]
    frame = pd.DataFrame(loads)
    mean, spread, known = (found.to_numpy() for found in (frame.mean(), frame.std(), frame.count()))
    if left_right_pairs(regions):
        left_right = draw_left_right(regions, loads)
        pictures.add(left_right, "left_right", "Mean load on the left and on the right.")
    if atlas is not None:
        painted = {int(row["region_id"]): m for row, m in zip(regions, mean.tolist(), strict=True)}
        figure = draw_on_atlas(atlas, painted, len(used))
        pictures.add(figure, "atlas_load", f"Mean lesion load of every region, painted on the atlas. {LEFT}")
    if results.visits:
        add_differences(results, pictures)
    frequency = _add_frequency(results, pictures, left_out)
    n_failed = len(results.failures)
    n_people = len(results.load) + n_failed
    affected = (np.nan_to_num(loads) > 0).sum(axis=0)
    subjects = results.summary["subjects"]
    notes = Notes.of(results.notes)
    return render(
        "cohort.html",
        title=f"Lesion localization: {count(len(results.load), 'subject')}",
        version=__version__,
        summary=_totals(results, used) + _not_in_it(left_out, len(results.load), n_failed) + _changes(results),
        facts=facts_of(results),
        flags=[
            *failure_lines(results.failures, n_people),
            *_flag_lines(subjects, notes.doubts),
            *note_lines(notes.doubts),
            *frequency,
        ],
        small=SMALL if results.regions_by else "",
        done=list(note_lines(notes.done)),
        subject_heads=(
            "subject",
            "lesion volume (ml)",
            "load (% of the regions)",
            "lesions",
            "outside regions (%)",
            "largest lesion (ml)",
            "flags",
            *["notes to check"] * bool(notes.doubts),
        ),
        subject_rows=[_subject_row(name, results, links, notes.doubts) for name in results.load],
        visits=visits_table(results) if results.visits else None,
        means=[
            f"Means are of {len(used)} of {count(n_people, 'subject')}" + f"; {n_failed} failed" * bool(n_failed),
            *left_out_lines(left_out),
            *flag_lines(results.flags, used),
        ],
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
            (row["region_id"], row["name"], row["side"], decimals(m), decimals(s), int(a), int(k))
            for row, m, s, a, k in zip(regions, mean, spread, affected, known, strict=True)
        ],
        extra=[
            *_place_tables(results),
            *(
                table_of(title, [row for rows in by_subject.values() for row in rows])
                for title, by_subject in results.extra.items()
                if by_subject and all(len(rows) == 1 for rows in by_subject.values())
            ),
        ],
        pictures=pictures.shown,
    )


def _totals(results: Results, used: Sequence[str]) -> str:
    """Mean, median and range of the lesion volumes of the subjects that means are of."""
    volumes_ml = [value(results.load[name][-1], "lesion_volume_ml") for name in used]
    mean, median, low, high = (f(volumes_ml) for f in (np.mean, np.median, np.min, np.max))
    return f"Lesion volume: mean {mean:.3f} ml, median {median:.3f} ml, {low:.3f} to {high:.3f} ml"


def _not_in_it(left_out: Mapping[str, str], n_subjects: int, n_failed: int) -> str:
    """Who is not in the means, as the end of a sentence."""
    out = f"; {len(left_out)} of {n_subjects} left out: {some_of(left_out)}" * bool(left_out)
    return out + f"; {n_failed} failed" * bool(n_failed)


MOST_CHANGES = 5
"""With more visits than this, differences are in the table only."""


def _changes(results: Results) -> str:
    """The differences since the visit before, as the end of a sentence."""
    if not 0 < len(results.visits) <= MOST_CHANGES:
        return ""
    return ". " + ". ".join(f"{visit}{in_short(rows).removeprefix(';')}" for visit, rows in results.visits.items())


def _add_frequency(results: Results, pictures: Pictures, left_out: Mapping[str, str]) -> list[str]:
    """Add the lesion frequency map, if any; returns notes on subjects missing from it, or in it though excluded."""
    folder = results.folder / atlas_space.FOLDER
    if not (folder / atlas_space.FREQUENCY).is_file():
        return []
    about = json.loads((folder / atlas_space.ABOUT).read_text(encoding="utf-8"))
    shown = images.load(folder / atlas_space.FREQUENCY)
    try:
        template = on_grid(images.load(about["template"]), shown)
    except YuccaWMError:  # the template no longer exists
        template = shown.with_data(np.zeros(shown.shape, np.uint8))
    figure = draw_frequency(shown, template, about["n_subjects"])
    pictures.add(figure, "lesion_frequency", f"Share of subjects with a lesion at each place of the template. {LEFT}")
    apart = [name for name in left_out if name not in about.get("left_out", {})]
    also = [f"the frequency map of localize also includes subjects left out of the means: {', '.join(apart)}"]
    failures = {} if results.anonymous else about["failures"]
    lines = [f"not in the frequency map: {case}: {reason}" for case, reason in failures.items()]
    if results.anonymous and (n := len(about["failures"])):
        lines = [f"not in the frequency map: {count(n, 'subject')}"]
    return [*lines, *also * bool(apart)]


def _flag_lines(subjects: Mapping[str, Any], doubts: Mapping[str, Sequence[Note]]) -> list[str]:
    """A line for each flag, without the subjects whose own note says it. doubts : subject -> its notes."""
    lines = []
    met = dict.fromkeys(flag for about in subjects.values() for flag in about["flags"])
    for flag in [*(flag for flag in TITLES if flag in met), *(flag for flag in met if flag not in TITLES)]:
        text = TITLES.get(flag, flag.replace("_", " "))
        said = {name for name, notes in doubts.items() if any(note.about == flag for note in notes)}
        if names := [name for name, about in subjects.items() if flag in about["flags"] and name not in said]:
            lines.append(f"{text}: {len(names)} of {len(subjects)} subjects ({some_of(names, 8)})")
    return lines


def _subject_row(
    name: str, results: Results, links: Mapping[str, str], doubts: Mapping[str, list[Note]]
) -> dict[str, Any]:
    total, outside = results.load[name][-1], results.load[name][-2]
    cells = [name, short(total["lesion_volume_ml"]), load_shown(total), total["n_lesions"]]
    cells += [short(outside["share_percent"]), short(total["largest_lesion_ml"])]
    cells.append(", ".join(flag.replace("_", " ") for flag in results.flags[name]))
    return {"link": links.get(name), "cells": [*cells, *[len(doubts.get(name, []))] * bool(doubts)]}


def _place_tables(results: Results) -> list[dict[str, Any]]:
    """Volume by place, one row per subject; empty without tissue maps."""
    if not results.places:
        return []
    rows = [
        {"subject": subject} | {row["place"].replace("_", " "): row["lesion_volume_ml"] for row in own}
        for subject, own in results.places.items()
    ]
    return [table_of("Lesion volume by place (ml)", rows)]
