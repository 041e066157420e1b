"""Detect unusable scans before any long computation: not a scan, no head, half a head."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError, by_axis
from yucca_wm.core.notes import Note
from yucca_wm.imaging.images import Image, Source
from yucca_wm.imaging.kinds import refuse_flat, refuse_label_map
from yucca_wm.registration.volume import head, level, points_mm, thinned, to_itk
from yucca_wm.scan.air import in_usual_range, with_air_at_zero
from yucca_wm.scan.notes import BLANK
from yucca_wm.scan.read import read_scan

MAX_VOXEL_MM = (6.0, 12.0)
"""Largest voxel size in mm: in the plane of the slices, and along the thickest side."""


def check_scans(scans: Mapping[str, Source]) -> list[Note]:
    """Read and check each scan.

    Parameters
    ----------
    scans : mapping of str to Source
        Modality -> file, DICOM folder or image in memory.

    Returns
    -------
    list of Note
        What was done to the scans and what is uncertain, one sentence each.

    Raises
    ------
    InputError
        A file that is missing, damaged or not 3D; a constant image; a label map; numbers that overflowed their type;
        voxels too large to show lesions; no head, or half of one; a folder with no or several DICOM series; one file
        given twice.
    """
    return checked(scans)[1]


def checked(scans: Mapping[str, Source]) -> tuple[dict[str, Image], list[Note]]:
    """The scans with air at 0 (`yucca_wm.scan.air`), and the notes of `check_scans`."""
    given = {modality: read_scan(path) for modality, path in scans.items()}
    if not given:
        raise InputError("scans", "there is neither a T1 nor a FLAIR")
    images: dict[str, Image] = {}
    notes: list[Note] = []
    for modality, image in given.items():
        images[modality], said = check_one(image)
        notes += [note.on(modality) for note in (*map(Note, image.header_notes), *said)]
    check_different(images)
    return images, notes


def check_one(image: Image) -> tuple[Image, list[Note]]:
    """The scan with air at 0 and values in the usual range, and notes on what was done to it and what is uncertain.

    Raises InputError, as `check_scans` does, for an image that is unusable by itself.
    """
    check_values(image)
    seen, said = with_air_at_zero(in_usual_range(image))
    check_head(seen)
    return seen, [*said, *blank_slices(seen)]


def check_values(image: Image) -> None:
    """Raise InputError for an image that is not a scan, judged by voxel size, shape and values."""
    spacing = np.sort(image.spacing_mm)
    if spacing[1] > MAX_VOXEL_MM[0] or spacing[2] > MAX_VOXEL_MM[1]:
        shown = by_axis(image.spacing_mm)
        raise InputError(image.name, f"has voxels of {shown} mm: too large to show lesions", "give the original scan")
    refuse_flat(image)
    check_not_wrapped(image)
    refuse_label_map(image)


NEAR_THE_END = 0.9
"""A value beyond this share of a type's largest (or smallest) number counts as being at the end of its range."""


def check_not_wrapped(image: Image) -> None:
    """Raise InputError for integers that overflowed 8 or 16 bits and wrapped around to the smallest number, in
    whatever type they are stored now.

    Such values reach both ends of the range although most voxels (air) are at 0; values that fill the whole range on
    purpose are mostly at its smallest number.
    """
    low, high = float(image.data.min()), float(image.data.max())
    for ends in (np.iinfo(np.int8), np.iinfo(np.int16)):
        reach = ends.min <= low < NEAR_THE_END * ends.min and NEAR_THE_END * ends.max < high <= ends.max
        if reach and np.median(image.data) >= 0 and np.array_equal(image.data, np.rint(image.data)):
            problem = (
                f"holds values from {low:.0f} to {high:.0f}: those above {ends.max} were stored as negative numbers"
            )
            raise InputError(image.name, problem, "convert the original scan again, to float or unsigned numbers")


BRIGHT, SHOWS_A_HEAD = 0.1, 0.05
"""A voxel is bright above this share of the 99th percentile. A slice shows the head if it has at least this share of
the bright voxels of the slice with most: single voxels of noise in air do not make a head."""


