"""A single cloud of subjects: data like a cohort's in everything but groups, as a null model for clusterings.

Every region is a curve of a latent normal variable z: x = a + b t(z), t(z) = (exp(g z) - 1) / g * exp(h z^2 / 2). This
is Tukey's g-and-h family (Hoaglin 1985), which has one mode and models skewness (g) and heavy tails (h >= 0). It is
fitted to the order statistics by least squares, so that a region in which many subjects have no lesion can be treated
as censored: its smallest value is a floor. The latent variables of the regions are correlated through a few factors
(probabilistic principal components; Tipping and Bishop 1999, JRSS B 61:611, equations 7 and 8) on the normal scores.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

SKEWNESS = np.linspace(-1.5, 1.5, 31)
TAILS = np.array([0.0, 0.05, 0.1, 0.2])
"""Values of g and h that are tried."""


@dataclass(frozen=True)
class Cloud:
    """A fitted cloud of p regions.

    curve : [4, p] a, b, g, h of every region.
    floor : [p] smallest value of a region with many subjects at that value, minus infinity for the others.
    loadings, unique : [p, m] factor loadings and [p] residual standard deviation of each latent variable.
    """

    curve: NDArray[np.float64]
    floor: NDArray[np.float64]
    loadings: NDArray[np.float64]
    unique: NDArray[np.float64]

    def draw(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw values [n, p] of ``n`` subjects."""
        p, factors = self.loadings.shape
        latent = rng.normal(size=(n, factors)) @ self.loadings.T + rng.normal(size=(n, p)) * self.unique
        a, b, g, h = self.curve
        return np.asarray(np.maximum(a + b * _shape(latent, g, h), self.floor))


def fit_cloud(values: NDArray[np.float64], factors: int) -> Cloud:
    """Fit a cloud to ``values`` [n, p], with ``factors`` common to the regions. No column may be constant."""
    scores = normal_scores(values)
    lowest = values.min(axis=0)
    piled = (values == lowest).sum(axis=0) > 1
    curve = np.column_stack(
        [_fit_curve(x[x > low] if pile else x, z[x > low] if pile else z)
         for x, z, low, pile in zip(values.T, scores.T, lowest, piled, strict=True)]
    )  # fmt: skip
    correlation = np.corrcoef(scores, rowvar=False).reshape(values.shape[1], -1)
    sizes, vectors = np.linalg.eigh(correlation)
    factors = min(factors, len(sizes) - 1)
    noise = float(sizes[: len(sizes) - factors].mean()) if factors else 1.0
    loadings = vectors[:, len(sizes) - factors :] * np.sqrt(np.maximum(sizes[len(sizes) - factors :] - noise, 0))
    whole = np.sqrt((loadings**2).sum(axis=1) + noise)
    return Cloud(curve, np.where(piled, lowest, -np.inf), loadings / whole[:, None], np.sqrt(noise) / whole)


def normal_scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected normal order statistics at the ranks of each column (Blom 1958); ties share their mean rank."""
    from scipy.stats import norm, rankdata

    return np.asarray(norm.ppf((rankdata(values, axis=0) - 0.375) / (len(values) + 0.25)))


def _fit_curve(x: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """a, b, g, h with the smallest squared error of x at z; a straight line if there are too few points."""
    best, error = np.array([float(x.mean()), 0.0, 0.0, 0.0]), np.inf
    tried = product(SKEWNESS, TAILS) if len(np.unique(x)) > 4 else [(0.0, 0.0)]
    for g, h in tried:
        t = _shape(z, g, h)
        spread = t - t.mean()
        if not (size := float(spread @ spread)):
            continue
        slope = float(spread @ x) / size
        left = float(((x - x.mean() - slope * spread) ** 2).sum())
        if left < error:
            best, error = np.array([x.mean() - slope * t.mean(), slope, g, h]), left
    return best


def _shape(
    z: NDArray[np.float64], g: NDArray[np.float64] | float, h: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    skewed = np.where(np.abs(g) < 1e-9, z, np.expm1(g * z) / np.where(np.abs(g) < 1e-9, 1.0, g))
    return np.asarray(skewed * np.exp(h * z**2 / 2))
