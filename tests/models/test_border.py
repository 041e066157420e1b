"""Odds of the scans and of the mean head, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from yucca_wm.imaging.images import Image
from yucca_wm.models.border import drawn_with_the_mean_head
from yucca_wm.models.brain import Brain, Look
from yucca_wm.models.canonical import Canonical
from yucca_wm.models.mean_head import ORIGIN_MM, STEP_MM, shipped_mean_head
from yucca_wm.training.synthesis.structures import TISSUES
from yucca_wm.training.synthesis.volumes import SIZE, SPACING_MM, in_units

WHITE, CORTEX, DEEP, VENTRICLES = (
    TISSUES[name]
    for name in ("cerebral_white_matter", "cortical_grey_matter", "deep_grey_matter", "lateral_ventricles")
)
GRID = Canonical.of(Image(np.zeros((6, 6, 6), np.uint8), np.eye(4)))


def drawn(found: dict[int, float], share: float) -> int:
    """The class of voxels with these probabilities, where ``share`` of heads has white matter."""
    head = shipped_mean_head().white_matter
    index = np.argwhere(head == share)[0]
    place = torch.from_numpy(in_units(index * STEP_MM + ORIGIN_MM).astype(np.float32))
    probability = torch.zeros((len(TISSUES), *GRID.shape))
    for label, value in found.items():
        probability[label] = value
    look = Look(torch.zeros(SIZE), place[:, None, None, None].expand(3, *SIZE))
    brain = Brain(torch.zeros((2, *SIZE)), np.full(3, 3.0 * SPACING_MM))
    tissue = probability.argmax(0)
    before = tissue.clone()
    after = drawn_with_the_mean_head(tissue, probability, look, brain, GRID)
    assert torch.equal(tissue, before)
    assert len(torch.unique(after)) == 1
    return int(after[0, 0, 0])


@pytest.mark.parametrize(
    ("found", "share", "wanted"),
    [
        # half of log(.98 / .02) is 1.95; log(.45 / .55) is -.20, log(.85 / .15) 1.73, log(.9 / .1) 2.20
        ({WHITE: 0.45, CORTEX: 0.55}, 1.0, WHITE),
        ({WHITE: 0.45, CORTEX: 0.55}, 0.0, CORTEX),
        ({WHITE: 0.85, CORTEX: 0.15}, 0.0, CORTEX),
        ({WHITE: 0.90, CORTEX: 0.10}, 0.0, WHITE),
        ({WHITE: 0.10, CORTEX: 0.90}, 1.0, CORTEX),
        # the larger of the two greys counts, and is taken
        ({WHITE: 0.60, CORTEX: 0.15, DEEP: 0.25}, 0.0, DEEP),
        # nothing else is shared out
        ({WHITE: 0.30, CORTEX: 0.25, VENTRICLES: 0.45}, 1.0, VENTRICLES),
        # what is sure stays
        ({WHITE: 1.0}, 0.0, WHITE),
    ],
)
def test_both_say_what_a_voxel_is(found: dict[int, float], share: float, wanted: int) -> None:
    assert drawn(found, share) == wanted
