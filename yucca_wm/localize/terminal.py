"""One person's table, the regions with lesions first: what is printed at the end, and stands first on the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from yucca_wm.core.regions import REMAINDER
from yucca_wm.core.tsv import read_rows
from yucca_wm.localize.measures.places import SORTED
from yucca_wm.localize.tables import LOAD, PLACES

Row = Mapping[str, str]

SUMMARY = ("outside", "total")
"""Rows that are not of one region; they come last."""

COUNTED = "A lesion is counted in every region that it reaches into, and once in the total."
REST = "remainder: none of these regions (cerebellum, brainstem, deep grey matter)"


def affected(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """Of one person's rows those of regions with lesions, most first, then SUMMARY; and what is said of the others."""
    regions = [row for row in rows if row["name"] not in SUMMARY]
    white = [row for row in regions if row["group"] != REMAINDER]
    first = sorted((row for row in regions if _ml(row) > 0), key=_ml, reverse=True)
    said = [f"{sum(_ml(row) == 0 for row in white)} of {len(white)} regions have no lesion", COUNTED]
    if any(row["group"] == REMAINDER for row in first):
        said.append(REST)
    return [*first, *(row for row in rows if row["name"] in SUMMARY)], said


def lines(out: Path, subject: str) -> Iterator[str]:
    """The table of ``subject`` from what localize left in ``out``."""
    shown, said = affected(_rows(out / LOAD, subject))
    yield f"{'region':<28}{'lesion ml':>11}{'% of region':>13}{'lesions in it':>15}"
    for row in shown:
        yield f"{row['name']:<28}{_ml(row):>11.3f}{load_shown(row):>13}{row['n_lesions_touching']:>15}"
    yield from said
    if (out / PLACES).is_file():
        yield ""
        yield f"{'place':<28}{'lesion ml':>11}{'lesions, each once':>28}"
        for row in _rows(out / PLACES, subject):
            yield f"{row['place']:<28}{_ml(row):>11.3f}{row['n_lesions']:>28}"
        yield SORTED


def load_shown(row: Row) -> str:
    """The load in percent; nothing of remainders, of which region maps have a rim only."""
    return f"{float(row['load_percent']):.2f}" if row["load_percent"] and row["group"] != REMAINDER else ""


def _rows(path: Path, subject: str) -> list[Row]:
    return [row for row in read_rows(path) if row["subject"] == subject]


def _ml(row: Row) -> float:
    return float(row["lesion_volume_ml"])
