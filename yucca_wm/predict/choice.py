"""Choice of the models for lesions and regions: the user's own or the package's. Light, for ``--help``."""

from __future__ import annotations

import os
from dataclasses import dataclass

SPACES = ("flair", "t1")
"""Scans that may define the grid of the maps."""

SHIPPED, ATLAS = "shipped", "atlas"
LESIONS, REGIONS, TISSUE = "lesions", "regions", "tissue"
"""Targets of segmentation, also the folder names of the maps."""

ModelPath = str | os.PathLike[str]


@dataclass(frozen=True)
class Choice:
    """given : `LESIONS` or `REGIONS` -> the user's own model for it. shipped : whether the package's models segment the
    rest, and tissue. registered : whether regions are the atlas's, registered to the white matter found."""

    given: dict[str, ModelPath]
    shipped: bool
    registered: bool


def choose(lesion_model: ModelPath | None, region_model: ModelPath | None) -> Choice:
    """The choice from two arguments, each a path, `SHIPPED` or None (regions also `ATLAS`); None for both means
    `SHIPPED` for both."""
    chosen = {LESIONS: lesion_model, REGIONS: region_model}
    given = {what: path for what, path in chosen.items() if path and str(path) != SHIPPED}
    registered = str(given.get(REGIONS)) == ATLAS
    if registered:
        del given[REGIONS]
    shipped = not any(chosen.values()) or len(given) < sum(map(bool, chosen.values()))
    return Choice(given, shipped, registered)
