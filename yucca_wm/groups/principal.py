"""Principal components of loads, and how many of them stand out from noise (Horn 1965, parallel analysis)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_COMPONENTS = 10
PARALLEL_ANALYSES = 40


def count_components(values: NDArray[np.float64], rng: np.random.Generator) -> int:
    """Principal components of standardised ``values`` whose variance exceeds the 95th percentile of that in data with
    every column shuffled on its own; at least 1, at most MAX_COMPONENTS."""

    def variances(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.linalg.svd(matrix, compute_uv=False)[:MAX_COMPONENTS] ** 2)

    shuffled = [variances(rng.permuted(values, axis=0)) for _ in range(PARALLEL_ANALYSES)]
    above = variances(values) > np.percentile(shuffled, 95, axis=0)
    return max(1, int(above.argmin()) if not above.all() else len(above))


def principal_scores(values: NDArray[np.float64], components: int) -> NDArray[np.float64]:
    """[n, components] scores of the rows of ``values``."""
    centred = values - values.mean(axis=0)
    left, size, _ = np.linalg.svd(centred, full_matrices=False)
    return np.asarray(left[:, :components] * size[:components])
