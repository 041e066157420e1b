"""A T1 and a FLAIR that were exchanged are noticed, those that were not are left in peace."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from yucca_wm.core.tissue import Tissue
from yucca_wm.imaging.images import Image, load, save
from yucca_wm.imaging.reading import Headers, reading
from yucca_wm.scan import check_scans
from yucca_wm.scan.contrast import exchanged, grey_to_white, unlikely_contrasts

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


def parts(white: float, grey: float) -> tuple[Image, np.ndarray, np.ndarray]:
    """125 ml of white matter, 81 of them a lesion of three times its brightness, and 125 ml of cortex."""
    tissue = np.zeros((20, 20, 40), np.uint8)
    tissue[:, :, :20], tissue[:, :, 20:] = Tissue.CEREBRAL_WHITE_MATTER, Tissue.CORTICAL_GREY_MATTER
    values = np.where(tissue == Tissue.CEREBRAL_WHITE_MATTER, white, grey).astype(np.float32)
    lesions = np.zeros_like(tissue)
    lesions[:, :13, :20] = 1
    values[lesions == 1] *= 3
    return Image(values, np.diag([2.5, 2.5, 2.5, 1])), tissue, lesions


def test_each_scan_by_its_tissue() -> None:
    """Of 44 ml of white matter nothing is said, of 106 ml it is: 80 against 100, and 65 against 85."""
    image, tissue, lesions = parts(100, 80)
    assert grey_to_white(image, tissue, lesions) is None
    lesions[:, 3:] = 0
    image.data[:, 3:13, :20] = 100
    assert grey_to_white(image, tissue, lesions) == pytest.approx(0.8)
    assert grey_to_white(image.with_data(image.data - 15), tissue, lesions) == pytest.approx(65 / 85)
    shifted = image.with_data(image.data.copy())
    shifted.data[0, 0, 0] = -11
    assert grey_to_white(shifted, tissue, lesions) is None, "0 is not air"
    assert unlikely_contrasts({"T1": image}, tissue, lesions, "T1") == []
    (said,) = unlikely_contrasts({"FLAIR": image}, tissue, lesions, "T1")
    assert said == (
        "the FLAIR looks like a T1 (the network is more certain of it as one): check the file; if it is a T1, "
        "give it as the T1"
    )
    (said,) = unlikely_contrasts({"T1": image, "FLAIR": image}, tissue, lesions)
    assert said.startswith("T1 and FLAIR look like one contrast, or exchanged (cortex is 0.80 times as bright as white")
    flair = image.with_data(np.where(tissue == Tissue.CORTICAL_GREY_MATTER, 110, image.data))
    assert unlikely_contrasts({"T1": image, "FLAIR": flair}, tissue, lesions) == []
    assert len(unlikely_contrasts({"T1": flair, "FLAIR": image}, tissue, lesions)) == 1
    for cortex, notes in ((91, 1), (93, 0)):  # 1.14 and 1.16 times the T1's .80, whatever one alone would be called
        coil = image.with_data(np.where(tissue == Tissue.CORTICAL_GREY_MATTER, cortex, image.data))
        assert len(unlikely_contrasts({"T1": image, "FLAIR": coil}, tissue, lesions)) == notes
    assert unlikely_contrasts({"T1": flair}, tissue, lesions) == [], "nobody has asked the network"


@pytest.mark.parametrize("name", ["T1", "FLAIR"])
def test_a_t2_has_fluid_brighter_than_white_matter(name: str) -> None:
    """Of 250 ml of white matter (100), a corner is ventricle: at 99 it is no T2, at 250 it is one."""
    tissue = np.full((20, 20, 40), Tissue.CEREBRAL_WHITE_MATTER, np.uint8)
    tissue[:8, :8, :8] = Tissue.LATERAL_VENTRICLES
    none = np.zeros_like(tissue)
    values = np.where(tissue == Tissue.LATERAL_VENTRICLES, np.float32(99), np.float32(100))
    image = Image(values, np.diag([2.5, 2.5, 2.5, 1]))
    assert not any("T2" in note for note in unlikely_contrasts({name: image}, tissue, none))
    values[:8, :8, :8] = 250
    assert unlikely_contrasts({name: image}, tissue, none) == [
        f"the {name} looks like a T2 (fluid is 2.5 times as bright as white matter), on which lesions cannot be told "
        "from fluid: check that it is the right file"
    ]


def test_doubts_of_the_header_are_passed_on(tmp_path: Path) -> None:
    affine = grid(SHAPE, SPACING)
    save(draw(SHAPE, affine, "T1"), tmp_path / "t1.nii")
    content = bytearray((tmp_path / "t1.nii").read_bytes())
    content[QOFFSET_X] = struct.pack("<f", affine[0, 3] + 0.4)  # of voxels of 3 mm
    (tmp_path / "t1.nii").write_bytes(content)
    (note,) = check_scans({"T1": tmp_path / "t1.nii"})
    assert note == "T1: sform and qform differ by 0.4 mm; the sform is used"
    with reading(Headers("qform")):
        (note,) = check_scans({"T1": tmp_path / "t1.nii"})
    assert note.endswith("the qform is used")


@pytest.mark.shared_data
def test_real_pairs_raise_no_false_alarm(shared_data: Path) -> None:
    folder = shared_data / "real" / "mslub_raw" / "p20_visit2"
    if not folder.is_dir():
        pytest.skip("no raw scans beside this checkout")
    t1, flair = load(folder / "T1.nii.gz"), load(folder / "FLAIR.nii.gz")
    assert not exchanged(t1, flair)
    assert exchanged(flair, t1)
