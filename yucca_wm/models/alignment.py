"""Refine atlas coordinates by fitting the mean head's white matter to the person's.

The coarse network's coordinates are accurate to about 3 mm; errors are similar across a lobe. The mean white matter of
the training heads, sampled at these coordinates, shows the error: coordinates are fitted to the white matter that the
fine network has found, first by a stiff polynomial, then by a displacement field that follows gyri.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.models.brain import Brain, CoarseOutput, on_coarse_grid
from yucca_wm.models.conventions import ATLAS_CENTRE_MM, SPACING_MM, in_mm, in_units
from yucca_wm.models.mean_head import STEP_MM, Floats, MeanHead, sample, shipped_mean_head
from yucca_wm.registration.deformable import Level, displacement
from yucca_wm.registration.smoothed_masks import Blurred

if TYPE_CHECKING:
    from yucca_wm.models.canonical import Canonical

ORDER = 3
"""Order of the polynomials in atlas coordinates that correct the coordinates."""

SMOOTHED_MM = (6.0, 3.0, 1.5)
"""Standard deviation of the blur of both white matters, one level after the other."""

STEPS, NEAR_MM = 8, 0.1
"""Maximum number of steps per level; a level ends when coordinates move by less than this distance."""

STIFFNESS_PER_MM2 = 2e-4
"""Cost per voxel of a change beyond the affine, relative to the squared difference of white matter."""

LEVELS = (Level(SPACING_MM, 3, 12, 6, 5, 8), Level(SPACING_MM, 1.5, 9, 8, 5, 4))
"""Levels of the field: edges of white matter are compared, as the mean head's white matter is broader than any
person's. A looser second level agrees better with our own registration, but worse with those of other tools."""

AROUND = 4
"""The field is also computed this many voxels around those that count, where it fades out."""


def aligned(white_matter: NDArray[np.bool_], coarse: CoarseOutput, brain: Brain, grid: Canonical) -> CoarseOutput:
    """Fit the coordinates of ``coarse`` to a person's white matter, with the shipped mean head.

    Every voxel stays on the side of the midplane that the network put it on.

    Parameters
    ----------
    white_matter : ndarray, bool, shape (x, y, z)
        White matter and lesions, on ``grid``.
    coarse : CoarseOutput
        Output of the coarse network, on its own grid.
    brain : Brain
        Brain found by that network.
    grid : Canonical
        Grid of the scans.

    Returns
    -------
    CoarseOutput
        ``coarse`` with the fitted coordinates.
    """
    share, shown = (
        on_coarse_grid(values.astype(np.float32), grid, brain.centre_mm).numpy().astype(np.float64)
        for values in (white_matter, np.ones_like(white_matter))
    )
    counts = brain.mask & (shown > 0.5)
    seen_mm = in_mm(coarse.coordinates.numpy())
    head = shipped_mean_head()
    fitted_mm = fit_displacement(head, fit_polynomial(head, seen_mm, share, counts), share, counts)
    coordinates = in_units(on_own_side(fitted_mm, seen_mm)).astype(np.float32)
    return CoarseOutput(coarse.outside, torch.from_numpy(coordinates))


def on_own_side(fitted_mm: Floats, seen_mm: Floats) -> Floats:
    """``fitted_mm`` [3, ...], in which points that the fit moved across the midplane are put back on it.

    seen_mm : coordinates [3, ...] from the network.
    """
    crossed = (fitted_mm[0] - ATLAS_CENTRE_MM[0]) * (seen_mm[0] - ATLAS_CENTRE_MM[0]) < 0
    return np.stack([np.where(crossed, ATLAS_CENTRE_MM[0], fitted_mm[0]), *fitted_mm[1:]])


def fit_displacement(head: MeanHead, coordinates_mm: Floats, white_matter: Floats, counts: NDArray[np.bool_]) -> Floats:
    """Displace ``coordinates_mm`` so that edges of the mean head's white matter coincide with the person's.

    Parameters, result and shapes are those of `fit_polynomial`; no force acts where ``counts`` is false.
    """
    boxes = ndimage.find_objects(ndimage.binary_dilation(counts, iterations=AROUND).view(np.uint8))
    if not boxes:
        return coordinates_mm
    near = (slice(None), *boxes[0])
    of_head = head.at(coordinates_mm[near])
    of_person = np.where(counts[boxes[0]], white_matter[boxes[0]], of_head)
    person, mean = (Blurred(mask.astype(np.float32), SPACING_MM, np.zeros(3)) for mask in (of_person, of_head))
    there = np.indices(of_head.shape) + displacement(person, mean, LEVELS) / SPACING_MM
    moved = coordinates_mm.copy()
    moved[near] = [ndimage.map_coordinates(axis, there, order=1, mode="nearest") for axis in coordinates_mm[near]]
    return moved


