"""Affine registration of two masks by Gauss-Newton least squares.

Minimises the mean of (A(T x) - S(x))^2 over points x of the subject, where A and S are the atlas's and the
subject's white matter, equally smoothed, and T (12 parameters) maps subject world mm to atlas world mm. Coarse
to fine; each step solves the normal equations with the mean of both images' gradients (Benhimane and Malis,
IROS 2004: second-order convergence at first-order cost) and Levenberg's damping.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from nibabel.orientations import io_orientation
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.imaging.images import Image
from yucca_wm.registration.rotations import angle_deg, right_angles, tilts
from yucca_wm.registration.smoothed_masks import TRUNCATE, Blurred, blur, centre_mm, coarser, crop, edges, trimmed

Matrix = NDArray[np.float64]


FINEST_MM, FINEST_SIGMA_MM = 2.0, 1.0
"""Sampling and smoothing of the last level; the others are made from it."""


@dataclass(frozen=True)
class Level:
    """One resolution level.

    step : sampling interval, in samples of the finest lattice.
    sigma_mm : smoothing in addition to that of the finest lattice.
    steps : maximum number of Gauss-Newton steps.
    surround_mm : if not 0, compare edges (see `smoothed_masks.edges`).
    """

    step: int
    sigma_mm: float
    steps: int
    surround_mm: float = 0.0


LEVELS = (Level(4, 6, 20), Level(2, 3, 15), Level(1, 0, 10, 4))
"""Levels, coarse to fine. Finer ones would change the labels by less than the masks' own edges do."""

AGREEMENT_MM = 5.0
"""Two starts agree if, at the coarsest level, they place the white matter no further apart than this, on average."""

CONVERGED = 0.01
"""A level is done when a step moves no corner of the brain by more than this many of its voxels."""


@dataclass(frozen=True)
class Registered:
    """matrix : 4x4, subject world mm -> atlas world mm. starts : number tried; agreeing : those that led to it."""

    matrix: Matrix
    starts: int
    agreeing: int


def register(
    atlas: Image, subject: Image, start: Matrix | None = None, levels: tuple[Level, ...] = LEVELS
) -> Registered:
    """Find the affine.

    atlas, subject : masks [i, j, k] (nonzero is white matter), on any grids.
    start : 4x4, subject world mm -> atlas world mm; by default the best of `starts` after the coarsest level.
    """
    atlas, subject = crop(atlas), crop(subject)  # the rest of their grids only costs time
    begin = starts(atlas, subject) if start is None else [start]
    finest = [finest_level(mask, levels) for mask in (atlas, subject)]
    coarsest = [at_level(mask, levels[0]) for mask in finest]
    found = [gauss_newton(coarsest[0], coarsest[1], matrix, levels[0].steps) for matrix in begin]
    matrix = min(found, key=lambda result: result[1])[0]
    agreeing = sum(_apart_mm(matrix, other, subject) <= AGREEMENT_MM for other, _ in found)
    for level in levels[1:]:
        pair = [at_level(mask, level) for mask in finest]
        matrix, _ = gauss_newton(pair[0], pair[1], matrix, level.steps)
    return Registered(matrix, len(found), agreeing)


