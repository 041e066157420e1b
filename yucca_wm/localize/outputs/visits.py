"""Write ``visits.tsv`` and ``new_lesions.tsv``: each visit of a person compared with the visit before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from yucca_wm.core.files import make_folder, write_json
from yucca_wm.core.tsv import table_stream, tsv_lines, tsv_rows
from yucca_wm.localize.measures.changes import Change, change
from yucca_wm.localize.measures.visits import doubts, new_lesions, visit_rows, visits_before
from yucca_wm.localize.outputs.parts import Part, Parts
from yucca_wm.localize.tables import LESIONS, LOAD, NEW, VISITS, sidecar_name
from yucca_wm.registration.itk import save_affine

FOLDER, TO_PREVIOUS = "visits", "_to_previous.tfm"
"""Transforms: from world mm of a visit to world mm of the visit before, for laying scans of that visit on this one."""


def transform_path(folder: Path, visit: str) -> Path:
    """Where ``folder`` holds the transform from the world of a visit to that of the visit before."""
    return folder / FOLDER / f"{visit}{TO_PREVIOUS}"


def write_visits(
    parts: Parts,
    flags: Mapping[str, Collection[str]],
    ways: Mapping[str, str],
    columns: Mapping[str, Sequence[str]],
    folder: Path,
) -> None:
    """Write both tables, and the transforms, if a person was scanned more than once.

    flags : subject -> its flags, in the order of the tables. ways : as for `doubts`. columns : name of a table -> its
    columns.
    """
    for file in (folder / FOLDER).glob(f"*{TO_PREVIOUS}"):  # of an earlier run
        file.unlink()
    if not (before := visits_before(flags)):
        with suppress(OSError):
            (folder / FOLDER).rmdir()
        return
    make_folder(folder / FOLDER)
    for form in (VISITS, NEW):
        write_json(folder / sidecar_name(form.name), form.sidecar())
    with table_stream(folder / VISITS.name) as visits, table_stream(folder / NEW.name) as new:
        visits.write(tsv_lines([VISITS.header]))
        new.write(tsv_lines([NEW.header]))
        for name in (name for name in flags if name in before):
            earlier, now = (parts.read(visit) for visit in (before[name], name))
            loads, lesions = (
                (tsv_rows(earlier.tables[table], columns[table]), tsv_rows(now.tables[table], columns[table]))
                for table in (LOAD, LESIONS)
            )
            changed = _change(earlier, now, len(loads[1]) - 1)
            if changed is not None:
                save_affine(np.asarray(np.linalg.inv(changed.matrix), np.float64), transform_path(folder, name))
            spacing_mm = {before[name]: earlier.summary["spacing_mm"], name: now.summary["spacing_mm"]}
            said = doubts(flags, before[name], name, spacing_mm.__getitem__, ways)
            rows = visit_rows(before[name], loads, lesions, changed, said)
            visits.write(tsv_lines(VISITS.fields(row, name) for row in rows))
            new.write(tsv_lines(NEW.fields(row, name) for row in new_lesions(changed, lesions[1])))


def _change(earlier: Part, now: Part, n_places: int) -> Change | None:
    before, after = earlier.where, now.where
    return None if before is None or after is None else change(before, after, n_places)
