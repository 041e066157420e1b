"""Saved transforms, applied by SimpleITK, put every label where we put it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from yucca_wm.errors import InputError
from yucca_wm.images import Image, save
from yucca_wm.parcellate import itk
from yucca_wm.parcellate.settings import Interpolation
from yucca_wm.parcellate.transfer import carry
from yucca_wm.parcellate.warp import Field, Warp

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
