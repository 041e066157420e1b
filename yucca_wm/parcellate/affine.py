"""Affine registration of two masks by Gauss-Newton least squares.

Minimises the mean of (A(T x) - S(x))^2 over points x of the subject, where A and S are the atlas's and the
subject's white matter, smoothed alike, and T (12 parameters) takes subject world mm to atlas world mm. Coarse
to fine; each step solves the normal equations with the mean of both images' gradients (Benhimane and Malis,
IROS 2004: second-order convergence at first-order cost) and Levenberg's damping.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nibabel.orientations import io_orientation
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.images import Image
from yucca_wm.parcellate.blur import TRUNCATE, Blurred, blur, centre_mm, coarser, crop, edges, trimmed

Matrix = NDArray[np.float64]


FINEST_MM, FINEST_SIGMA_MM = 2.0, 1.0
"""Sampling and smoothing of the last level; the others are made from it."""


@dataclass(frozen=True)
class Level:
    """One resolution.

    step : samples of the finest lattice from one to the next.
    sigma_mm : smoothing beyond that of the finest lattice.
    steps : at most how many Gauss-Newton steps.
    surround_mm : if not 0, compare edges (see `blur.edges`).
    """

    step: int
    sigma_mm: float
    steps: int
    surround_mm: float = 0.0


LEVELS = (Level(4, 6, 20), Level(2, 3, 15), Level(1, 0, 10, 4))
"""Coarse to fine. Finer than this changes the labels by less than the masks' own edges do."""

OBLIQUE_DEG = 3.0
"""A grid turned by more than this against the world's axes is a second guess at how the head lies."""

CONVERGED = 0.01
"""A level is done when a step moves no corner of the brain by more than this many of its voxels."""


def register(atlas: Image, subject: Image, start: Matrix | None = None, levels: tuple[Level, ...] = LEVELS) -> Matrix:
    """The 4x4 affine that takes subject world mm to atlas world mm.

    atlas, subject : masks (nonzero is white matter), on any grids.
    start : where to begin; by default the better of `starts` after the coarsest level.
    """
    atlas, subject = crop(atlas), crop(subject)  # the rest of their grids only costs time
    candidates = starts(atlas, subject) if start is None else [start]
    finest = [finest_level(mask, levels) for mask in (atlas, subject)]
    for level in levels:
        pair = [at_level(mask, level) for mask in finest]
        found = [gauss_newton(pair[0], pair[1], matrix, level.steps) for matrix in candidates]
        candidates = [min(found, key=lambda result: result[1])[0]]
    return candidates[0]


def finest_level(mask: Image, levels: tuple[Level, ...] = LEVELS) -> Blurred:
    """What `at_level` starts from, with room for the smoothing of all ``levels``."""
    return blur(
        mask, FINEST_MM, FINEST_SIGMA_MM, TRUNCATE * max(max(level.sigma_mm, level.surround_mm) for level in levels)
    )


def at_level(finest: Blurred, level: Level) -> Blurred:
    """One of two images to compare."""
    image = coarser(finest, level.step, level.sigma_mm)
    return trimmed(edges(image, level.surround_mm) if level.surround_mm else image)


def starts(atlas: Image, subject: Image) -> list[Matrix]:
    """Translations that lay the subject's centre of mass on the atlas's.

    Where the image grid is oblique there are two: the head may lie straight in the scanner or straight in its grid.
    """
    straight = np.eye(4)
    straight[:3, :3] = grid_rotation(subject).T
    turned = float(np.degrees(np.arccos(np.clip((np.trace(straight[:3, :3]) - 1) / 2, -1, 1))))
    return [centred(atlas, subject), *([centred(atlas, subject, straight)] if turned > OBLIQUE_DEG else [])]


