"""Reading and writing of tables as text: every cell is read as text, errors name the line, output is tab-separated."""

from __future__ import annotations

import csv
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeAlias

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import atomic_path

MISSING = "n/a"
"""A cell without a value, as in BIDS."""

NO_VALUE = ("", MISSING, "na", "n.a.", "nan")
"""Cells that mean a missing value in users' tables, in upper or lower case."""

if TYPE_CHECKING:
    import pandas as pd

    TableInput: TypeAlias = str | os.PathLike[str] | pd.DataFrame
    """A table as `read_columns` takes it."""

FRAME = "DataFrame"
"""Name of a table in memory, for messages."""

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
"""A number in a table: decimal point, no unit, finite."""

SEPARATORS = {"\t": "tabs", ";": "semicolons", ",": "commas"}
"""Accepted column separators; the first of them that occurs in the header line is used."""

NO_TEXT = {
    b"PK\x03\x04": "an Excel file", b"\xd0\xcf\x11\xe0": "an Excel file",
    b"\xff\xfe": "UTF-16 text", b"\xfe\xff": "UTF-16 text",
}  # fmt: skip
"""First bytes -> kind of a file that is not UTF-8 text."""

REMEMBERED = 20_000
"""Number of different cells stored only once, however often they occur: names of subjects and regions."""


@dataclass(frozen=True)
class Columns:
    """Some columns of a table.

    header : names of all columns of the table; cells : column -> its cells, without surrounding blanks;
    lines : line number of every row.
    """

    path: Path
    header: tuple[str, ...]
    cells: dict[str, list[str]]
    lines: list[int]


def has_value(cell: str) -> bool:
    """Whether a cell of a user's table has a value."""
    return cell.strip().casefold() not in NO_VALUE


def read_columns(
    path: TableInput, needed: Sequence[str], also: Sequence[str] | None = (), *, any_case: bool = False
) -> Columns:
    """Read the columns ``needed`` and, where they exist, ``also`` (None: all). Lines without any cell are skipped.

    path : of a file, or a pandas.DataFrame, which is read like the file that it would make; its first row is line 1.
    any_case : accept those columns in upper or lower case; two that differ only in case are refused.

    Columns are separated by tabs, or throughout by semicolons or commas; with the latter, every line must have a cell
    for every column, as spreadsheets write them: a comma within a cell would shift all following cells.

    Raises InputError, naming the line, for encodings other than UTF-8, more cells than the header has (or fewer,
    unless tabs separate them), cells under a column without a name, unclosed quotation marks, and a column that is
    missing or occurs twice.
    """
    if not isinstance(path, str | os.PathLike):
        return columns_of_frame(path, needed, also, any_case=any_case)
    path = Path(path)
    folded = (*needed, *(also or ())) if any_case else ()
    start = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            line = next(stream, "")
            if stated := line.lower().startswith("sep="):  # as Excel writes it
                line = next(stream, "")
            mark = next((mark for mark in SEPARATORS if mark in line), "\t")
            reader = csv.reader(chain([line], stream), delimiter=mark, skipinitialspace=mark != "\t", strict=True)
            header = _header(path, next(reader, []), folded)
            places = _places(path, header, needed, also)
            unnamed = [place for place, name in enumerate(header) if not name]
            start = stated + reader.line_num
            cells: dict[str, list[str]] = {name: [] for name in places}
            lines: list[int] = []
            known: dict[str, str] = {}
            for row in reader:
                first, start = start + 1, stated + reader.line_num
                if first != start:
                    raise InputError(path, f"line {first}: a cell runs over several lines", "check its quotation marks")
                if not any(map(str.strip, row)):
                    continue
                if any(map(str.strip, row[len(header) :])):
                    raise InputError(path, f"line {first} has more cells than the header", _mend(mark))
                if mark != "\t" and len(row) < len(header):
                    raise InputError(path, f"line {first} has fewer cells than the header", _mend(mark))
                if any(row[place].strip() for place in unnamed if place < len(row)):
                    problem = f"line {first} has a cell under a column without a name"
                    raise InputError(path, problem, "name the column")
                for name, place in places.items():
                    cell = row[place].strip() if place < len(row) else ""
                    same = known.get(cell, cell)
                    cells[name].append(same)
                    if len(known) < REMEMBERED:
                        known[same] = same
                lines.append(first)
    except csv.Error as error:
        problem = f"line {start + 1}: a quotation mark is not where a cell ends ({error})"
        raise InputError(path, f"cannot be read as a table: {problem}") from error
    except UnicodeDecodeError as error:
        raise InputError(path, f"is {_kind(path)}", "save it as tab-separated text (UTF-8)") from error
    except FileNotFoundError as error:
        raise InputError(path, "no such file", "check the path") from error
    except OSError as error:
        raise InputError(path, f"cannot be read as a table ({error.strerror})") from error
    return Columns(path, header, cells, lines)


def read_rows(path: str | os.PathLike[str], needed: Sequence[str] = ()) -> list[dict[str, str]]:
    """Read all rows of a table, column -> cell; ``n/a`` is read as empty.

    Raises InputError as `read_columns`, also for two columns with the same name.
    """
    read = read_columns(path, needed, None)
    rows = zip(*read.cells.values(), strict=True)
    return [dict(zip(read.cells, ("" if cell == MISSING else cell for cell in row), strict=True)) for row in rows]


