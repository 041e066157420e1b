"""What a person's white matter says of where each voxel lies in the atlas.

The coarse network tells it to some three millimetres, and errs alike over whole lobes. The white matter of the mean of
the training heads, drawn where the network says, shows by how much: a smooth change of places is fitted to what the
fine network has found.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.core.files import atomic_path
from yucca_wm.models.brain import Brain, Look, on_coarse_grid
from yucca_wm.training.synthesis.structures import CEREBRAL_WM
from yucca_wm.training.synthesis.volumes import (
    ATLAS_CENTRE_MM,
    COORDINATE_UNIT_MM,
    SPACING_MM,
    atlas_places,
)

if TYPE_CHECKING:
    from yucca_wm.models.canonical import Canonical
    from yucca_wm.training.synthesis.heads import Head

ORDER = 3
"""Of the polynomials, in atlas coordinates, that places are changed by."""

SMOOTHED_MM = (6.0, 3.0, 1.5)
"""Both white matters are blurred by this, one level after the other."""

STEPS, NEAR_MM = 8, 0.1
"""Of a level: at most so many, fewer when places move by less."""

STIFFNESS_PER_MM2 = 2e-4
"""What a change beyond the affine costs, for each voxel, beside the squared difference of white matter."""

FEWEST = 20
"""Voxels of heads, of some 60 in a voxel of the mean head, below which its share of white matter is made less."""

STEP_MM, ORIGIN_MM, SHAPE = 3.0, np.array([-195.0, -15.0, -15.0]), (71, 81, 71)
"""Grid of the mean head, in atlas mm."""

FILE = Path(__file__).parent / "weights" / "mean_head.npz"

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MeanHead:
    """white_matter : share of heads [x, y, z] that have cerebral white matter there; the grid is `SHAPE`."""

    white_matter: Floats

    def fitted(self, places_mm: Floats, white_matter: Floats, counts: NDArray[np.bool_]) -> Floats:
        """``places_mm``, changed so that this head's white matter comes to lie on a person's.

        Voxels on the midplane stay on it: the sides are those that the network sees.

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
        bent = np.where(_DEGREE[:, None] > 1, terms, 0.0)
        along_each_axis = np.asarray(np.kron(np.eye(3), bent @ bent.T), np.float64)
        stiffness = STIFFNESS_PER_MM2 * along_each_axis[np.ix_(_FREE, _FREE)]
        change = np.zeros((3, len(terms)))
        for blur_mm in SMOOTHED_MM:
            level = _Level(self.white_matter, white_matter, counts, blur_mm)
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

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write an ``.npz`` file, shares in 255ths."""
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, white_matter=np.rint(self.white_matter * 255).astype(np.uint8))
        return Path(path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> MeanHead:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as found:
            return cls(found["white_matter"] / 255.0)


@cache
def shipped_mean_head() -> MeanHead:
    """That of the heads that the shipped models were trained on."""
    return MeanHead.load(FILE)


def fitted_to(white_matter: NDArray[np.bool_], look: Look, brain: Brain, grid: Canonical) -> Look:
    """``look``, its places fitted to a person's ``white_matter`` [x, y, z] on ``grid``, by the shipped mean head."""
    share, shown = (
        on_coarse_grid(values.astype(np.float32), grid, brain.centre_mm).numpy().astype(np.float64)
        for values in (white_matter, np.ones_like(white_matter))
    )
    centre_mm = ATLAS_CENTRE_MM[:, None, None, None]
    places_mm = look.places.numpy().astype(np.float64) * COORDINATE_UNIT_MM + centre_mm
    fitted_mm = shipped_mean_head().fitted(places_mm, share, brain.mask & (shown > 0.5))
    return Look(look.outside, torch.from_numpy(((fitted_mm - centre_mm) / COORDINATE_UNIT_MM).astype(np.float32)))


def mean_head_of(heads: Sequence[Head]) -> MeanHead:
    """The mean of ``heads``, each brought to the atlas by its own coordinates."""
    white, known = np.zeros((2, np.prod(SHAPE)))
    for head in heads:
        axes = [np.arange(0, n, 2) for n in head.structures.shape]
        voxels = tuple(np.meshgrid(*axes, indexing="ij"))
        is_white = head.structures[voxels] == CEREBRAL_WM
        near = ndimage.binary_dilation(head.regions[voxels] > 0, iterations=5)
        index = np.rint((atlas_places(head, voxels)[:, near] - ORIGIN_MM[:, None]) / STEP_MM).astype(int)
        within = np.all((index >= 0) & (index < np.array(SHAPE)[:, None]), axis=0)
        flat = np.ravel_multi_index(tuple(index[:, within]), SHAPE)
        white += np.bincount(flat, is_white[near][within], len(white))
        known += np.bincount(flat, minlength=len(known))
    return MeanHead((white / np.maximum(known, FEWEST)).reshape(SHAPE))


class _Level:
    """Both white matters, blurred alike: Gauss-Newton steps of the squared difference between them."""

    def __init__(self, head: Floats, person: Floats, counts: NDArray[np.bool_], blur_mm: float) -> None:
        self.head = ndimage.gaussian_filter(head, blur_mm / STEP_MM)
        self.slopes = np.gradient(self.head, STEP_MM)
        self.person = ndimage.gaussian_filter(person, blur_mm / SPACING_MM)[counts]

    def step(self, there_mm: Floats, terms: Floats, change: Floats, stiffness: Floats) -> Floats:
        """What to add to ``change`` [3, term], which has brought voxels to ``there_mm`` [3, voxel]."""
        slopes = np.stack([_at(slope, there_mm) for slope in self.slopes])
        by_change = (slopes[:, None] * terms).reshape(-1, terms.shape[1])[_FREE]
        system = by_change @ by_change.T + stiffness
        system += 1e-9 * np.trace(system) / len(system) * np.eye(len(system))
        wanted = by_change @ (self.person - _at(self.head, there_mm)) - stiffness @ change.ravel()[_FREE]
        step = np.zeros(change.size)
        step[_FREE] = np.linalg.solve(system, wanted)
        return step.reshape(change.shape)

    def difference(self, there_mm: Floats) -> float:
        """Mean square of the difference."""
        return float(np.mean((self.person - _at(self.head, there_mm)) ** 2))


def _at(values: Floats, there_mm: Floats) -> Floats:
    """``values`` of the mean head's grid at ``there_mm`` [3, voxel], linearly interpolated."""
    index = (there_mm - ORIGIN_MM[:, None]) / STEP_MM
    found: Floats = ndimage.map_coordinates(values, index, order=1, mode="nearest")
    return found


_FACTORS = [axes for n in range(ORDER + 1) for axes in combinations_with_replacement(range(3), n)]
_DEGREE = np.array([len(axes) for axes in _FACTORS])
_FREE = np.flatnonzero([axis > 0 or factors.count(0) % 2 == 1 for axis in range(3) for factors in _FACTORS])
"""Left and right are changed by terms that are 0 on the midplane alone."""


def _terms(places_mm: Floats) -> Floats:
    """The terms [term, voxel] of a polynomial in ``places_mm`` [3, voxel] around the atlas's centre."""
    scaled = (places_mm - ATLAS_CENTRE_MM[:, None]) / COORDINATE_UNIT_MM
    ones: Any = np.ones_like(scaled[0])
    return np.stack([np.prod([ones, *(scaled[axis] for axis in axes)], axis=0) for axes in _FACTORS])
