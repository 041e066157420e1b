"""A rough white-matter mask from a skull-stripped T1, for want of a segmentation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.errors import InputError
from yucca_wm.images import Image
from yucca_wm.parcellate.wm import WhiteMatter

BINS, STEPS = 256, 200

MAX_FOREGROUND = 0.6
"""A skull-stripped T1 is mostly zero; more than this part of nonzero voxels means that the head is still there."""


def from_t1(t1: Image) -> WhiteMatter:
    """White matter as the brightest of three Gaussian classes of the T1, its largest connected part.

    Rough: no bias-field model and no anatomical prior, and lesions that are dark on T1 are left out.

    Raises InputError when the T1 does not look skull-stripped.
    """
    inside = t1.data > 0
    share = float(inside.mean())
    if not 0 < share <= MAX_FOREGROUND:
        problem = f"does not look skull-stripped ({100 * share:.0f} % of its voxels are above 0)"
        raise InputError(t1.name, problem, "remove the skull first, or give a segmentation with --wm")
    values = t1.data[inside].astype(np.float64)
    low, high = np.percentile(values, [0.5, 99.5])
    if not high > low:
        raise InputError(t1.name, "has no contrast inside the brain", "give a segmentation with --wm")
    counts, edges = np.histogram(values, BINS, (low, high))
    threshold = _brightest_class((edges[1:] + edges[:-1]) / 2, counts.astype(np.float64))
    parts, number = ndimage.label(inside & (t1.data >= threshold), np.ones((3, 3, 3)))
    if number == 0:
        raise InputError(t1.name, "has no bright class that could be white matter", "give a segmentation with --wm")
    largest = int(np.bincount(parts.ravel())[1:].argmax()) + 1
    mask = Image((parts == largest).astype(np.uint8), t1.affine, t1.path, t1.header)
    return WhiteMatter(mask, "rough estimate from the T1 (three-class mixture): use a segmentation where you can")


def _brightest_class(centres: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    """Intensity above which the brightest of three Gaussians is the likeliest (expectation-maximisation)."""
    cumulative = np.cumsum(counts) / counts.sum()
    mean = np.interp([0.15, 0.5, 0.85], cumulative, centres)
    variance = np.full(3, ((centres[-1] - centres[0]) / 8) ** 2)
    share = np.full(3, 1 / 3)
    for _ in range(STEPS):
        likely = share * np.exp(-((centres[:, None] - mean) ** 2) / (2 * variance)) / np.sqrt(variance)
        weight = likely / np.maximum(likely.sum(axis=1, keepdims=True), 1e-300) * counts[:, None]
        total = np.maximum(weight.sum(axis=0), 1e-9)
        mean = (weight * centres[:, None]).sum(axis=0) / total
        variance = np.maximum((weight * (centres[:, None] - mean) ** 2).sum(axis=0) / total, 1e-6 * mean.max() ** 2)
        share = total / counts.sum()
    brightest = int(mean.argmax())
    likely = share * np.exp(-((centres[:, None] - mean) ** 2) / (2 * variance)) / np.sqrt(variance)
    ours = (likely.argmax(axis=1) == brightest) & (centres >= mean.min())
    above = centres[ours & (centres > np.median(mean))]
    return float(above.min()) if above.size else float("inf")
