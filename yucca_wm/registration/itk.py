"""Read and write transforms as ITK files, which SimpleITK, ANTs and Slicer apply unchanged.

ITK's world is LPS (x and y reversed), ours RAS. Its transforms map points of the output (the subject, or the fixed
scan) to the input (the atlas, or the moving scan).
"""

from __future__ import annotations

import os
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import atomic_path, write_text
from yucca_wm.imaging.image_input import sitk_affine
from yucca_wm.imaging.images import LPS
from yucca_wm.registration.warp import Field

VECTOR_INTENT = 1007

AGAIN = "parcellate again"
BROKEN = (
    "is not an ITK text transform of affines: it cannot be read, or holds numbers that are not finite, or a matrix "
    "that cannot be inverted"
)


def save_affine(matrix: NDArray[np.float64], path: str | os.PathLike[str]) -> Path:
    """Write a 4x4 RAS matrix (mm of the output -> mm of the input) as an ITK text transform (.tfm)."""
    lps = LPS @ matrix @ LPS
    numbers = " ".join(repr(float(value)) for value in [*lps[:3, :3].ravel(), *lps[:3, 3]])
    return write_text(
        path,
        "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\n"
        f"Parameters: {numbers}\nFixedParameters: 0 0 0\n",
    )


def load_affine(path: str | os.PathLike[str]) -> NDArray[np.float64]:
    """4x4 RAS matrix of a linear transform readable by ITK, including a composite of several (the last is applied
    first).

    Raises InputError for anything else, and for a matrix that cannot be inverted.
    """
    import SimpleITK as sitk

    try:
        transform = sitk.ReadTransform(str(path))
    except (RuntimeError, UnicodeDecodeError) as error:  # the second comes from decoding an error message
        raise InputError(path, BROKEN) from error
    if transform.GetDimension() != 3 or not transform.IsLinear():
        raise InputError(
            path, "is not a linear transform in 3D", "give the affine; a displacement field is another file"
        )
    lps = np.eye(4)
    lps[:3, 3] = transform.TransformPoint((0.0, 0.0, 0.0))
    lps[:3, :3] = np.array([transform.TransformPoint(tuple(axis)) for axis in np.eye(3).tolist()]).T - lps[:3, 3:]
    if not (np.isfinite(lps).all() and np.linalg.det(lps)):
        raise InputError(path, BROKEN)
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
    """Read a displacement field in mm that ITK can read: as written by `save_field` or ANTs, with axes in any order.

    Raises InputError for anything else.
    """
    import SimpleITK as sitk

    try:
        image = sitk.ReadImage(str(path), sitk.sitkVectorFloat32)
    except (RuntimeError, UnicodeDecodeError) as error:  # the second comes from decoding an error message
        raise InputError(path, "is not a displacement field [x, y, z, 1, 3] (ITK cannot read it)", AGAIN) from error
    size = (*image.GetSize(), image.GetNumberOfComponentsPerPixel())
    if image.GetDimension() != 3 or size[-1] != 3:
        raise InputError(path, f"is not a displacement field [x, y, z, 1, 3] (its size is {size})", AGAIN)
    vectors = (
        sitk.GetArrayFromImage(image).transpose(3, 2, 1, 0) * np.array([-1, -1, 1], np.float32)[:, None, None, None]
    )
    if not np.isfinite(vectors).all():
        raise InputError(path, "is not a displacement field: it holds values that are not finite", AGAIN)
    return Field(vectors, sitk_affine(image))
