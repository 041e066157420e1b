"""A small cohort in the WMH challenge's layout, and its raw data folder."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from yucca_wm.cohort.subject import regions_path

SHAPE = (12, 10, 6)
AFFINE = np.array([[-1.0, 0, 0, 5], [0, -0.98, 0.2, 4], [0, 0.2, 3, -9], [0, 0, 0, 1]])

TRAIN, TEST = ("WMH_0", "WMH_2", "WMH_10"), ("WMH_1", "WMH_11")


class Cohort:
    """Files of a cohort on disk; ``root`` is what the user would give."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def subject(self, name: str) -> Path:
        """The subject's own folder."""
        side, site = ("training", "Utrecht") if name in TRAIN else ("test", "Singapore")
        return self.root / side / site / name.removeprefix("WMH_")

    def t1(self, name: str) -> Path:
        return self.subject(name) / "pre" / "T1.nii.gz"

    def flair(self, name: str) -> Path:
        return self.subject(name) / "pre" / "FLAIR.nii.gz"

    def lesions(self, name: str) -> Path:
        return self.subject(name) / "wmh.nii.gz"

    def regions(self, name: str) -> Path:
        return regions_path(self.root, name)

    def add(self, name: str) -> None:
        rng = np.random.default_rng(int(name.removeprefix("WMH_")))
        write(self.t1(name), rng.integers(0, 900, SHAPE).astype(np.int16))
        write(self.flair(name), rng.integers(0, 900, SHAPE).astype(np.float32))
        lesions = np.zeros(SHAPE, np.uint8)
        lesions[3:5, 3:5, 2:4], lesions[8, 8, 1] = 1, 2
        write(self.lesions(name), lesions)
        regions = np.zeros(SHAPE, np.int16)
        regions.flat[:37] = np.arange(37)
        write(self.regions(name), regions)


def write(path: Path, data: NDArray[np.generic], affine: NDArray[np.float64] = AFFINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, affine), path)


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    made = Cohort(tmp_path / "cohort")
    for name in (*TRAIN, *TEST):
        made.add(name)
    return made


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    return folder
