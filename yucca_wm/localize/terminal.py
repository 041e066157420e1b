"""Format one subject's table, most affected regions first, for the terminal and the top of its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from yucca_wm.core.errors import count
from yucca_wm.core.regions import IN_REMAINDER, OUTSIDE, REMAINDER, REMAINDERS, RESERVED_GROUPS, TOTAL
from yucca_wm.core.tsv import read_rows
from yucca_wm.localize.measures.places import SORTED
from yucca_wm.localize.tables import LOAD, PLACES, VISITS

if TYPE_CHECKING:
    from yucca_wm.localize.measures.load import CaseResult

Row = Mapping[str, str]

MOST = 10
"""At most this many regions have their own row."""

COUNTED = (
    "A lesion adds to the volume of every region it spans, but is counted once, in the region that holds most of it."
)
NO_PERCENT = "Remainders have no %, as region maps cover them only in part; the total % leaves them out."


OUTSIDE_SAID = "outside: lesion voxels in no region, such as cortex, deep grey matter, cerebellum, brainstem or fluid"


def affected(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """Rows to show of one subject's rows, and sentences to print below them.

    Regions with most lesion volume come first, further regions in one row, then remainders and outside if not empty,
    and the total, which volumes and numbers of lesions add up to.
    """
    white = [row for row in rows if row["group"] != REMAINDER and row["name"] not in RESERVED_GROUPS]
    first = sorted((row for row in white if _ml(row) > 0), key=_ml, reverse=True)
    further = [_together(first[MOST:])] if first[MOST:] else []
    remainders = [row for row in rows if row["group"] == REMAINDER and _ml(row) > 0]
    summary = [row for row in rows if row["name"] in RESERVED_GROUPS and (row["name"] != OUTSIDE or _ml(row) > 0)]
    none = len(white) - len(first)
    which = f"{none} of {len(white)} regions contain no" if none else f"all {len(white)} regions contain"
    said = f"{which} lesion voxels"
    said += f"; {LOAD} lists all {len(white)}" if further else ""
    built_in = [f"remainder: {IN_REMAINDER}"] if {row["name"] for row in remainders} & REMAINDERS else []
    beyond = [OUTSIDE_SAID] if any(row["name"] == OUTSIDE for row in summary) else []
    notes = [said, COUNTED, *built_in, *([NO_PERCENT] if remainders else []), *beyond]
    return [*first[:MOST], *further, *remainders, *summary], notes


def lines(out: Path, subject: str) -> Iterator[str]:
    """Lines of the table of ``subject``, from the output of localize in ``out``."""
    shown, said = affected(_rows(out / LOAD, subject))
    yield from _aligned(shown, "name", "region", "% of region")
    yield from said
    places = _rows(out / PLACES, subject) if (out / PLACES).is_file() else []
    if places_known(places):
        yield ""
        yield f"{'place':<28}{'lesion ml':>11}{'lesions':>23}"
        for row in places:
            yield f"{row['place']:<28}{_ml(row):>11.3f}{row['n_lesions']:>23}"
        yield SORTED
    if visit := _rows(out / VISITS.name, subject) if (out / VISITS.name).is_file() else []:
        yield ""
        yield _visit_line(visit[-1])


def places_known(rows: Sequence[Row]) -> bool:
    """Whether one subject's rows of ``places.tsv`` give places: its tissue map shows ventricles and cortex."""
    return any(row["n_lesions"] != "" for row in rows[:-1])


MOST_SUBJECTS = 20
"""At most this many subjects of a cohort are listed."""


def cohort_lines(out: Path) -> Iterator[str]:
    """Lesion volume, number of lesions and load of every subject, from the tables that localize wrote to ``out``."""
    totals = [row for row in read_rows(out / LOAD) if row["name"] == TOTAL]
    shown = totals[:MOST_SUBJECTS]
    yield from _aligned(shown, "subject", "subject", "% of regions")
    if further := totals[MOST_SUBJECTS:]:
        yield f"and {len(further)} more: {out / LOAD}"
    if (out / VISITS.name).is_file():
        yield ""
        yield from _visit_lines(out / VISITS.name)


def _visit_lines(path: Path) -> Iterator[str]:
    """A line for every visit with one before."""
    totals = [row for row in read_rows(path) if row["name"] == TOTAL]
    yield from map(_visit_line, totals[:MOST_SUBJECTS])
    if further := totals[MOST_SUBJECTS:]:
        yield f"and {len(further)} more: {path}"


def _visit_line(row: Row) -> str:
    """The difference between the total volumes of two visits of a person."""
    said = f"{row['subject']}: {float(row['difference_ml']):+.3f} ml since {row['previous_visit']}"
    if row["n_new_lesions"]:
        said += f"; {count(int(row['n_new_lesions']), 'new lesion')}, {row['n_gone_lesions']} gone"
    return said + (f" ({row['flags'].replace(';', ', ')})" if row["flags"] else "")


def _aligned(rows: Sequence[Row], column: str, head: str, share: str) -> Iterator[str]:
    """A line for each of ``rows``, named by ``column``, below a line of heads."""
    width = max(28, *(len(row[column]) + 1 for row in rows))
    yield f"{head:<{width}}{'lesion ml':>11}{share:>13}{'lesions':>10}"
    for row in rows:
        yield f"{row[column]:<{width}}{_ml(row):>11.3f}{load_shown(row):>13}{row['n_lesions']:>10}"


def in_short(result: CaseResult) -> Iterator[str]:
    """A few lines on one subject: number and volume of lesions, most affected regions, and every flag."""
    total = result.total
    percent = (
        "" if total.load_percent is None else f"; they fill {total.load_percent:.2f} % of the white-matter regions"
    )
    yield f"{count(total.n_lesions, 'lesion')}, {total.lesion_volume_ml:.3f} ml{percent}"
    regions = [row for row in result.load[:-2] if row.group != REMAINDER and row.lesion_volume_ml > 0]
    regions.sort(key=lambda row: row.lesion_volume_ml, reverse=True)
    if regions:
        yield "most in " + ", ".join(f"{row.name} ({row.lesion_volume_ml:.3f} ml)" for row in regions[:3])
    yield from (f"flag {flag}: {sentence}" for flag, sentence in result.flags.items())
    if not result.flags:
        yield "no flags"


def _together(rows: Sequence[Row]) -> Row:
    """One row for several regions, without a load, which refers to one region's volume."""
    return {
        "name": count(len(rows), "further region"),
        "group": "",
        "lesion_volume_ml": f"{sum(map(_ml, rows)):.6f}",
        "load_percent": "",
        "n_lesions": str(sum(int(row["n_lesions"]) for row in rows)),
    }


def load_shown(row: Row) -> str:
    """The load in percent; empty for remainders, of which region maps contain only a rim (`NO_PERCENT`)."""
    return f"{float(row['load_percent']):.2f}" if row["load_percent"] and row["group"] != REMAINDER else ""


def _rows(path: Path, subject: str) -> list[Row]:
    return [row for row in read_rows(path) if row["subject"] == subject]


def _ml(row: Row) -> float:
    return float(row["lesion_volume_ml"])