def blank_slices(image: Image) -> list[Note]:
    """A note if slices within the head show nothing at all, along any axis [i, j, k]."""
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        blank = image.data.min(others) == image.data.max(others)
        shown = np.flatnonzero(~blank)
        if not shown.size or not blank[shown[0] : shown[-1]].any():
            continue
        voxels = (image.data > BRIGHT * np.percentile(image.data, 99)).sum(others)
        head = np.flatnonzero(voxels >= SHOWS_A_HEAD * max(voxels.max(), 1))
        if head.size and (n := int(blank[head[0] : head[-1]].sum())):
            return [BLANK.note(n=n, total=len(blank))]
    return []


def check_different(images: Mapping[str, Image]) -> None:
    """Raise InputError if two scans have the same voxel values."""
    for (one, image), (another, other) in combinations(images.items(), 2):
        if image.shape == other.shape and np.array_equal(image.data, other.data):
            if image.path is not None and image.path == other.path:
                raise InputError(image.name, f"{one} and {another} are the same file", "give each its own")
            raise InputError(other.name, f"holds the same voxels as {image.name}", "give two different scans")


WORK_MM = 4.0
"""Resolution of head detection."""

OPENED_VOXELS = 2
"""Radius of the opening that removes thin structures (noise), in voxels of `WORK_MM`."""

LEAST_ML = 300.0
"""A head, or a brain, has at least this volume."""

LEAST_CONTRAST = 0.5
"""Least contrast of a head to air: difference of the means of bright and dark voxels, as a share of the bright mean
above the minimum. Real scans have 0.8 and more, noise 0.35."""

LEAST_EXTENT_MM = (95.0, 115.0, 80.0)
"""Left-right, front-back, up-down: a whole brain is larger, half a head is smaller."""

AXES = ("from left to right", "from front to back", "from top to bottom")


def check_head(image: Image) -> None:
    """Raise InputError for a scan without a head, or with half of one."""
    covered = image.spacing_mm * image.shape
    if covered.max() < max(LEAST_EXTENT_MM):
        shown, voxels = by_axis(covered), by_axis(image.spacing_mm)
        problem = f"covers {shown} mm, less than a head (voxels of {voxels} mm)"
        raise InputError(image.name, problem, "check the voxel size in its header, and that it is the right file")
    volume = level(thinned(to_itk(image)), WORK_MM)
    extent, volume_ml = head_extent(volume)
    if volume_ml < LEAST_ML or contrast_to_air(volume) < LEAST_CONTRAST:
        raise InputError(image.name, "shows no head", "check that it is the right file")
    for mm, least, axis in zip(extent, LEAST_EXTENT_MM, AXES, strict=True):
        if mm < least:
            raise InputError(image.name, f"shows only {mm:.0f} mm of a head {axis}", "give a scan of the whole head")


def contrast_to_air(volume: sitk.Image) -> float:
    """Difference of the means above and below Otsu's threshold, as a share of the upper mean above the minimum."""
    values = sitk.GetArrayFromImage(volume)
    otsu = sitk.OtsuThresholdImageFilter()
    otsu.Execute(volume)
    bright = values > otsu.GetThreshold()
    if bright.all() or not bright.any():
        return 0.0
    upper = float(values[bright].mean())
    return (upper - float(values[~bright].mean())) / (upper - float(values.min()))


def head_extent(volume: sitk.Image) -> tuple[NDArray[np.float64], float]:
    """Size of the largest connected object in a scan.

    Parameters
    ----------
    volume : SimpleITK.Image
        Scan with air at 0, at `WORK_MM`.

    Returns
    -------
    extent_mm : ndarray, float, shape (3,)
        Size along world x, y, z in mm, between the 0.2nd and 99.8th percentiles; zeros if there is no object.
    volume_ml : float
        Volume in ml.
    """
    mask = sitk.GetImageFromArray(np.pad(head(volume), OPENED_VOXELS).astype(np.uint8))
    mask = sitk.BinaryMorphologicalOpening(mask, [OPENED_VOXELS] * 3)
    parts = sitk.RelabelComponent(sitk.ConnectedComponent(mask), sortByObjectSize=True)
    inner = (slice(OPENED_VOXELS, -OPENED_VOXELS),) * 3
    largest = sitk.GetArrayFromImage(parts)[inner] == 1
    if not largest.any():
        return np.zeros(3), 0.0
    points = points_mm(volume)[largest.ravel()]
    low, high = np.percentile(points, [0.2, 99.8], axis=0)
    return high - low, float(largest.sum() * np.prod(volume.GetSpacing()) / 1000)
