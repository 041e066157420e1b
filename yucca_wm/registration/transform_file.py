"""Rigid transforms as ITK files, which SimpleITK, ANTs and Slicer apply unchanged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import atomic_path
from yucca_wm.registration.volume import LPS


def save_rigid(matrix: NDArray[np.float64], path: Path) -> Path:
    """Write a 4x4 RAS matrix (reference mm -> moving mm, ITK's direction) as an ITK text transform (.tfm, LPS)."""
    lps = LPS @ matrix @ LPS
    transform = sitk.AffineTransform(lps[:3, :3].ravel().tolist(), lps[:3, 3].tolist())
    with atomic_path(path) as temporary:
        sitk.WriteTransform(transform, str(temporary))
    return path


def load_rigid(path: Path) -> NDArray[np.float64]:
    """The 4x4 RAS matrix of an ITK transform with one matrix. Raises InputError for anything else."""
    try:
        transform = sitk.ReadTransform(str(path))
        zero = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
        columns = [np.array(transform.TransformPoint(axis)) - zero for axis in np.eye(3).tolist()]
        linear = transform.Downcast().IsLinear()
    except (RuntimeError, UnicodeDecodeError) as error:  # the second from an error's own text
        raise InputError(path, "is not an ITK transform") from error
    if not linear:
        raise InputError(path, "is not a linear ITK transform")
    lps = np.eye(4)
    lps[:3, :3], lps[:3, 3] = np.stack(columns, axis=1), zero
    return np.asarray(LPS @ lps @ LPS)
