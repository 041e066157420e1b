"""The scores are what they are called."""

from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.demo.scores import Loads, dice, same_side_share


def test_dice_against_counts_by_hand() -> None:
    found = np.array([[0, 1, 1, 2], [0, 1, 3, 2]], dtype=np.uint8)
    true = np.array([[0, 1, 2, 2], [1, 1, 0, 2]], dtype=np.uint8)
    np.testing.assert_allclose(dice(found, true, range(1, 5)), [2 * 2 / 6, 2 * 2 / 5, 0, np.nan])


def test_mirrored_regions_are_on_the_wrong_side() -> None:
    true = np.array([1, 5, 17, 18, 22, 34, 35, 0], dtype=np.uint8)
    mirrored = np.array([18, 22, 34, 1, 5, 17, 36, 4], dtype=np.uint8)
    assert same_side_share(true, true) == 1
    assert same_side_share(mirrored, true) == 0
    assert np.isnan(same_side_share(np.zeros_like(true), true))


def test_correlation_is_over_all_pairs() -> None:
    true = np.array([[0.0, 1.0, 2.0], [3.0, 0.0, 5.0]])
    assert Loads(("a", "b"), 2 * true + 1, true).correlation == pytest.approx(1)
    assert Loads(("a", "b"), true[::-1], true).correlation < 0.5
    assert Loads(("a", "b"), np.zeros((2, 3)), true).correlation == 0
