from __future__ import annotations

import json

import numpy as np
import pytest

from yucca_wm.core.errors import InputError
from yucca_wm.parcellate.transforms import find_transforms
from yucca_wm.registration import itk
from yucca_wm.registration.warp import Field

MATRIX = np.array([[0.97, 0.11, -0.03, 3.3], [-0.12, 1.08, 0.06, -4.1], [0.02, -0.05, 1.03, 2.2], [0, 0, 0, 1]])


def leave(folder, subject):
    """An affine where parcellate leaves it."""
    (folder / subject).mkdir(parents=True)
    return itk.save_affine(MATRIX, folder / subject / f"{subject}_regions_affine.tfm")


def test_transforms_are_found_as_parcellate_leaves_them(tmp_path):
    leave(tmp_path, "WMH_0")
    affine = leave(tmp_path, "sub-01_ses-2")
    lattice = np.diag([4.0, 4, 4, 1])
    itk.save_field(
        Field(np.ones((3, 5, 5, 5), np.float32), lattice), affine.with_name("sub-01_ses-2_regions_warp.nii.gz")
    )
    found = find_transforms(tmp_path)
    np.testing.assert_allclose(found.warp("WMH_0").matrix, MATRIX)
    assert found.warp("WMH_0").is_affine
    assert not found.warp("sub-01_ses-2").is_affine
    np.testing.assert_allclose(found.warp("WMH_0_lesions").matrix, MATRIX)


def test_a_subject_without_or_with_two_transforms(tmp_path):
    first = leave(tmp_path, "a")
    (tmp_path / "again").mkdir()
    (tmp_path / "again" / "a_affine.tfm").write_bytes(first.read_bytes())
    found = find_transforms(tmp_path)
    with pytest.raises(InputError, match="b: has no transform in"):
        found.warp("b")
    with pytest.raises(InputError, match="a: has 2 transforms"):
        found.warp("a")


def test_a_lost_displacement_field_is_not_taken_for_an_affine(tmp_path):
    affine = leave(tmp_path, "a")
    record = affine.with_name("a_regions.json")
    record.write_text(json.dumps({"settings": {"transform": "deformable"}}))
    with pytest.raises(InputError, match="deformable"):
        find_transforms(tmp_path).warp("a")
    record.write_text(json.dumps({"settings": {"transform": "affine"}}))
    assert find_transforms(tmp_path).warp("a").is_affine


def test_in_template_space_already():
    np.testing.assert_array_equal(find_transforms("none").warp("anyone").matrix, np.eye(4))


def test_no_transforms_at_all(tmp_path):
    with pytest.raises(InputError, match="holds no transform"):
        find_transforms(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        find_transforms(tmp_path / "absent")
