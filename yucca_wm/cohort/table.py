"""A table of paths, one row per subject, for files in any other layout.

Tab-separated, with the column ``subject`` and any of ``t1``, ``flair``, ``wm``, ``lesions``, ``regions`` (paths,
relative to the table) and ``split`` (train or test), in upper or lower case. An empty cell, ``n/a``, ``NA`` or ``nan``
means that there is none. Other columns (age, sex, ...) are not used, and that is noted.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from yucca_wm.cohort.subject import FILE_COLUMNS, MAPS, Split, Subject, existing, regions_path
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import IMAGE_SUFFIXES
from yucca_wm.core.modality import Modality
from yucca_wm.core.tsv import MISSING, Columns, has_value, read_columns
from yucca_wm.imaging.reading import note

COLUMNS = ("subject", *FILE_COLUMNS, "split")

IDS = ("subject", "participant_id")
"""Columns with the subject's id; an id may be ``NA``."""

NEAR = 0.75
"""Similarity (`difflib`) from which a column name counts as a misspelling of another."""

NAME_IN_COHORT = "cohort.tsv"
"""A folder with a table of this name is read from it."""


def matches(root: Path) -> bool:
    """Whether ``root`` is a file, or a folder with a ``cohort.tsv``."""
    return root.is_file() or (root / NAME_IN_COHORT).is_file()


def subjects(root: Path) -> list[Subject]:
    """One subject per row. Raises InputError, naming the line, for a table that cannot be understood."""
    path = root / NAME_IN_COHORT if root.is_dir() else root
    read = read_columns(path, ("subject",), COLUMNS, any_case=True)
    if unknown := sorted(set(read.header) - {*COLUMNS, ""}):  # a tab at the end of every line is not a column
        _check_unknown(path, unknown)
    return [_subject(path, number, row) for number, row in rows_of(read)]


def _check_unknown(path: Path, columns: list[str]) -> None:
    """Note that ``columns`` are not used (age, sex, ...). Raises InputError for one that seems to be meant as a known
    column: with a similar name, or with image files in it."""
    cells = read_columns(path, columns).cells
    wrong, meant = [], []
    for name in columns:
        files = [cell for cell in cells[name] if cell.lower().endswith(IMAGE_SUFFIXES)]
        near = difflib.get_close_matches(name.lower(), COLUMNS, n=1, cutoff=NEAR)
        near = near or [word for word in re.split(r"[\W_]+", name.lower()) if word in FILE_COLUMNS]
        if files or near:
            wrong.append(name)
            meant += near[:1]
    if wrong:
        problem = f"has {'an unknown column' if len(wrong) == 1 else 'unknown columns'}: {', '.join(wrong)}"
        asked = f"did you mean {' and '.join(meant)}? " if meant else ""
        raise InputError(path, problem, f"{asked}known: {', '.join(COLUMNS)}")
    note(f"{path}: not used: {', '.join(columns)} (columns that are used: {', '.join(COLUMNS)})")


def rows_of(read: Columns) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number of every row and its cells by column name; cells without a value (`has_value`) are ``""``."""
    for place, number in enumerate(read.lines):
        row = {name: cells[place] for name, cells in read.cells.items()}
        yield number, {name: cell if _counts(name, cell) else "" for name, cell in row.items()}


def _counts(column: str, cell: str) -> bool:
    return cell.casefold() != MISSING if column in IDS else has_value(cell)


def _subject(table: Path, number: int, row: dict[str, str]) -> Subject:
    name, split = row["subject"], row.get("split", "").lower()
    if not name:
        raise InputError(table, f"line {number} names no subject")
    if split not in ("", *Split):
        raise InputError(table, f"line {number}: split is '{split}'", f"write {' or '.join(Split)}, or leave it empty")
    files = {column: table.parent / row[column] for column in FILE_COLUMNS if row.get(column)}
    scans = {modality: files[modality.column] for modality in Modality if modality.column in files}
    maps: dict[str, Any] = {column: files.get(column) for column in MAPS}
    maps["regions"] = maps["regions"] or existing(regions_path(table, name))
    return Subject(name, scans, **maps, split=Split(split) if split else None)
