"""Groups of subjects with similar patterns of load, and tests of whether there are any.

Subjects are divided in the space of the principal components that exceed noise (Horn 1965, parallel analysis):
among all 34 regions, those without any difference would drown out the others. k is chosen by the mean silhouette.
Groups are called real only if both of the following hold:

- the silhouette is larger than in data without groups: a single simulated cloud with the same skewness, tails and zeros
  of every region and the same correlations between them (`cloud`); the whole choice of k is repeated in every
  simulation. This is the test of Liu et al. (2008, JASA 103:1281), whose null is one Gaussian, for loads that are not;
- the groups recur in bootstrap samples: mean Jaccard similarity at least STABLE (Hennig 2007, CSDA 52:258).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import count
from yucca_wm.groups.statistics.cloud import Cloud, fit_cloud
from yucca_wm.groups.statistics.variables import varying

MAX_COMPONENTS = 10
PARALLEL_ANALYSES = 40

METHODS = ("kmeans", "hierarchical", "gmm", "spectral")

STABLE = 0.6
"""Mean bootstrap Jaccard similarity below which a cluster is not to be trusted (Hennig 2007)."""

ALPHA = 0.01
"""Level of the first test: one single cloud in a hundred appears to have structure."""

MIN_SHARE, MIN_MEMBERS = 0.05, 3
"""A division with a smaller group is rejected, here and in the simulations: with skewed loads, one subject may lie so
far out that no other division has a silhouette like that of this subject against the rest."""

TOO_SMALL = -1.0
"""Stands for the silhouette of a division with a group of too few subjects, so that no other is lower."""

SIMULATIONS = 99
BOOTSTRAPS = 50

MAX_SILHOUETTE = 3000
"""With more subjects than this, the silhouette is that of a random sample of this size, here and in the simulations:
time and memory for all pairwise distances grow with the square of the cohort."""


def count_components(values: NDArray[np.float64], rng: np.random.Generator) -> int:
    """Number of principal components of standardised ``values`` [n, p] whose variance exceeds the 95th percentile of
    that in data with every column shuffled separately; at least 1, at most MAX_COMPONENTS."""

    def variances(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.linalg.svd(matrix, compute_uv=False)[:MAX_COMPONENTS] ** 2)

    shuffled = [variances(rng.permuted(values, axis=0)) for _ in range(PARALLEL_ANALYSES)]
    above = variances(values) > np.percentile(shuffled, 95, axis=0)
    return max(1, int(above.argmin()) if not above.all() else len(above))


def principal_scores(values: NDArray[np.float64], components: int) -> NDArray[np.float64]:
    """Scores [n, components] of the rows of ``values`` [n, p]."""
    centred = values - values.mean(axis=0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    return np.asarray(left[:, :components] * size[:components])


@dataclass(frozen=True)
class Choice:
    """One number of clusters: mean silhouette (-1..1; None if a group would be too small) and, in cluster order, mean
    bootstrap Jaccard similarity (empty if not computed)."""

    k: int
    silhouette: float | None
    stability: tuple[float, ...] = ()


@dataclass(frozen=True)
class Clusters:
    """Result of `cluster`.

    structure : whether the groups are real by both tests above; ``reason`` says why (not).
    components : number of principal components used.
    labels : [n] cluster of each subject, 1..k, the largest first (all 1 if there is no structure).
    candidate : [n] the best division found, structure or not.
    p_value : share of simulated single clouds whose best silhouette is at least as large; simulation ends early once
        it cannot become significant. None if there was no division to test.
    """

    structure: bool
    reason: str
    labels: NDArray[np.intp]
    candidate: NDArray[np.intp]
    k: int
    p_value: float | None
    components: int = 0
    choices: tuple[Choice, ...] = field(default=())


def divide(values: NDArray[np.float64], k: int, method: str = "kmeans", seed: int = 0) -> NDArray[np.intp]:
    """Labels [n], 0..k-1, of the rows of ``values`` [n, p]."""
    from sklearn.cluster import AgglomerativeClustering, KMeans, SpectralClustering
    from sklearn.mixture import GaussianMixture

    if method == "kmeans":
        model = KMeans(k, n_init=4, random_state=seed)
    elif method == "hierarchical":
        model = AgglomerativeClustering(k, linkage="ward")
    elif method == "gmm":
        model = GaussianMixture(k, covariance_type="diag", reg_covar=1e-3, n_init=2, random_state=seed)
    elif method == "spectral":
        model = SpectralClustering(
            k, affinity="nearest_neighbors", n_neighbors=min(10, len(values) - 1), random_state=seed,
            assign_labels="cluster_qr",
        )  # fmt: skip
    else:
        raise ValueError(f"method is '{method}', not one of {METHODS}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # unconnected neighbour graphs and duplicate points: judged by the silhouette
        return np.asarray(model.fit_predict(values), dtype=np.intp)


def cluster(
    values: NDArray[np.float64],
    *,
    adjust: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
    method: str = "kmeans",
    k_max: int = 6,
    simulations: int = SIMULATIONS,
    bootstraps: int = BOOTSTRAPS,
    seed: int = 0,
) -> Clusters:
    """Divide the rows of ``values`` [subjects, regions] into 2..k_max groups, or report that there are none.

    Columns are scaled to unit variance; constant ones are ignored. Raises ValueError for fewer than 10 subjects.

    adjust : applied to ``values`` first, and to every simulated cohort: an adjustment for total load changes the shape
        of a cloud (subjects without lesions in a region are no longer equal).
    """
    if len(values) < 10:
        raise ValueError(f"{count(len(values), 'subject')} cannot be divided into groups (10 at least)")
    rng = np.random.default_rng(seed)
    adjusted = values if adjust is None else adjust(values)
    before, spread = values.std(axis=0), adjusted.std(axis=0)
    varies = varying(before, spread)  # the rest is rounding, which must not be scaled up
    scaled = (adjusted[:, varies] - adjusted[:, varies].mean(axis=0)) / spread[varies]
    none = np.ones(len(values), dtype=np.intp)
    if not scaled.shape[1]:
        return Clusters(False, "every subject has the same loads", none, none, 1, None)
    ks = range(2, min(k_max, len(values) // 3) + 1)
    components = count_components(scaled, rng)
    scores = principal_scores(scaled, components)
    best_k, best, silhouettes = _best(scores, ks, method, seed)
    candidate = _by_size(divide(scores, best_k, method, seed))
    choices = [Choice(k, _known(value)) for k, value in silhouettes.items()]
    if best == TOO_SMALL:
        least = max(MIN_MEMBERS, math.ceil(MIN_SHARE * len(values)))
        reason = f"every division has a group of fewer than {least} subjects, so none could be tested"
        return Clusters(False, reason, none, none, best_k, None, components, tuple(choices))
    cloud = fit_cloud(scaled if adjust is None else values[:, varies], components)
    p_value = _single_cloud_p(cloud, adjust, scaled.shape[0], components, ks, method, best, simulations, rng)
    if p_value > ALPHA:
        reason = f"a single cloud of subjects gives a silhouette of {best:.2f} as well (p over {ALPHA:g})"
        return Clusters(False, reason, none, candidate, best_k, p_value, components, tuple(choices))
    choices = [
        Choice(k, _known(value), stability(scores, k, method, bootstraps, rng)) for k, value in silhouettes.items()
    ]
    lowest = min(next(choice.stability for choice in choices if choice.k == best_k))
    if lowest < STABLE:
        reason = f"the groups do not come back in bootstrap samples (Jaccard {lowest:.2f}, under {STABLE})"
        return Clusters(False, reason, none, candidate, best_k, p_value, components, tuple(choices))
    reason = (
        f"silhouette {best:.2f} (p = {p_value:.3f} against a single cloud), every group stable (Jaccard {lowest:.2f})"
    )
    return Clusters(True, reason, candidate, candidate, best_k, p_value, components, tuple(choices))


def stability(
    values: NDArray[np.float64], k: int, method: str, bootstraps: int, rng: np.random.Generator
) -> tuple[float, ...]:
    """For each cluster (largest first), mean over bootstrap samples of its best Jaccard similarity to one found."""
    whole = _by_size(divide(values, k, method, 0))
    found = np.zeros((bootstraps, k))
    for number in range(bootstraps):
        rows = np.unique(rng.integers(0, len(values), len(values)))
        again = divide(values[rows], k, method, number)
        for original in range(k):
            ours = whole[rows] == original + 1
            overlaps = [(ours & (again == other)).sum() / max((ours | (again == other)).sum(), 1) for other in range(k)]
            found[number, original] = max(overlaps)
    return tuple(float(value) for value in found.mean(axis=0))


def _best(values: NDArray[np.float64], ks: range, method: str, seed: int) -> tuple[int, float, dict[int, float]]:
    """The k with the largest mean silhouette, that silhouette, and the silhouettes of all k."""
    from sklearn.metrics import pairwise_distances, silhouette_score

    judged = np.arange(len(values))
    if len(values) > MAX_SILHOUETTE:
        judged = np.random.default_rng(seed).choice(judged, MAX_SILHOUETTE, replace=False)
    distances = pairwise_distances(values[judged])
    np.fill_diagonal(distances, 0)
    silhouettes = {}
    for k in ks:
        labels = divide(values, k, method, seed)
        sizes = np.bincount(labels, minlength=k)
        groups = sizes.min() >= max(MIN_MEMBERS, MIN_SHARE * len(values)) and len(set(labels[judged].tolist())) > 1
        score = silhouette_score(distances, labels[judged], metric="precomputed") if groups else TOO_SMALL
        silhouettes[k] = float(score)
    best_k = max(silhouettes, key=lambda k: silhouettes[k])
    return best_k, silhouettes[best_k], silhouettes


def _known(silhouette: float) -> float | None:
    return None if silhouette == TOO_SMALL else silhouette


def _single_cloud_p(
    cloud: Cloud,
    adjust: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None,
    n: int,
    components: int,
    ks: range,
    method: str,
    observed: float,
    simulations: int,
    rng: np.random.Generator,
) -> float:
    reached = 0
    for number in range(1, simulations + 1):
        drawn = cloud.draw(n, rng)
        drawn = drawn if adjust is None else adjust(drawn)
        scores = principal_scores(drawn / np.maximum(drawn.std(axis=0), 1e-12), components)
        reached += _best(scores, ks, method, number)[1] >= observed
        if reached + 1 > ALPHA * (simulations + 1):
            return (reached + 1) / (number + 1)
    return (reached + 1) / (simulations + 1)


def _by_size(labels: NDArray[np.intp]) -> NDArray[np.intp]:
    """Renumber clusters from 1, the largest first (equal sizes: the one of the first subject)."""
    values, first, counts = np.unique(labels, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    rank = {int(values[position]): number for number, position in enumerate(order, start=1)}
    return np.array([rank[int(label)] for label in labels], dtype=np.intp)
