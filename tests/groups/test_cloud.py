"""A fitted cloud is like the data it was fitted to, in every region and between regions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from yucca_wm.groups.statistics.cloud import fit_cloud, normal_scores


def one_factor(rng, n=2000, p=8):
    """Correlation 0.64 between any two columns."""
    return 0.8 * rng.normal(size=(n, 1)) + 0.6 * rng.normal(size=(n, p))


def test_correlations_come_back():
    rng = np.random.default_rng(0)
    drawn = fit_cloud(one_factor(rng), 1).draw(4000, rng)
    off = np.corrcoef(drawn, rowvar=False)[np.triu_indices(8, 1)]
    assert abs(off.mean() - 0.64) < 0.03
    assert off.std() < 0.03


@pytest.mark.parametrize(
    "shape",
    [lambda z: z, lambda z: np.exp(0.7 * z), lambda z: -np.exp(0.5 * z), lambda z: z * np.exp(0.05 * z**2)],
    ids=["normal", "skewed", "skewed the other way", "heavy tails"],
)
def test_shape_of_a_region_comes_back(shape):
    rng = np.random.default_rng(1)
    values = shape(one_factor(rng))
    drawn = fit_cloud(values, 1).draw(4000, rng)
    spread = values.std()
    for level in (2, 10, 25, 50, 75, 90, 98):
        assert abs(np.percentile(drawn, level) - np.percentile(values, level)) < 0.15 * spread
    assert abs(stats.skew(drawn, axis=None) - stats.skew(values, axis=None)) < 0.3 * (
        1 + abs(stats.skew(values, axis=None))
    )


def test_a_pile_of_zeros_stays_a_pile():
    rng = np.random.default_rng(2)
    values = np.maximum(one_factor(rng), 0.3)
    drawn = fit_cloud(values, 1).draw(4000, rng)
    assert drawn.min() == 0.3
    assert abs((drawn == 0.3).mean() - (values == 0.3).mean()) < 0.02


def test_groups_are_not_reproduced():
    """Two groups far apart: the cloud varies about as much, but has something in the middle."""
    rng = np.random.default_rng(3)
    values = np.repeat([-4.0, 4.0], 200)[:, None] + rng.normal(size=(400, 6))
    drawn = fit_cloud(values, 1).draw(2000, rng).mean(axis=1)
    assert (np.abs(values.mean(axis=1)) < 1.5).mean() == 0
    assert (np.abs(drawn) < 1.5).mean() > 0.15
    assert drawn.std() > 0.7 * values.mean(axis=1).std()


def test_normal_scores():
    scores = normal_scores(np.array([[1.0], [3.0], [2.0], [2.0]]))[:, 0]
    assert scores[0] == -scores[1]
    assert scores[2] == scores[3] == pytest.approx(0)
