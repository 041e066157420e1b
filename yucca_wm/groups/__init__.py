"""What regional load says about a cohort: groups of subjects with like patterns, and association with disease."""

from __future__ import annotations

import importlib.util

from yucca_wm.core.errors import MissingExtraError


def check_packages() -> None:
    """Raise MissingExtraError where the packages of the extra ``groups`` are not installed.

    Light: asked before anything is imported that needs them.
    """
    for module in ("sklearn", "statsmodels"):
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(module, "groups")
