"""Write ``visits.tsv`` and ``new_lesions.tsv``: each visit of a person compared with the visit before."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.files import make_folder, write_json
from yucca_wm.core.tsv import table_stream, tsv_lines, tsv_rows
from yucca_wm.localize.measures.changes import change
from yucca_wm.localize.measures.positions import Positions
from yucca_wm.localize.measures.visits import (
    NewLesion,
    Row,
    VisitRow,
    doubts,
    new_lesions,
    region_doubts,
    visit_rows,
    visits_before,
)
from yucca_wm.localize.outputs.parts import Parts
from yucca_wm.localize.tables import LESIONS, LOAD, NEW, VISITS, sidecar_name
from yucca_wm.registration.itk import save_affine

FOLDER, TO_PREVIOUS = "visits", "_to_previous.tfm"
"""Transforms: from world mm of a visit to world mm of the visit before, for laying scans of that visit on this one."""


def transform_path(folder: Path, visit: str) -> Path:
    """Where ``folder`` holds the transform from the world of a visit to that of the visit before."""
    return folder / FOLDER / f"{visit}{TO_PREVIOUS}"


@dataclass(frozen=True)
class Compared:
    """A visit and the visit before. visit : name. rows, new : of the two tables. to_previous : [4, 4], world mm of the
    visit -> world mm of the visit before; None if they cannot be laid on each other."""

    visit: str
    rows: list[VisitRow]
    new: list[NewLesion]
    to_previous: NDArray[np.float64] | None


def compare(
    visits: tuple[str, str],
    loads: tuple[Sequence[Row], Sequence[Row]],
    lesions: tuple[Sequence[Row], Sequence[Row]],
    positions: tuple[Positions | None, Positions | None],
    flags: Sequence[str],
) -> Compared:
    """Compare two visits, of which the earlier one comes first in every pair: names, rows of ``lesion_load.tsv`` and
    ``lesions.tsv``, and positions. flags : from `doubts`."""
    before, now = positions
    changed = None if before is None or now is None else change(before, now, len(loads[1]) - 1)
    if before is not None and now is not None:
        flags = [*flags, *region_doubts(before, now)]
    rows = visit_rows(visits[0], loads, lesions, changed, flags)
    to_previous = None if changed is None else np.asarray(np.linalg.inv(changed.matrix), np.float64)
    return Compared(visits[1], rows, new_lesions(changed, lesions[1]), to_previous)


def write_visits(
    parts: Parts,
    flags: Mapping[str, Collection[str]],
    ways: Mapping[str, str],
    columns: Mapping[str, Sequence[str]],
    folder: Path,
) -> None:
    """Write both tables, and the transforms, if a person was scanned more than once.

    flags : subject -> its flags, in the order of the tables. ways : subject -> how its maps were made. columns : name
    of a table -> its columns.
    """
    remove_transforms(folder)  # of an earlier run
    if before := visits_before(flags):
        pairs = ((before[name], name) for name in flags if name in before)
        write_compared(_compared(parts, pairs, flags, ways, columns), folder)


def remove_transforms(folder: Path) -> None:
    """Remove the transforms in ``folder``."""
    for file in (folder / FOLDER).glob(f"*{TO_PREVIOUS}"):
        file.unlink()
    with suppress(OSError):  # there is none, or it holds other files
        (folder / FOLDER).rmdir()


def write_compared(compared: Iterable[Compared], folder: Path) -> None:
    """Write tables and transforms."""
    make_folder(folder / FOLDER)
    for form in (VISITS, NEW):
        write_json(folder / sidecar_name(form.name), form.sidecar())
    with table_stream(folder / VISITS.name) as visits, table_stream(folder / NEW.name) as new:
        visits.write(tsv_lines([VISITS.header]))
        new.write(tsv_lines([NEW.header]))
        for one in compared:
            if one.to_previous is not None:
                save_affine(one.to_previous, transform_path(folder, one.visit))
            visits.write(tsv_lines(VISITS.fields(row, one.visit) for row in one.rows))
            new.write(tsv_lines(NEW.fields(row, one.visit) for row in one.new))


def _compared(
    parts: Parts,
    pairs: Iterable[tuple[str, str]],
    flags: Mapping[str, Collection[str]],
    ways: Mapping[str, str],
    columns: Mapping[str, Sequence[str]],
) -> Iterator[Compared]:
    for visits in pairs:
        before, now = map(parts.read, visits)
        loads, lesions = (
            (tsv_rows(before.tables[table], columns[table]), tsv_rows(now.tables[table], columns[table]))
            for table in (LOAD, LESIONS)
        )
        said = doubts(
            (flags[visits[0]], flags[visits[1]]),
            (before.summary["spacing_mm"], now.summary["spacing_mm"]),
            one_way=ways.get(visits[0]) == ways.get(visits[1]),
        )
        yield compare(visits, loads, lesions, (before.where, now.where), said)
