"""Common parts of both analyses: settings, selection of subjects, their names on a page, record of every run."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from yucca_wm import __version__
from yucca_wm.cohort.ids import bare, meant, sharers
from yucca_wm.cohort.visits import bare_person, further_sessions, is_session
from yucca_wm.core.errors import InputError, count, some_of
from yucca_wm.core.files import check_not_read, check_ours
from yucca_wm.core.tsv import FRAME, table_name
from yucca_wm.groups.loads import Loads, read_loads
from yucca_wm.groups.participants import (
    Participants,
    ask_for,
    match_participants,
    read_participants,
)
from yucca_wm.groups.statistics.variables import CellError, Design, design
from yucca_wm.imaging.reading import spelled
from yucca_wm.localize.measures.flags import found_on_t1
from yucca_wm.localize.summary import Summary
from yucca_wm.report.anonymise import numbered
from yucca_wm.report.flagged import (
    Flags,
    excluded,
    flag_lines,
    left_out_lines,
    predicted_since,
    read_flags,
    results_folder,
    without_flags,
)
from yucca_wm.report.folder import MANIFEST as REPORT
from yucca_wm.report.folder import OF_GROUPS, PAGE, check_page

if TYPE_CHECKING:
    from yucca_wm.core.tsv import TableInput

FEW = 10
"""Effects from groups smaller than this are hardly worth printing; a note says so."""

MOST_REASONS = 4
"""Maximum number of exclusion reasons listed in an error."""


@dataclass(frozen=True)
class Names:
    """numbers : subject -> number that a page shows in its place; None: names and paths are shown."""

    numbers: Mapping[str, str] | None = None

    def of(self, subject: str) -> str:
        """Name to show for a subject with loads."""
        return subject if self.numbers is None else self.numbers[subject]

    def shown_path(self, path: object) -> str:
        """Text to show for a path."""
        return str(path) if self.numbers is None else "not shown"

    def notes(self, reasons: Mapping[str, str]) -> list[str]:
        """Excluded names with reasons; the reasons may contain names."""
        if self.numbers is None:
            return [f"{name}: {reason}" for name, reason in reasons.items()]
        many = "1 name is" if len(reasons) == 1 else f"{len(reasons)} names are"
        return [f"{many} left out; who, and why, is in the .json file beside this page"] if reasons else []


def numbered_names(load_path: TableInput, subjects: Collection[str]) -> Names:
    """Numbers that ``yucca_wm.report --anonymise`` gives to the subjects of the same localization."""
    folder = results_folder(load_path)
    failures = [] if folder is None else list(Summary.of_earlier_run(folder).failures)
    return Names(numbered({*subjects, *failures}))


@dataclass(frozen=True)
class Settings:
    """Settings of both analyses.

    covariates, categorical : columns of the participants table, and those of them whose numbers are names.
    missing : cells that mean a missing value, besides the usual ones.
    scale : transform of the loads.
    exclude_flagged : exclude subjects with one of these flags; empty: with any that casts doubt; None: no exclusion.
    anonymise : no names and no paths on the page.
    """

    covariates: Sequence[str] = ()
    categorical: Sequence[str] = ()
    missing: Sequence[str] = ()
    scale: str = "sqrt"
    exclude_flagged: Sequence[str] | None = None
    anonymise: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Cohort:
    """The subjects of an analysis.

    participants : row by row with ``loads``; None if there is no table. flags : of the subjects used, None if not
    known; unsure : subjects whose flags are not known. outdated : subjects whose maps are newer than their loads.
    names : subjects' names on a page. failed, left_out : subjects missing by mistake, and subjects excluded for a good
    reason, with the reason. in_memory : the loads are a data frame.
    """

    loads: Loads
    participants: Participants | None
    flags: Flags | None
    names: Names
    failed: dict[str, str]
    left_out: dict[str, str]
    unsure: Sequence[str] = ()
    outdated: Sequence[str] = ()
    in_memory: bool = False

    def lines(self, *, named: bool = True) -> list[str]:
        """Subjects excluded, and subjects used despite a flag; ``named``: with their names."""
        lines = left_out_lines(self.left_out, named=named)
        lines += [f"{line}: {some_of(who, 10)}" if named else line for line, who in _counted_twice(self.loads)]
        if self.outdated:
            who = f" ({some_of(self.outdated, 10)})" if named else ""
            said = f"loads are older than the maps of {count(len(self.outdated), 'subject')}{who}"
            lines.append(f"{said}: run predict with --level group first")
        if self.flags is None:
            beside = "there is no localize.json beside the loads"
            why = "give flags={subject: names of flags}" if self.in_memory else beside
            return [*lines, f"flags are not known: {why}"]
        if self.unsure:
            who = f": {some_of(self.unsure, 10)}" if named else ""
            lines.append(f"flags are not known for {len(self.unsure)} of {len(self.loads.subjects)} subjects{who}")
        return lines + flag_lines(self.flags, self.loads.subjects, named=named)


def _counted_twice(loads: Loads) -> Iterator[tuple[str, list[str]]]:
    """Lines on subjects that may be one person, and their names: loads that are the same in every region, names that
    differ only by ``sub-``."""
    some = np.nansum(loads.percent, axis=1) > 0
    rows = ((row.tobytes(), name) for name, row, any_ in zip(loads.subjects, loads.percent, some, strict=True) if any_)
    for names in sharers(rows).values():
        yield f"{len(names)} subjects have the same load in every region, as one scan under several names has", names
    for names in sharers((bare(name), name) for name in loads.subjects).values():
        yield f"{len(names)} subjects have names that differ only by sub-: are they one person", names


def read_cohort(
    load_path: TableInput,
    participants: TableInput | None,
    columns: Sequence[str],
    settings: Settings,
    flags: Flags | None = None,
) -> Cohort:
    """Loads and, if ``columns`` are given, participants with a value in each of them, row by row; one session per
    person.

    load_path, participants : files, or the same as data frames.
    flags : of the subjects; None: those beside the loads.
    """
    loads, given = read_loads(load_path), flags is not None
    flags = read_flags(load_path) if flags is None else _flags_of(flags, loads.subjects)
    asked_of = table_name(load_path if participants is None else participants)
    names = numbered_names(load_path, loads.subjects) if settings.anonymise else Names()
    if unknown := [name for name in settings.categorical if name not in columns]:
        said = spelled(f"--categorical {unknown[0]}", f"categorical={unknown[:1]}")
        raise InputError(asked_of, f"{said} is not a column of this analysis", "; ".join(ask_for(unknown, columns)))
    failed, table = dict[str, str](), None
    doubted, instead = dict[str, str](), dict[str, str]()
    if settings.exclude_flagged is not None:
        doubted = excluded(load_path, flags, settings.exclude_flagged, loads.subjects)
        sound = {bare_person(name) for name in loads.subjects if name not in doubted}
        instead = {name: why for name, why in doubted.items() if bare_person(name) in sound}  # by another session
        loads = loads.take([row for row, name in enumerate(loads.subjects) if name not in instead])
    avoid = found_on_t1(flags or {})
    if columns:
        if participants is None:
            remedy = f"give {spelled('--participants', 'participants')}"
            raise InputError(asked_of, "covariates need a participants table", remedy)
        by_session = any(map(is_session, loads.subjects))
        table, twice = read_participants(participants, columns, settings.missing, by_session=by_session)
        match = match_participants(loads.subjects, table, avoid)
        bare = {name.removeprefix("sub-") for name in twice}
        failed = twice | {k: v for k, v in match.unmatched.items() if k.removeprefix("sub-") not in bare}
        left_out = match.left_out
        loads, table = loads.take([i for i, _ in match.rows]), table.take([row for _, row in match.rows])
    else:
        left_out = further_sessions(loads.subjects, avoid)
        loads = loads.take([row for row, name in enumerate(loads.subjects) if name not in left_out])
    out = {name: doubted[name] for name in loads.subjects if name in doubted}
    left_out = left_out | instead | out
    rows = [row for row, name in enumerate(loads.subjects) if name not in out]
    loads, table = loads.take(rows), table and table.take(rows)
    if not loads.subjects:
        raise InputError(asked_of, "nobody is left", _in_short(failed | left_out))
    unsure = [] if flags is None or given else without_flags(flags, loads.subjects)
    if flags is not None:
        flags = {name: flags[name] for name in loads.subjects if flags.get(name)}
    outdated = predicted_since(load_path, loads.subjects)
    return Cohort(loads, table, flags, names, failed, left_out, unsure, outdated, table_name(load_path) == FRAME)


def _flags_of(given: Flags, subjects: Sequence[str]) -> Flags:
    """The given flags by the loads' names of their subjects; who is not named has none.

    Raises InputError for a name that belongs to no subject.
    """
    whose = {name: meant(name, subjects) for name in given}
    if unknown := [name for name, subject in whose.items() if subject is None]:
        problem = f"names {some_of(unknown, 3)}, not among the subjects ({some_of(subjects, 3)})"
        raise InputError("flags", problem, "name subjects as the loads do")
    own = {subject: given[name] for name, subject in whose.items()}
    return {name: own.get(name, []) for name in subjects}


@contextmanager
def naming_left_out(cohort: Cohort) -> Iterator[None]:
    """Add excluded subjects and reasons to an InputError raised within (too few subjects, say, or only one level)."""
    try:
        yield
    except CellError:
        raise
    except InputError as error:
        if not (said := _in_short(cohort.failed | cohort.left_out)):
            raise
        remedy = "; ".join(filter(None, (error.remedy, said)))
        raise InputError(error.path, error.problem, remedy) from error


def _in_short(left_out: Mapping[str, str]) -> str:
    lines = left_out_lines(left_out)
    more = len(lines) - MOST_REASONS
    return "; ".join([*lines[:MOST_REASONS], *[f"{more} more reason{'s' * (more > 1)}"] * (more > 0)])


def check_output(
    out_dir: str | os.PathLike[str], tables: Collection[str], manifest: str, inputs: Iterable[TableInput | None]
) -> None:
    """Raise InputError if a run would replace a table that it reads, or tables or a page that are not from this
    package; print a note if it replaces the page of another command."""
    folder = Path(out_dir)
    files = [path for path in inputs if isinstance(path, str | os.PathLike)]
    check_not_read([folder / name for name in (*tables, PAGE)], files)
    check_ours(folder, tables, manifest)
    check_page(folder, manifest)
    kinds = [name for name in (*OF_GROUPS, REPORT) if (folder / name).is_file()]
    written = {name: (folder / name).stat().st_mtime_ns for name in kinds}
    others = [name for name in kinds if written[name] > written.get(manifest, 0)]
    if others and (folder / PAGE).is_file():
        print(f"note: {folder / PAGE} of {', '.join(others)} is replaced", file=sys.stderr)


def cohort_design(cohort: Cohort, settings: Settings) -> Design:
    """Design matrix of a cohort's covariates."""
    table = cohort.participants
    columns = [table.column(name, settings.categorical) for name in settings.covariates] if table else []
    return design(columns, len(cohort.loads.subjects))


def header(
    command: str, load_path: TableInput, settings: Settings, cohort: Cohort, covariates: Design
) -> dict[str, Any]:
    """Common content of the .json file of every analysis."""
    return {
        "program": f"yucca_wm.groups {command}",
        "version": __version__,
        "loads": table_name(load_path),
        "transform": settings.scale,
        "covariates": list(settings.covariates),
        "covariate_columns": covariates.columns,
        "constant_covariates": covariates.constant,
        "redundant_covariates": covariates.redundant,
        "missing": list(settings.missing),
        "subjects": len(cohort.loads.subjects),
        "left_out": cohort.failed | cohort.left_out,
        "flagged": cohort.flags,
        "excluded_flags": None if settings.exclude_flagged is None else list(settings.exclude_flagged),
        "seed": settings.seed,
    }
