"""One image in four forms is one image: worked out by hand where axes are exchanged and turned."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from yucca_wm.core.errors import InputError
from yucca_wm.imaging.image_input import image_of, sources_of

SHAPE = (3, 4, 5)
AFFINE = np.array([[0.0, -2.0, 0.0, 11.0], [1.0, 0.0, 0.0, -7.0], [0.0, 0.0, 3.0, 5.0], [0.0, 0.0, 0.0, 1.0]])
"""i runs to the front by 1 mm, j to the left by 2 mm, k up by 3 mm; the first voxel lies at (11, -7, 5), RAS."""


def data() -> np.ndarray:
    """0 but for voxel (2, 1, 4), which holds 6: it lies at x = 11 - 2 = 9, y = -7 + 2 = -5, z = 5 + 12 = 17."""
    values = np.zeros(SHAPE, np.uint8)
    values[2, 1, 4] = 6
    return values


def as_sitk() -> sitk.Image:
    """The same image, told to SimpleITK by hand: arrays go in as [k, j, i], and its world is LPS (x and y negative)."""
    image = sitk.GetImageFromArray(np.ascontiguousarray(data().transpose(2, 1, 0)))
    image.SetSpacing((1.0, 2.0, 3.0))
    image.SetOrigin((-11.0, 7.0, 5.0))
    # columns are the directions of i, j, k: to the front is -y in LPS, to the left is +x
    image.SetDirection((0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0))
    return image


def forms(tmp_path: Path) -> dict[str, tuple[object, object]]:
    nib.save(nib.Nifti1Image(data(), AFFINE), tmp_path / "map.nii.gz")
    return {
        "path": (str(tmp_path / "map.nii.gz"), None),
        "nibabel": (nib.Nifti1Image(data(), AFFINE), None),
        "SimpleITK": (as_sitk(), None),
        "array": (data(), AFFINE),
    }


@pytest.mark.parametrize("form", ["path", "nibabel", "SimpleITK", "array"])
def test_every_form_puts_the_voxel_where_it_is(tmp_path: Path, form: str) -> None:
    source, affine = forms(tmp_path)[form]
    image = image_of(source, affine)
    np.testing.assert_array_equal(image.data, data())
    np.testing.assert_allclose(image.affine, AFFINE, atol=1e-6)
    assert (image.affine @ [2, 1, 4, 1])[:3].round(5).tolist() == [9, -5, 17]


def test_simpleitk_itself_agrees_on_where_that_voxel_is() -> None:
    """The example above is right by SimpleITK's own account: LPS (-9, 5, 17)."""
    image = as_sitk()
    assert image[2, 1, 4] == 6
    assert image.TransformIndexToPhysicalPoint((2, 1, 4)) == (-9.0, 5.0, 17.0)


def test_what_is_done_to_the_image_is_not_done_to_the_callers_array() -> None:
    own = data()
    image = image_of(own, AFFINE)
    image.data[:] = 0
    assert own[2, 1, 4] == 6


def test_masks_of_numpy_and_a_trailing_axis_are_taken() -> None:
    image = image_of((data() > 0)[..., None], AFFINE)
    assert (image.shape, image.data.dtype, image.data.sum()) == (SHAPE, np.uint8, 1)


def test_nibabel_images_in_micrometres_and_of_freesurfer_are_read_as_files_are(tmp_path: Path) -> None:
    micro = nib.Nifti1Image(data(), np.diag([1000.0, 1000, 1000, 1]) @ AFFINE)
    micro.header.set_xyzt_units("micron")
    nib.save(micro, tmp_path / "micro.nii.gz")
    for source in (micro, tmp_path / "micro.nii.gz"):
        np.testing.assert_allclose(image_of(source).affine, AFFINE, atol=1e-3)
    np.testing.assert_allclose(image_of(nib.MGHImage(data(), AFFINE)).affine, AFFINE, atol=1e-4)


@pytest.mark.parametrize(
    ("source", "affine", "says"),
    [
        (np.zeros((3, 3, 3, 2)), np.eye(4), r"labels \(array\): has shape \(3, 3, 3, 2\)"),
        (np.zeros((3, 3, 3), complex), np.eye(4), "real numbers"),
        (np.full((3, 3, 3), np.nan), np.eye(4), "NaN"),
        (np.zeros((3, 3, 3)), np.zeros((4, 4)), "voxels of 0 x 0 x 0 mm"),
        (np.zeros((3, 3, 3)), np.eye(3), "affine"),
        (np.zeros((3, 3, 3)), None, "has no affine; give affine="),
        (nib.AnalyzeImage(np.zeros((3, 3, 3), np.uint8), np.eye(4)), None, "AnalyzeImage, not NIfTI"),
        (sitk.Image((3, 3, 3), sitk.sitkVectorUInt8, 2), None, r"labels \(SimpleITK image\): has 3 dimensions and 2"),
        (sitk.Image((3, 3), sitk.sitkUInt8), None, "has 2 dimensions"),
        ([[[1]]], np.eye(4), "is of type list"),
        ("nowhere.nii.gz", None, "nowhere.nii.gz: no such file"),
    ],
)
def test_what_a_file_could_not_be_an_image_in_memory_cannot_be(source: object, affine: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        image_of(source, affine, name="labels")


def test_an_affine_is_of_the_arrays_and_refused_where_there_is_none() -> None:
    image = nib.Nifti1Image(data(), AFFINE)
    found = sources_of({"a": image, "b": data(), "c": None, "d": "d.nii.gz"}, np.eye(4))
    assert list(found) == ["a", "b", "d"]
    assert found["d"] == Path("d.nii.gz")
    np.testing.assert_allclose(found["a"].affine, AFFINE)
    np.testing.assert_allclose(found["b"].affine, np.eye(4))
    with pytest.raises(InputError, match="no array"):
        sources_of({"a": image}, np.eye(4))
