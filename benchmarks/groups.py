"""Groups: planted clusters found, single clouds left alone, false discoveries under the null, power as in theory.

Every figure is a simulation with fixed seeds: 34 regions; clouds of 50 subjects; 60 subjects for associations.
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

from yucca_wm.groups.association import benjamini_hochberg, permutation_p
from yucca_wm.groups.clusters import cluster

REGIONS, CLOUD, COHORT = 34, 50, 60
SLOPE = 0.35
"""Correlation of the planted association."""


def independent(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.normal(size=(CLOUD, REGIONS))


def severity(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.normal(size=(CLOUD, 1)) + 0.7 * rng.normal(size=(CLOUD, REGIONS))


def skewed(rng: np.random.Generator) -> NDArray[np.float64]:
    return np.asarray(np.sqrt(np.exp(severity(rng))))


def planted_rand(seeds: int) -> float:
    """Smallest adjusted Rand index over seeds: three groups of 25, 20 and 15, means one noise SD apart."""
    found = []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        group = np.repeat([0, 1, 2], [25, 20, 15])
        values = rng.normal(size=(3, REGIONS))[group] + rng.normal(size=(60, REGIONS))
        found.append(adjusted_rand_score(group, cluster(values, k_max=4, seed=seed, bootstraps=20).labels))
    return float(min(found))


def called_structure(cloud: Callable[[np.random.Generator], NDArray[np.float64]], seeds: int) -> float:
    """Percent of single clouds that are called a structure."""
    calls = [cluster(cloud(np.random.default_rng(s)), k_max=4, seed=s, bootstraps=20).structure for s in range(seeds)]
    return 100 * float(np.mean(calls))


def false_discoveries(cohorts: int, *, binary: bool) -> float:
    """Percent of cohorts without any effect that have a discovery at 5 %."""
    rng, found = np.random.default_rng(0), 0
    for seed in range(cohorts):
        covariate = rng.normal(size=(COHORT, 1))
        outcome = covariate[:, 0] + rng.normal(size=COHORT)
        outcome = (outcome > 0).astype(float) if binary else outcome
        loads = 0.8 * covariate + 0.7 * rng.normal(size=(COHORT, 1)) + rng.normal(size=(COHORT, REGIONS))
        p_values = permutation_p(loads, outcome, covariate, binary=binary, permutations=999, seed=seed)
        found += int((benjamini_hochberg(p_values) <= 0.05).any())
    return 100 * found / cohorts


def power(cohorts: int) -> tuple[float, float]:
    """Percent of cohorts in which a correlation of SLOPE is found at 5 %, and what the t-test's theory gives."""
    rng, found = np.random.default_rng(1), 0
    for seed in range(cohorts):
        load = rng.normal(size=(COHORT, 1))
        outcome = SLOPE * load[:, 0] + np.sqrt(1 - SLOPE**2) * rng.normal(size=COHORT)
        none = np.empty((COHORT, 0))
        found += int(permutation_p(load, outcome, none, binary=False, permutations=399, seed=seed)[0] <= 0.05)
    shift, limit = SLOPE / np.sqrt(1 - SLOPE**2) * np.sqrt(COHORT - 1), stats.t.ppf(0.975, COHORT - 2)
    theory = 1 - stats.nct.cdf(limit, COHORT - 2, shift) + stats.nct.cdf(-limit, COHORT - 2, shift)
    return 100 * found / cohorts, 100 * float(theory)


def measure(*, quick: bool) -> dict[str, Any]:
    clouds, cohorts = (10, 300) if quick else (100, 1000)
    reached, theory = power(cohorts)
    figures: dict[str, Any] = {
        "planted_groups_smallest_adjusted_rand": round(planted_rand(2 if quick else 10), 3),
        **{f"{cloud.__name__}_clouds_called_structure_percent": called_structure(cloud, clouds)
           for cloud in (independent, severity, skewed)},
        "false_discovery_logistic_percent": false_discoveries(cohorts, binary=True),
        "false_discovery_linear_percent": false_discoveries(cohorts, binary=False),
        "power_percent": round(reached, 1),
        "power_of_theory_percent": round(theory, 1),
        "clouds": clouds,
        "cohorts": cohorts,
    }  # fmt: skip
    chance, luck = (10, 3.8) if quick else (0, 0)  # one cloud of ten; three standard errors of 300 cohorts
    figures["pass"] = bool(
        figures["planted_groups_smallest_adjusted_rand"] > 0.9
        and all(value <= 5 + chance for name, value in figures.items() if name.endswith("structure_percent"))
        and max(figures["false_discovery_logistic_percent"], figures["false_discovery_linear_percent"]) <= 5 + luck
        and abs(reached - theory) < 300 * np.sqrt(theory / 100 * (1 - theory / 100) / cohorts) + 1
    )
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer simulations, under 50 s")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")
    options = parser.parse_args()
    figures = measure(quick=options.quick)
    for name, value in figures.items():
        print(f"{name:45} {value}")
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
