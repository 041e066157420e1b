"""What a person's white matter says of where each voxel lies in the atlas.

The coarse network tells it to some three millimetres, and errs alike over whole lobes. The white matter of the mean of
the training heads, drawn where the network says, shows by how much: places are fitted to what the fine network has
found, first by a stiff polynomial, then by a field that follows gyri.
"""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.models.brain import Brain, Look, on_coarse_grid
from yucca_wm.models.conventions import ATLAS_CENTRE_MM, SPACING_MM, in_mm, in_units
from yucca_wm.models.mean_head import STEP_MM, Floats, MeanHead, sample, shipped_mean_head
from yucca_wm.registration.deformable import Level, displacement
from yucca_wm.registration.smoothed_masks import Blurred

if TYPE_CHECKING:
    from yucca_wm.models.canonical import Canonical

ORDER = 3
"""Of the polynomials, in atlas coordinates, that places are changed by."""

SMOOTHED_MM = (6.0, 3.0, 1.5)
"""Both white matters are blurred by this, one level after the other."""

STEPS, NEAR_MM = 8, 0.1
"""Of a level: at most so many, fewer when places move by less."""

STIFFNESS_PER_MM2 = 2e-4
"""What a change beyond the affine costs, for each voxel, beside the squared difference of white matter."""

LEVELS = (Level(SPACING_MM, 3, 12, 6, 5, 8), Level(SPACING_MM, 1.5, 9, 8, 5, 4))
"""Of the field: edges of white matter are compared, for the mean head's is broader than anybody's. A looser second
level agrees better with our own registration, but worse with those of other tools."""

AROUND = 4
"""Voxels around those that count that the field is made for, too: it fades there."""


def aligned(white_matter: NDArray[np.bool_], look: Look, brain: Brain, grid: Canonical) -> Look:
    """``look``, its places fitted to a person's ``white_matter`` [x, y, z] on ``grid``, by the shipped mean head.

    A voxel stays on the side of the midplane on which the network sees it.
    """
    share, shown = (
        on_coarse_grid(values.astype(np.float32), grid, brain.centre_mm).numpy().astype(np.float64)
        for values in (white_matter, np.ones_like(white_matter))
    )
    counts = brain.mask & (shown > 0.5)
    seen_mm = in_mm(look.places.numpy())
    fitted_mm = drawn(shipped_mean_head(), bent(shipped_mean_head(), seen_mm, share, counts), share, counts)
    places = in_units(on_own_side(fitted_mm, seen_mm)).astype(np.float32)
    return Look(look.outside, torch.from_numpy(places))


def on_own_side(fitted_mm: Floats, seen_mm: Floats) -> Floats:
    """``fitted_mm`` [3, ...]; what has crossed the midplane, of where the network sees it, lies on the plane."""
    crossed = (fitted_mm[0] - ATLAS_CENTRE_MM[0]) * (seen_mm[0] - ATLAS_CENTRE_MM[0]) < 0
    return np.stack([np.where(crossed, ATLAS_CENTRE_MM[0], fitted_mm[0]), *fitted_mm[1:]])


def drawn(head: MeanHead, places_mm: Floats, white_matter: Floats, counts: NDArray[np.bool_]) -> Floats:
    """``places_mm``, each voxel's taken from near by, so that edges of the mean head's white matter lie on a person's.

    Parameters and shapes are those of `bent`; no force acts where ``counts`` is false.
    """
    boxes = ndimage.find_objects(ndimage.binary_dilation(counts, iterations=AROUND).view(np.uint8))
    if not boxes:
        return places_mm
    near = (slice(None), *boxes[0])
    of_head = head.at(places_mm[near])
    of_person = np.where(counts[boxes[0]], white_matter[boxes[0]], of_head)
    person, mean = (Blurred(mask.astype(np.float32), SPACING_MM, np.zeros(3)) for mask in (of_person, of_head))
    there = np.indices(of_head.shape) + displacement(person, mean, LEVELS) / SPACING_MM
    moved = places_mm.copy()
    moved[near] = [ndimage.map_coordinates(axis, there, order=1, mode="nearest") for axis in places_mm[near]]
    return moved