def _apart_mm(first: Matrix, second: Matrix, subject: Image) -> float:
    """Mean distance between the positions to which two affines map the subject's white matter."""
    difference = (first - second) @ subject.affine
    step = max(1, np.count_nonzero(subject.data) // 2000)
    index = np.array(np.nonzero(subject.data))[:, ::step]
    return float(np.linalg.norm(difference[:3, :3] @ index + difference[:3, 3:], axis=0).mean())


def finest_level(mask: Image, levels: tuple[Level, ...] = LEVELS) -> Blurred:
    """Finest sampling of a mask, input of `at_level`, with a margin for the smoothing of all ``levels``."""
    return blur(
        mask, FINEST_MM, FINEST_SIGMA_MM, TRUNCATE * max(max(level.sigma_mm, level.surround_mm) for level in levels)
    )


def at_level(finest: Blurred, level: Level) -> Blurred:
    """One of the two images to compare, at one level."""
    image = coarser(finest, level.step, level.sigma_mm)
    return trimmed(edges(image, level.surround_mm) if level.surround_mm else image)


def gauss_newton(atlas: Blurred, subject: Blurred, matrix: Matrix, steps: int) -> tuple[Matrix, float]:
    """Improve ``matrix`` on one level; returns it with its cost (sum of squared differences / sum of squares)."""
    points = subject.points_mm()
    values = subject.data.ravel()
    gradient_s = subject.gradient().reshape(3, -1)
    fields = [atlas.data, *atlas.gradient()]
    # Coordinates relative to both grids' corners stay exact in float32 wherever the world's origin lies.
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
    """The map y -> y + change [(y - centre) / reach; 1], composed after ``matrix``."""
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


OBLIQUE_DEG = 3.0
"""A grid rotated by more than this against the world axes is a second guess at the head's orientation."""

TURN_DEG = 30.0
"""Heads lie up to about 40 degrees off the world axes; starts turned this far either way bring all of that in reach."""


def starts(atlas: Image, subject: Image) -> list[Matrix]:
    """Starts (4x4, subject world mm -> atlas world mm) that lay the subject's centre of mass on the atlas's.

    The head is straight in the world, or turned by TURN_DEG either way about each world axis; if the image grid is
    oblique, also straight in the grid.
    """
    linear = [np.eye(3), *tilts(TURN_DEG)]
    straight = grid_rotation(subject).T
    if angle_deg(straight) > OBLIQUE_DEG:
        linear.append(straight)
    return [centred(atlas, subject, matrix) for matrix in linear]


def grid_rotation(image: Image) -> Matrix:
    """3x3 rotation from the world axes to the nearest axes of the image's grid (identity: not oblique)."""
    left, _, right = np.linalg.svd(image.affine[:3, :3] / image.spacing_mm)
    axes = left @ right
    order = io_orientation(image.affine)[:, 0].astype(int)
    nearest = np.zeros((3, 3))
    nearest[order, range(3)] = np.sign(axes[order, range(3)])
    return axes @ nearest.T


def centred(atlas: Image, subject: Image, linear: Matrix | None = None) -> Matrix:
    """``linear`` (3x3, default: identity) followed by the shift that lays the centres of mass on each other; 4x4."""
    matrix = np.eye(4)
    if linear is not None:
        matrix[:3, :3] = linear
    matrix[:3, 3] = centre_mm(atlas) - matrix[:3, :3] @ centre_mm(subject)
    return matrix


COARSE, FINE = Level(4, 5, 15), Level(2, 3, 8)
"""All rotations are tried at the first level, the best few at the second."""

BEST = 6


def search(atlas: Image, subject: Image) -> NDArray[np.float64]:
    """Search the best start for `register`: 4x4, subject world mm -> atlas world mm.

    atlas, subject : masks [i, j, k] (nonzero is white matter), on any grids.

    Every proper rotation by right angles is tried, with axes stretched so that both masks have the same spread (a
    lost header has lost its voxel size too), and refined; the lowest cost wins. A mirror image is never made: white
    matter is too symmetric to reveal one, so that left and right rest on the voxel order alone.
    """
    scaled, to_unit = _unit_spread(subject, atlas)
    finest = [finest_level(mask, (COARSE, FINE)) for mask in (atlas, scaled)]
    candidates = []
    for rotation in right_angles():
        start = np.eye(4)
        start[:3, :3] = rotation * (_spread(atlas) / (np.abs(rotation) @ _spread(scaled)))[:, None]
        start[:3, 3] = centre_mm(atlas) - start[:3, :3] @ centre_mm(scaled)
        candidates.append(start)
    for level in (COARSE, FINE):
        pair = [at_level(mask, level) for mask in finest]
        found = [gauss_newton(pair[0], pair[1], matrix, level.steps) for matrix in candidates]
        candidates = [matrix for matrix, _ in sorted(found, key=lambda result: result[1])[:BEST]]
    return candidates[0] @ to_unit


def _unit_spread(subject: Image, atlas: Image) -> tuple[Image, NDArray[np.float64]]:
    """``subject`` stretched along its voxel axes to the atlas's mean spread, and the stretch as a 4x4 world matrix."""
    mean = np.exp(np.log(_spread(atlas)).mean())
    index_spread = np.array([axis.std() for axis in np.nonzero(subject.data)])
    stretched = np.diag([*(mean / index_spread), 1.0])
    return Image(subject.data, stretched, subject.path), stretched @ np.linalg.inv(subject.affine)


def _spread(mask: Image) -> NDArray[np.float64]:
    """Standard deviation of a mask's voxels along world x, y, z, in mm [3]."""
    return (mask.affine[:3, :3] @ np.array(np.nonzero(mask.data))).std(axis=1)
