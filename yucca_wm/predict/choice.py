"""Which models find what: of the user's own, and those that come with this package. Light, for ``--help``."""

from __future__ import annotations

import os
from dataclasses import dataclass

SPACES = ("flair", "t1")
"""Scans on whose grid maps may be wanted."""

SHIPPED, ATLAS = "shipped", "atlas"
LESIONS, REGIONS, TISSUE = "lesions", "regions", "tissue"
"""What models find, and the folders of its maps."""

ModelPath = str | os.PathLike[str]


@dataclass(frozen=True)
class Choice:
    """given : what is found (`LESIONS`, `REGIONS`) -> the user's own model. shipped : whether the package's models find
    the rest, and tissue. registered : whether regions are the atlas's, registered to the white matter found."""

    given: dict[str, ModelPath]
    shipped: bool
    registered: bool


def choose(lesion_model: ModelPath | None, region_model: ModelPath | None) -> Choice:
    """What was chosen: a path, `SHIPPED` or nothing for each, `ATLAS` for regions; nothing at all means `SHIPPED` for
    both."""
    chosen = {LESIONS: lesion_model, REGIONS: region_model}
    given = {what: path for what, path in chosen.items() if path and str(path) != SHIPPED}
    registered = str(given.get(REGIONS)) == ATLAS
    if registered:
        del given[REGIONS]
    shipped = not any(chosen.values()) or len(given) < sum(map(bool, chosen.values()))
    return Choice(given, shipped, registered)
