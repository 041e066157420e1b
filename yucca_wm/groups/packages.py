"""What the analyses of groups need beside the package's own requirements. Light: asked before anything is imported."""

from __future__ import annotations

import importlib.util

from yucca_wm.core.errors import MissingExtraError


def check_packages() -> None:
    """Raise MissingExtraError where the packages of the extra ``groups`` are not installed."""
    for module in ("sklearn", "statsmodels"):
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(module, "groups")
