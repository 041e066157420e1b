"""What pages say of a person's visits: volumes at the visit before, and the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import count
from yucca_wm.imaging import images
from yucca_wm.imaging.images import Image, resample
from yucca_wm.localize.measures.flags import TITLES
from yucca_wm.localize.measures.visits import NOT_KNOWN, OF_VISITS, Lesions, VisitRow
from yucca_wm.registration.itk import load_affine
from yucca_wm.report.html import LEFT, Pictures, table_of
from yucca_wm.report.pictures.visits import draw_both_visits, draw_differences, planes_through
from yucca_wm.report.results import Results

MEANINGS = {**TITLES, **OF_VISITS}

MOST = 10
"""At most this many places have their own row."""

RETEST = (
    "Two scans without any change differ, too: in 16 simulated rescans, totals by up to 0.2 ml (where there were under "
    "2 ml), 0.7 ml (2 to 15 ml) and 3.8 ml (more), and two lesions in the median were called new: most under 0.05 ml, "
    "the largest 0.6 ml (documentation: What to expect on your scans)."
)
"""Sentence on lesions found by the package's models (`benchmarks/retest.py`)."""

CAPTION = (
    "Difference of the lesion volume in every region, and outside all of them, from the same person's visit before. "
    "Red: there is more now; blue: less."
)

BOTH = (
    "Above: the visit before, turned and moved until its regions lie on those of this visit. Below: this visit, with "
    "new lesions outlined (numbers as in new_lesions.tsv; heights are those of the middle of the slice)."
)


def since_before(rows: Sequence[VisitRow], *, by_models: bool) -> dict[str, Any]:
    """Content of a subject's page on the visit before. rows : of ``visits.tsv``. by_models : the package's models found
    the lesions."""
    total = rows[-1]
    flags = "; ".join(MEANINGS.get(flag, flag.replace("_", " ")) for flag in total.flags)
    doubt = f"The difference may have other reasons than lesions. Of one visit or both: {flags}."
    return {
        "visit": total.previous_visit,
        "rows": [{"sum": row is total, "cells": _cells(row)} for row in changed(rows)],
        "notes": [_lesion_by_lesion(total), *[doubt] * bool(flags), *[RETEST] * by_models],
    }


def in_short(rows: Sequence[VisitRow]) -> str:
    """The difference, for the headline of a subject's page. rows : of one visit."""
    total = rows[-1]
    new = "" if total.new is None else f", {count(total.new.number, 'new lesion')}"
    return f"; {total.difference_ml:+.3f} ml{new} since {total.previous_visit}"


def changed(rows: Sequence[VisitRow]) -> list[VisitRow]:
    """The rows of the places that differ most, one row for all others, and the total, to which these add up."""
    *places, total = rows
    places.sort(key=lambda row: abs(row.difference_ml), reverse=True)
    first = [row for row in places[:MOST] if row.difference_ml]
    others = places[len(first) :]
    return [*first, *([_together(others)] if others else []), total]


def add_both_visits(
    pictures: Pictures,
    name: str,
    before: tuple[Path, Path],
    now: Image,
    new: NDArray[Any],
    brain: NDArray[np.bool_],
) -> None:
    """Add the picture of both visits to a subject's page.

    before : scan of the visit before, and transform to its world. now, new, brain : scan, new lesions and mask
    [x, y, z] in RAS order.
    """
    planes, missing = planes_through(new)
    which = f" Not shown here, but in the slice view: {', '.join(map(str, missing))}." if missing else ""
    caption = f"{BOTH}{which} {LEFT}" if planes else f"{BOTH} No lesion is new. {LEFT}"
    pictures.add(draw_both_visits(laid_on(*before, now), now, new, brain, planes), name, caption)


def laid_on(scan: Path, transform: Path, now: Image) -> Image:
    """The ``scan`` of another visit on the grid of ``now``. transform : from the world of ``now`` to that of the
    scan."""
    there = images.load(scan)
    return resample(replace(there, affine=np.linalg.inv(load_affine(transform)) @ there.affine), now, order=1)


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
        "new lesions": _said(total.new),
        "gone": _said(total.gone),
        "largest difference (ml)": f"{_cells(most)[0]}: {most.difference_ml:+.3f}" if most.difference_ml else "",
        "flags of either visit": ", ".join(total.flags).replace("_", " "),
    }


def _cells(row: VisitRow) -> list[str]:
    visits = row.before, row.now
    volumes, numbers = [f"{of.volume_ml:.3f}" for of in visits], [str(of.number) for of in visits]
    return [row.name.replace("_", " "), *volumes, f"{row.difference_ml:+.3f}", *numbers]


def _together(rows: Sequence[VisitRow]) -> VisitRow:
    """The sum of several rows, as far as pages show it."""
    before, now = _sum([row.before for row in rows]), _sum([row.now for row in rows])
    return replace(rows[0], name=f"all others ({len(rows)})", before=before, now=now)


def _sum(lesions: Sequence[Lesions]) -> Lesions:
    return Lesions(sum(of.volume_ml for of in lesions), sum(of.number for of in lesions))


def _said(lesions: Lesions | None) -> str:
    return "" if lesions is None else f"{lesions.number} ({lesions.volume_ml:.3f} ml)"


def _lesion_by_lesion(total: VisitRow) -> str:
    """Which part of the difference are new and gone lesions."""
    if total.new is None or total.gone is None:
        return f"{NOT_KNOWN[0].upper()}{NOT_KNOWN[1:]}."
    rest_ml = total.difference_ml - total.new.volume_ml + total.gone.volume_ml
    new = (
        f"{count(total.new.number, 'new lesion')}, with none nearby at the visit before (+{total.new.volume_ml:.3f} ml)"
    )
    gone = f"{count(total.gone.number, 'lesion')} gone, with none nearby now (-{total.gone.volume_ml:.3f} ml)"
    parts = [new if total.new.number else "no new lesion", gone if total.gone.number else "no lesion gone"]
    parts.append(f"all else {rest_ml:+.3f} ml")
    fit = f" The centres of the regions of both visits lie {total.apart_mm:.1f} mm apart (median)."
    return f"The difference of {total.difference_ml:+.3f} ml: {'; '.join(parts)}.{fit}"
