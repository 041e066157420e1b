"""Where a cohort keeps what was made from it."""

from __future__ import annotations

import os
from pathlib import Path

UNMASKED, FIELD = "_unmasked.nii.gz", "_warp.nii.gz"
"""How the images end that `yucca_wm.parcellate` leaves beside a region map: they are no region maps."""


def derivatives_folder(root: str | os.PathLike[str], subject: str) -> Path:
    """``<root>/derivatives/yucca_wm/<subject>``; for a table of paths, beside the table."""
    root = Path(root)
    return (root.parent if root.is_file() else root) / "derivatives" / "yucca_wm" / subject


def regions_path(root: str | os.PathLike[str], subject: str) -> Path:
    """Where the region map made for ``subject`` is kept (it need not be there yet)."""
    return derivatives_folder(root, subject) / f"{subject}_regions.nii.gz"


def existing(path: Path) -> Path | None:
    """``path`` if it is there (a link that leads nowhere counts as there, so that it is reported), else None."""
    return path if path.exists() or path.is_symlink() else None
