"""Scans whose air is not at 0: normalised, or with an offset."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.imaging.images import Image
from yucca_wm.scan import bring_to_one_frame
from yucca_wm.scan.air import in_usual_range, with_air_at_zero
from yucca_wm.scan.check import blank_slices, check_not_wrapped


def scan() -> NDArray[np.float32]:
    """1,000 voxels: air at 0, a head of 300 voxels with values from 100 to 399."""
    data = np.zeros(1000, np.float32)
    data[400:700] = np.arange(100, 400)
    return data.reshape(10, 10, 10)


def image(data: NDArray[np.floating]) -> Image:
    return Image(data, np.eye(4))


@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (0.001, 0), (2, -15), (1, 15)])
def test_air_at_zero_or_nearly_stays_as_it_is(scale: float, offset: float) -> None:
    """15 of a range of 398 (of the 99.9th percentile less the 0.1st) is 3.8 %, under 5 %."""
    given = image(scale * scan() + np.float32(offset))
    assert with_air_at_zero(given) == (given, [])


@pytest.mark.parametrize("exponent", [-140, -50, -9, -8, 15, 16, 90])
def test_very_small_and_very_large_values_keep_every_step(exponent: int) -> None:
    """Of 399, which 2 to the power of -8 makes 1.56 and of -9 0.78; of 15 to 16 it passes 2 to the power of 24."""
    changed = not -8 <= exponent <= 15
    given = Image(np.ldexp(scan().astype(np.float64), exponent), np.eye(4))
    made = in_usual_range(given)
    assert (made is not given) == changed
    if changed:
        assert made.data.dtype == np.float32
        np.testing.assert_array_equal(made.data, np.ldexp(scan(), 10 - 8))  # 399 lies between 2^8 and 2^9
    assert in_usual_range(image(0 * scan())).data.max() == 0


def test_numbers_that_were_too_large_for_their_type_are_refused() -> None:
    """Unsigned values up to 39,900, of which those above 32,767 were stored as negative numbers."""
    wide = (100 * scan()).astype(np.uint16)
    wrapped = wide.view(np.int16)
    for stored in (wrapped, wrapped.astype(np.float32), wrapped.astype(np.int64)):
        with pytest.raises(InputError, match="from -32736 to 32700: those above 32767 were stored as negative"):
            check_not_wrapped(Image(stored, np.eye(4)))
    bytes_ = np.round(wide / 39900 * 150).astype(np.uint8).view(np.int8)
    with pytest.raises(InputError, match="from -128 to 127: those above 127 were stored as negative"):
        check_not_wrapped(Image(bytes_, np.eye(4)))
    filled = np.where(wide > 0, wide.astype(np.int32) - 7200, -32768).astype(np.int16)  # air at the smallest number
    for fine in (wide, (80 * scan()).astype(np.int16), filled, wrapped / np.float32(3)):
        check_not_wrapped(Image(fine, np.eye(4)))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_that_show_nothing_between_others_are_noted(axis: int) -> None:
    data = np.random.default_rng(0).normal(100, 10, (9, 9, 9)).astype(np.float32)
    planes = np.moveaxis(data, axis, 0)
    planes[[0, 8]] = 0
    assert blank_slices(image(data)) == [], "a margin is no gap"
    planes[0, 4, 4] = 1
    planes[1] = 0
    assert blank_slices(image(data)) == [], "a voxel of noise in air is no head"
    planes[[3, 6]] = 0
    assert blank_slices(image(data)) == [
        "slices within the head without any signal: 2 of 9; lesions there are not visible on this scan"
    ]


def test_single_values_below_air_are_of_resampling() -> None:
    data = scan()
    data.flat[0] = -300
    given = image(data)
    assert with_air_at_zero(given) == (given, [])


@pytest.mark.parametrize("offset", [-1024, 1024, -25])
def test_an_offset_is_taken_off(offset: int) -> None:
    made, (said,) = with_air_at_zero(image(scan() + offset))
    assert np.array_equal(made.data, scan())
    assert said == f"its values were shifted so that air is 0 (it was {offset})"


def test_a_normalised_scan_is_what_it_was_but_for_scale() -> None:
    mean, sd = scan().mean(), scan().std()
    made, _ = with_air_at_zero(image((scan() - mean) / sd))
    np.testing.assert_allclose(made.data * sd, scan(), atol=1e-3)
    assert np.array_equal(made.data > 0, scan() > 0), "air is 0 exactly"


def test_a_brain_that_was_normalised_by_itself_lies_above_what_is_outside() -> None:
    """Values of the brain from -1.505 to 1.485 about the 0 that was filled in: its order is kept, outside stays 0."""
    brain = scan() > 0
    made, (said,) = with_air_at_zero(image(np.where(brain, (scan() - 250.5) / 100, 0).astype(np.float32)))
    assert not made.data[~brain].any()
    assert np.all(np.diff(made.data[brain][1:]) > 0)
    np.testing.assert_allclose(made.data[brain][-1] - made.data[brain][100], 1.99, atol=1e-5)
    assert said.startswith("its values had been normalised, with 0 outside the brain")


@pytest.mark.parametrize("how", ["offset", "normalised"])
def test_a_real_pair_is_laid_on_each_other_as_before(shared_data: Path, tmp_path: Path, how: str) -> None:
    """The T1 of `p20_visit2` with an offset, and normalised: moved as it was, with the same values but for scale."""
    folder = shared_data / "real" / "mslub_raw" / "p20_visit2"
    t1 = nib.load(folder / "T1.nii.gz")
    data = t1.get_fdata(dtype=np.float32)
    changed = data - 1024 if how == "offset" else (data - data.mean()) / data.std()
    nib.save(nib.Nifti1Image(changed, t1.affine), tmp_path / "T1.nii.gz")
    flair = folder / "FLAIR.nii.gz"
    before = bring_to_one_frame({"T1": folder / "T1.nii.gz", "FLAIR": flair})
    after = bring_to_one_frame({"T1": tmp_path / "T1.nii.gz", "FLAIR": flair})
    assert any("shifted so that air is 0" in note for note in after.notes)
    for moved in before.transforms.keys() | after.transforms.keys():
        np.testing.assert_allclose(before.transforms[moved], after.transforms[moved], atol=0.02)
    scale = 1 if how == "offset" else data.std()
    assert np.abs(after.images["T1"].data * scale - before.images["T1"].data).max() < 0.01 * data.max()
