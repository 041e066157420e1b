"""Saved transforms, applied by SimpleITK, put every label where we put it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from yucca_wm.core.errors import InputError
from yucca_wm.imaging.images import Image, save
from yucca_wm.parcellate.settings import Interpolation
from yucca_wm.parcellate.transfer import carry
from yucca_wm.registration import itk
from yucca_wm.registration.warp import Field, Warp

MATRIX = np.array([[0.97, 0.11, -0.03, 3.3], [-0.12, 1.08, 0.06, -4.1], [0.02, -0.05, 1.03, 2.2], [0, 0, 0, 1]])
ROTATION = np.array([[-0.8, 0.6, 0], [-0.36, -0.48, 0.8], [0.48, 0.64, 0.6]])
OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = ROTATION * (1.0, 1.0, 2.5)
OBLIQUE[:3, 3] = (4, 28, -50)


def images() -> tuple[Image, Image]:
    """Labels of an atlas, and a subject's grid."""
    labels = np.kron(np.random.default_rng(3).integers(1, 30, (9, 10, 8)), np.ones((6, 6, 6), int)).astype(np.uint8)
    atlas = np.diag([-1.0, 1, 1, 1])
    atlas[:3, 3] = (27, -30, -24)
    return Image(labels, atlas), Image(np.zeros((40, 44, 18), np.uint8), OBLIQUE)


def field() -> Field:
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = -60
    x = np.indices((30, 30, 30)) * 4 - 60
    vectors = np.stack([3 * np.sin(x[1] / 20), 2 * np.cos(x[2] / 15), 2.5 * np.sin(x[0] / 18 + 1)])
    return Field(vectors.astype(np.float32), affine)


@pytest.mark.parametrize("deformable", [False, True])
def test_simpleitk_resamples_to_the_same_labels(deformable: bool, tmp_path: Path) -> None:
    labels, grid = images()
    warp = Warp(MATRIX, field() if deformable else None)
    ours = carry(labels, grid, warp, Interpolation.NEAREST)
    save(labels, tmp_path / "labels.nii.gz")
    save(grid, tmp_path / "grid.nii.gz")
    transforms = [sitk.ReadTransform(str(itk.save_affine(warp.matrix, tmp_path / "affine.tfm")))]
    if warp.field is not None:
        vectors = sitk.ReadImage(str(itk.save_field(warp.field, tmp_path / "warp.nii.gz")), sitk.sitkVectorFloat64)
        transforms.append(sitk.DisplacementFieldTransform(vectors))  # applied to a point first: the last one added
    theirs = sitk.Resample(
        sitk.ReadImage(str(tmp_path / "labels.nii.gz")),
        sitk.ReadImage(str(tmp_path / "grid.nii.gz")),
        sitk.CompositeTransform(transforms),
        sitk.sitkNearestNeighbor,
    )
    theirs = sitk.GetArrayFromImage(theirs).transpose(2, 1, 0)
    assert (ours > 0).mean() > 0.3
    assert (ours != theirs).mean() < 1e-3  # ties at voxel borders


def test_transforms_come_back_from_disk(tmp_path: Path) -> None:
    np.testing.assert_allclose(itk.load_affine(itk.save_affine(MATRIX, tmp_path / "a.tfm")), MATRIX, atol=1e-12)
    again = itk.load_field(itk.save_field(field(), tmp_path / "f.nii.gz"))
    np.testing.assert_allclose(again.vectors_mm, field().vectors_mm, atol=1e-6)
    np.testing.assert_allclose(again.affine, field().affine)


def test_an_affine_with_a_centre_as_other_tools_write_it(tmp_path: Path) -> None:
    transform = sitk.AffineTransform(3)
    transform.SetMatrix([1.1, 0.1, 0, -0.1, 0.9, 0, 0, 0.05, 1.0])
    transform.SetTranslation((1.0, 2.0, 3.0))
    transform.SetCenter((10.0, -20.0, 30.0))
    sitk.WriteTransform(transform, str(tmp_path / "theirs.tfm"))
    lps = np.array([-5.0, -6.0, 7.0])
    expected = np.array(transform.TransformPoint(lps.tolist())) * (-1, -1, 1)
    np.testing.assert_allclose((itk.load_affine(tmp_path / "theirs.tfm") @ [5, 6, 7, 1])[:3], expected)


