"""Which models find what: of the user's own, and those that come with this package. Light, for ``--help``."""

from __future__ import annotations

import os
from dataclasses import dataclass

SHIPPED = "shipped"
LESIONS, REGIONS = "lesions", "regions"

ModelPath = str | os.PathLike[str]


@dataclass(frozen=True)
class Choice:
    """given : what is found (`LESIONS`, `REGIONS`) -> the user's own model. shipped : whether the package's models find
    the rest, and tissue."""

    given: dict[str, ModelPath]
    shipped: bool


def choose(lesion_model: ModelPath | None, region_model: ModelPath | None) -> Choice:
    """What was chosen: a path, `SHIPPED` or nothing for each; nothing at all means `SHIPPED` for both."""
    chosen = {LESIONS: lesion_model, REGIONS: region_model}
    given = {what: path for what, path in chosen.items() if path and str(path) != SHIPPED}
    return Choice(given, not any(chosen.values()) or len(given) < sum(map(bool, chosen.values())))
