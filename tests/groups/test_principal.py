"""As many principal components stand out as were put in, whatever the noise; and their scores keep distances."""

from __future__ import annotations

import numpy as np
import pytest

from yucca_wm.groups.statistics.clusters import MAX_COMPONENTS, count_components, principal_scores


@pytest.mark.parametrize("planted", [1, 2, 4])
def test_planted_directions_stand_out_from_noise(planted: int) -> None:
    rng = np.random.default_rng(planted)
    directions = np.linalg.qr(rng.normal(size=(34, planted)))[0].T
    values = 6 * rng.normal(size=(200, planted)) @ directions + rng.normal(size=(200, 34))
    assert count_components(values / values.std(axis=0), rng) == planted


def test_pure_noise_leaves_one_and_many_directions_the_most_allowed() -> None:
    rng = np.random.default_rng(0)
    assert count_components(rng.normal(size=(200, 34)), rng) == 1
    directions = np.linalg.qr(rng.normal(size=(34, 15)))[0].T
    values = 9 * rng.normal(size=(300, 15)) @ directions + 0.1 * rng.normal(size=(300, 34))
    assert count_components(values / values.std(axis=0), rng) == MAX_COMPONENTS


def test_scores_are_a_rotation_in_order_of_variance() -> None:
    values = np.random.default_rng(0).normal(size=(50, 4)) * (1, 2, 5, 3)
    scores = principal_scores(values, 4)
    centred = values - values.mean(axis=0)
    np.testing.assert_allclose(scores @ scores.T, centred @ centred.T, atol=1e-9)
    spread = scores.std(axis=0)
    assert (np.diff(spread) < 0).all()
