"""The tissue classes: what each label of a tissue map means (``data/tissue.tsv``); 0 is outside the brain."""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from pathlib import Path

from yucca_wm.core.regions import RegionTable, read_table

TABLE = Path(__file__).parents[1] / "data" / "tissue.tsv"


class Tissue(IntEnum):
    """The labels by name. White matter within the cerebellum and the brainstem has their labels."""

    CEREBRAL_WHITE_MATTER = 1
    CORTICAL_GREY_MATTER = 2
    DEEP_GREY_MATTER = 3
    LATERAL_VENTRICLES = 4
    OTHER_CSF = 5
    CEREBELLUM = 6
    BRAINSTEM = 7


@cache
def tissues() -> RegionTable:
    """The table, with names in full and colours."""
    return read_table(TABLE)
