"""Lesion and region maps whose every number is known, and the same maps stored in other orientations."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from numpy.typing import NDArray

SHAPE = (40, 36, 20)


def oblique_affine(
    spacing_mm: tuple[float, float, float] = (1.0, 1.2, 3.0), degrees: float = 20.0
) -> NDArray[np.float64]:
    """An RAS grid turned about x and z, away from the origin."""
    a, b = np.radians(degrees), np.radians(degrees / 3)
    about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = about_z @ about_x @ np.diag(spacing_mm)
    affine[:3, 3] = (-20.0, 31.5, -12.25)
    return affine


def region_map(seed: int = 0) -> NDArray[np.uint8]:
    """[40, 36, 20] blocks: left regions at low x (array axis 0 runs to the right), with background between them."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    order = np.random.default_rng(seed).permutation(18)
    for number in range(18):
        j, k = 6 * (number // 3), 6 * (number % 3)
        for side, i in ((0, 4), (1, 22)):
            label = int(order[number]) + 1 + 17 * side if order[number] < 17 else 35 + side
            labels[i : i + 14, j : j + 5, k : k + 5] = label
    return labels


def random_lesions(labels: NDArray[np.uint8], rng: np.random.Generator, count: int) -> NDArray[np.uint8]:
    """Boxes of 1 to 5 voxels a side anywhere, some of them of label 2 (other pathology)."""
    lesions = np.zeros(labels.shape, dtype=np.uint8)
    for _ in range(count):
        corner = [int(rng.integers(0, size)) for size in labels.shape]
        box = tuple(slice(at, at + int(rng.integers(1, 6))) for at in corner)
        lesions[box] = 2 if rng.random() < 0.1 else 1
    return lesions


def save(path: Path, data: NDArray[np.generic], affine: NDArray[np.float64], orientation: str = "RAS") -> Path:
    """Write a map; ``orientation`` stores the same voxels in another axis order, header and all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data, affine)
    change = ornt_transform(io_orientation(affine), axcodes2ornt(tuple(orientation)))
    nib.save(image.as_reoriented(change), path)
    return path


@pytest.fixture(scope="session")
def synthetic() -> SimpleNamespace:
    """The functions of this file."""
    return SimpleNamespace(
        oblique_affine=oblique_affine, region_map=region_map, random_lesions=random_lesions, save=save
    )
