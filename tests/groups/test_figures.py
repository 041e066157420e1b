"""Pictures of groups show what the numbers say, also of few regions and few subjects."""

from __future__ import annotations

import numpy as np

from yucca_wm.groups.figures import draw_embedding, draw_profiles


def test_one_region_is_drawn_along_one_axis() -> None:
    values, labels = np.array([[1.0], [2.0], [6.0]]), np.array([1, 1, 2])
    axes = draw_embedding(values, labels).axes[0]
    points = np.concatenate([np.asarray(drawn.get_offsets()) for drawn in axes.collections])
    assert np.abs(points[:, 0]).max() > 0
    assert (points[:, 1] == 0).all()
    assert axes.get_xlabel() == "principal component 1 (100 % of variance)"


def test_standard_errors_are_of_a_sample_and_one_subject_has_none() -> None:
    """1 and 3: standard deviation sqrt(2), standard error 1. One subject alone: no error bar."""
    axes = draw_profiles(["a"], np.array([[1.0], [3.0], [5.0]]), np.array([1, 1, 2])).axes[0]
    first, second = (container.lines[2][0].get_segments()[0] for container in axes.containers)
    np.testing.assert_allclose(first, [[0, 1], [0, 3]])
    assert not np.isfinite(second).any()
