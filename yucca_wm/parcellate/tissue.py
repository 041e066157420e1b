"""White matter for want of a segmentation: of a tissue map, or estimated from the T1."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from yucca_wm.errors import InputError
from yucca_wm.images import Image, check_same_grid
from yucca_wm.parcellate.wm import WhiteMatter


class Tissue(IntEnum):
    """Labels of a tissue map."""

    OUTSIDE = 0
    CEREBRAL_WHITE_MATTER = 1
    CORTICAL_GREY_MATTER = 2
    DEEP_GREY_MATTER = 3
    LATERAL_VENTRICLES = 4
    OTHER_CSF = 5
    CEREBELLUM = 6
    BRAINSTEM = 7


def estimate(t1: Image, tissue: Image | None = None) -> WhiteMatter:
    """White matter of the person on ``t1`` when no segmentation of it was given; the only place that decides how.

    tissue : label map of `Tissue` on the grid of ``t1``; its cerebral white matter is taken. Without one the brightest
    class of a skull-stripped T1 is, which is rough.

    Raises InputError for a tissue map on another grid, with other labels or without white matter, and as
    `mixture.from_t1`.
    """
    if tissue is None:
        from yucca_wm.parcellate.mixture import from_t1

        return from_t1(t1)
    check_tissue(tissue)
    check_same_grid(t1, tissue)
    mask = tissue.data == Tissue.CEREBRAL_WHITE_MATTER
    if not mask.any():
        raise InputError(tissue.name, f"holds no cerebral white matter (label {Tissue.CEREBRAL_WHITE_MATTER:d})")
    found = Image(mask.astype(np.uint8), tissue.affine, tissue.path or t1.path, t1.header)
    return WhiteMatter(found, "cerebral white matter of the tissue map")


def check_tissue(tissue: Image) -> None:
    """Raise InputError for values that are no `Tissue`."""
    strange = sorted(set(np.unique(tissue.data).tolist()) - {int(label) for label in Tissue})
    if strange:
        shown = ", ".join(f"{value:g}" for value in strange[:5])
        raise InputError(tissue.name, f"holds {shown}: no tissue map", f"its labels are 0 to {max(Tissue):d}")
