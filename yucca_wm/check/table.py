"""Problems as a table, for the terminal and for a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from yucca_wm.check.findings import Problem
from yucca_wm.files import write_text

COLUMNS = ("level", "subject", "problem", "remedy", "file")


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
    text = io.StringIO()
    rows = csv.writer(text, delimiter="\t", lineterminator="\n")
    rows.writerow(COLUMNS)
    for problem in problems:
        rows.writerow(_printable(str(getattr(problem, column))) for column in COLUMNS)
    write_text(path, text.getvalue())


def _printable(text: str) -> str:
    """Without characters that could move the cursor or break a line."""
    return "".join(char if char.isprintable() else "?" for char in text)
