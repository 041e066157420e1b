from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.core.errors import YuccaWMError
from yucca_wm.registration.warp import Field, Warp, to_subject

MATRIX = np.array([[0.97, 0.11, -0.03, 3.3], [-0.12, 1.08, 0.06, -4.1], [0.02, -0.05, 1.03, 2.2], [0, 0, 0, 1]])


def field(displacement) -> Field:  # type: ignore[no-untyped-def]
    """A field on a 4 mm lattice over 240 mm about the origin."""
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = -120
    x = np.indices((61, 61, 61)) * 4.0 - 120
    return Field(np.asarray(displacement(x), np.float32), affine)


def wavy(x):  # type: ignore[no-untyped-def]
    return np.stack([5 * np.sin(x[1] / 20), 4 * np.cos(x[2] / 15), 5 * np.sin(x[0] / 18 + 1)])


def stretching(x):  # type: ignore[no-untyped-def]
    """Stretches 2.6 times about the origin: x_next = z - u(x) runs away there."""
    return np.stack([40 * np.tanh(x[0] / 25), 0 * x[1], 0 * x[2]])


@pytest.mark.parametrize("displacement", [None, wavy, stretching])
def test_there_and_back(displacement):
    warp = Warp(MATRIX, None if displacement is None else field(displacement))
    points = np.random.default_rng(0).uniform(-70, 70, (3, 500))
    back = to_subject(warp, warp.points_mm(points))
    np.testing.assert_allclose(back, points, atol=0.05)


def test_what_lies_under_a_tear_is_said_to_be_lost():
    """The whole lattice is shifted by 200 mm and what is outside is not: nothing comes to rest in the middle."""
    torn = field(lambda x: np.stack([np.full(x[0].shape, 200.0), 0 * x[1], 0 * x[2]]))
    points = np.zeros((3, 20)) + np.linspace(-50, 50, 20)
    with pytest.raises(YuccaWMError, match="cannot be inverted at 20 of 20 points"):
        to_subject(Warp(np.eye(4), torn), points)
