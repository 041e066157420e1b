from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from yucca_wm.groups.statistics import clusters
from yucca_wm.groups.statistics.clusters import METHODS, cluster, divide
from yucca_wm.groups.statistics.variables import residuals


def planted(seed: int, sizes=(25, 20, 15), noise: float = 1.0):
    """Three groups whose 34 region means differ by one standard deviation of the noise."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(sizes)), sizes)
    return rng.normal(size=(len(sizes), 34))[group] + noise * rng.normal(size=(len(group), 34)), group


@pytest.mark.parametrize("method", METHODS)
def test_planted_groups_are_found(method):
    values, group = planted(3)
    result = cluster(values, method=method, k_max=4, bootstraps=10)
    assert result.structure, result.reason
    assert result.k == 3
    assert adjusted_rand_score(group, result.labels) > 0.9
    assert np.bincount(result.labels)[1:].tolist() == [25, 20, 15]


@pytest.mark.parametrize(
    "cloud",
    [
        lambda rng: rng.normal(size=(50, 34)),
        lambda rng: rng.normal(size=(50, 1)) + 0.7 * rng.normal(size=(50, 34)),
        lambda rng: np.sqrt(np.exp(rng.normal(size=(50, 1)) + 0.7 * rng.normal(size=(50, 34)))),
    ],
    ids=["independent", "severity", "skewed"],
)
def test_one_cloud_has_no_structure(cloud):
    found = [cluster(cloud(np.random.default_rng(seed)), k_max=4, seed=seed, bootstraps=5) for seed in range(4)]
    assert sum(result.structure for result in found) <= 1  # 3 of 100 by chance
    for result in found:
        assert result.structure or result.labels.tolist() == [1] * 50


def test_a_subject_far_from_all_others_is_no_group():
    """Without a smallest size, the division into that subject and the rest would have the best silhouette of all."""
    values = np.random.default_rng(0).normal(size=(50, 34))
    values[7] += 30
    result = cluster(values, k_max=3, bootstraps=5)
    assert not result.structure
    assert "every division has a group of fewer than 3 subjects" in result.reason


def test_units_of_a_region_do_not_matter():
    values, _ = planted(0)
    first = cluster(values, simulations=19, bootstraps=3, k_max=3)
    again = cluster(values * np.linspace(1, 50, 34) + 7, simulations=19, bootstraps=3, k_max=3)
    np.testing.assert_array_equal(again.candidate, first.candidate)


def test_constant_regions_do_not_count_and_constant_cohorts_are_said():
    values, group = planted(0)
    values[:, 5] = 3.0
    assert adjusted_rand_score(group, cluster(values, simulations=19, bootstraps=3, k_max=3).candidate) == 1
    same = cluster(np.ones((12, 34)))
    assert not same.structure
    assert "same loads" in same.reason


def test_too_few_subjects():
    with pytest.raises(ValueError, match="9 subjects cannot be divided"):
        cluster(np.ones((9, 34)))


def test_unknown_method():
    with pytest.raises(ValueError, match="not one of"):
        divide(np.ones((12, 3)), 2, "magic")


@pytest.mark.parametrize(("seed", "structure"), [(0, True), (1, False)])
def test_the_silhouette_of_a_sample_decides_alike(monkeypatch, seed, structure):
    monkeypatch.setattr(clusters, "MAX_SILHOUETTE", 60)
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(200, 12))
    values[:100] += 3 * structure
    result = cluster(values, k_max=3, bootstraps=10)
    assert result.structure is structure
    assert not structure or len(set(result.labels[:100].tolist())) == 1


def test_simulated_cohorts_are_adjusted_as_the_real_one_is():
    """The division is that of the adjusted values; what it is compared with has gone the same way."""
    values = np.random.default_rng(3).lognormal(size=(30, 8))
    seen: list[tuple[int, ...]] = []

    def adjust(given: np.ndarray) -> np.ndarray:
        seen.append(given.shape)
        return residuals(given, given.mean(axis=1)[:, None])

    found = cluster(values, adjust=adjust, simulations=19, bootstraps=2, k_max=2)
    assert seen[0] == (30, 8)
    assert len(seen) > 1
    assert set(seen) == {(30, 8)}
    assert found.candidate.tolist() == cluster(adjust(values), simulations=19, bootstraps=2, k_max=2).candidate.tolist()


def test_regions_that_are_constant_above_zero_are_ignored_as_those_at_zero():
    """What an adjustment leaves of them is rounding, 1e-16; scaled to variance 1 it was most of the data."""
    values, _ = planted(3, sizes=(25, 25))
    age = np.random.default_rng(0).normal(size=(50, 1))
    found = []
    for constant in (0.0, 0.7):
        values[:, 14:] = constant
        found.append(cluster(values, adjust=lambda loads: residuals(loads, age), k_max=4, bootstraps=5, simulations=19))
    assert found[0].k == found[1].k
    assert found[0].labels.tolist() == found[1].labels.tolist()
    assert found[0].components == found[1].components
