"""The output folder: whose results lie in it already, and what is left there of somebody who failed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import natural_key
from yucca_wm.imaging.reading import spelled
from yucca_wm.jobs.run_record import Record
from yucca_wm.localize.inputs.records import PREDICTIONS
from yucca_wm.localize.outputs import MANIFEST as TABLES
from yucca_wm.localize.outputs import remove_group
from yucca_wm.predict.choice import LESIONS, REGIONS

STEP, MANIFEST = "predict", PREDICTIONS
MAX_NAMED = 3
"""Of many people, so many are named."""


def people_in(out: Path) -> list[str]:
    """Those whose results lie in ``out``, in natural order: of the last run, or of one that did not come to its end."""
    known = _in_account(out) or Record(out, STEP).subjects
    maps = {name: [out / what / f"{name}.nii.gz" for what in (LESIONS, REGIONS)] for name in known}
    return sorted((name for name in known if any(path.is_file() for path in maps[name])), key=natural_key)


def check_whose(out: Path, names: Collection[str], remedy: str, *, cohort: bool = False) -> None:
    """Raise InputError, with ``remedy``, where the results of ``names`` would take the place of somebody else's: one
    person's of others, a cohort's (it may be of one) of a folder in which it has nobody."""
    there = people_in(out)
    others = [name for name in there if name not in names]
    if others and (not cohort or len(others) == len(there)):
        shown = ", ".join(others[:MAX_NAMED]) + f" and {len(others) - MAX_NAMED} more" * (len(others) > MAX_NAMED)
        whose = "who is not in this cohort" if cohort else f"not of {next(iter(names))}"
        raise InputError(out, f"holds the results of {shown}, {whose}", remedy)


def others_files(out: Path, outputs: Mapping[str, Sequence[Path]]) -> dict[str, InputError]:
    """Subject -> the error that a file in the place of its ``outputs`` is from no run in ``out``: a mask drawn by hand,
    say."""
    ours = {*_in_account(out), *Record(out, STEP).subjects}
    there = {name: next(filter(Path.exists, paths), None) for name, paths in outputs.items() if name not in ours}
    remedy = f"choose another {spelled('--out-dir, or replace it by --force', 'folder')}"
    problem = "is there already, and not from yucca-wm predict"
    return {name: InputError(path, problem, remedy) for name, path in there.items() if path is not None}


def _in_account(out: Path) -> list[str]:
    """Subjects in the account of the last run; empty without one."""
    try:
        return list(json.loads((out / MANIFEST).read_text(encoding="utf-8"))["cases"])
    except (OSError, ValueError, KeyError, TypeError):
        return []


def remove_stale_tables(out: Path, kinds: Collection[str]) -> None:
    """Remove the tables that an earlier run made from maps of ``out`` that this run does not make any more.

    kinds : of the maps that it makes. Tables that `yucca_wm.localize` made from maps elsewhere stay.
    """
    try:
        stated = json.loads((out / TABLES).read_text(encoding="utf-8"))["inputs"]
        made_from = {what: Path(stated[what]).resolve() for what in (LESIONS, REGIONS)}
    except (OSError, ValueError, KeyError, TypeError):
        return
    if any(what not in kinds and place == (out / what).resolve() for what, place in made_from.items()):
        remove_group(out)


def missing_folders(out: Path) -> list[Path]:
    """``out`` and its parents, as far as they are not there yet, ``out`` first."""
    return [path for path in (out, *out.parents) if not path.exists()]


def remove_made(made: Sequence[Path]) -> None:
    """Remove the first of the folders that `missing_folders` gave, with all that it holds, and the others if they are
    empty: somebody else's results may have come to them meanwhile."""
    if made:
        shutil.rmtree(made[0], ignore_errors=True)
    with suppress(OSError):
        for folder in made[1:]:
            folder.rmdir()
