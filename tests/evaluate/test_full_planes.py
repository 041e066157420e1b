"""Lesion maps that fill whole planes, which have no outline there."""

from __future__ import annotations

import numpy as np

from yucca_wm.evaluate.measures import hausdorff95_mm


def test_masks_that_fill_their_planes_have_a_distance() -> None:
    """Planes 5 to 8 against 6 to 8, 2 mm apart: a quarter of the voxels is 2 mm off, so the 95th percentile is 2."""
    first, second = np.zeros((2, 6, 6, 12), bool)
    first[:, :, 5:9] = second[:, :, 6:9] = True
    assert hausdorff95_mm(first, second, np.diag([1.0, 1, 2, 1])) == 2
