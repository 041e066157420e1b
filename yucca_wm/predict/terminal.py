"""One person's table in the terminal: the regions with lesions, most affected first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from yucca_wm.core.tsv import read_rows

LOADS, PLACES = "lesion_load.tsv", "places.tsv"
SUMMARY = ("total", "outside")
"""Rows that are not of one region; they come last."""


def lines(out: Path, subject: str) -> Iterator[str]:
    """The table of ``subject`` from what localize left in ``out``."""
    loads = _rows(out / LOADS, subject)
    loads["lesion"] = loads["lesion_volume_ml"].astype(float)
    last = loads["name"].isin(SUMMARY)
    affected = loads[~last & (loads["lesion"] > 0)].sort_values("lesion", ascending=False)
    yield f"{'region':<28}{'lesion ml':>11}{'% of region':>13}{'lesions':>9}"
    for row in [*affected.itertuples(), *loads[last].itertuples()]:
        share = f"{float(row.load_percent):.2f}" if row.load_percent else ""
        yield f"{row.name:<28}{row.lesion:>11.3f}{share:>13}{row.n_lesions:>9}"
    none = int((~last & (loads["lesion"] == 0)).sum())
    yield f"({none} regions without lesions)"
    if (out / PLACES).is_file():
        yield ""
        for row in _rows(out / PLACES, subject).itertuples():
            yield f"{row.place:<28}{float(row.lesion_volume_ml):>11.3f}"


def _rows(path: Path, subject: str) -> pd.DataFrame:
    return pd.DataFrame([row for row in read_rows(path) if row["subject"] == subject])