def test_what_is_no_transform_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.tfm").write_text("Parameters: 1 2 3\n")
    with pytest.raises(InputError, match="not an ITK text transform"):
        itk.load_affine(tmp_path / "a.tfm")


@pytest.mark.parametrize(
    "numbers", ["1 0 0 0 1 0 0 0 1 1e400 0 0", "1 0 0 0 1 0 0 0 nan 0 0 0", "1 0 0 1 0 0 0 0 1 0 0 0"]
)
def test_an_affine_that_moves_nothing_anywhere_is_refused(tmp_path: Path, numbers: str) -> None:
    path = itk.save_affine(MATRIX, tmp_path / "a.tfm")
    lines = path.read_text().splitlines()
    path.write_text("\n".join(f"Parameters: {numbers}" if line.startswith("Param") else line for line in lines))
    with pytest.raises(InputError, match="not finite, or a matrix that cannot be inverted"):
        itk.load_affine(path)


def test_a_composite_is_its_members_one_after_another(tmp_path: Path) -> None:
    """ITK applies the last member first; a reader that takes one of them is wrong by the others."""
    first, last = sitk.TranslationTransform(3, (5.0, 0.0, 0.0)), sitk.Euler3DTransform((0.0, 0.0, 0.0), 0, 0, np.pi / 2)
    sitk.WriteTransform(sitk.CompositeTransform([first, last]), str(tmp_path / "both.tfm"))
    # LPS (1, 0, 0) is turned to (0, 1, 0) and shifted to (5, 1, 0); in RAS (-1, 0, 0) goes to (-5, -1, 0)
    np.testing.assert_allclose(itk.load_affine(tmp_path / "both.tfm") @ [-1, 0, 0, 1], [-5, -1, 0, 1], atol=1e-12)


@pytest.mark.parametrize("transform", [sitk.TranslationTransform(2, (1.0, 2.0)), sitk.BSplineTransform(3)])
def test_a_transform_that_no_matrix_holds_is_refused(transform: sitk.Transform, tmp_path: Path) -> None:
    sitk.WriteTransform(transform, str(tmp_path / "other.tfm"))
    with pytest.raises(InputError, match="not a linear transform in 3D"):
        itk.load_affine(tmp_path / "other.tfm")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_a_field_in_any_order_of_its_axes_moves_points_as_itk_does(order: tuple[int, ...], tmp_path: Path) -> None:
    """Also stored backwards along one axis and on an oblique grid: the world counts."""
    lps = np.moveaxis(field().vectors_mm, 0, -1) * np.array([-1, -1, 1], np.float32)
    image = sitk.GetImageFromArray(lps.swapaxes(0, 2), isVector=True)
    image.SetSpacing((4.0, 4.0, 4.0))
    image.SetDirection(sitk.Euler3DTransform((0.0, 0.0, 0.0), 0.2, -0.1, 0.3).GetMatrix())
    image.SetOrigin((-60.0, -40.0, -50.0))
    image = sitk.Flip(sitk.PermuteAxes(image, order), (True, False, False))
    sitk.WriteImage(image, str(tmp_path / "warp.nii.gz"))
    ours = itk.load_field(tmp_path / "warp.nii.gz")
    theirs = sitk.DisplacementFieldTransform(sitk.Cast(image, sitk.sitkVectorFloat64))
    for point in ((-20.0, 10.0, 5.0), (3.0, 4.0, -7.0)):
        expected = np.array(theirs.TransformPoint(point)) * (-1, -1, 1)
        assert np.abs(expected - np.array(point) * (-1, -1, 1)).max() > 0.5
        ras = np.array(point)[:, None] * [[-1.0], [-1], [1]]
        np.testing.assert_allclose((ras + ours.at(ras))[:, 0], expected, atol=1e-3)


def test_the_jacobian_of_a_turned_field_is_in_the_world() -> None:
    """Stretched by a tenth along world x alone, the determinant is 1.1 however the lattice lies."""
    turn = np.eye(4)
    turn[:3, :3] = [[0, -2, 0], [0, 0, 3], [4, 0, 0]]
    index = np.indices((6, 6, 6)).reshape(3, -1)
    vectors = np.zeros((3, 6, 6, 6), np.float32)
    vectors[0] = 0.1 * (turn[:3, :3] @ index)[0].reshape(6, 6, 6)
    np.testing.assert_allclose(Field(vectors, turn).jacobian(), 1.1, atol=1e-5)
