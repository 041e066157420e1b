"""Good files to set the broken ones among."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

SHAPE = (20, 24, 18)
AFFINE = np.array([[-4.0, 0, 0, 38], [0, -4, 0, 46], [0, 0, 4, -34], [0, 0, 0, 1]])  # pictures take time by the mm


def save(path: Path, data: NDArray[np.int16]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, AFFINE), path)
    return path


def brain() -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """A lopsided white matter (1) with two regions (1 left, 18 right), [i, j, k]."""
    place = (np.indices(SHAPE).transpose(1, 2, 3, 0) - np.array(SHAPE) / 2 + 0.5) / np.array(SHAPE)
    x, y, z = np.moveaxis(place, -1, 0)
    mask = (x**2 + y**2 + z**2 < 0.16) & ~((np.abs(x) < 0.08) & (z < 0)) & ~((y > 0.2) & (z > 0.1))
    slab = np.indices(SHAPE)[1] * 17 // SHAPE[1]
    return mask.astype(np.int16), (mask * (slab + np.where(x < 0, 18, 1))).astype(np.int16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """image.nii.gz (a scan), wm.nii.gz, regions.nii.gz (also as the atlas) and lesions.nii.gz, all on one grid."""
    folder = tmp_path_factory.mktemp("good")
    wm, regions = brain()
    save(folder / "image.nii.gz", np.random.default_rng(0).integers(1, 900, SHAPE).astype(np.int16))
    save(folder / "wm.nii.gz", wm)
    save(folder / "regions.nii.gz", regions)
    lesions = np.zeros(SHAPE, np.int16)
    lesions[6:8, 9:12, 9:11], lesions[12, 10, 9] = 1, 2
    save(folder / "lesions.nii.gz", lesions)
    return folder
