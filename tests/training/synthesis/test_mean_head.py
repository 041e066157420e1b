"""The mean of heads, in the atlas."""

from __future__ import annotations

import numpy as np

from yucca_wm.models.mean_head import ORIGIN_MM, STEP_MM
from yucca_wm.training.synthesis.averages import mean_head_of
from yucca_wm.training.synthesis.heads import Head
from yucca_wm.training.synthesis.structures import CEREBRAL_WM

from .conftest import AFFINE, TO_ATLAS


def test_white_matter_lies_where_the_head_lies_in_the_atlas(head: Head) -> None:
    """The head's centre of white matter, by its affine to the atlas; and its volume, for nothing is scaled."""
    voxels = np.argwhere(head.structures == CEREBRAL_WM)
    wanted_mm = (TO_ATLAS @ AFFINE)[:3] @ [*voxels.mean(0), 1]
    share = mean_head_of([head] * 20).white_matter
    index = np.argwhere(share > 0)
    weights = share[share > 0]
    found_mm = (weights[:, None] * (index * STEP_MM + ORIGIN_MM)).sum(0) / weights.sum()
    np.testing.assert_allclose(found_mm, wanted_mm, atol=0.5)
    assert 0.9 < weights.sum() * STEP_MM**3 / len(voxels) < 1.1
