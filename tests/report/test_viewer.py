from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.images import Image
from yucca_wm.report.viewer import SPACING_MM, slice_viewer, small_copy


@pytest.mark.parametrize("colors", [{}, {1: "#ff0000"}, {1: "#ff0000", 37: "#00ff00"}])
def test_any_number_of_labels_can_be_shown(colors: dict[int, str]) -> None:
    """Also one region alone, and none."""
    labelled = np.zeros((12, 12, 12), np.uint8)
    labelled[3:6, 3:6, 3:6] = max(colors, default=0)
    background = Image(np.arange(12**3, dtype=np.float32).reshape(12, 12, 12), np.diag([2.0, 2.0, 2.0, 1.0]))
    page = slice_viewer(background, labelled, colors)
    assert "<html" in page


def test_the_small_copy_keeps_every_lesion_in_its_place() -> None:
    """Single voxels of half a millimetre, in an oblique grid, far from the origin."""
    turn = np.array([[0.9, -0.3, 0.0], [0.3, 0.9, 0.1], [0.0, -0.1, 0.95]])
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = turn * [0.5, 0.5, 3.0], (200, -80, 40)
    labelled = np.zeros((60, 50, 20), np.uint8)
    labelled[8:52:4, 8:42:4, 2:18:3].flat = np.arange(11 * 9 * 6) % 37 + 1
    scan = np.zeros(labelled.shape, np.float32)
    scan[6:-6, 6:-6, 1:-1] = 100
    under, over = small_copy(Image(scan, affine), labelled)
    assert under.shape == over.shape
    np.testing.assert_array_equal(over.affine[:3, :3], np.eye(3) * SPACING_MM)
    for label in np.unique(labelled[labelled > 0]):
        here = affine[:3, :3] @ np.argwhere(labelled == label)[0] + affine[:3, 3]
        there = np.argwhere(over.data == label) @ over.affine[:3, :3].T + over.affine[:3, 3]
        assert np.abs(there - here).max(axis=1).min() <= SPACING_MM / 2
    assert under.data.max() == 100
