"""Statistics of regional load in a cohort: groups of subjects with similar patterns, and association with disease."""

from __future__ import annotations

import importlib.util

from yucca_wm.core.errors import MissingExtraError


def check_packages() -> None:
    """Raise MissingExtraError if the packages of the extra ``groups`` are not installed.

    Light, so that it can be called before modules that need them are imported.
    """
    for module in ("statsmodels", "firthmodels"):
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(module, "groups")
