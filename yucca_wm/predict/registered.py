"""Regions as in the paper, in place of the network's: the atlas, registered to the white matter that was found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.atlas.fetch import cached_atlas
from yucca_wm.atlas.maps import Atlas, load_atlas
from yucca_wm.imaging.images import Image
from yucca_wm.imaging.reading import spelled
from yucca_wm.localize.inputs.records import ATLAS_DOUBT
from yucca_wm.parcellate.case import Beside, label
from yucca_wm.parcellate.quality import doubts
from yucca_wm.parcellate.settings import Settings, Transform
from yucca_wm.parcellate.white_matter import WhiteMatter

SETTINGS = Settings(transform=Transform.DEFORMABLE)


@dataclass(frozen=True)
class Registered:
    """regions : label map [i, j, k]. about : how well the atlas fits, for the record. doubts : what to look at."""

    regions: NDArray[np.uint8]
    about: dict[str, Any]
    doubts: list[str]


def registered_regions(atlas: Atlas, network: Image) -> Registered:
    """Register the atlas (affine, then deformable) to a person's white matter and carry its labels over.

    network : regions that the network found, in all white matter and lesions; these are registered to as a mask. Its
    labels stay where the atlas has none within `Settings.fill_mm`, and tell whether the registration went astray.

    Raises InputError for white matter that cannot be a whole brain's.
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
    return Registered(regions, about, [f"{ATLAS_DOUBT}{doubt}" for doubt in doubts(found.warp.matrix, found.fit)])


def fetched() -> Atlas:
    """The atlas that ``yucca-wm atlas fetch`` keeps; raises InputError, which says so, where there is none."""
    network = spelled("--region-model shipped", 'region_model="shipped"')
    return _read(*cached_atlas(f"take the network's regions ({network})"))


@cache
def _read(wm: Path, labels: Path) -> Atlas:
    return load_atlas(wm, labels)
