"""Warps: several mm, smooth, without folds, and exactly what they say."""

from __future__ import annotations

import numpy as np

from yucca_wm.demo.phantom import WARP_RMS_MM, Warp, random_warp, rotation, smallest_jacobian


def head_points() -> np.ndarray:
    axis = np.arange(-70.0, 71.0, 10.0)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij")).reshape(3, -1)


def test_anatomies_differ_by_several_mm_beyond_any_affine() -> None:
    first, second = (random_warp(np.random.default_rng(seed), np.zeros(3)) for seed in (1, 2))
    points = head_points()
    difference = first(points) - second(points)
    design = np.vstack([points, np.ones(points.shape[1])]).T
    residual = difference.T - design @ np.linalg.lstsq(design, difference.T, rcond=None)[0]
    assert np.sqrt((residual**2).sum(axis=1).mean()) > 4


def test_no_folds_and_stated_size() -> None:
    for seed in range(5):
        warp = random_warp(np.random.default_rng(seed), np.zeros(3))
        rms_mm = np.sqrt((warp.displacement_mm(head_points()) ** 2).mean())
        assert 0.6 * WARP_RMS_MM < rms_mm < 1.4 * WARP_RMS_MM
        assert smallest_jacobian(warp) >= 0.3
        assert 1.0 < np.linalg.det(warp.affine[:3, :3]) < 1.7


def test_without_deformation_a_warp_is_its_affine() -> None:
    affine = np.eye(4)
    affine[:3, :3] = rotation(np.array([0.0, 0.0, 90.0]))
    affine[:3, 3] = (1, 2, 3)
    warp = Warp(affine, np.zeros((11, 11, 11, 3)))
    np.testing.assert_allclose(warp(np.array([[10.0], [0.0], [5.0]])), [[1.0], [12.0], [8.0]], atol=1e-12)


def test_displacement_is_that_of_the_control_points() -> None:
    """Equal displacement at all control points is a shift by exactly that."""
    control = np.broadcast_to([1.0, -2.0, 3.0], (11, 11, 11, 3))
    moved = Warp(np.eye(4), control).displacement_mm(head_points())
    np.testing.assert_allclose(moved, np.broadcast_to([[1.0], [-2.0], [3.0]], moved.shape), atol=1e-12)
