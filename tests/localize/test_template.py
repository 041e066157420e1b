"""A lesion of one region in the subject is in that region in the template, on its side, with its volume."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from scipy import ndimage

from yucca_wm.imaging.images import Image, save
from yucca_wm.localize.atlas_space import carry_lesions
from yucca_wm.localize.measures.lesions import Settings
from yucca_wm.parcellate.settings import Interpolation
from yucca_wm.parcellate.transfer import carry
from yucca_wm.registration import itk
from yucca_wm.registration.warp import Field, Warp, to_subject

MATRIX = np.array([[0.97, 0.11, -0.03, 3.3], [-0.12, 1.18, 0.06, -4.1], [0.02, -0.05, 1.13, 2.2], [0, 0, 0, 1]])
KEEP_ALL = Settings(min_size_mm3=0)


def stored_as(image: Image, orientation: str) -> Image:
    """The same voxels at the same places, in another axis order."""
    change = ornt_transform(io_orientation(image.affine), axcodes2ornt(tuple(orientation)))
    turned = nib.Nifti1Image(image.data, image.affine).as_reoriented(change)
    return Image(np.asarray(turned.dataobj), turned.affine)


def atlas() -> Image:
    """2 mm, RAS: labels 1..18 left, 19..36 right, boxes of 12 x 18 x 14 mm in an otherwise empty head."""
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = (-40, -60, -30)
    data = np.zeros((41, 60, 30), dtype=np.uint8)
    for side, i in ((0, 8), (1, 27)):
        for number in range(18):
            j, k = 3 + 9 * (number % 6), 3 + 8 * (number // 6)
            data[i : i + 6, j : j + 9, k : k + 7] = 1 + number + 18 * side
    return Image(data, affine)


def subject_grid() -> Image:
    """1 x 1 x 3 mm, LPS, oblique by 15 degrees."""
    angle = np.radians(15)
    tilt = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = tilt @ np.diag([-1.0, -1, 3])
    shape = (110, 150, 32)
    affine[:3, 3] = -affine[:3, :3] @ (np.array(shape) / 2)
    return Image(np.zeros(shape, np.uint8), affine)


def bend() -> Field:
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = -100
    x = np.indices((51, 51, 51)) * 4.0 - 100
    vectors = [3 * np.sin(x[1] / 18), 4 * np.cos(x[2] / 15), 4 * np.sin(x[0] / 17 + 1)]
    return Field(np.stack(vectors).astype(np.float32), affine)


@pytest.fixture(scope="module", params=["affine", "deformable"])
def warp(request) -> Warp:
    return Warp(MATRIX, bend() if request.param == "deformable" else None)


@pytest.fixture(scope="module")
def subject(warp) -> Image:
    """The atlas's labels in the subject."""
    grid = subject_grid()
    return grid.with_data(carry(atlas(), grid, warp, Interpolation.NEAREST))


@pytest.mark.parametrize("region", [2, 10, 20, 33])
@pytest.mark.parametrize(
    ("stored", "template_stored"), [("LPS", "RAS"), ("RAS", "LPS"), ("ASR", "RAS"), ("LPS", "SAL")]
)
def test_a_lesion_of_a_region_lands_in_that_region_on_its_side(subject, warp, region, stored, template_stored):
    inner = ndimage.binary_erosion(subject.data == region, np.ones((3, 3, 1)))
    assert inner.sum() > 50
    lesions = stored_as(subject.with_data(inner.astype(np.uint8)), stored)
    template = stored_as(atlas(), template_stored)
    carried = carry_lesions(lesions, template, warp, KEEP_ALL).lesions
    found = template.data[carried.data == 1]
    assert (found == region).mean() > 0.9
    assert found.size > 0.4 * (template.data == region).sum()
    x_mm = (carried.affine @ [*np.argwhere(carried.data).mean(axis=0), 1])[0]
    assert (x_mm < 0) == (region <= 18)


def test_volume_is_stretched_as_the_transform_says_and_nothing_else(subject, warp):
    lesions = subject.with_data((subject.data > 0).astype(np.uint8))
    carried = carry_lesions(lesions, atlas(), warp, KEEP_ALL)
    assert carried.lesion_ml == pytest.approx(lesions.data.sum() * 0.003)
    assert carried.template_ml == pytest.approx(carried.lesions.data.sum() * 0.008)
    assert carried.outside_ml == 0
    assert carried.template_ml == pytest.approx(carried.transformed_ml, rel=0.01)
    if warp.is_affine:
        assert carried.transformed_ml == pytest.approx(carried.lesion_ml * np.linalg.det(MATRIX))


