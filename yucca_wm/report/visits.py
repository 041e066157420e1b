"""What pages say of a person's visits: volumes at the visit before, and the difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from yucca_wm.core.errors import count
from yucca_wm.localize.measures.flags import TITLES
from yucca_wm.localize.measures.visits import VisitRow
from yucca_wm.report.html import Pictures, table_of
from yucca_wm.report.pictures.visits import draw_differences
from yucca_wm.report.results import Results

MOST = 10
"""At most this many places have their own row."""

RETEST = ""
"""Sentence on lesions found by the package's models (`benchmarks/retest.py`)."""

CAPTION = (
    "Difference of the lesion volume in every region, and outside all of them, from the same person's visit before."
)


def since_before(rows: Sequence[VisitRow], *, by_models: bool) -> dict[str, Any]:
    """Content of a subject's page on the visit before. rows : of ``visits.tsv``. by_models : the package's models found
    the lesions."""
    total = rows[-1]
    flags = "; ".join(TITLES.get(flag, flag.replace("_", " ")) for flag in total.flags)
    doubt = f"The difference may have other reasons than lesions. Of one visit or both: {flags}."
    return {
        "visit": total.previous_visit,
        "rows": [{"sum": row is total, "cells": _cells(row)} for row in changed(rows)],
        "notes": [*[doubt] * bool(flags), *[RETEST] * by_models],
    }


def changed(rows: Sequence[VisitRow]) -> list[VisitRow]:
    """The rows of the places that differ most, one row for all others, and the total, to which these add up."""
    *places, total = rows
    places.sort(key=lambda row: abs(row.difference_ml), reverse=True)
    first = [row for row in places[:MOST] if row.difference_ml]
    others = places[len(first) :]
    return [*first, *[_together(others)] * bool(others), total]


def visits_table(results: Results) -> dict[str, Any]:
    """The table of the cohort's page, a row for every visit with one before."""
    by_models = not results.regions_by.keys().isdisjoint(results.visits)
    note = " ".join(["visits.tsv has every region.", *[RETEST] * by_models])
    return table_of("Since the visit before", list(map(_visit, results.visits, results.visits.values())), note)


def add_differences(results: Results, pictures: Pictures) -> None:
    """Add the picture of all differences to the cohort's page."""
    visits = [f"{name} since {rows[0].previous_visit}" for name, rows in results.visits.items()]
    regions = [row.name for row in next(iter(results.visits.values()))[:-1]]
    differences_ml = np.array([[row.difference_ml for row in rows[:-1]] for rows in results.visits.values()])
    pictures.add(draw_differences(visits, regions, differences_ml), "visits", CAPTION)


def _visit(name: str, rows: Sequence[VisitRow]) -> dict[str, str]:
    *places, total = rows
    most = max(places, key=lambda row: abs(row.difference_ml))
    _, before, now, difference, lesions_before, lesions = _cells(total)
    return {
        "visit": name,
        "visit before": total.previous_visit,
        "volume before (ml)": before,
        "volume (ml)": now,
        "difference (ml)": difference,
        "lesions before": lesions_before,
        "lesions": lesions,
        "largest difference (ml)": f"{_cells(most)[0]}: {most.difference_ml:+.3f}" if most.difference_ml else "",
        "flags of either visit": ", ".join(total.flags).replace("_", " "),
    }


def _cells(row: VisitRow) -> list[str]:
    volumes = [f"{volume_ml:.3f}" for volume_ml in row.volumes_ml]
    return [row.name.replace("_", " "), *volumes, f"{row.difference_ml:+.3f}", *map(str, row.n_lesions)]


def _together(rows: Sequence[VisitRow]) -> VisitRow:
    before, now = (sum(volumes) for volumes in zip(*(row.volumes_ml for row in rows), strict=True))
    lesions_before, lesions = (sum(numbers) for numbers in zip(*(row.n_lesions for row in rows), strict=True))
    name = count(len(rows), "other place")
    return VisitRow(rows[0].previous_visit, 0, name, "", "", (before, now), (lesions_before, lesions), ())
