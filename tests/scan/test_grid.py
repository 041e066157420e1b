"""A scan at the same place in the world is turned onto another's axes without touching a value."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from yucca_wm.imaging.images import Image, resample
from yucca_wm.scan.frame import carry_labels, turned_onto

OBLIQUE = np.array([[0.9, 0.1, 0, -20], [-0.1, 0.95, 0.3, 4], [0, -0.25, 3, -9], [0, 0, 0, 1]])


def stored_as(image: Image, order: tuple[int, ...], flips: tuple[bool, ...]) -> Image:
    """The same voxels in the same places, axes reordered and reversed; written with index arithmetic only."""
    to_old = np.zeros((4, 4))
    to_old[3, 3] = 1
    for new, old in enumerate(order):
        to_old[old, new] = -1 if flips[new] else 1
        to_old[old, 3] = image.shape[old] - 1 if flips[new] else 0
    shape = tuple(image.shape[old] for old in order)
    index = (to_old[:3, :3] @ np.indices(shape).reshape(3, -1) + to_old[:3, 3:]).astype(int)
    return Image(image.data[tuple(index)].reshape(shape), image.affine @ to_old)


@pytest.fixture(scope="module")
def image() -> Image:
    return Image(np.random.default_rng(0).integers(0, 4000, (7, 6, 5)).astype(np.uint16), OBLIQUE)


def test_all_48_ways_to_store_a_scan(image: Image) -> None:
    for order, flips in product(permutations(range(3)), product((False, True), repeat=3)):
        turned = turned_onto(stored_as(image, order, flips), image)
        assert turned is not None
        assert turned.data.dtype == np.uint16
        np.testing.assert_array_equal(turned.data, image.data)
        np.testing.assert_array_equal(turned.affine, image.affine)


@pytest.mark.parametrize(("moved_mm", "same"), [(0.09, True), (0.11, False)])
def test_up_to_a_tenth_of_a_millimetre_is_the_same_place(moved_mm: float, same: bool, image: Image) -> None:
    moved = stored_as(image, (1, 0, 2), (True, False, True))
    moved.affine[1, 3] += moved_mm
    assert (turned_onto(moved, image) is not None) == same


def test_other_shapes_and_slants_are_other_grids(image: Image) -> None:
    assert turned_onto(Image(image.data[:-1], image.affine), image) is None
    assert turned_onto(Image(image.data, np.diag([1.0, 1, 1, 1])), image) is None


def test_resampling_along_one_axis_by_hand() -> None:
    """Values 5 10 20 30 at 0, 2, 4, 6 mm; the other grid has 1, 3, 5 mm, between two, and 7 mm, between 30 and air."""
    image = Image(np.array([5, 10, 20, 30.0]).reshape(4, 1, 1), np.diag([2.0, 1, 1, 1]))
    like = Image(np.zeros((4, 1, 1)), np.array([[2.0, 0, 0, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
    np.testing.assert_allclose(resample(image, like, order=1).data.ravel(), [7.5, 15, 25, 15])


def test_labels_are_carried_to_where_the_matrix_takes_them() -> None:
    """Label 7 from 3 to 5 mm; moved 3 mm to the right it holds the voxels at 6.25 and 7.25 mm of a grid of 1 mm."""
    labels = Image(np.array([0, 0, 7, 0], np.uint8).reshape(4, 1, 1), np.diag([2.0, 1, 1, 1]))
    like = Image(np.zeros((10, 1, 1)), np.array([[1.0, 0, 0, 0.25], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]))
    matrix = np.eye(4)
    matrix[0, 3] = 3
    carried = carry_labels(labels, matrix, like)
    assert carried.data.dtype == np.uint8
    assert carried.data.ravel().tolist() == [0, 0, 0, 0, 0, 0, 7, 7, 0, 0]


def test_a_mask_of_thick_slices_keeps_its_volume_on_thin_ones() -> None:
    """10 slices of 6.5 mm, of 2 x 2 voxels of 1 mm, full: 260 mm3. Of planes of 1 mm, 65 have their centres in it:
    half a slice beyond the first and the last slice's centres."""
    labels = Image(np.ones((2, 2, 10), np.uint8), np.diag([1.0, 1, 6.5, 1]))
    like = Image(np.zeros((2, 2, 80)), np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, -10], [0, 0, 0, 1]]))
    carried = carry_labels(labels, np.eye(4), like)
    assert carried.data.sum() * carried.voxel_volume_mm3 == 260
    assert np.flatnonzero(carried.data[0, 0])[[0, -1]].tolist() == [7, 71]  # -3 and 61 mm
