"""Where the fetched atlas is kept, and what to do when it is not there."""

from __future__ import annotations

import os
from pathlib import Path

from yucca_wm.errors import InputError

TYPE2, WHITE_MATTER = "JHU_MNI_SS_WMPM_Type-II.nii.gz", "36_labels_merged_only_WM.nii.gz"
"""The two published files that are fetched: all labels, and the refined labels in white matter only."""

REFINED = "refined_labels.nii.gz"
"""Made from the first by `yucca_wm.atlas.refine`."""


def cache_folder() -> Path:
    """``$YUCCA_WM_CACHE``, or ``yucca_wm`` in the user's cache folder."""
    if chosen := os.environ.get("YUCCA_WM_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "yucca_wm"


def cached_atlas() -> tuple[Path, Path]:
    """White matter and labels of the fetched atlas; raises InputError that says how to fetch it."""
    wm, labels = cache_folder() / WHITE_MATTER, cache_folder() / REFINED
    for path in (wm, labels):
        if not path.is_file():
            remedy = "run 'python -m yucca_wm.atlas fetch', or give --atlas-wm and --atlas-labels"
            raise InputError(path, "no atlas has been fetched", remedy)
    return wm, labels
