"""Regions as in the paper instead of the network's: the atlas, registered to the white matter found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.atlas.fetch import cached_atlas
from yucca_wm.atlas.maps import Atlas, load_atlas
from yucca_wm.core.notes import Note
from yucca_wm.imaging.images import Image
from yucca_wm.imaging.reading import spelled
from yucca_wm.parcellate.case import Beside, label
from yucca_wm.parcellate.quality import doubts
from yucca_wm.parcellate.settings import Settings, Transform
from yucca_wm.parcellate.white_matter import WhiteMatter
from yucca_wm.scan.notes import ATLAS

SETTINGS = Settings(transform=Transform.DEFORMABLE)


@dataclass(frozen=True)
class Registered:
    """regions : label map [i, j, k]. about : quality of the fit, for the record. doubts : what to check."""

    regions: NDArray[np.uint8]
    about: dict[str, Any]
    doubts: list[Note]


def registered_regions(atlas: Atlas, network: Image) -> Registered:
    """Register the atlas (affine, then deformable) to a subject's white matter and transfer its labels.

    Parameters
    ----------
    atlas : Atlas
        Atlas to register.
    network : Image
        Regions [i, j, k] that the network found, in all white matter and lesions. The registration uses them as a
        mask. Its labels stay where the atlas has none within `Settings.fill_mm`, and serve to check the registration.

    Returns
    -------
    Registered
        Regions on the grid of ``network``, quality of the fit, and doubts.

    Raises
    ------
    InputError
        The white matter cannot be that of a whole brain.
    """
    white = network.with_data((network.data > 0).astype(np.uint8))
    found = label(atlas, WhiteMatter(white, "white matter and lesions found"), SETTINGS, Beside(regions=network))
    regions = np.where(found.regions > 0, found.regions, network.data).astype(np.uint8)
    about = {
        "transform": str(SETTINGS.transform),
        "wm_dice": round(found.wm_dice, 4),
        "fit": found.fit.as_dict(),
        "voxels_of_the_network": int((regions > 0).sum() - (found.regions > 0).sum()),
    }
    return Registered(regions, about, [ATLAS.note(doubt=doubt) for doubt in doubts(found.warp.matrix, found.fit)])


def fetched() -> Atlas:
    """The atlas that ``yucca-wm atlas fetch`` keeps; raises InputError if it has not been fetched."""
    network = spelled("--region-model shipped", 'region_model="shipped"')
    return _read(*cached_atlas(f"take the network's regions ({network})"))


@cache
def _read(wm: Path, labels: Path) -> Atlas:
    return load_atlas(wm, labels)
