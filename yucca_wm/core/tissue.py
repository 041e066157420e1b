"""Tissue classes: the meaning of each label of a tissue map (``data/tissue.tsv``); 0 is outside the brain."""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from pathlib import Path

from yucca_wm.core.regions import RegionTable, read_table

TABLE = Path(__file__).parents[1] / "data" / "tissue.tsv"


class Tissue(IntEnum):
    """Tissue labels by name. White matter within the cerebellum and the brainstem has the label of that structure."""

    CEREBRAL_WHITE_MATTER = 1
    CORTICAL_GREY_MATTER = 2
    DEEP_GREY_MATTER = 3
    LATERAL_VENTRICLES = 4
    OTHER_CSF = 5
    CEREBELLUM = 6
    BRAINSTEM = 7


@cache
def tissues() -> RegionTable:
    """The tissue table, with full names and colours."""
    return read_table(TABLE)
