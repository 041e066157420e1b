"""Turning a volume moves no voxel in the world."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, ornt_transform

from yucca_wm.imaging.images import Image, load, resample
from yucca_wm.tasks.convert import convert
from yucca_wm.tasks.definition import TASKS
from yucca_wm.tasks.grids import in_order, put_in_order


def turned(data: Any, affine: Any, codes: str) -> nib.Nifti1Image:
    """The image as a scanner that stores axes as ``codes`` would write it."""
    plain = nib.Nifti1Image(data, affine)
    start = nib.orientations.io_orientation(affine)
    return plain.as_reoriented(ornt_transform(start, axcodes2ornt(codes)))


@pytest.mark.parametrize("codes", ["".join(axes) for axes in itertools.permutations("LPS")] + ["RAS", "PIR", "AIL"])
def test_every_voxel_stays_where_it_is(codes: str) -> None:
    rng = np.random.default_rng(0)
    affine = np.array([[-1.0, 0, 0, 5], [0, -0.98, 0.1, 4], [0, 0.2, 3, -9], [0, 0, 0, 1]])
    image = Image(rng.integers(1, 99, (7, 6, 5)).astype(np.int16), affine)
    stored = turned(image.data, affine, codes)
    other = Image(np.asarray(stored.dataobj), stored.affine, header=stored.header)
    ordered = put_in_order(other)
    assert in_order(ordered)
    assert in_order(other) == (codes in ("LPS", "RAS"))
    np.testing.assert_array_equal(resample(ordered, image).data, image.data)


def test_a_sagittal_scan_reaches_yucca_in_order_with_its_label(cohort: Any, raw: Path) -> None:
    for path in (cohort.t1("WMH_0"), cohort.flair("WMH_0"), cohort.lesions("WMH_0")):
        image = nib.load(path)
        nib.save(turned(np.asarray(image.dataobj), image.affine, "PIR"), path)
    assert convert(TASKS["Task001_WM_Lesion"], cohort.root, raw).failures == {}
    folder = raw / "Task001_WM_Lesion"
    for written, source in (
        (folder / "imagesTr/WMH_0_T1_000.nii.gz", cohort.t1("WMH_0")),
        (folder / "labelsTr/WMH_0_T1.nii.gz", cohort.lesions("WMH_0")),
    ):
        image = load(written)
        assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
        np.testing.assert_allclose(image.header.get_zooms(), image.spacing_mm, rtol=1e-5)
        np.testing.assert_array_equal(resample(image, load(source)).data, load(source).data)


@pytest.mark.parametrize("orientation", ["LAS", "RAI", "PIR"])
def test_scans_of_one_place_stored_in_other_orders_are_brought_to_the_t1s(
    cohort: Any, raw: Path, orientation: str
) -> None:
    """T1 LPS, FLAIR and lesions LAS, as scanners and tools leave them: same place in the world, other axes."""
    for path in (cohort.flair("WMH_0"), cohort.lesions("WMH_0")):
        image = nib.load(path)
        nib.save(turned(np.asarray(image.dataobj), image.affine, orientation), path)
    done = convert(TASKS["Task001_WM_Lesion"], cohort.root, raw)
    assert not done.failures
    t1, flair = (nib.load(raw / f"Task001_WM_Lesion/imagesTr/WMH_0_{m}_000.nii.gz") for m in ("T1", "FLAIR"))
    label = nib.load(raw / "Task001_WM_Lesion/labelsTr/WMH_0_FLAIR.nii.gz")
    for image in (flair, label):
        np.testing.assert_allclose(image.affine, t1.affine, atol=1e-5)
    rng = np.random.default_rng(0)  # as the cohort was made
    rng.integers(0, 900, t1.shape)
    np.testing.assert_array_equal(np.asarray(flair.dataobj), rng.integers(0, 900, t1.shape).astype(np.float32))
    assert np.argwhere(np.asarray(label.dataobj) == 2).tolist() == [[8, 8, 1]]
