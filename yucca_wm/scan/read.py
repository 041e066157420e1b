"""Read a scan from a NIfTI or FreeSurfer file or a folder of DICOM slices."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.files import IMAGE_SUFFIXES
from yucca_wm.imaging.image_input import sitk_affine
from yucca_wm.imaging.images import Image, Source, load

MAX_NAMED = 6
"""At most this many DICOM series are named."""

DICOM_AT, DICOM = 128, b"DICM"
"""Offset and bytes of the mark after the preamble of DICOM files."""

SERIES_DESCRIPTION = "0008|103e"


def read_scan(path: Source) -> Image:
    """The scan at ``path``, or in memory; a folder is read as one DICOM series.

    Raises InputError as `images.load` and `read_dicom`, and for a single DICOM file.
    """
    if not isinstance(path, Path):
        return load(path)
    if path.is_dir():
        return read_dicom(path)
    if _is_dicom(path):
        remedy = "give the folder that holds all slices of the scan, or convert it with dcm2niix"
        raise InputError(path, "is a DICOM file", remedy)
    return load(path)


def _is_dicom(path: Path) -> bool:
    """Whether the file begins like a DICOM file; False if unreadable, as `images.load` then gives a better error.

    A named pipe is not opened: there may be no writer.
    """
    if not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            file.seek(DICOM_AT)
            return file.read(len(DICOM)) == DICOM
    except OSError:
        return False


def read_dicom(folder: Path) -> Image:
    """The DICOM series in ``folder``, as float32 or integers, axes [column, row, slice].

    Raises InputError for no series, more than one (listed in the error), or one that is not a regular 3D volume.
    """
    import SimpleITK as sitk

    reader = sitk.ImageSeriesReader()
    loud = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # a missing series is reported below, in one line
    try:
        series = list(reader.GetGDCMSeriesIDs(str(folder)))
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(loud)
    if not series:
        if not any(folder.iterdir()):
            raise InputError(folder, "is an empty folder", "give the folder that holds the slices")
        files = [path.name for path in sorted(folder.iterdir()) if path.name.lower().endswith(IMAGE_SUFFIXES)]
        remedy = f"give one of its files ({some_of(files)})" if files else "give the folder that holds the slices"
        raise InputError(folder, "holds no DICOM series", remedy)
    if len(series) > 1:
        listed = "; ".join(_described(folder, uid) for uid in series[:MAX_NAMED])
        more = f"; and {len(series) - MAX_NAMED} more" if len(series) > MAX_NAMED else ""
        raise InputError(folder, f"holds {len(series)} DICOM series: {listed}{more}", "put one series into a folder")
    names = reader.GetGDCMSeriesFileNames(str(folder), series[0])
    try:
        sitk.ProcessObject.SetGlobalWarningDisplay(False)  # missing slices are reported below
        reader.SetFileNames(names)
        volume = reader.Execute()
    except RuntimeError as error:
        raise InputError(folder, "holds a DICOM series that cannot be read", "convert it with dcm2niix") from error
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(loud)
    values = sitk.GetArrayFromImage(volume)
    if values.ndim != 3 or values.shape[0] < 2:
        raise InputError(folder, f"holds a DICOM series of shape {values.shape[::-1]}, a 3D scan is needed")
    _check_gaps(folder, names, volume.GetSpacing()[2])
    image = Image(values.transpose(2, 1, 0), sitk_affine(volume), folder)
    return replace(image, data=image.data.astype(np.float32)) if values.dtype == np.float64 else image


def _described(folder: Path, uid: str) -> str:
    """Short description of a series: its name, number of files, UID."""
    import SimpleITK as sitk

    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), uid)
    reader = sitk.ImageFileReader()
    reader.SetFileName(names[0])
    try:
        reader.ReadImageInformation()
        called = reader.GetMetaData(SERIES_DESCRIPTION).strip() if reader.HasMetaDataKey(SERIES_DESCRIPTION) else ""
    except RuntimeError:
        called = ""
    return f"{called or 'without description'} ({len(names)} files, {uid})"


def _check_gaps(folder: Path, names: tuple[str, ...], step_mm: float) -> None:
    """Raise InputError unless slices are equally spaced: a missing one would shorten the head unnoticed."""
    import SimpleITK as sitk

    places = []
    for name in names:
        reader = sitk.ImageFileReader()
        reader.SetFileName(name)
        reader.ReadImageInformation()
        places.append(reader.GetOrigin())
    steps = np.linalg.norm(np.diff(np.array(places), axis=0), axis=1)
    if len(steps) and not np.allclose(steps, step_mm, rtol=0.05, atol=0.05):
        raise InputError(
            folder,
            f"holds a DICOM series whose slices are {steps.min():.3g} to {steps.max():.3g} mm apart",
            "a slice is missing or occurs twice: export the series again",
        )