def bent(head: MeanHead, places_mm: Floats, white_matter: Floats, counts: NDArray[np.bool_]) -> Floats:
    """``places_mm``, changed by a stiff polynomial so that the mean head's white matter comes to lie on a person's.

    Voxels on the midplane stay on it.

    Parameters
    ----------
    places_mm : ndarray, float, shape (3, x, y, z)
        Where each voxel of the coarse grid lies in the atlas.
    white_matter : ndarray, float, shape (x, y, z)
        Share of each voxel that is the person's white matter.
    counts : ndarray, bool, shape (x, y, z)
        Voxels of the brain that the scans show.

    Returns
    -------
    ndarray, float, shape (3, x, y, z)
        In mm; ``places_mm`` itself where the change does not lessen the difference.
    """
    if not counts.any():
        return places_mm
    terms = _terms(places_mm[:, counts])
    beyond_affine = np.where(_DEGREE[:, None] > 1, terms, 0.0)
    along_each_axis = np.asarray(np.kron(np.eye(3), beyond_affine @ beyond_affine.T), np.float64)
    stiffness = STIFFNESS_PER_MM2 * along_each_axis[np.ix_(_FREE, _FREE)]
    change = np.zeros((3, len(terms)))
    for blur_mm in SMOOTHED_MM:
        level = _Level(head.white_matter, white_matter, counts, blur_mm)
        for _ in range(STEPS):
            step = level.step(places_mm[:, counts] + change @ terms, terms, change, stiffness)
            change += step
            if np.abs(step @ terms).max() < NEAR_MM:
                break
    before, after = (level.difference(places_mm[:, counts] + c @ terms) for c in (0 * change, change))
    if after >= before:
        return places_mm
    moved: Floats = places_mm + (change @ _terms(places_mm.reshape(3, -1))).reshape(places_mm.shape)
    return moved


class _Level:
    """Both white matters, blurred alike: Gauss-Newton steps of the squared difference between them."""

    def __init__(self, head: Floats, person: Floats, counts: NDArray[np.bool_], blur_mm: float) -> None:
        self.head = ndimage.gaussian_filter(head, blur_mm / STEP_MM)
        self.slopes = np.gradient(self.head, STEP_MM)
        self.person = ndimage.gaussian_filter(person, blur_mm / SPACING_MM)[counts]

    def step(self, there_mm: Floats, terms: Floats, change: Floats, stiffness: Floats) -> Floats:
        """What to add to ``change`` [3, term], which has brought voxels to ``there_mm`` [3, voxel]."""
        slopes = np.stack([sample(slope, there_mm) for slope in self.slopes])
        by_change = (slopes[:, None] * terms).reshape(-1, terms.shape[1])[_FREE]
        system = by_change @ by_change.T + stiffness
        system += 1e-9 * np.trace(system) / len(system) * np.eye(len(system))
        wanted = by_change @ (self.person - sample(self.head, there_mm)) - stiffness @ change.ravel()[_FREE]
        step = np.zeros(change.size)
        step[_FREE] = np.linalg.solve(system, wanted)
        return step.reshape(change.shape)

    def difference(self, there_mm: Floats) -> float:
        """Mean square of the difference."""
        return float(np.mean((self.person - sample(self.head, there_mm)) ** 2))


_FACTORS = [axes for n in range(ORDER + 1) for axes in combinations_with_replacement(range(3), n)]
_DEGREE = np.array([len(axes) for axes in _FACTORS])
_FREE = np.flatnonzero([axis > 0 or factors.count(0) % 2 == 1 for axis in range(3) for factors in _FACTORS])
"""Left and right are changed by terms that are 0 on the midplane alone."""


def _terms(places_mm: Floats) -> Floats:
    """The terms [term, voxel] of a polynomial in ``places_mm`` [3, voxel] around the atlas's centre."""
    scaled = in_units(places_mm)
    ones: Any = np.ones_like(scaled[0])
    return np.stack([np.prod([ones, *(scaled[axis] for axis in axes)], axis=0) for axes in _FACTORS])
