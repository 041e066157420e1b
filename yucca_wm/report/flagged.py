"""Apply flags of `yucca_wm.localize` in analyses of its tables: exclude subjects, or note that they are used."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from yucca_wm.core.errors import InputError, count, some_of
from yucca_wm.core.predictions import STEP
from yucca_wm.core.tsv import FRAME, table_name
from yucca_wm.jobs.run_record import Record, State
from yucca_wm.localize.folder import STEP as LOCALIZE
from yucca_wm.localize.measures.flags import SMALL_LOAD, TITLES
from yucca_wm.localize.summary import MANIFEST, Summary

if TYPE_CHECKING:
    from yucca_wm.core.tsv import TableInput

NO_DOUBT = ("no_lesion", SMALL_LOAD, "high_load")
"""Flags of subjects with most lesions, fewest or none: excluded only if named, as this would select subjects by the
measured quantity."""

Flags = dict[str, list[str]]
"""Subject -> names of its flags."""


def results_folder(results: TableInput) -> Path | None:
    """The folder of results that is given, or holds the given table; None for a table in memory."""
    if not isinstance(results, str | os.PathLike):
        return None
    path = Path(results)
    return path if path.is_dir() else path.parent


def read_flags(results: TableInput) -> Flags | None:
    """The flags of every subject in the ``localize.json`` of the `results_folder`; None if there is no such file."""
    folder = results_folder(results)
    summary = None if folder is None else Summary.read(folder)
    return None if summary is None else summary.flags


def predicted_since(results: TableInput, subjects: Collection[str]) -> list[str]:
    """Those of ``subjects`` whose maps in the `results_folder` were made after its tables, by the record of runs:
    ``predict --participant-label`` leaves tables as they are."""
    folder = results_folder(results)
    if folder is None:
        return []
    predicted, localized = Record(folder, STEP), Record(folder, LOCALIZE)

    def outdated(name: str) -> bool:
        maps, row = predicted.last(name), localized.last(name)
        if maps is None or row is None or maps.state is not State.DONE or row.when >= maps.when:
            return False
        made = {file.path: file.sha256 for file in maps.outputs.values()}
        return any(made.get(file.path, file.sha256) != file.sha256 for file in row.inputs.values())

    return [name for name in subjects if outdated(name)]


def excluded(
    results: TableInput, flags: Flags | None, wanted: Sequence[str], subjects: Collection[str]
) -> dict[str, str]:
    """Subject -> reason, for those of ``subjects`` with a flag in ``wanted`` (empty: with any that casts doubt on the
    numbers).

    Raises InputError for unknown flags, and if flags are unknown for any subject, which would otherwise be used without
    notice.
    """
    path = table_name(results)
    if flags is None and path == FRAME:
        raise InputError(path, "comes without flags", "give them: flags={subject: names of flags}")
    if flags is None:
        raise InputError(path, f"has no {MANIFEST} beside it: flags are not known", "keep the two together")
    known = dict.fromkeys([*TITLES, *(flag for own in flags.values() for flag in own)])
    if unknown := [flag for flag in wanted if flag not in known]:
        raise InputError(path, f"there is no flag {unknown[0]}", f"flags are {', '.join(known)}")
    if path != FRAME and (unsure := without_flags(flags, subjects)):
        named = _names(unsure, named=True)
        problem = f"has flags for only {len(subjects) - len(unsure)} of {len(subjects)} subjects, not for{named[1:]}"
        folder = results_folder(results)
        raise InputError(path if folder is None else folder / MANIFEST, problem, "localize all of them into one folder")
    against = set(wanted) or set(known) - set(NO_DOUBT)
    found = {name: [flag for flag in flags.get(name, []) if flag in against] for name in subjects}
    return {name: f"flagged {', '.join(own)}" for name, own in found.items() if own}


def without_flags(flags: Flags, subjects: Collection[str]) -> list[str]:
    """Those of ``subjects`` without an entry in ``flags``, not even an empty one."""
    return [name for name in subjects if name not in flags]


def flag_lines(flags: Mapping[str, Sequence[str]], subjects: Collection[str], *, named: bool = True) -> list[str]:
    """A line for every flag of ``subjects`` that are used despite it."""
    lines = []
    for flag in dict.fromkeys(flag for name in subjects for flag in flags.get(name, [])):
        names = [name for name in subjects if flag in flags.get(name, [])]
        title = TITLES.get(flag, flag)
        who = f"{count(len(names), 'subject')} of {len(subjects)}{_names(names, named=named)}"
        lines.append(f"used although flagged {flag} ({title}): {who}")
    return lines


def left_out_lines(left_out: Mapping[str, str], *, named: bool = True) -> list[str]:
    """A line for every reason for excluding subjects. left_out : subject -> reason."""
    lines = []
    for reason in sorted(set(left_out.values())):
        names = [name for name, why in left_out.items() if why == reason]
        lines.append(f"left out, {reason}{_names(names, named=named)} ({count(len(names), 'subject')})")
    return lines


def _names(names: Sequence[str], *, named: bool) -> str:
    return f": {some_of(names, 10)}" if named else ""
