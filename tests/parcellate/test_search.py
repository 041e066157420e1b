"""A lost header is found again, up to what voxels cannot tell."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from yucca_wm.atlas.maps import Atlas
from yucca_wm.core.errors import InputError
from yucca_wm.imaging.images import Image
from yucca_wm.parcellate.case import label
from yucca_wm.parcellate.settings import Init, Settings
from yucca_wm.parcellate.white_matter import WhiteMatter

from .conftest import scan, turned

SEARCH = Settings(init=Init.SEARCH)


@pytest.mark.parametrize("axes", ["LPS", "PIR"])
def test_without_a_header_the_labels_are_the_same(atlas: Atlas, axes: str) -> None:
    """Voxel size and axes are lost; both voxel orders are right-handed, so that the identity is a rotation of them."""
    subject = scan(turned((6, -4, 5), (1.05, 0.95, 1)), (2, 2, 4))
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(subject.wm.affine), nib.orientations.axcodes2ornt(axes)
    )
    data, truth = (nib.orientations.apply_orientation(image.data, turn) for image in (subject.wm, subject.truth))
    lost = Image(data, np.eye(4))
    found = label(atlas, WhiteMatter(lost, "mask"), SEARCH)
    kept = label(atlas, WhiteMatter(subject.wm, "mask"), Settings())
    dice = type(subject)(lost, Image(truth, np.eye(4))).dice(found.regions)
    assert dice > subject.dice(kept.regions) - 0.02


def test_a_sided_map_whose_mirrored_header_is_lost_is_refused(atlas: Atlas) -> None:
    subject = scan(turned((0, 0, 0), (1, 1, 1)), (3, 3, 4))
    mirrored = Image(subject.wm.data[::-1], np.eye(4))
    truth = subject.truth.data[::-1]
    right, left = (np.mean(np.nonzero(part), axis=1) for part in (truth > 17, (truth > 0) & (truth <= 17)))
    with pytest.raises(InputError, match="disagree about left and right"):
        label(atlas, WhiteMatter(mirrored, "mask", right=right, left=left), SEARCH)