def fit_polynomial(head: MeanHead, coordinates_mm: Floats, white_matter: Floats, counts: NDArray[np.bool_]) -> Floats:
    """Correct ``coordinates_mm`` by a stiff polynomial, so that white matter of mean head and person coincide.

    Voxels on the midplane stay on it.

    Parameters
    ----------
    head : MeanHead
        Mean white matter of the training heads.
    coordinates_mm : ndarray, float, shape (3, x, y, z)
        Atlas coordinates of each voxel of the coarse grid, in mm.
    white_matter : ndarray, float, shape (x, y, z)
        Share of each voxel that is the person's white matter.
    counts : ndarray, bool, shape (x, y, z)
        Voxels of the brain that the scans show.

    Returns
    -------
    ndarray, float, shape (3, x, y, z)
        Corrected coordinates in mm; ``coordinates_mm`` itself if the correction does not reduce the difference.
    """
    if not counts.any():
        return coordinates_mm
    terms = _terms(coordinates_mm[:, counts])
    beyond_affine = np.where(_DEGREE[:, None] > 1, terms, 0.0)
    along_each_axis = np.asarray(np.kron(np.eye(3), beyond_affine @ beyond_affine.T), np.float64)
    stiffness = STIFFNESS_PER_MM2 * along_each_axis[np.ix_(_FREE, _FREE)]
    change = np.zeros((3, len(terms)))
    for blur_mm in SMOOTHED_MM:
        level = _Level(head.white_matter, white_matter, counts, blur_mm)
        for _ in range(STEPS):
            step = level.step(coordinates_mm[:, counts] + change @ terms, terms, change, stiffness)
            change += step
            if np.abs(step @ terms).max() < NEAR_MM:
                break
    before, after = (level.difference(coordinates_mm[:, counts] + c @ terms) for c in (0 * change, change))
    if after >= before:
        return coordinates_mm
    moved: Floats = coordinates_mm + (change @ _terms(coordinates_mm.reshape(3, -1))).reshape(coordinates_mm.shape)
    return moved


class _Level:
    """Gauss-Newton steps on the squared difference of both white matters, equally blurred."""

    def __init__(self, head: Floats, person: Floats, counts: NDArray[np.bool_], blur_mm: float) -> None:
        self.head = ndimage.gaussian_filter(head, blur_mm / STEP_MM)
        self.slopes = np.gradient(self.head, STEP_MM)
        self.person = ndimage.gaussian_filter(person, blur_mm / SPACING_MM)[counts]

    def step(self, there_mm: Floats, terms: Floats, change: Floats, stiffness: Floats) -> Floats:
        """Update of ``change`` [3, term], which has moved voxels to ``there_mm`` [3, voxel]."""
        slopes = np.stack([sample(slope, there_mm) for slope in self.slopes])
        by_change = (slopes[:, None] * terms).reshape(-1, terms.shape[1])[_FREE]
        system = by_change @ by_change.T + stiffness
        system += 1e-9 * np.trace(system) / len(system) * np.eye(len(system))
        wanted = by_change @ (self.person - sample(self.head, there_mm)) - stiffness @ change.ravel()[_FREE]
        step = np.zeros(change.size)
        step[_FREE] = np.linalg.solve(system, wanted)
        return step.reshape(change.shape)

    def difference(self, there_mm: Floats) -> float:
        """Mean squared difference at ``there_mm`` [3, voxel]."""
        return float(np.mean((self.person - sample(self.head, there_mm)) ** 2))


_FACTORS = [axes for n in range(ORDER + 1) for axes in combinations_with_replacement(range(3), n)]
_DEGREE = np.array([len(axes) for axes in _FACTORS])
_FREE = np.flatnonzero([axis > 0 or factors.count(0) % 2 == 1 for axis in range(3) for factors in _FACTORS])
"""Free coefficients: left-right coordinates are changed only by terms that are 0 on the midplane."""


def _terms(coordinates_mm: Floats) -> Floats:
    """Terms [term, voxel] of a polynomial in ``coordinates_mm`` [3, voxel] around the atlas's centre."""
    scaled = in_units(coordinates_mm)
    ones: Any = np.ones_like(scaled[0])
    return np.stack([np.prod([ones, *(scaled[axis] for axis in axes)], axis=0) for axes in _FACTORS])
