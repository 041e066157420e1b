"""White matter for want of a segmentation: of a tissue map, made by the package's own models where there is none."""

from __future__ import annotations

import numpy as np

from yucca_wm.core.errors import InputError
from yucca_wm.core.images import Image, check_same_grid
from yucca_wm.core.tissue import Tissue
from yucca_wm.parcellate.wm import WhiteMatter


def segmented(scan: Image) -> tuple[Image, Image]:
    """Tissue map (labels of `Tissue`, 0 outside) and region map of the person on ``scan``, a T1 as it comes.

    Raises InputError when no whole brain is found.
    """
    from yucca_wm.models.segment import segment
    from yucca_wm.models.shipped import networks

    found = segment(networks("cpu"), {"T1": scan})
    tissue = np.where(found.lesions > 0, np.uint8(Tissue.CEREBRAL_WHITE_MATTER), found.tissue)
    return scan.with_data(tissue), scan.with_data(found.regions)


def white_matter_of(tissue: Image, scan: Image) -> WhiteMatter:
    """The cerebral white matter of a tissue map on the grid of ``scan``.

    Raises InputError for a tissue map on another grid, with other labels or without white matter.
    """
    check_tissue(tissue)
    check_same_grid(scan, tissue)
    mask = tissue.data == Tissue.CEREBRAL_WHITE_MATTER
    if not mask.any():
        raise InputError(tissue.name, f"holds no cerebral white matter (label {Tissue.CEREBRAL_WHITE_MATTER:d})")
    found = Image(mask.astype(np.uint8), tissue.affine, tissue.path or scan.path, scan.header)
    return WhiteMatter(found, "cerebral white matter of the tissue map")


def check_tissue(tissue: Image) -> None:
    """Raise InputError for values that are no `Tissue`."""
    strange = sorted(set(np.unique(tissue.data).tolist()) - {0, *map(int, Tissue)})
    if strange:
        shown = ", ".join(f"{value:g}" for value in strange[:5])
        raise InputError(tissue.name, f"holds {shown}: no tissue map", f"its labels are 0 to {max(Tissue):d}")
