"""Masks that fill whole planes, or the image, which have no outline there."""

from __future__ import annotations

import numpy as np

from yucca_wm.evaluate.measures import hausdorff95_mm, surface_dice


def test_masks_that_fill_their_planes_have_a_distance() -> None:
    """Planes 5 to 8 against 6 to 8, 2 mm apart: a quarter of the voxels is 2 mm off, so the 95th percentile is 2."""
    first, second = np.zeros((2, 6, 6, 12), bool)
    first[:, :, 5:9] = second[:, :, 6:9] = True
    assert hausdorff95_mm(first, second, np.diag([1.0, 1, 2, 1])) == 2


def test_a_mask_that_fills_the_image_has_a_surface_dice() -> None:
    """20 voxels of 1 mm in 5 planes, against planes 0 to 3, whose outline is plane 3: within 1 mm of it lie 3 planes of
    4 voxels, and its own 4 lie in the image: 16 of 24. At 3 mm all do; a tenth of a mm leaves plane 3, 4 + 4 of 24."""
    image = np.ones((2, 2, 5), bool)
    part = image.copy()
    part[:, :, 4] = False
    for tolerance_mm, share in ((1, 16 / 24), (3, 1), (0.1, 8 / 24)):
        assert surface_dice(image, part, np.eye(4), tolerance_mm) == share
        assert surface_dice(part, image, np.eye(4), tolerance_mm) == share
    assert surface_dice(image, image, np.eye(4), 0) == 1
    assert surface_dice(image, ~image, np.eye(4), 9) == 0
