"""Rigid registration finds a movement that is known, and says so when there is none to find."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform

from yucca_wm.imaging.images import Image, load
from yucca_wm.registration.itk import load_affine, save_affine
from yucca_wm.registration.rigid import Rigid, register

from ..phantom_head import draw, grid, pose

FLAIR_GRID = ((70, 85, 40), (3.0, 3.0, 5.0))
T1_GRID = ((60, 75, 70), (3.5, 3.5, 3.5))


@pytest.fixture(scope="module")
def flair() -> Image:
    return draw(FLAIR_GRID[0], grid(*FLAIR_GRID, "LPS"), "FLAIR")


@pytest.fixture(scope="module")
def t1() -> Image:
    """Of the same head, 4 mm to the right, 3 mm forwards, nodded by 4 degrees."""
    return draw(T1_GRID[0], grid(*T1_GRID), "T1", placed=pose((4, 3, -2), (4, 0, 3)))


@pytest.fixture(scope="module")
def found(flair: Image, t1: Image) -> Rigid:
    return register(flair, t1)


def errors_mm(matrix: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Distances between the places that two matrices give to points 70 mm from the brain's middle."""
    points = np.random.default_rng(0).standard_normal((3, 200))
    points = np.vstack([70 * points / np.linalg.norm(points, axis=0) + [[0], [0], [20]], np.ones(200)])
    return np.linalg.norm(((matrix - truth) @ points)[:3], axis=0)


def test_a_known_movement_is_found(found: Rigid) -> None:
    errors = errors_mm(found.matrix, pose((4, 3, -2), (4, 0, 3)))
    assert errors.mean() < 0.5  # voxels of 3 x 3 x 5 mm
    assert errors.max() < 1.0
    assert not found.failed
    assert found.similarity > found.header_similarity
    assert found.coverage > 0.99


def test_the_movement_is_told_in_mm_and_degrees(found: Rigid) -> None:
    """By hand: sqrt(|t|^2 + 70^2 / 3 |R - 1|^2), |R - 1|^2 = 4 (1 - cos angle), t the shift of the brain's middle."""
    truth = pose((4, 3, -2), (4, 0, 3))
    angle = np.arccos((np.trace(truth[:3, :3]) - 1) / 2)
    assert found.turn_deg == pytest.approx(np.degrees(angle), abs=0.5)
    exact = replace(found, matrix=truth, centre_mm=np.array([0, 0, 20.0]))
    shift = np.linalg.norm((truth @ [0, 0, 20, 1])[:3] - [0, 0, 20])
    assert exact.moved_mm == pytest.approx(np.sqrt(shift**2 + 70**2 / 3 * 4 * (1 - np.cos(angle))))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_header_that_is_off_by_30_mm_and_20_degrees(axis: int, flair: Image, t1: Image) -> None:
    angles = [0.0, 0.0, 0.0]
    angles[axis] = 20
    off = pose((18, -17, 17), tuple(angles))
    found = register(flair, replace(t1, affine=off @ t1.affine))
    assert not found.failed
    assert errors_mm(found.matrix, off @ pose((4, 3, -2), (4, 0, 3))).max() < 1.0


def test_a_header_that_is_off_by_a_right_angle(flair: Image, t1: Image) -> None:
    off = pose((0, 0, 0), (90, 0, 0))
    found = register(flair, replace(t1, affine=off @ t1.affine))
    assert not found.failed
    assert errors_mm(found.matrix, off @ pose((4, 3, -2), (4, 0, 3))).max() < 1.0


def test_another_person_is_no_fit(flair: Image) -> None:
    for person in (1, 2):
        assert register(flair, draw(T1_GRID[0], grid(*T1_GRID), "T1", person=person)).failed


def test_half_a_head_does_not_show_enough(flair: Image, t1: Image) -> None:
    affine = t1.affine.copy()
    affine[:3, 3] += affine[:3, 0] * 30
    found = register(flair, Image(t1.data[30:], affine))
    assert found.failed
    assert found.coverage < 0.6


def test_exchanged_roles(found: Rigid) -> None:
    back = found.reversed()
    np.testing.assert_allclose(back.matrix @ found.matrix, np.eye(4), atol=1e-9)
    assert back.moved_mm == pytest.approx(found.moved_mm, rel=1e-3)
    assert back.turn_deg == pytest.approx(found.turn_deg)


def test_the_same_scans_give_the_same_numbers_whatever_the_threads(flair: Image, t1: Image, found: Rigid) -> None:
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(3)
    try:
        np.testing.assert_array_equal(register(flair, t1).matrix, found.matrix)
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


@pytest.mark.parametrize("stored", ["RAS", "PIR", "SLA"])
def test_how_voxels_are_stored_makes_no_difference(stored: str, flair: Image, t1: Image, found: Rigid) -> None:
    order = axcodes2ornt(tuple(stored))
    turned = []
    for image in (flair, t1):
        change = ornt_transform(io_orientation(image.affine), order)
        affine = image.affine @ inv_ornt_aff(change, image.shape)
        turned.append(Image(np.ascontiguousarray(apply_orientation(image.data, change)), affine))
    np.testing.assert_allclose(register(*turned).matrix, found.matrix, atol=1e-6)


def test_axes_that_are_not_quite_at_right_angles(flair: Image, t1: Image, found: Rigid) -> None:
    """Published headers hold matrices that are nearly rotations; a shear of 3 % moves corners by 3 mm."""
    shear = np.eye(4)
    shear[0, 1] = 0.03
    skewed = np.asarray(t1.affine @ shear)
    there = draw(T1_GRID[0], skewed, "T1", placed=pose((4, 3, -2), (4, 0, 3)))
    assert errors_mm(register(flair, there).matrix, found.matrix).max() < 0.7


def test_an_itk_file_takes_points_of_the_reference_to_points_of_the_moving_scan(tmp_path: Path) -> None:
    """By hand: RAS (10, 20, 30) is LPS (-10, -20, 30); 90 degrees about z and 5 mm to the right: RAS (-15, 10, 30)."""
    matrix = np.array([[0, -1, 0, 5], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    path = save_affine(matrix, tmp_path / "a_T1_to_FLAIR.tfm")
    assert sitk.ReadTransform(str(path)).TransformPoint((-10.0, -20.0, 30.0)) == pytest.approx((15, -10, 30))
    np.testing.assert_allclose(load_affine(path), matrix, atol=1e-12)


@pytest.mark.shared_data
@pytest.mark.parametrize("visit", ["p03_visit2", "p20_visit2"])
def test_published_transforms(visit: str, shared_data: Path) -> None:
    folder = shared_data / "real" / "mslub_raw" / visit
    if not folder.is_dir():
        pytest.skip("no raw scans beside this checkout")
    found = register(load(folder / "FLAIR.nii.gz"), load(folder / "T1.nii.gz"))
    truth = load_affine(folder / "T1W_intrastudy_to_FLAIR.txt")
    points = np.random.default_rng(0).standard_normal((3, 500))
    points = np.vstack([70 * points / np.linalg.norm(points, axis=0) + found.centre_mm[:, None], np.ones(500)])
    errors = np.linalg.norm(((found.matrix - truth) @ points)[:3], axis=0)
    assert errors.mean() <= 1
    assert errors.max() <= 2
    assert not found.failed
