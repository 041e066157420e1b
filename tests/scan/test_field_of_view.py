"""The field of view of a scan: a convex part of the grid, whatever lies inside."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from yucca_wm.imaging.field_of_view import FieldOfView

SHAPE = (12, 15, 18)
X, Y, Z = np.indices(SHAPE)


def view(scan: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return FieldOfView.of(scan.astype(np.float32)).voxels()


@pytest.mark.parametrize("axes", list(permutations(range(3))))
@pytest.mark.parametrize(
    "shown",
    [
        np.ones(SHAPE, bool),
        (X >= 3) & (X < 9) & (Y >= 2) & (Z < 11),
        X + Z <= 20,
        (3 * Y + Z <= 40) & (X + 2 * Y >= 6),
        (X == 4) & (Y == 5),
        (X == 4) & (Y == 5) & (Z == 6),
        (Y == 7) & (X > 2) & (Z < 5),
    ],
    ids=["all", "box", "wedge", "two wedges", "line", "voxel", "plane"],
)
def test_a_convex_part_is_found_exactly(shown: NDArray[np.bool_], axes: tuple[int, ...]) -> None:
    np.testing.assert_array_equal(view(shown.transpose(axes)), shown.transpose(axes))


def test_air_inside_is_shown_and_what_was_cut_off_is_not() -> None:
    """A ball of 7 voxels, cut obliquely, with a hole: the hole counts, the part cut off and the corners do not."""
    i, j, k = np.indices((21, 21, 21)) - 10
    ball = i**2 + j**2 + k**2 <= 49
    cut = ball & (i + k <= 6)
    seen = view(cut & (i**2 + j**2 + k**2 > 4))
    np.testing.assert_array_equal(seen & ball, cut)
    assert not seen[i**2 + j**2 + k**2 > 49].any()


def test_a_scan_that_shows_nothing_has_no_field_of_view() -> None:
    assert not view(np.zeros(SHAPE, bool)).any()


def test_values_below_0_are_shown() -> None:
    """Resampling leaves them."""
    assert FieldOfView.of(np.full(SHAPE, -1.0)).voxels().all()
