"""With the real atlas: what the header says, or no longer says, does not change which voxel gets which label."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from yucca_wm.atlas.maps import Atlas, load_atlas
from yucca_wm.imaging.images import Image
from yucca_wm.parcellate.case import label
from yucca_wm.parcellate.settings import Init, Settings
from yucca_wm.parcellate.white_matter import WhiteMatter

from .conftest import Scan, turned

pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def jhu(shared_data: Path) -> Atlas:
    folder = shared_data / "atlas"
    return load_atlas(folder / "36_labels_merged_only_WM.nii.gz", folder / "36_labels_merged.nii.gz")


@pytest.fixture(scope="module")
def subject(jhu: Atlas) -> Scan:
    """The atlas's head, turned and stretched, on 0.96 x 0.96 x 3 mm voxels, with ragged edges."""
    affine = np.diag([-0.958, -0.958, 3, 1])
    affine[:3, 3] = (120, 118, -70)
    inverse = np.linalg.inv(jhu.wm.affine)
    middle = jhu.wm.affine @ [*(np.array(jhu.wm.shape) / 2), 1]
    to_atlas = turned((6, -4, 8), (1.08, 1.02, 1.1), tuple(middle[:3]))
    matrix = inverse @ to_atlas @ affine
    wm, truth = (
        ndimage.affine_transform(data, matrix[:3, :3], matrix[:3, 3], output_shape=(240, 240, 48), order=order)
        for data, order in ((jhu.wm.data.astype(np.float32), 1), (jhu.labels.data, 0))
    )
    mask = wm > 0.5
    border = ndimage.binary_dilation(mask) ^ ndimage.binary_erosion(mask)
    mask ^= border & (np.random.default_rng(1).random(mask.shape) < 0.1)
    return Scan(Image(mask.astype(np.uint8), affine), Image(truth * mask, affine))


@pytest.fixture(scope="module")
def dice(jhu: Atlas, subject: Scan) -> float:
    value = subject.dice(label(jhu, WhiteMatter(subject.wm, "mask"), Settings()).regions)
    assert value > 0.95
    return value


@pytest.mark.parametrize("axes", ["RAS", "LAS", "PIR", "SRA", "far"])
def test_orientation_and_origin_change_nothing(jhu: Atlas, subject: Scan, dice: float, axes: str) -> None:
    images = [nib.Nifti1Image(image.data, image.affine) for image in (subject.wm, subject.truth)]
    if axes == "far":
        for image in images:
            image.affine[:3, 3] += 500
    else:
        turn = nib.orientations.ornt_transform(
            nib.orientations.io_orientation(subject.wm.affine), nib.orientations.axcodes2ornt(axes)
        )
        images = [image.as_reoriented(turn) for image in images]
    copy = Scan(*(Image(np.asarray(image.dataobj), image.affine) for image in images))
    regions = label(jhu, WhiteMatter(copy.wm, "mask"), Settings()).regions
    assert copy.dice(regions) == pytest.approx(dice, abs=0.002)


def test_a_lost_header_is_found_again(jhu: Atlas, subject: Scan, dice: float) -> None:
    """Neither voxel size nor orientation nor origin is known."""
    lost = Scan(Image(subject.wm.data[::-1, ::-1], np.eye(4)), Image(subject.truth.data[::-1, ::-1], np.eye(4)))
    regions = label(jhu, WhiteMatter(lost.wm, "mask"), Settings(init=Init.SEARCH)).regions
    assert lost.dice(regions) > dice - 0.02