def tsv_lines(rows: Iterable[Sequence[str]]) -> str:
    """Rows as lines of a tab-separated table."""
    text = StringIO()
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows(rows)
    return text.getvalue()


@contextmanager
def table_stream(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """A stream for the `tsv_lines` of a table, which appears at ``path`` when it is closed."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        yield stream


def tsv_rows(lines: str, header: Sequence[str]) -> list[dict[str, str]]:
    """The rows that `tsv_lines` has made into ``lines``, column -> cell. header : names of the columns."""
    return [dict(zip(header, row, strict=True)) for row in csv.reader(StringIO(lines, newline=""), delimiter="\t")]


def write_tsv(path: str | os.PathLike[str], columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    """Write a table atomically: UTF-8, tabs, a header line; an empty field is written as ``n/a``."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        stream.write(tsv_lines([columns, *([field or MISSING for field in row] for row in rows)]))
    return Path(path)


def blank(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    """Rows for a page: empty text where a table has ``n/a``."""
    return [["" if field == MISSING else field for field in row] for row in rows]


def columns_of_frame(
    frame: pd.DataFrame, needed: Sequence[str], also: Sequence[str] | None = (), *, any_case: bool = False
) -> Columns:
    """`read_columns` for a data frame; an index that has a name is a column.

    Missing values are empty cells, whole numbers have no decimals. Raises InputError as `read_columns`, and if
    ``frame`` is not a data frame.
    """
    pandas = sys.modules.get("pandas")
    if pandas is None or not isinstance(frame, pandas.DataFrame):
        raise InputError("table", f"is of type {type(frame).__name__}", "give the path of a table, or a DataFrame")
    path = Path(FRAME)
    if any(name is not None and name not in frame.columns for name in frame.index.names):
        frame = frame.reset_index()
    header = _header(path, map(str, frame.columns), (*needed, *(also or ())) if any_case else ())
    places = _places(path, header, needed, also)
    lines = [line for line, empty in enumerate(frame.isna().all(axis=1).tolist(), 1) if not empty]
    cells = {}
    for name, place in places.items():
        column = frame.iloc[:, place]
        values, missing = column.tolist(), column.isna().tolist()
        cells[name] = ["" if missing[line - 1] else _written(values[line - 1]) for line in lines]
    return Columns(path, header, cells, lines)


def table_name(table: TableInput) -> str:
    """Name of the table in messages and records."""
    return str(Path(table)) if isinstance(table, str | os.PathLike) else FRAME


def _written(value: Any) -> str:
    """A cell of a data frame as it would be written to a file."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()


def composed(cell: str) -> str:
    """Strip surrounding blanks and compose letters with their accents, so that equal-looking names are equal."""
    return unicodedata.normalize("NFC", cell.strip())


def respelled(header: Iterable[str], names: Iterable[str]) -> str:
    """Remedy for columns that differ from ``names`` only in upper and lower case; empty where there are none."""
    wanted = {name.casefold(): name for name in names}
    near = {
        name: wanted[name.casefold()] for name in header if name.casefold() in wanted and name not in wanted.values()
    }
    return ", ".join(f"write {name} for {given}" for given, name in near.items())


def _kind(path: Path) -> str:
    """Kind of a file that is not UTF-8 text."""
    start = path.read_bytes()[:4]
    return next((kind for mark, kind in NO_TEXT.items() if start.startswith(mark)), "not text in UTF-8")


def _mend(mark: str) -> str:
    """Remedy for a line whose number of cells differs from the header's."""
    if mark == "\t":
        return "separate columns by tabs"
    return f"its columns are separated by {SEPARATORS[mark]}: put cells that hold one in quotation marks"


def _header(path: Path, cells: Iterable[str], folded: Iterable[str]) -> tuple[str, ...]:
    """Column names; those that match one of ``folded`` except for case get its spelling.

    Raises InputError where two different names become one.
    """
    wanted = {name.casefold(): name for name in folded}
    given = tuple(composed(cell) for cell in cells)
    header = tuple(wanted.get(name.casefold(), name) for name in given)
    for name in wanted.values():
        alike = dict.fromkeys(one for one, meant in zip(given, header, strict=True) if meant == name)
        if len(alike) > 1:
            problem = f"has the columns {' and '.join(alike)}, which differ in upper and lower case only"
            raise InputError(path, problem, "keep one of them")
    return header


def _places(path: Path, header: tuple[str, ...], needed: Sequence[str], also: Sequence[str] | None) -> dict[str, int]:
    """Column -> position in the header. Raises InputError where one is missing or occurs twice."""
    others = filter(None, header) if also is None else (name for name in also if name in header)
    wanted = list(dict.fromkeys([*needed, *others]))
    if missing := [name for name in needed if name not in header]:
        shown = ", ".join(filter(None, header[:30])) or "none"
        one = len(header) == 1 and set(needed) & {*header[0].split(), *header[0].casefold().split()}
        otherwise = ": ".join(filter(None, (f"it has {shown}", respelled(header, missing))))
        remedy = "columns must be separated by tabs, semicolons or commas" if one else otherwise
        raise InputError(path, f"lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}", remedy)
    if twice := [name for name in wanted if header.count(name) > 1]:
        raise InputError(path, f"has the column {twice[0]} twice", "keep one of them")
    return {name: header.index(name) for name in wanted}
