"""Results of a check: problems, the facts by which subjects are compared, and problems as a table."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from yucca_wm.core import tsv
from yucca_wm.core.columns import Column, TableForm


class Level(StrEnum):
    """error: predict would leave the subject out, or a file cannot be used. warning: should be looked at. note:
    nothing is wrong, but training needs something more. Worst first."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


COHORT = "(cohort)"
"""Placeholder for the subject in problems that concern no single one."""


@dataclass(frozen=True)
class Problem:
    """One problem.

    subject : its name, or COHORT.
    file : the offending file, "" where there is none.
    """

    level: Level
    subject: str
    file: str
    problem: str
    remedy: str = ""


@dataclass(frozen=True)
class Facts:
    """Known facts about a subject's files (by field of `Subject`: t1, flair, wm, lesions, regions).

    shape, spacing_mm, orientation : of its first image, along the array axes [i, j, k]; orientation as nibabel's axis
    codes.
    digests : sha256 of the voxel values, only for images that may not be equal between subjects.
    size_bytes : size on disk.
    volume_ml : white matter, label-1 lesions, regions 1 to 34.
    """

    shape: tuple[int, ...] = ()
    spacing_mm: tuple[float, ...] = ()
    orientation: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    size_bytes: Mapping[str, int] = field(default_factory=dict)
    volume_ml: Mapping[str, float] = field(default_factory=dict)

    @property
    def voxels(self) -> int:
        return math.prod(self.shape) if self.shape else 0


LEVELS = {
    str(Level.ERROR): "`predict` would leave the subject out, or a file cannot be used",
    str(Level.WARNING): "a person should look at it",
    str(Level.NOTE): "nothing is wrong, but training needs something more",
}
FORM = TableForm[Problem](
    "problems.tsv",
    (
        Column("level", lambda problem: str(problem.level), "how bad it is", levels=LEVELS),
        Column("problem", lambda problem: _printable(problem.problem), "what is wrong"),
        Column("remedy", lambda problem: _printable(problem.remedy), "what to do"),
        Column("file", lambda problem: _printable(problem.file), "the offending file"),
    ),
)


def problem_table(problems: Sequence[Problem]) -> str:
    """One line per problem: level and subject in columns, then the problem; the remedy; the file."""
    width = max(len(problem.subject) for problem in problems)
    return "\n".join(
        f"{problem.level:<7}  {_printable(problem.subject):<{width}}  "
        + _printable("; ".join(filter(None, (problem.problem, problem.remedy))))
        + (f"  [{_printable(problem.file)}]" if problem.file else "")
        for problem in problems
    )


def note_lines(notes: Sequence[Problem]) -> Iterator[str]:
    """One line per note, for all subjects that share it."""
    subjects: dict[str, list[str]] = {}
    for note in notes:
        subjects.setdefault("; ".join(filter(None, (note.problem, note.remedy))), []).append(note.subject)
    for said, names in subjects.items():
        who = f"{len(names)} subjects: " if len(names) > 1 else "" if names == [COHORT] else f"{_printable(names[0])}: "
        yield f"note: {who}{_printable(said)}"


def write_tsv(problems: Sequence[Problem], path: Path) -> None:
    """Write one row per problem; tabs and line breaks in file names are replaced, so that rows stay intact."""
    tsv.write_tsv(path, FORM.header, (FORM.fields(problem, _printable(problem.subject)) for problem in problems))


def _printable(text: str) -> str:
    """Text without characters that could move the cursor or break a line."""
    return "".join(char if char.isprintable() else "?" for char in text)
