"""A head with a T1 and a FLAIR contrast, drawn on any grid and in any pose; another seed is another person."""

from __future__ import annotations

import numpy as np

from yucca_wm.imaging.images import Image

LAYERS = {
    # of the whole head: half axes in mm, T1, FLAIR
    "scalp": ((78, 98, 112), 0.9, 0.8),
    "skull": ((73, 93, 107), 0.15, 0.1),
    "cortex": ((66, 84, 70), 0.55, 0.8),
}
FOLDS = 60
"""Sulci, white-matter folds and ventricles: small ellipsoids at random."""


def grid(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], axes: str = "RAS") -> np.ndarray:
    """The affine of a grid whose centre is the world's."""
    affine = np.diag([*spacing_mm, 1.0])
    for axis, letter in enumerate(axes):
        affine[axis, axis] *= 1 if letter in "RAS" else -1
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return affine


def pose(mm: tuple[float, float, float] = (0, 0, 0), deg: tuple[float, float, float] = (0, 0, 0)) -> np.ndarray:
    """A rigid 4x4 movement about the world's origin: turned about x, then y, then z, then shifted."""
    matrix = np.eye(4)
    for axis, angle in enumerate(np.radians(deg)):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(4)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[i, j], turn[j, i] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    matrix[:3, 3] = mm
    return matrix


def draw(
    shape: tuple[int, int, int],
    affine: np.ndarray,
    contrast: str,
    *,
    placed: np.ndarray | None = None,
    person: int = 0,
    noise: float = 0.02,
) -> Image:
    """A scan of ``person``, whose head was moved by ``placed`` (4x4, mm) from the world's origin."""
    random = np.random.default_rng(person)
    points = affine[:3, :3] @ np.indices(shape).reshape(3, -1) + affine[:3, 3:]
    back = np.linalg.inv(np.eye(4) if placed is None else placed)
    points = back[:3, :3] @ points + back[:3, 3:]
    size = 1 + 0.04 * random.standard_normal(3)
    values = np.zeros(points.shape[1])
    column = {"T1": 1, "FLAIR": 2}[contrast]
    for name, layer in LAYERS.items():
        middle = np.array([0, 0, 20.0 if name == "cortex" else 0.0])
        values += _soft(points, middle, np.array(layer[0]) * size) * (layer[column] - values)
    brain = _soft(points, np.array([0, 0, 20.0]), np.array(LAYERS["cortex"][0]) * size * 0.93)
    within = np.flatnonzero(brain > 1e-3)
    inner, place, amount = values[within], points[:, within], brain[within]
    for _ in range(FOLDS):
        middle = random.uniform(-1, 1, 3) * (50, 65, 50) + (0, 0, 20)
        half = random.uniform(5, 18, 3)
        target = (0.95, 0.6)[column - 1] if random.random() < 0.6 else (0.1, 0.05)[column - 1]
        near = np.flatnonzero((np.abs(place - middle[:, None]) < 2 * half[:, None]).all(axis=0))
        inner[near] += amount[near] * _soft(place[:, near], middle, half) * (target - inner[near])
    values[within] = inner
    values += noise * np.random.default_rng([person, column]).standard_normal(values.size)
    return Image((1000 * np.maximum(values, 0)).reshape(shape).astype(np.float32), affine)


def _soft(points: np.ndarray, middle: np.ndarray, half: np.ndarray) -> np.ndarray:
    """1 inside an ellipsoid, 0 outside, with an edge of about 2 mm."""
    radius = np.sqrt((((points - middle[:, None]) / half[:, None]) ** 2).sum(axis=0))
    return 1 / (1 + np.exp(np.clip((radius - 1) * half.min(), -30, 30)))
