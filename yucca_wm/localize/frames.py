"""The tables as pandas' data frames: the rows that a file would hold, with typed columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

TEXT = frozenset({"subject", "name", "side", "group", "main_region", "regions", "place"})
"""Columns of names; a subject called 001 stays that."""

COUNTS = frozenset(
    {
        "region_id", "n_lesions", "n_lesions_touching", "region_voxels", "lesion_voxels", "lesion", "voxels",
        "main_region_id", "n_regions",
    }
)  # fmt: skip
"""Columns of whole numbers; all but these, names and answers are numbers."""

ANSWERS = frozenset({"touches_ventricle", "touches_cortex", "disagree"})
"""Columns of yes and no."""

MISSING = ("", "n/a")


def data_frame(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> pd.DataFrame:
    """Rows of fields as they stand in a file, as a data frame.

    Names are ``string``, whole numbers ``Int64``, answers ``boolean``, numbers ``float64``; where there is no value it
    is ``NA`` (numbers: NaN). A table without rows has the same types.
    """
    import pandas as pd

    cells = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pd.DataFrame({name: _typed(name, own) for name, own in zip(columns, cells, strict=True)})


def _typed(name: str, cells: Sequence[str]) -> pd.Series:
    import pandas as pd

    values = [None if cell in MISSING else cell for cell in cells]
    if name in TEXT:
        return pd.Series(values, dtype="string")
    if name in COUNTS:
        return pd.Series([None if value is None else int(value) for value in values], dtype="Int64")
    if name in ANSWERS:
        return pd.Series([None if value is None else value == "yes" for value in values], dtype="boolean")
    return pd.Series([float("nan") if value is None else float(value) for value in values], dtype="float64")
