"""Groups: planted clusters found, single clouds left alone, false discoveries under the null, power as in theory.

Every figure is a simulation of 34 regions: clouds of 50 subjects without groups (normal, with severity common to all
regions, skewed, and with many zeros), cohorts of 60 for planted groups and associations; every clustering method.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import adjusted_rand_score

from yucca_wm.groups.statistics.association import benjamini_hochberg
from yucca_wm.groups.statistics.clusters import METHODS, cluster
from yucca_wm.groups.statistics.permutation import permutation_p

REGIONS, CLOUD, COHORT = 34, 50, 60
Cloud = Callable[[np.random.Generator], NDArray[np.float64]]
SLOPE = 0.35
"""Correlation of the planted association."""


def independent(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.normal(size=(CLOUD, REGIONS))


def severity(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.normal(size=(CLOUD, 1)) + 0.7 * rng.normal(size=(CLOUD, REGIONS))


def skewed(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.exp(severity(rng))))


def zeros(rng: np.random.Generator) -> NDArray[np.float64]:
    """Half of all loads are 0."""
    return np.asarray(np.sqrt(np.maximum(np.exp(severity(rng)) - 1, 0)))


CLOUDS: tuple[Cloud, ...] = (independent, severity, skewed, zeros)


def planted_rand(method: str, cohorts: int, seed: int, *, skewed_loads: bool = False) -> float:
    """Smallest adjusted Rand index: three groups of 25, 20 and 15, means of every region one noise SD apart.

    skewed_loads : take these values as the logarithm of the loads, which are then transformed by log1p.
    """
    found = []
    for number in range(cohorts):
        rng = np.random.default_rng([seed, number])
        group = np.repeat([0, 1, 2], [25, 20, 15])
        values = rng.normal(size=(3, REGIONS))[group] + rng.normal(size=(60, REGIONS))
        values = np.log1p(np.exp(values)) if skewed_loads else values
        result = cluster(values, method=method, k_max=4, seed=number, bootstraps=20)
        found.append(adjusted_rand_score(group, result.labels))
    return float(min(found))


def left_alone(cloud: Cloud, method: str, clouds: int, seed: int) -> float:
    """Percent of single clouds in which no structure is found."""
    none = 0
    for number in range(clouds):
        values = cloud(np.random.default_rng([seed, number]))
        none += not cluster(values, method=method, k_max=4, seed=number, bootstraps=20).structure
    return 100 * none / clouds


def false_discoveries(cohorts: int, seed: int, *, binary: bool) -> float:
    """Percent of cohorts without any effect that have a discovery at 5 %."""
    rng, found = np.random.default_rng(seed), 0
    for number in range(cohorts):
        covariate = rng.normal(size=(COHORT, 1))
        outcome = covariate[:, 0] + rng.normal(size=COHORT)
        outcome = (outcome > 0).astype(float) if binary else outcome
        loads = 0.8 * covariate + 0.7 * rng.normal(size=(COHORT, 1)) + rng.normal(size=(COHORT, REGIONS))
        p_values = permutation_p(loads, outcome, covariate, binary=binary, permutations=999, seed=number)
        found += int((benjamini_hochberg(p_values) <= 0.05).any())
    return 100 * found / cohorts


def power(cohorts: int, seed: int) -> tuple[float, float]:
    """Percent of cohorts in which a correlation of SLOPE is found at 5 %, and the power of the t-test in theory."""
    rng, found = np.random.default_rng([seed, 1]), 0
    for number in range(cohorts):
        load = rng.normal(size=(COHORT, 1))
        outcome = SLOPE * load[:, 0] + np.sqrt(1 - SLOPE**2) * rng.normal(size=COHORT)
        none = np.empty((COHORT, 0))
        found += int(permutation_p(load, outcome, none, binary=False, permutations=399, seed=number)[0] <= 0.05)
    shift, limit = SLOPE / np.sqrt(1 - SLOPE**2) * np.sqrt(COHORT - 1), stats.t.ppf(0.975, COHORT - 2)
    theory = 1 - stats.nct.cdf(limit, COHORT - 2, shift) + stats.nct.cdf(-limit, COHORT - 2, shift)
    return 100 * found / cohorts, 100 * float(theory)


def measure(*, quick: bool, seed: int) -> dict[str, Any]:
    clouds, planted, cohorts = (4, 1, 200) if quick else (100, 5, 1000)
    figures: dict[str, Any] = {}

    def note(name: str, value: float) -> None:
        figures[name] = round(value, 3)
        print(f"{name:48} {figures[name]}", flush=True)

    for method in METHODS:
        note(f"{method}_planted_smallest_adjusted_rand", planted_rand(method, planted, seed))
        skewed_rand = planted_rand(method, planted, seed, skewed_loads=True)
        note(f"{method}_planted_skewed_smallest_adjusted_rand", skewed_rand)
        for cloud in CLOUDS:
            note(f"{method}_{cloud.__name__}_no_structure_percent", left_alone(cloud, method, clouds, seed))
    for binary in (True, False):
        name = "logistic" if binary else "linear"
        note(f"false_discovery_{name}_percent", false_discoveries(cohorts, seed, binary=binary))
    reached, theory = power(cohorts, seed)
    note("power_percent", reached)
    note("power_of_theory_percent", theory)
    chance = 300 * np.sqrt(0.05 * 0.95 / cohorts) if quick else 0.0  # three standard errors; none over 1,000 cohorts
    alone = [value for name, value in figures.items() if name.endswith("no_structure_percent")]
    figures |= {"clouds": clouds, "planted": planted, "cohorts": cohorts, "seed": seed}
    figures["pass"] = bool(
        all(value > 0.9 for name, value in figures.items() if name.endswith("adjusted_rand"))
        and min(alone) >= (75 if quick else 95)  # one of four clouds may go wrong by chance
        and all(value <= 5 + chance for name, value in figures.items() if name.startswith("false_discovery"))
        and abs(reached - theory) < 300 * np.sqrt(theory / 100 * (1 - theory / 100) / cohorts) + 1
    )
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer simulations, under 50 s")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other simulations (default: 0)")
    options = parser.parse_args()
    figures = measure(quick=options.quick, seed=options.seed)
    print("pass" if figures["pass"] else "FAIL")
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
