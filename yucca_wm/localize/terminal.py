"""What is printed at the end: one person's table, the regions with lesions first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from yucca_wm.core.regions import REMAINDER
from yucca_wm.core.tsv import read_rows
from yucca_wm.localize.measures.places import SORTED
from yucca_wm.localize.tables import LOAD, PLACES

SUMMARY = ("outside", "total")
"""Rows that are not of one region; they come last."""

REST = "remainder: none of these regions (cerebellum, brainstem, deep grey matter)"


def lines(out: Path, subject: str) -> Iterator[str]:
    """The table of ``subject`` from what localize left in ``out``."""
    loads = _rows(out / LOAD, subject)
    loads["lesion"] = loads["lesion_volume_ml"].astype(float)
    last, rest = loads["name"].isin(SUMMARY), loads["group"] == REMAINDER
    affected = loads[~last & (loads["lesion"] > 0)].sort_values("lesion", ascending=False)
    yield f"{'region':<28}{'lesion ml':>11}{'% of region':>13}{'lesions in it':>15}"
    for row in [*affected.itertuples(), *loads[last].itertuples()]:
        share = f"{float(row.load_percent):.2f}" if row.load_percent else ""
        yield f"{row.name:<28}{row.lesion:>11.3f}{share:>13}{row.n_lesions_touching:>15}"
    white = loads[~last & ~rest]
    yield f"{int((white['lesion'] == 0).sum())} of {len(white)} regions have no lesion"
    if (affected["group"] == REMAINDER).any():
        yield REST
    if (out / PLACES).is_file():
        yield ""
        yield f"{'place':<28}{'lesion ml':>11}{'lesions, each once':>28}"
        for row in _rows(out / PLACES, subject).itertuples():
            yield f"{row.place:<28}{float(row.lesion_volume_ml):>11.3f}{row.n_lesions:>28}"
        yield SORTED


def _rows(path: Path, subject: str) -> pd.DataFrame:
    return pd.DataFrame([row for row in read_rows(path) if row["subject"] == subject])
