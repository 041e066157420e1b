"""A table of paths: one row a subject, for files that lie in any other order.

Tab-separated, with the column ``subject`` and any of ``t1``, ``flair``, ``wm``, ``lesions``, ``regions`` (paths,
relative to the table) and ``split`` (train or test). An empty cell or ``n/a`` means: there is none.
"""

from __future__ import annotations

import csv
from pathlib import Path

from yucca_wm.cohort.derivatives import existing, regions_path
from yucca_wm.cohort.subject import Split, Subject
from yucca_wm.errors import InputError

FILE_COLUMNS = ("t1", "flair", "wm", "lesions", "regions")
COLUMNS = ("subject", *FILE_COLUMNS, "split")
NAME_IN_COHORT = "cohort.tsv"
"""A folder that holds a table of this name is read by it."""


def matches(root: Path) -> bool:
    """Whether ``root`` is a file, or a folder with a ``cohort.tsv``."""
    return root.is_file() or (root / NAME_IN_COHORT).is_file()


def subjects(root: Path) -> list[Subject]:
    """One subject a row. Raises InputError naming the line for a table that cannot be understood."""
    path = root / NAME_IN_COHORT if root.is_dir() else root
    rows = read_rows(path)
    unknown = sorted(set(rows[0]) - set(COLUMNS)) if rows else []
    if rows and "subject" not in rows[0]:
        raise InputError(path, "lacks the column 'subject'", f"columns: {', '.join(COLUMNS)}, separated by tabs")
    if unknown:
        raise InputError(path, f"has unknown columns: {', '.join(unknown)}", f"known: {', '.join(COLUMNS)}")
    return [_subject(path, number, row) for number, row in enumerate(rows, start=2)]


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a tab-separated table by column name, surrounding blanks removed, empty and ``n/a`` cells as ``""``.

    Raises InputError when it cannot be read or a row has more cells than the header.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            raw = list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(path, f"cannot be read as a table ({error})") from error
    rows = []
    for number, row in enumerate(raw, start=2):
        if None in row:
            raise InputError(path, f"line {number} has more cells than the header", "separate columns by tabs")
        cells = {str(column).strip(): (cell or "").strip() for column, cell in row.items()}
        if cells.pop("", ""):  # a tab at the end of every line is no column
            raise InputError(path, f"line {number} has a cell under a column without a name", "name the column")
        rows.append({column: "" if cell.lower() == "n/a" else cell for column, cell in cells.items()})
    return rows


def _subject(table: Path, number: int, row: dict[str, str]) -> Subject:
    name, split = row["subject"], row.get("split", "").lower()
    if not name:
        raise InputError(table, f"line {number} names no subject")
    if split not in ("", *Split):
        raise InputError(table, f"line {number}: split is '{split}'", f"write {' or '.join(Split)}, or leave it empty")
    files = {column: table.parent / row[column] if row.get(column) else None for column in FILE_COLUMNS}
    files["regions"] = files["regions"] or existing(regions_path(table, name))
    return Subject(name, **files, split=Split(split) if split else None)
