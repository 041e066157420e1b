"""The way back: from the atlas's space to a subject's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import YuccaWMError
from yucca_wm.parcellate.warp import Field, Warp

TOLERANCE_MM = 0.01
"""A point is found when the transform takes it this near to where it should go."""

LARGEST_ERROR_MM = 0.5
"""A point that stays further off than this has no way back."""

STEPS, HALVINGS = 30, 5


def to_subject(warp: Warp, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subject world mm [3, points] that ``warp`` takes to the atlas world mm ``points_mm`` [3, points].

    The affine is inverted; a displacement field by Newton's method with halved steps, which also gets through where
    the field stretches so much that the usual fixed-point iteration runs away.

    Raises YuccaWMError when points cannot be reached within LARGEST_ERROR_MM (the field folds).
    """
    back = np.linalg.inv(warp.matrix)
    target = back[:3, :3] @ points_mm + back[:3, 3:]
    if warp.field is None:
        return target
    found = target.copy()
    error = warp.field.at(found) + found - target
    for _ in range(STEPS):
        left = np.flatnonzero(_length(error) > TOLERANCE_MM)
        if not left.size:
            return found
        found[:, left], error[:, left] = _newton(warp.field, found[:, left], error[:, left], target[:, left])
    if lost := int((_length(error) > LARGEST_ERROR_MM).sum()):
        raise YuccaWMError(f"the displacement field cannot be inverted at {lost} of {error.shape[1]} points")
    return found


def _newton(
    field: Field, at: NDArray[np.float64], error: NDArray[np.float64], target: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One step for every point, halved until the error falls (or not taken), and the errors there."""
    step = np.linalg.solve(_derivative(field, at), error.T[:, :, None])[:, :, 0].T
    best, least = at.copy(), error.copy()
    waiting = np.arange(at.shape[1])
    for halving in range(HALVINGS):
        tried = at[:, waiting] - step[:, waiting] / 2**halving
        off = field.at(tried) + tried - target[:, waiting]
        better = _length(off) < _length(error[:, waiting])
        best[:, waiting[better]], least[:, waiting[better]] = tried[:, better], off[:, better]
        waiting = waiting[~better]
        if not waiting.size:
            break
    return best, least


def _derivative(field: Field, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """[points, 3, 3] derivative of x + u(x), from differences over half a lattice step each way."""
    columns, step = [], float(field.spacing_mm.min()) / 2
    for axis in range(3):
        offset = np.zeros((3, 1))
        offset[axis] = step
        columns.append((field.at(at + offset) - field.at(at - offset)) / (2 * step))
    derivative = np.stack(columns, axis=1).transpose(2, 0, 1) + np.eye(3)
    # a fold has no inverse; a small step along the error is the next best
    derivative[np.abs(np.linalg.det(derivative)) < 1e-3] = np.eye(3)
    return derivative


def _length(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt((vectors**2).sum(axis=0)))
