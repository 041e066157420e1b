"""Declarations of table columns, from which the table, its BIDS sidecar and its page in the docs are generated.

A table is a tuple of `Column`. The ``cell`` of a column computes its value from one row of results. Tables with one or
more rows per subject begin with the column ``subject``; see `TableForm`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from numbers import Integral
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from yucca_wm.core.tsv import MISSING

if TYPE_CHECKING:
    import pandas as pd

Row = TypeVar("Row")

Cell = str | float | bool | None
"""Value of a column in one row; None, NaN and empty text are written as ``n/a``."""

DECIMALS = 6
"""Decimals of volumes in mL (6: a thousandth of a mm3) and of percentages."""

_ZEROS = {decimals: f"{0:.{decimals}f}" for decimals in range(DECIMALS + 1)}


class Kind(StrEnum):
    """Type of a column's values. answer: yes or no."""

    TEXT = "text"
    COUNT = "count"
    NUMBER = "number"
    ANSWER = "answer"


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column of a table.

    Parameters
    ----------
    name : column header.
    cell : function from a row to the column's value.
    description : meaning, in one sentence without a full stop.
    unit : ``mL``, ``mm``, ``%``; empty for names, counts and ratios.
    computed : how it is computed, where the description does not say so.
    levels : meaning of each word, for a column with only a few.
    decimals : decimals of numbers that are not whole.
    significant : significant digits instead of decimals, for numbers of any magnitude (p values).
    kind : type of the values; a column with a unit holds numbers.
    """

    name: str
    cell: Callable[[Row], Cell]
    description: str
    unit: str = ""
    computed: str = ""
    levels: Mapping[str, str] = field(default_factory=dict)
    decimals: int = DECIMALS
    significant: int = 0
    kind: Kind = Kind.TEXT

    def __post_init__(self) -> None:
        if self.unit:
            object.__setattr__(self, "kind", Kind.NUMBER)

    def text(self, row: Row) -> str:
        """Field of ``row`` as text."""
        cell = self.cell(row)
        if self.significant and isinstance(cell, float) and cell == cell:
            return f"{cell:.{self.significant}g}"
        return as_text(cell, self.decimals)

    @property
    def meaning(self) -> str:
        """Description and how it is computed."""
        return "; ".join(filter(None, (self.description, self.computed)))


@dataclass(frozen=True)
class TableForm(Generic[Row]):
    """Name and columns of a table.

    Parameters
    ----------
    name : file name.
    columns : all columns but ``subject``.
    subjects : whether rows belong to subjects, so that the first column is ``subject``.
    """

    name: str
    columns: tuple[Column[Row], ...]
    subjects: bool = True

    @property
    def header(self) -> tuple[str, ...]:
        """Names of the columns."""
        return ("subject",) * self.subjects + tuple(column.name for column in self.columns)

    def fields(self, row: Row, subject: str = "") -> list[str]:
        """One row of the file."""
        return [subject] * self.subjects + [column.text(row) for column in self.columns]

    def data_frame(self, rows: Iterable[Sequence[Cell]]) -> pd.DataFrame:
        """Rows as a data frame.

        rows : from `fields` (numbers as in the file) or from `values` (full precision).

        Names are ``string``, whole numbers ``Int64``, answers ``boolean``, numbers ``float64``; missing values are
        ``NA`` (numbers: NaN). A table without rows has the same types.
        """
        import pandas as pd

        kinds = [Kind.TEXT] * self.subjects + [column.kind for column in self.columns]
        cells = list(zip(*rows, strict=True)) or [()] * len(kinds)
        return pd.DataFrame(
            {name: _series(kind, own) for name, kind, own in zip(self.header, kinds, cells, strict=True)}
        )

    def values(self, row: Row, subject: str = "") -> list[Cell]:
        """One row with every decimal."""
        return [subject] * self.subjects + [column.cell(row) for column in self.columns]

    def sidecar(self) -> dict[str, dict[str, Any]]:
        """Column -> description, in the form that BIDS requires beside a table."""
        first = {"subject": {"Description": SUBJECT}} if self.subjects else {}
        return first | {column.name: _entry(column) for column in self.columns}

    def markdown(self) -> str:
        """The columns as a Markdown table."""
        rows = [("subject", "", SUBJECT)] if self.subjects else []
        rows += [(column.name, column.unit, _meaning_with_levels(column)) for column in self.columns]
        lines = [f"| `{name}` | {unit} | {meaning} |" for name, unit, meaning in rows]
        return "\n".join(["| column | unit | meaning |", "|---|---|---|", *lines])


SUBJECT = "name of the subject"


def identity(forms: Iterable[TableForm[Any]]) -> str:
    """SHA-256 of the columns of tables, for a step that keeps rows: those of other columns are made again."""
    return hashlib.sha256(repr([(form.name, form.sidecar()) for form in forms]).encode()).hexdigest()


def as_text(value: Cell, decimals: int = DECIMALS) -> str:
    """``value`` as a field."""
    if value is None or value == "":
        return MISSING
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, Integral) else number(value, decimals)


def number(value: float | None, decimals: int = DECIMALS) -> str:
    """``value`` with fixed decimals, the same despite floating-point noise; None and NaN: n/a."""
    if value is None or value != value:
        return MISSING
    if not value:  # most cells of a table
        return _ZEROS[decimals]
    text = f"{round(value, decimals + 4):.{decimals}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _meaning_with_levels(column: Column[Any]) -> str:
    levels = ", ".join(f"`{word}`: {meaning}" for word, meaning in column.levels.items())
    return f"{column.meaning} ({levels})" if levels else column.meaning


def _entry(column: Column[Any]) -> dict[str, Any]:
    meaning = column.meaning.replace("`", "")
    entry: dict[str, Any] = {"Description": meaning[0].upper() + meaning[1:]}
    if column.unit:
        entry["Units"] = column.unit
    if column.levels:
        entry["Levels"] = dict(column.levels)
    return entry


def _series(kind: Kind, cells: Sequence[Cell]) -> pd.Series:
    import pandas as pd

    values = [None if cell is None or cell == MISSING or cell == "" else cell for cell in cells]
    if kind is Kind.TEXT:
        return pd.Series(values, dtype="string")
    if kind is Kind.COUNT:
        return pd.Series([None if value is None else int(value) for value in values], dtype="Int64")
    if kind is Kind.ANSWER:
        return pd.Series([None if value is None else value in (True, "yes") for value in values], dtype="boolean")
    return pd.Series([float("nan") if value is None else float(value) for value in values], dtype="float64")
