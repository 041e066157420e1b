"""Conversion of images as callers have them: a file, a nibabel or SimpleITK image, or an array with its affine.

Each becomes an `Image`: a copy in the original voxel order, after the same checks as for a file; affines are in single
precision, as in a file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import nibabel as nib
import numpy as np
from nibabel.spatialimages import SpatialImage
from numpy.typing import ArrayLike, NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.predictions import EXTRA
from yucca_wm.imaging.header import (
    NO_ORIENTATION,
    NO_ORIENTATION_REMEDY,
    UNITS_MM,
    checked_affine,
    in_millimetres,
)
from yucca_wm.imaging.images import LPS, Image, Source, as_written, checked_values, load
from yucca_wm.imaging.nifti import check_shape, check_type, nifti_header, without_trailing_axes

if TYPE_CHECKING:
    import SimpleITK as sitk

    ImageInput: TypeAlias = str | os.PathLike[str] | SpatialImage | sitk.Image | NDArray[Any]
    """An image as `image_of` takes it."""


def image_of(source: ImageInput, affine: ArrayLike | None = None, *, name: str = "image") -> Image:
    """Convert an image given in any of four forms.

    source : path of a NIfTI or FreeSurfer file, nibabel image, SimpleITK image, or array [i, j, k].
    affine : 4x4, voxel index -> world mm (RAS+), for an array; the other forms have their own.
    name : name in messages of an image that is not a file.

    Raises InputError as `yucca_wm.imaging.images.load`, for an array without affine, and for any other type.
    """
    if isinstance(source, Image):
        return source
    if isinstance(source, str | os.PathLike):
        return load(source)
    if isinstance(source, SpatialImage):
        return of_nibabel(source, name=f"{name} (nibabel image)")
    if is_sitk(source):
        return of_sitk(source, name=f"{name} (SimpleITK image)")
    if not isinstance(source, np.ndarray):
        remedy = "give a path, a nibabel or SimpleITK image, or an array"
        raise InputError(name, f"is of type {type(source).__name__}", remedy)
    if affine is None:
        raise InputError(f"{name} (array)", "has no affine", "give affine=, voxel index to world mm")
    return of_array(source, affine, name=f"{name} (array)")


def sources_of(given: Mapping[str, ImageInput | None], affine: ArrayLike | None = None) -> dict[str, Source]:
    """Sort given images (name -> one of the four forms, or None) into paths, which stay paths, and images in memory.

    affine : 4x4, for those that are arrays.

    Raises InputError as `image_of`, and for an affine where no image is an array.
    """
    if affine is not None and not any(isinstance(source, np.ndarray) for source in given.values()):
        raise InputError("affine", "is given, but no array that it could be of", "files and images have their own")
    return {
        name: Path(source) if isinstance(source, str | os.PathLike) else image_of(source, affine, name=name)
        for name, source in given.items()
        if source is not None
    }


def of_array(data: NDArray[Any], affine: ArrayLike, *, name: str = "array") -> Image:
    """An image from an array [i, j, k] and its affine (4x4, voxel index -> world mm, RAS+).

    Raises InputError as `yucca_wm.imaging.images.load`.
    """
    return _checked(data, np.asarray(affine, dtype=np.float64), None, name)


def of_nibabel(image: SpatialImage, *, name: str = "nibabel image") -> Image:
    """An image from a nibabel image, with its scaled values and the affine that nibabel gives.

    Raises InputError as `yucca_wm.imaging.images.load`.
    """
    if isinstance(image, nib.MGHImage):
        header = nifti_header(image)
    elif isinstance(image, nib.Nifti1Pair):  # NIfTI-2 too
        header = image.header
    else:
        problem = f"is {type(image).__name__}, not NIfTI or FreeSurfer's"
        raise InputError(name, problem, "give its array, with affine=, if its axes are known for sure")
    affine = np.asarray(image.affine, dtype=np.float64).copy()
    affine[:3] *= UNITS_MM.get(int(header["xyzt_units"]) % 8, 1.0)
    with np.errstate(all="ignore"):  # values that overflow are refused as infinite
        data = np.asanyarray(image.dataobj)
    file = image.get_filename()
    record = dict(getattr(image, "extra", {}).get(EXTRA, {}))
    found = _checked(data, affine, in_millimetres(header), name)
    return replace(found, of_file=Path(file) if file else None, record=record)


def of_sitk(image: sitk.Image, *, name: str = "SimpleITK image") -> Image:
    """An image from a SimpleITK image: its index (i, j, k) stays the voxel index, its world (LPS) becomes RAS.

    Raises InputError as `yucca_wm.imaging.images.load`, and for vector images.
    """
    import SimpleITK as sitk

    volume: Any = image  # SimpleITK's methods are not typed
    dimensions, values = volume.GetDimension(), volume.GetNumberOfComponentsPerPixel()
    if dimensions != 3 or values != 1:
        problem = f"has {dimensions} dimensions and {values} values a voxel, a 3D image is needed"
        raise InputError(name, problem, "extract one volume")
    codes = [volume.GetMetaData(key) for key in ("sform_code", "qform_code") if volume.HasMetaDataKey(key)]
    if codes and not any(code.strip("0") for code in codes):  # read from a NIfTI file
        raise InputError(name, NO_ORIENTATION, NO_ORIENTATION_REMEDY)
    # SimpleITK's arrays are indexed [k, j, i]
    return _checked(sitk.GetArrayFromImage(image).transpose(2, 1, 0), sitk_affine(image), None, name)


def sitk_affine(image: sitk.Image) -> NDArray[np.float64]:
    """Voxel index (i, j, k) -> world mm (RAS+), 4x4, of a SimpleITK image."""
    volume: Any = image  # SimpleITK's methods are not typed
    lps = np.eye(4)
    lps[:3, :3] = np.array(volume.GetDirection()).reshape(3, 3) * np.array(volume.GetSpacing())
    lps[:3, 3] = volume.GetOrigin()
    return np.asarray(LPS @ lps, np.float64)


def is_sitk(source: object) -> TypeGuard[sitk.Image]:
    """Whether it is a SimpleITK image, without importing SimpleITK: a program that has such an image did that."""
    sitk = sys.modules.get("SimpleITK")
    return sitk is not None and isinstance(source, sitk.Image)


def _checked(data: NDArray[Any], affine: NDArray[np.float64], header: Any, name: str) -> Image:
    check_type(name, data.dtype)
    shape = without_trailing_axes(data.shape)
    check_shape(name, shape, data.shape)
    copied = np.array(data, dtype=np.uint8 if data.dtype.kind == "b" else None, order="K").reshape(shape)
    return as_written(checked_values(Image(copied, checked_affine(name, affine, header), None, header, called=name)))
