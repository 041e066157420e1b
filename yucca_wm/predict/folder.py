"""The output folder: subjects with results in it, files from elsewhere, and removal of outdated tables."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import natural_key
from yucca_wm.core.predictions import PREDICTIONS, STEP, PredictionRecord, read_predictions
from yucca_wm.imaging.reading import spelled
from yucca_wm.jobs.run_record import Record
from yucca_wm.localize.outputs.group import remove_group
from yucca_wm.localize.summary import MANIFEST as TABLES
from yucca_wm.predict.choice import LESIONS, REGIONS

MANIFEST = PREDICTIONS
MAX_NAMED = 3
"""At most this many subjects are named in an error."""


def people_in(out: Path) -> list[str]:
    """Subjects with results in ``out``, in natural order: of the last run, or of one that was interrupted."""
    known = _in_account(out) or Record(out, STEP).subjects
    maps = {name: [out / what / f"{name}.nii.gz" for what in (LESIONS, REGIONS)] for name in known}
    return sorted((name for name in known if any(path.is_file() for path in maps[name])), key=natural_key)


def check_whose(out: Path, names: Collection[str], remedy: str, *, cohort: bool = False) -> None:
    """Raise InputError, with ``remedy``, if results of ``names`` would be mixed with those of other subjects: for one
    subject, any other's; for a cohort (perhaps of one), a folder that contains none of its subjects."""
    there = sorted({*people_in(out), *_in_tables(out)}, key=natural_key)
    others = [name for name in there if name not in names]
    if others and (not cohort or len(others) == len(there)):
        shown = ", ".join(others[:MAX_NAMED]) + f" and {len(others) - MAX_NAMED} more" * (len(others) > MAX_NAMED)
        own = next(iter(names))
        whose = f"who {'are' if len(others) > 1 else 'is'} not in this cohort" if cohort else f"not of {own}"
        if not cohort and own in there:
            whose = f"not only of {own}"
        raise InputError(out, f"holds the results of {shown}, {whose}", remedy)


def check_scans(out: Path, name: str, scans: Mapping[str, Mapping[str, str | None]]) -> None:
    """Raise InputError if ``predict.json`` in ``out`` has other scans under ``name``: two people may have files of one
    name.

    scans : modality -> ``file`` and ``sha256`` (None: not known), as in that account. A file that has changed in its
        place is the same person's.
    """
    before = read_predictions(out / MANIFEST).subjects.get(name, PredictionRecord())
    for modality, scan in scans.items():
        digest, file = before.scan_sha256.get(modality), before.scan_files.get(modality)
        if digest and scan["sha256"] and digest != scan["sha256"] and file != scan["file"]:
            remedy = (
                f"choose another {spelled('--out-dir or --name, or overwrite it with --force', 'folder or subject')}"
            )
            problem = f"holds the results of another {modality} called {name}: {file}"
            raise InputError(out, problem, remedy)


def _in_tables(out: Path) -> list[str]:
    """Subjects whose tables localize wrote to ``out``; empty without any."""
    return list(_stated(out / TABLES, "subjects"))


def _in_account(out: Path) -> list[str]:
    """Subjects in ``predict.json`` of the last run; empty without one."""
    return list(read_predictions(out / MANIFEST).subjects)


def _stated(path: Path, *keys: str) -> dict[str, Any]:
    """The entry at ``keys`` of a JSON file; empty if there is no such file or entry."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        for key in keys:
            found = found[key]
        return dict(found)
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def remove_stale_tables(out: Path, kinds: Collection[str]) -> None:
    """Remove tables that an earlier run made from maps in ``out`` that this run no longer makes.

    kinds : kinds of maps that this run makes. Tables that `yucca_wm.localize` made from maps elsewhere stay.
    """
    stated = _stated(out / TABLES, "inputs")
    made_from = {what: Path(stated[what]).resolve() for what in (LESIONS, REGIONS) if what in stated}
    if any(what not in kinds and place == (out / what).resolve() for what, place in made_from.items()):
        remove_group(out)


def remove_made(made: Sequence[Path]) -> None:
    """Remove the first of the folders from `missing_folders` with its contents, and the others if they are empty:
    another run may have written to them meanwhile."""
    if made:
        shutil.rmtree(made[0], ignore_errors=True)
    with suppress(OSError):
        for folder in made[1:]:
            folder.rmdir()