def test_what_leaves_the_template_is_counted(subject, warp):
    """The upper half of the template is cut away: what would be there is outside_ml."""
    lesions = subject.with_data((subject.data > 0).astype(np.uint8))
    whole, cut = atlas(), atlas()
    cut = Image(cut.data[:, :, :15], cut.affine)
    all_of_it, half = carry_lesions(lesions, whole, warp, KEEP_ALL), carry_lesions(lesions, cut, warp, KEEP_ALL)
    np.testing.assert_array_equal(half.lesions.data, all_of_it.lesions.data[:, :, :15])
    lost = all_of_it.lesions.data[:, :, 15:].sum() * 0.008
    assert half.outside_ml == pytest.approx(lost, rel=0.05)
    assert half.template_ml + half.outside_ml == pytest.approx(half.transformed_ml, rel=0.02)


def test_scattered_voxels_are_found_as_by_asking_every_voxel_of_the_template(warp):
    """The search near the lesions leaves nothing out, also at the borders of both grids."""
    grid, template, rng = subject_grid(), atlas(), np.random.default_rng(1)
    mask = (rng.random(grid.shape) < 2e-4).astype(np.uint8)
    mask[0, :, 3] = mask[-1, 70, :] = 1
    carried = carry_lesions(grid.with_data(mask), template, warp, KEEP_ALL)
    everywhere = np.indices(template.shape).reshape(3, -1)
    points = to_subject(warp, template.affine[:3, :3] @ everywhere + template.affine[:3, 3:])
    back = np.linalg.inv(grid.affine)
    index = np.floor(back[:3, :3] @ points + back[:3, 3:] + 0.5).astype(int)
    inside = np.logical_and.reduce([(i >= 0) & (i < n) for i, n in zip(index, grid.shape, strict=True)])
    expected = np.zeros(everywhere.shape[1], np.uint8)
    expected[inside] = mask[tuple(index[:, inside])]
    np.testing.assert_array_equal(carried.lesions.data.ravel(), expected)


def test_simpleitk_carries_them_to_the_same_voxels(subject, tmp_path):
    """The saved affine, inverted and applied by SimpleITK."""
    lesions = subject.with_data(np.isin(subject.data, (3, 11, 24, 36)).astype(np.uint8))
    ours = carry_lesions(lesions, atlas(), Warp(MATRIX), KEEP_ALL).lesions
    save(lesions, tmp_path / "lesions.nii.gz")
    save(atlas(), tmp_path / "atlas.nii.gz")
    transform = sitk.ReadTransform(str(itk.save_affine(MATRIX, tmp_path / "affine.tfm")))
    theirs = sitk.Resample(
        sitk.ReadImage(str(tmp_path / "lesions.nii.gz")), sitk.ReadImage(str(tmp_path / "atlas.nii.gz")),
        sitk.AffineTransform(transform).GetInverse(), sitk.sitkNearestNeighbor,
    )  # fmt: skip
    differ = (sitk.GetArrayFromImage(theirs).transpose(2, 1, 0) != ours.data).sum()
    assert differ <= 0.001 * ours.data.sum()


def test_the_tables_rule_counts_here_too(subject):
    """Other labels and lesions under the minimum size are not carried; no lesion gives an empty map."""
    mask = np.zeros(subject.shape, np.uint8)
    mask[40:50, 60:70, 10:14] = 1
    mask[60, 90, 20] = 1
    mask[20:30, 30:40, 5:9] = 2
    carried = carry_lesions(subject.with_data(mask), atlas(), Warp(np.eye(4)), Settings(min_size_mm3=4))
    assert carried.lesion_ml == pytest.approx(400 * 0.003)
    assert ndimage.label(carried.lesions.data)[1] == 1
    empty = carry_lesions(subject.with_data(0 * mask), atlas(), Warp(np.eye(4)), Settings())
    assert (empty.lesion_ml, empty.transformed_ml, empty.outside_ml, empty.template_ml) == (0, 0, 0, 0)
    assert not empty.lesions.data.any()
