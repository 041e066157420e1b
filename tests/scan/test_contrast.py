"""A T1 and a FLAIR that were exchanged are noticed, those that were not are left in peace."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from yucca_wm.images import Image, load, save
from yucca_wm.scan import check_scans
from yucca_wm.scan.contrast import exchanged

from ..phantom_head import draw, grid

QOFFSET_X = slice(268, 272)
"""Bytes of a NIfTI-1 file."""

HALF_MM = np.array([74.0, 94.0, 72.0])
SHAPE, SPACING = (60, 75, 58), (3.0, 3.0, 3.0)


def brain(white: float, grey: float) -> Image:
    """White matter in a shell of grey, a ventricle in its middle, dark outside."""
    affine = grid(SHAPE, SPACING)
    points = (affine[:3, :3] @ np.indices(SHAPE).reshape(3, -1) + affine[:3, 3:]).T
    radius = np.sqrt(((points / HALF_MM) ** 2).sum(axis=1))
    values = np.where(radius < 1 - 10 / HALF_MM[0], white, grey) * (radius < 1)
    values[np.sqrt(((points / (10, 25, 10)) ** 2).sum(axis=1)) < 1] = 0.1
    return Image((1000 * values.reshape(SHAPE)).astype(np.float32), affine)


def test_exchanged_scans() -> None:
    t1, flair = brain(0.9, 0.6), brain(0.6, 0.7)
    assert not exchanged(t1, flair)
    assert exchanged(flair, t1)
    assert not exchanged(t1, t1)


def test_doubts_of_the_header_are_passed_on(tmp_path: Path) -> None:
    affine = grid(SHAPE, SPACING)
    save(draw(SHAPE, affine, "T1"), tmp_path / "t1.nii")
    content = bytearray((tmp_path / "t1.nii").read_bytes())
    content[QOFFSET_X] = struct.pack("<f", affine[0, 3] + 0.4)  # of voxels of 3 mm
    (tmp_path / "t1.nii").write_bytes(content)
    (note,) = check_scans({"T1": tmp_path / "t1.nii"})
    assert note == "T1: sform and qform differ by 0.4 mm; the sform is used"
    (note,) = check_scans({"T1": tmp_path / "t1.nii"}, header="qform")
    assert note.endswith("the qform is used")


@pytest.mark.shared_data
def test_real_pairs_raise_no_false_alarm(shared_data: Path) -> None:
    folder = shared_data / "real" / "mslub_raw" / "p20_visit2"
    if not folder.is_dir():
        pytest.skip("no raw scans beside this checkout")
    t1, flair = load(folder / "T1.nii.gz"), load(folder / "FLAIR.nii.gz")
    assert not exchanged(t1, flair)
    assert exchanged(flair, t1)
