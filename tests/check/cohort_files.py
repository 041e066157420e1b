"""A cohort in the layout of the WMH challenge, small, in which nothing is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from yucca_wm.cohort.subject import regions_path

SHAPE = (36, 44, 24)
AFFINE = np.array([[-4.0, 0, 0, 70], [0, -4, 0, 86], [0, 0, 6, -70], [0, 0, 0, 1]])
SUBJECTS = 60


@dataclass(frozen=True)
class Files:
    """The files of subject ``number`` of the cohort at ``root``."""

    root: Path
    number: int

    @property
    def name(self) -> str:
        return f"WMH_{self.number}"

    @property
    def folder(self) -> Path:
        return self.root / ("test" if self.number % 4 == 3 else "training") / "Utrecht" / str(self.number)

    @property
    def t1(self) -> Path:
        return self.folder / "pre/T1.nii.gz"

    @property
    def flair(self) -> Path:
        return self.folder / "pre/FLAIR.nii.gz"

    @property
    def wm(self) -> Path:
        return self.folder / "pre/wm.nii.gz"

    @property
    def lesions(self) -> Path:
        return self.folder / "wmh.nii.gz"

    @property
    def regions(self) -> Path:
        return regions_path(self.root, self.name)

    def write(self) -> None:
        rng = np.random.default_rng(self.number)
        place = (np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1) - np.array(SHAPE) / 2) / np.array(
            SHAPE
        )
        radius = np.linalg.norm(place, axis=-1) * rng.normal(1, 0.05, SHAPE)
        wm = (radius < 0.33).astype(np.uint8)
        lesions = ((radius < 0.2) & (radius > 0.15) & (place[..., 2] > 0.1)).astype(np.uint8)
        lesions[radius < 0.05] = 2
        if self.number % 10 == 0:
            lesions[:] = 0
        save(self.t1, (1000 * (radius < 0.48) * (1 - radius) + rng.normal(0, 9, SHAPE)).astype(np.float32))
        save(self.flair, (500 * (radius < 0.48) * (1 + radius) + rng.normal(0, 9, SHAPE)).astype(np.int16))
        save(self.wm, wm)
        save(self.lesions, lesions)
        save(self.regions, wm * (1 + (place[..., 0] > 0) * 17).astype(np.uint8))


def save(path: Path, data: Any, affine: Any = AFFINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(data, affine), path)


def edit(path: Path, change: Callable[[Any], Any], affine: Any = AFFINE) -> None:
    save(path, change(np.asarray(nib.load(path).dataobj)), affine)