def grid_rotation(image: Image) -> Matrix:
    """The 3x3 rotation from the world's axes to the nearest axes of the image's grid (identity: not oblique)."""
    left, _, right = np.linalg.svd(image.affine[:3, :3] / image.spacing_mm)
    axes = left @ right
    order = io_orientation(image.affine)[:, 0].astype(int)
    nearest = np.zeros((3, 3))
    nearest[order, range(3)] = np.sign(axes[order, range(3)])
    return axes @ nearest.T


def centred(atlas: Image, subject: Image, linear: Matrix | None = None) -> Matrix:
    """``linear`` (default: identity) followed by the translation that lays the centres of mass on each other."""
    matrix = np.eye(4) if linear is None else linear.copy()
    matrix[:3, 3] = centre_mm(atlas) - matrix[:3, :3] @ centre_mm(subject)
    return matrix


def gauss_newton(atlas: Blurred, subject: Blurred, matrix: Matrix, steps: int) -> tuple[Matrix, float]:
    """Improve ``matrix`` on one level; returns it with its cost (sum of squared differences / sum of squares)."""
    points = subject.points_mm()
    values = subject.data.ravel()
    gradient_s = subject.gradient().reshape(3, -1)
    fields = [atlas.data, *atlas.gradient()]
    # Coordinates relative to both grids' corners keep float32 exact wherever the world's origin lies.
    local = np.linalg.inv(_shift(atlas.origin_mm)) @ matrix @ _shift(subject.origin_mm)
    centre = atlas.spacing_mm * (np.array(atlas.data.shape) - 1) / 2
    reach = float(np.linalg.norm(centre))
    total = float(values @ values) + 1e-12
    damping, best, best_cost, system = 1e-3, local, np.inf, None
    for _ in range(steps + 1):
        mapped = (local[:3, :3] @ points + local[:3, 3:]).astype(np.float32)
        warped = _sample(fields[0], mapped / atlas.spacing_mm)
        residual = warped - values
        cost = float(residual @ residual) / total
        if cost < best_cost:
            best, best_cost, damping = local, cost, damping / 5
            active = np.flatnonzero((np.abs(residual) > 1e-3) | (np.abs(warped) > 1e-3))
            chosen = mapped[:, active]
            slopes = np.stack([_sample(field, chosen / atlas.spacing_mm) for field in fields[1:]])
            slopes += np.linalg.inv(local[:3, :3]).T.astype(np.float32) @ gradient_s[:, active]
            slopes *= 0.5
            arms = np.concatenate([(chosen - centre[:, None]) / reach, np.ones((1, active.size))]).astype(np.float32)
            jacobian = (slopes[:, None] * arms[None]).reshape(12, -1)
            system = (jacobian @ jacobian.T).astype(float), (jacobian @ residual[active]).astype(float)
        else:
            damping *= 10
        assert system is not None
        normal = system[0] + damping * np.diag(np.diag(system[0]))
        change = np.linalg.solve(normal, -system[1]).reshape(3, 4)
        local = _left_multiply(best, change, centre, reach)
        if np.abs(change).sum(axis=1).max() < CONVERGED * atlas.spacing_mm:
            break
    return _shift(atlas.origin_mm) @ best @ np.linalg.inv(_shift(subject.origin_mm)), best_cost


def _left_multiply(matrix: Matrix, change: Matrix, centre: NDArray[np.float64], reach: float) -> Matrix:
    """The map y -> y + change [(y - centre) / reach; 1], after ``matrix``."""
    step = np.eye(4)
    step[:3, :3] += change[:, :3] / reach
    step[:3, 3] = change[:, 3] - change[:, :3] @ centre / reach
    return step @ matrix


def _shift(offset: NDArray[np.float64]) -> Matrix:
    matrix = np.eye(4)
    matrix[:3, 3] = offset
    return matrix


def _sample(field: NDArray[np.float32], index: NDArray[np.float32]) -> NDArray[np.float32]:
    return ndimage.map_coordinates(field, index, output=np.float32, order=1, mode="constant", prefilter=False)
