"""Painted scans are scaled as real ones: a brain's mean and deviation count its fluid."""

from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.training.synthesis.contrast import FLUID, Contrast, draw
from yucca_wm.training.synthesis.planes import FLUID_SHARE, brain_statistics
from yucca_wm.training.synthesis.structures import N_STRUCTURES

REAL = {
    "FLAIR": [(0.87, 0.384), (0.91, 0.330), (0.87, 0.335), (0.97, 0.287), (0.99, 0.287), (0.95, 0.310), (0.98, 0.374)],
    "T1": [(0.76, 0.304), (0.75, 0.277), (0.76, 0.285), (0.81, 0.258), (0.82, 0.211), (0.75, 0.301)],
}
"""Mean and standard deviation over the brain as parts of the median of white matter: Subj7, 2 and 12 of ``nichart``,
p01, p20 and p26 of ``mslub``; on FLAIR also 104252 of ``wmh_ms5``."""


def test_mean_and_deviation_by_hand() -> None:
    """All tissue 1, all fluid .2, a quarter fluid, no spread: mean .8; variance .75 * .04 + .25 * .36 = .12, and .0009
    for what tissue differs by."""
    mean = np.ones(N_STRUCTURES, np.float32)
    mean[list(FLUID)] = 0.2
    contrast = Contrast("FLAIR", mean, np.zeros(N_STRUCTURES, np.float32), 1.5)
    centre, scale = brain_statistics(contrast, 0.25)
    assert centre == pytest.approx(0.8)
    assert scale == pytest.approx(np.sqrt(0.1209))


@pytest.mark.parametrize("kind", REAL)
def test_real_scans_are_within_what_is_painted(kind: str) -> None:
    random = np.random.default_rng(0)
    painted = [brain_statistics(draw(kind, random), random.uniform(*FLUID_SHARE)) for _ in range(500)]
    low, high = np.percentile(painted, [3, 97], axis=0)
    assert (low < np.min(REAL[kind], axis=0)).all()
    assert (high > np.max(REAL[kind], axis=0)).all()
