"""Where a NIfTI header places an image: affine, unit of length, sform against qform, and doubts about them."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError, by_axis
from yucca_wm.imaging.reading import HeaderForm, headers

FORM_TOLERANCE_MM = 0.1
"""If sform and qform place any corner further apart than this, the header contradicts itself."""

FORM_TOLERANCE_VOXELS = 0.5
"""Up to this share of the smallest voxel edge the sform is used; beyond it, the user must choose."""

SPACING_MM = (0.05, 20.0)
"""Voxels outside this range do not show a head, or come from a damaged header or a wrong unit."""

UNITS_MM = {0: 1.0, 1: 1e3, 2: 1.0, 3: 1e-3}
"""Length code in xyzt_units (none, metre, millimetre, micrometre) -> millimetres; other codes count as none."""

UNIT_NAMES = {1: "metres", 3: "micrometres"}

PIXDIM_TOLERANCE = 0.01
"""Relative difference from which pixdim and sform are said to disagree about the voxel size."""

MAX_ORIGIN_MM = 1e5
"""An origin further away comes from a damaged header."""

MIN_ANGLE = 0.05
"""Smallest ratio of a voxel's volume to that of a box with the same edges; below it the axes are nearly parallel."""

NO_ORIENTATION = "has no orientation in its header: left and right are not known"
NO_ORIENTATION_REMEDY = "convert it from DICOM again, or copy the header of the scan that it was made from to it"
"""Remedy for headers without sform and qform."""

CORNERS = np.array(list(product((0, 1), repeat=3)))
"""[8, 3] corners of a box of size 1."""


def forms_apart_mm(header: Any) -> float:
    """Largest distance (mm, along a world axis) between the positions that sform and qform give to a corner voxel."""
    shape = header.get_data_shape()[:3]
    return float(np.abs(corners_mm(shape, header.get_sform()) - corners_mm(shape, header.get_qform())).max())


def header_notes(header: Any, affine: NDArray[np.float64]) -> list[str]:
    """Doubts about a header, in words, for a header that ``affine`` was taken from."""
    notes = []
    if int(header["sform_code"]) > 0 and int(header["qform_code"]) > 0:
        apart = forms_apart_mm(header)
        if apart > FORM_TOLERANCE_MM:
            taken = HeaderForm.SFORM if np.allclose(affine, header.get_sform(), atol=1e-4) else HeaderForm.QFORM
            notes.append(f"sform and qform differ by {apart:.2g} mm; the {taken} is used")
    elif int(header["sform_code"]) > 0:
        spacing, pixdim = np.linalg.norm(affine[:3, :3], axis=0), np.asarray(header["pixdim"][1:4], dtype=np.float64)
        if not np.allclose(spacing, pixdim, rtol=PIXDIM_TOLERANCE):
            times = np.prod(pixdim) / abs(np.linalg.det(affine[:3, :3]))
            note = f"pixdim gives voxels of {by_axis(pixdim)} mm, the sform of {by_axis(spacing)} mm; the sform is used"
            if abs(times - 1) > PIXDIM_TOLERANCE:
                note += f" (volumes from pixdim would be {times:.3g} times as large)"
            notes.append(note)
    return notes


def corners_mm(shape: tuple[int, ...], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """World coordinates (mm) of a grid's eight corner voxels, [8, 3]."""
    return CORNERS * (np.array(shape) - 1) @ affine[:3, :3].T + affine[:3, 3]


def in_millimetres(header: Any) -> Any:
    """``header`` with its lengths converted to millimetres."""
    code = int(header["xyzt_units"])
    factor = UNITS_MM.get(code % 8, 1.0)
    if factor == 1.0:
        return header
    header = header.copy()
    header["pixdim"][1:4] *= factor
    for field in ("srow_x", "srow_y", "srow_z", "qoffset_x", "qoffset_y", "qoffset_z"):
        header[field] = header[field] * factor
    header["xyzt_units"] = code - code % 8 + 2
    return header


def checked_affine(
    path: str | Path, affine: NDArray[np.float64], header: Any, unit: str = "", form: str | None = None
) -> NDArray[np.float64]:
    """``affine``, or the one chosen by ``form``; raises InputError for an impossible position or two different ones.

    header : the NIfTI header of the affine; None: there is none.
    """
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise InputError(path, "has an affine that cannot be inverted", "repair its header")
    if header is not None and int(header["sform_code"]) <= 0 and int(header["qform_code"]) <= 0:
        raise InputError(path, NO_ORIENTATION, NO_ORIENTATION_REMEDY)
    if header is not None and int(header["sform_code"]) > 0 and int(header["qform_code"]) > 0:
        try:
            apart = forms_apart_mm(header)
            qform = np.asarray(header.get_qform(), dtype=np.float64)
        except Exception as error:
            raise InputError(path, f"has a damaged qform ({first_line(error)})", "repair its header") from error
        if form == HeaderForm.QFORM:
            affine = qform
        elif form is None and not apart <= max(FORM_TOLERANCE_MM, FORM_TOLERANCE_VOXELS * _smallest_edge(affine)):
            _check_size(path, affine, unit)
            raise InputError(
                path,
                f"has an sform and a qform up to {apart:.3g} mm apart",
                headers().remedy,
            )
    _check_size(path, affine, unit)
    return affine


def _smallest_edge(affine: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(affine[:3, :3], axis=0).min())


def _check_size(path: str | Path, affine: NDArray[np.float64], unit: str) -> None:
    if not np.isfinite(affine).all():
        raise InputError(path, "has an affine that cannot be inverted", "repair its header")
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    if not ((spacing >= SPACING_MM[0]) & (spacing <= SPACING_MM[1])).all():
        said = f" (its header says that lengths are in {unit})" if unit else ""
        raise InputError(path, f"has voxels of {by_axis(spacing)} mm{said}", "repair its header")
    if np.abs(affine[:3, 3]).max() > MAX_ORIGIN_MM:
        raise InputError(path, f"has its origin at {by_axis(affine[:3, 3])} mm", "repair its header")
    if abs(np.linalg.det(affine[:3, :3] / spacing)) < MIN_ANGLE:
        raise InputError(path, "has an affine that cannot be inverted", "repair its header")


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
