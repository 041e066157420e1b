"""Rotations by hand."""

from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.registration.rotations import angle_deg, right_angles, tilts


def test_right_angles_are_the_24_ways_to_set_down_a_cube() -> None:
    found = right_angles()
    assert len({tuple(matrix.ravel()) for matrix in found}) == 24
    for matrix in found:
        assert np.abs(matrix).sum(0).tolist() == np.abs(matrix).sum(1).tolist() == [1, 1, 1]
        assert np.linalg.det(matrix) == pytest.approx(1), "never a mirror image"
    np.testing.assert_array_equal(found[0], np.eye(3))
    assert sorted(round(angle_deg(matrix)) for matrix in found) == [0] + 6 * [90] + 8 * [120] + 9 * [180]


def test_tilts_are_about_each_axis_both_ways() -> None:
    """By 30 degrees about z, x becomes (cos 30, sin 30, 0), or with - sin 30."""
    found = tilts(30)
    assert [angle_deg(matrix) for matrix in found] == pytest.approx(6 * [30])
    for axis in range(3):
        both = found[2 * axis : 2 * axis + 2]
        assert all(matrix[axis, axis] == pytest.approx(1) for matrix in both)
        np.testing.assert_allclose(both[0] @ both[1], np.eye(3), atol=1e-12)
    assert {tuple(np.round(matrix[:, 0], 6)) for matrix in found[4:]} == {(0.866025, 0.5, 0), (0.866025, -0.5, 0)}
