"""Problems as a table, for the terminal and for a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from yucca_wm.check.findings import Level, Problem
from yucca_wm.core import tsv
from yucca_wm.core.columns import Column, TableForm

LEVELS = {
    str(Level.ERROR): "a later step would leave the subject out, or go wrong",
    str(Level.WARNING): "a person should look at it",
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
    """One line a problem: level and subject in columns, then what is wrong; what to do; the file."""
    width = max(len(problem.subject) for problem in problems)
    return "\n".join(
        f"{problem.level:<7}  {_printable(problem.subject):<{width}}  "
        + _printable("; ".join(filter(None, (problem.problem, problem.remedy))))
        + (f"  [{_printable(problem.file)}]" if problem.file else "")
        for problem in problems
    )


def write_tsv(problems: Sequence[Problem], path: Path) -> None:
    """One row a problem; tabs and line breaks in names of files are replaced, so that rows stay rows."""
    tsv.write_tsv(path, FORM.header, (FORM.fields(problem, _printable(problem.subject)) for problem in problems))


def _printable(text: str) -> str:
    """Without characters that could move the cursor or break a line."""
    return "".join(char if char.isprintable() else "?" for char in text)
