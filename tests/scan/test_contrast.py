"""A T1 and a FLAIR that were exchanged are noticed, those that were not are left in peace."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from yucca_wm.images import load, save
from yucca_wm.scan import check_scans
from yucca_wm.scan.contrast import exchanged

from ..phantom_head import draw, grid

QOFFSET_X = slice(268, 272)
"""Bytes of a NIfTI-1 file."""

SHAPE, SPACING = (60, 75, 58), (3.0, 3.0, 3.0)


def test_exchanged_scans() -> None:
    t1, flair = (draw(SHAPE, grid(SHAPE, SPACING), contrast) for contrast in ("T1", "FLAIR"))
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
