"""Ventricles widen into white matter, sulci into cortex, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.training.synthesis.heads import DISTANCE_UNITS_PER_MM, Head
from yucca_wm.training.synthesis.structures import CEREBRAL_WM, CORTEX, CSF, LATERAL_VENTRICLE, WIDEST_MM, atrophied


@pytest.mark.parametrize("seed", range(5))
def test_only_white_matter_and_cortex_give_way(head: Head, seed: int) -> None:
    distance_mm = head.ventricle / np.float32(DISTANCE_UNITS_PER_MM)
    aged, left_mm = atrophied(head.structures, distance_mm, np.random.default_rng(seed))
    changed = aged != head.structures
    widened = changed & (aged == LATERAL_VENTRICLE)
    assert widened.any()
    assert (head.structures[widened] == CEREBRAL_WM).all()
    assert distance_mm[widened].max() < 2.5 * WIDEST_MM
    opened = changed & ~widened
    assert (aged[opened] == CSF).all()
    assert (head.structures[opened] == CORTEX).all()
    assert (left_mm[widened] == 0).all()
    assert (left_mm >= 0).all()
    assert (left_mm <= distance_mm).all()
    assert aged.dtype == np.uint8
    assert aged is not head.structures
