"""Where the fetched atlas is kept, and what to do when it is not there."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import sha256, write_json

TYPE2, WHITE_MATTER = "JHU_MNI_SS_WMPM_Type-II.nii.gz", "36_labels_merged_only_WM.nii.gz"
"""The two published files that are fetched: all labels, and the refined labels in white matter only."""

REFINED = "refined_labels.nii.gz"
"""Made from the first by `yucca_wm.atlas.refine`."""

MADE_FROM = "refined_labels.json"
"""What the refined labels were made from, as `renew` finds it."""


def cache_folder() -> Path:
    """``$YUCCA_WM_CACHE``, or ``yucca_wm`` in the user's cache folder."""
    if chosen := os.environ.get("YUCCA_WM_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "yucca_wm"


def cached_atlas() -> tuple[Path, Path]:
    """White matter and labels of the fetched atlas; raises InputError that says how to fetch it.

    Labels that were merged from another file, or by another table of regions, are merged again.
    """
    folder = cache_folder()
    for path in (folder / WHITE_MATTER, folder / TYPE2):
        if not path.is_file():
            remedy = "run 'python -m yucca_wm.atlas fetch', or give --atlas-wm and --atlas-labels"
            raise InputError(path, "no atlas has been fetched", remedy)
    return folder / WHITE_MATTER, renew(folder)


def renew(folder: Path) -> Path:
    """The refined labels in ``folder``, made again where they come from other labels or another region table."""
    refined, record = folder / REFINED, folder / MADE_FROM
    sources = {"labels": sha256(folder / TYPE2), "table": _table_digest()}
    try:
        if json.loads(record.read_text(encoding="utf-8")) == {**sources, "refined": sha256(refined)}:
            return refined
    except (OSError, ValueError):  # nothing there yet, or of an earlier version
        pass
    from yucca_wm.atlas.refine import refine_file

    refine_file(folder / TYPE2, refined)
    write_json(record, {**sources, "refined": sha256(refined)})
    return refined


def _table_digest() -> str:
    """Of which labels go into which region; names and colours do not count."""
    from yucca_wm.core.regions import regions

    members = [(region.index, *region.jhu_ids) for region in regions()]
    return hashlib.sha256(json.dumps(members).encode()).hexdigest()
