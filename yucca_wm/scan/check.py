"""What can be seen to be wrong with scans before anything long is done with them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from yucca_wm.core.errors import InputError
from yucca_wm.core.images import Image, Source
from yucca_wm.scan.head import check_head
from yucca_wm.scan.read import read_scan

MAX_VOXEL_MM = (6.0, 12.0)
"""In the plane of the slices, and along the thickest side."""

MIN_VALUES = 12
"""A scan with fewer different values is a label map, or nothing."""

MAX_EQUAL_NEIGHBOURS = 0.8
"""In label maps nearly all neighbours are equal; in scans few are."""


def check_scans(scans: Mapping[str, Source], header: str | None = None) -> list[str]:
    """Open and judge each of ``scans`` (modality -> file, DICOM folder or image in memory); returns what is not sure.

    header : "sform" or "qform", for files in which they disagree by more than half a voxel.

    Raises InputError for a file that is missing, damaged or not 3D; flat; a label map; with voxels too large to show
    lesions; without a head, or with half of one; a folder with no or several DICOM series; one file given twice.
    """
    return checked(scans, header)[1]


def checked(scans: Mapping[str, Source], header: str | None = None) -> tuple[dict[str, Image], list[str]]:
    """The scans and what `check_scans` says of them."""
    images = {modality: read_scan(path, header) for modality, path in scans.items()}
    if not images:
        raise InputError("scans", "there is neither a T1 nor a FLAIR")
    notes = []
    for modality, image in images.items():
        check_values(image)
        check_head(image)
        notes += [f"{modality}: {note}" for note in image.header_notes]
    _check_different(images)
    return images, notes


def check_values(image: Image) -> None:
    """Raise InputError for an image that is no scan, whatever it shows."""
    spacing = np.sort(image.spacing_mm)
    if spacing[1] > MAX_VOXEL_MM[0] or spacing[2] > MAX_VOXEL_MM[1]:
        shown = " x ".join(f"{mm:.3g}" for mm in image.spacing_mm)
        raise InputError(image.name, f"has voxels of {shown} mm: too large to show lesions", "give the original scan")
    header = image.header
    if header is not None and int(header["sform_code"]) <= 0 and int(header["qform_code"]) <= 0:
        raise InputError(image.name, "has no orientation in its header", "copy the header of the original scan to it")
    if min(image.shape) < 2:
        raise InputError(image.name, f"has shape {image.shape}, a volume is needed")
    if image.data.min() == image.data.max():
        raise InputError(image.name, f"holds the value {image.data.flat[0]} only", "check that it is the right file")
    if np.unique(image.data).size < MIN_VALUES or _equal_neighbours(image) > MAX_EQUAL_NEIGHBOURS:
        raise InputError(image.name, "is a label map, not a scan", "give the T1 or FLAIR itself")


def _equal_neighbours(image: Image) -> float:
    """Share of neighbours along the first axis with one value, among those that are not background."""
    first, second = image.data[:-1], image.data[1:]
    values, counts = np.unique(image.data, return_counts=True)
    background = values[counts.argmax()]
    foreground = (first != background) & (second != background)
    return float((first[foreground] == second[foreground]).mean()) if foreground.any() else 0.0


def _check_different(images: Mapping[str, Image]) -> None:
    seen: list[Image] = []
    for image in images.values():
        for other in seen:
            if image.shape == other.shape and np.array_equal(image.data, other.data):
                raise InputError(image.name, f"holds the same voxels as {other.name}", "give one file for each scan")
        seen.append(image)
