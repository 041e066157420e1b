"""Tab-separated tables: read without guessing (every cell is text, what is wrong has its line), and written."""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from yucca_wm.errors import InputError
from yucca_wm.files import atomic_path

MISSING = "n/a"
"""A cell without a value, as BIDS wants it."""

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
"""What counts as a number in a table: decimal point, no unit, finite."""

REMEMBERED = 20_000
"""Different cells that are kept once only, however often they occur: names of subjects and regions."""


@dataclass(frozen=True)
class Columns:
    """Some columns of a table.

    header : names of all its columns; cells : column -> its cells, without surrounding blanks;
    lines : number of the line of every row.
    """

    path: Path
    header: tuple[str, ...]
    cells: dict[str, list[str]]
    lines: list[int]


def read_columns(path: str | os.PathLike[str], needed: Sequence[str], also: Sequence[str] | None = ()) -> Columns:
    """Read the columns ``needed`` and, where there are any, ``also`` (None: all). Lines without a cell do not count.

    Raises InputError naming the line for what is no table: other encodings than UTF-8, more cells than the header,
    cells under a column without a name, quotation marks that do not end, a column that is missing or there twice.
    """
    path = Path(path)
    start = 0
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, delimiter="\t", strict=True)
            header = tuple(composed(cell) for cell in next(reader, []))
            places = _places(path, header, needed, also)
            unnamed = [place for place, name in enumerate(header) if not name]
            start = reader.line_num
            cells: dict[str, list[str]] = {name: [] for name in places}
            lines: list[int] = []
            known: dict[str, str] = {}
            for row in reader:
                first, start = start + 1, reader.line_num
                if first != start:
                    raise InputError(path, f"line {first}: a cell runs over several lines", "see its quotation marks")
                if not any(map(str.strip, row)):
                    continue
                if any(map(str.strip, row[len(header) :])):
                    raise InputError(path, f"line {first} has more cells than the header", "separate columns by tabs")
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
    except (OSError, UnicodeDecodeError) as error:
        remedy = "save it as text in UTF-8" if isinstance(error, UnicodeDecodeError) else ""
        raise InputError(path, f"cannot be read as a table ({error})", remedy) from error
    return Columns(path, header, cells, lines)


def read_rows(path: str | os.PathLike[str], needed: Sequence[str] = ()) -> list[dict[str, str]]:
    """Read all rows of a table, column -> cell; ``n/a`` is read as empty.

    Raises InputError as `read_columns`, also for two columns of one name.
    """
    read = read_columns(path, needed, None)
    rows = zip(*read.cells.values(), strict=True)
    return [dict(zip(read.cells, ("" if cell == MISSING else cell for cell in row), strict=True)) for row in rows]


def tsv_lines(rows: Iterable[Sequence[str]]) -> str:
    """Rows as lines of a table."""
    text = StringIO()
    csv.writer(text, delimiter="\t", lineterminator="\n").writerows(rows)
    return text.getvalue()


def write_tsv(path: str | os.PathLike[str], columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    """Write a table atomically: UTF-8, tabs, a header line; an empty field is written as ``n/a``."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        stream.write(tsv_lines([columns, *([field or MISSING for field in row] for row in rows)]))
    return Path(path)


def blank(rows: Iterable[Sequence[str]]) -> list[list[str]]:
    """Rows for a page: nothing where a table has ``n/a``."""
    return [["" if field == MISSING else field for field in row] for row in rows]


def composed(cell: str) -> str:
    """Without surrounding blanks, letters and their accents as one character: what looks the same is the same."""
    return unicodedata.normalize("NFC", cell.strip())


def _places(path: Path, header: tuple[str, ...], needed: Sequence[str], also: Sequence[str] | None) -> dict[str, int]:
    others = filter(None, header) if also is None else (name for name in also if name in header)
    wanted = list(dict.fromkeys([*needed, *others]))
    if missing := [name for name in needed if name not in header]:
        shown = ", ".join(filter(None, header[:30])) or "none"
        one = len(header) == 1 and re.search("[,;]", header[0])
        remedy = "columns must be separated by tabs" if one else f"it has {shown}"
        raise InputError(path, f"lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}", remedy)
    if twice := [name for name in wanted if header.count(name) > 1]:
        raise InputError(path, f"has the column {twice[0]} twice", "keep one of them")
    return {name: header.index(name) for name in wanted}
