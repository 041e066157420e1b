"""A brain-like phantom: folded, asymmetric white matter with labels by place, on grids of any header."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from yucca_wm.atlas.maps import Atlas, load_atlas
from yucca_wm.core.regions import regions
from yucca_wm.imaging.images import Image, save

HALF_MM = np.array([58.0, 75.0, 52.0])


def phantom_wm(x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.bool_]:
    """White matter at world mm: two folded hemispheres, a bridge between them, a ventricle; right bigger in front."""
    r, a, s = x / HALF_MM[0], y / HALF_MM[1], z / HALF_MM[2]
    folds = 0.09 * np.sin(x / 6 + 1) * np.sin(y / 7) + 0.07 * np.sin(z / 6 + y / 11)
    radius = np.sqrt(r**2 + a**2 + s**2) + folds - 0.08 * (x > 0) * np.clip(a, 0, 1)
    ventricle = ((np.abs(x) - 14) / 9) ** 2 + ((y + 5) / 30) ** 2 + ((z - 5) / 12) ** 2 < 1
    bridge = (np.abs(x) <= 5) & (np.abs(y) < 35) & (np.abs(z - 12 + (y / 22) ** 2) < 5)
    return ((radius < 0.9) & (np.abs(x) > 5) & ~ventricle) | bridge


def phantom_labels(x: NDArray[np.float64], y: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.uint8]:
    """1..17 left, 18..34 right: 16 boxes along y and z and the middle, a side."""
    along = np.clip(np.floor((y / HALF_MM[1] + 1) * 4), 0, 7)
    label = 1 + along + 8 * (z > 0)
    label = np.where((np.abs(x) < 16) & (np.abs(y) < 40) & (np.abs(z) < 20), 17, label)
    return (label + 17 * (x >= 0)).astype(np.uint8)


def world(shape: tuple[int, int, int], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """World mm of every voxel, [3, i, j, k]."""
    return np.tensordot(affine[:3, :3], np.indices(shape), 1) + affine[:3, 3][:, None, None, None]


def centred_grid(spacing: tuple[float, float, float], signs: tuple[int, int, int], extent_mm: float = 190.0):  # type: ignore[no-untyped-def]
    """Shape and affine of a grid around the origin."""
    shape = tuple(int(extent_mm / step) for step in spacing)
    affine = np.diag([*(np.array(spacing) * signs), 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return shape, affine


@dataclass(frozen=True)
class Scan:
    """A subject: its white matter and the true region of every white-matter voxel."""

    wm: Image
    truth: Image

    def dice(self, labels: NDArray[np.integer]) -> float:
        """Mean Dice over the regions that occur."""
        occurring = [label for label in range(1, 35) if (self.truth.data == label).any()]
        overlaps = [
            2 * ((labels == n) & (self.truth.data == n)).sum() / ((labels == n).sum() + (self.truth.data == n).sum())
            for n in occurring
        ]
        return float(np.mean(overlaps))


def scan(
    matrix: NDArray[np.float64],
    spacing: tuple[float, float, float] = (2.0, 2.0, 4.0),
    signs: tuple[int, int, int] = (-1, -1, 1),
    bend_mm: float = 0.0,
) -> Scan:
    """The phantom as a subject whose world mm ``matrix`` takes to the atlas's; ``bend_mm`` adds a smooth warp."""
    shape, affine = centred_grid(spacing, signs)
    points = world(shape, affine)
    bend = bend_mm * np.stack([np.sin(points[1] / 28), np.sin(points[2] / 25 + 1), np.sin(points[0] / 30 + 2)])
    x, y, z = np.tensordot(matrix[:3, :3], points + bend, 1) + matrix[:3, 3][:, None, None, None]
    wm = phantom_wm(x, y, z)
    truth = np.where(wm, phantom_labels(x, y, z), 0).astype(np.uint8)
    return Scan(Image(wm.astype(np.uint8), affine), Image(truth, affine))


def turned(degrees: tuple[float, float, float], stretch: tuple[float, float, float], shift=(4.0, -6.0, 5.0)):  # type: ignore[no-untyped-def]
    """An affine: rotations about x, y, z in degrees, stretches, a shift."""
    matrix = np.eye(4)
    for axis, angle in enumerate(np.radians(degrees)):
        i, j = [other for other in range(3) if other != axis]
        rotation = np.eye(4)
        rotation[i, i] = rotation[j, j] = np.cos(angle)
        rotation[i, j], rotation[j, i] = -np.sin(angle), np.sin(angle)
        matrix = rotation @ matrix
    matrix = matrix @ np.diag([*stretch, 1.0])
    matrix[:3, 3] = shift
    return matrix


@dataclass(frozen=True)
class AtlasFiles:
    """The phantom atlas on disk."""

    wm: Path
    labels: Path

    def read(self) -> Atlas:
        return load_atlas(self.wm, self.labels)


@pytest.fixture(scope="session")
def atlas_files(tmp_path_factory: pytest.TempPathFactory) -> AtlasFiles:
    folder = tmp_path_factory.mktemp("atlas")
    shape, affine = centred_grid((2.0, 2.0, 2.0), (-1, 1, 1), 170.0)
    x, y, z = world(shape, affine)
    labels = phantom_labels(x, y, z) * ((x / 66) ** 2 + (y / 83) ** 2 + (z / 60) ** 2 < 1)
    affine[:3, 3] += (30.0, 20.0, -40.0)  # the header's origin says nothing about where the brain is
    wm = save(Image((phantom_wm(x, y, z) & (labels > 0)).astype(np.uint8), affine), folder / "wm.nii.gz")
    assert set(np.unique(labels)) <= {0, *regions().indices}
    return AtlasFiles(wm, save(Image(labels.astype(np.uint8), affine), folder / "labels.nii.gz"))


@pytest.fixture(scope="session")
def atlas(atlas_files: AtlasFiles) -> Atlas:
    return atlas_files.read()


FAULTS = {
    "empty": "holds no white matter",
    "one side": "one side seems to be missing",
    "sides": "disagree about left and right",
    "4D": "a 3D image is needed",
    "NaN": "NaN",
    "not whole": "neither whole-number labels nor probabilities",
    "tiny": "ml of white matter, the atlas",
    "forms": "has an sform and a qform",
    "truncated": "damaged or cut short",
}
"""What can be wrong with a white-matter file, and what the user reads then."""


def broken(subject: Scan, how: str, path: Path) -> Path:
    """A white-matter file with one fault."""
    data, affine = subject.wm.data.copy(), subject.wm.affine
    x = affine[0, 0] * np.arange(data.shape[0]) + affine[0, 3]
    if how == "one side":
        data[x < 0] = 0
    elif how == "4D":
        data = np.stack([data, data], -1)
    elif how == "NaN":
        data = data.astype(np.float32)
        data[0, 0, 0] = np.nan
    elif how == "empty":
        data[:] = 0
    elif how == "not whole":
        data = data * np.float32(3.7)
    elif how == "tiny":
        affine = affine @ np.diag([0.1, 0.1, 0.1, 1])
    elif how == "sides":
        data = np.where(data > 0, np.where(x > 0, 45, 44)[:, None, None], 0).astype(np.uint8)
    image = nib.Nifti1Image(data, affine)
    if how == "forms":
        other = affine.copy()
        other[:3, 3] += 4
        image.set_sform(affine, 1)
        image.set_qform(other, 1)
    nib.save(image, path)
    if how == "truncated":
        path.write_bytes(path.read_bytes()[:-300])
    return path
