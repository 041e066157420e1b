"""Transforms as ITK files, which SimpleITK, ANTs and Slicer apply unchanged.

ITK's world is LPS (x and y reversed), and its transforms take points of the output (subject) to the input (atlas).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from yucca_wm.errors import InputError
from yucca_wm.files import atomic_path, write_text
from yucca_wm.parcellate.warp import Field

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""RAS <-> LPS."""

VECTOR_INTENT = 1007


def save_affine(matrix: NDArray[np.float64], path: str | os.PathLike[str]) -> Path:
    """Write a 4x4 RAS matrix (subject mm -> atlas mm) as an ITK text transform (.tfm)."""
    lps = LPS @ matrix @ LPS
    numbers = " ".join(repr(float(value)) for value in [*lps[:3, :3].ravel(), *lps[:3, 3]])
    return write_text(
        path,
        "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\n"
        f"Parameters: {numbers}\nFixedParameters: 0 0 0\n",
    )


def load_affine(path: str | os.PathLike[str]) -> NDArray[np.float64]:
    """Read what `save_affine`, SimpleITK or ANTs wrote as text; returns the 4x4 RAS matrix.

    Raises InputError for anything else, and for a matrix that cannot be inverted.
    """
    path = Path(path)
    try:
        lines = dict(line.split(":", 1) for line in path.read_text(encoding="utf-8").splitlines() if ":" in line)
        numbers = [float(value) for value in lines["Parameters"].split()]
        centre = np.array([float(value) for value in lines["FixedParameters"].split()] or [0.0] * 3)
        linear = np.array(numbers[:9]).reshape(3, 3)
        if not (np.isfinite([*numbers, *centre]).all() and np.linalg.det(linear)):
            raise ValueError("numbers that are not finite, or a matrix that cannot be inverted")
        lps = np.eye(4)
        lps[:3, :3], lps[:3, 3] = linear, np.array(numbers[9:12]) + centre - linear @ centre
    except (OSError, UnicodeDecodeError, KeyError, ValueError) as error:
        raise InputError(path, f"is not an ITK text transform with one affine ({error})") from error
    return LPS @ lps @ LPS


def save_field(field: Field, path: str | os.PathLike[str]) -> Path:
    """Write a displacement field as a NIfTI vector image [x, y, z, 1, 3] with LPS components in mm."""
    vectors = np.moveaxis(field.vectors_mm, 0, -1)[..., None, :] * np.array([-1, -1, 1], np.float32)
    nifti = nib.Nifti1Image(vectors.astype(np.float32), field.affine)
    nifti.header.set_intent(VECTOR_INTENT)
    nifti.header.set_xyzt_units("mm")
    with atomic_path(path) as temporary:
        nib.save(nifti, temporary)
    return Path(path)


def load_field(path: str | os.PathLike[str]) -> Field:
    """Read what `save_field` wrote. Raises InputError for anything else."""
    try:
        nifti: Any = nib.load(path)
        vectors = np.asarray(nifti.dataobj, dtype=np.float32)
        if vectors.ndim != 5 or vectors.shape[3:] != (1, 3):
            raise ValueError(f"shape {vectors.shape}")
        affine = np.asarray(nifti.affine, dtype=np.float64)
        if not (np.isfinite(vectors).all() and np.isfinite(affine).all() and np.linalg.det(affine)):
            raise ValueError("values that are not finite, or an affine that cannot be inverted")
    except Exception as error:  # nibabel raises many types for broken files
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(path, f"is not a displacement field [x, y, z, 1, 3] ({reason})", "parcellate again") from error
    moved = vectors[..., 0, :] * np.array([-1, -1, 1], np.float32)
    return Field(np.moveaxis(moved, -1, 0), affine)
