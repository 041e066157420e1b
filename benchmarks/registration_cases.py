"""Subjects with known regions: the atlas under known transforms, and the MNI brain labelled independently."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_multiotsu

from yucca_wm.atlas.maps import Atlas, refine
from yucca_wm.imaging.images import Image, load, load_labels, save
from yucca_wm.registration.smoothed_masks import centre_mm

GRIDS = {
    "240x240x48": ((240, 240, 48), (0.958, 0.958, 3.0)),
    "232x256x48": ((232, 256, 48), (1.0, 1.0, 3.0)),
    "132x256x83": ((132, 256, 83), (1.2, 0.977, 3.0)),
}
MNI_T1, MNI_LABELS = "MNI152_T1_1mm_brain.nii.gz", "JHU_MNI_SS_WMPM_Type-II_to_MNI_brain.nii.gz"
LATTICE_MM = 6.0


@dataclass(frozen=True)
class Case:
    """How a subject is made: pose of the head, obliquity of the grid (both degrees about x, y, z), warp and noise.

    edge_noise : probability that a voxel at the border of the white matter changes sides.
    """

    name: str
    group: str
    grid: str
    pose: tuple[float, float, float] = (0, 0, 0)
    stretch: tuple[float, float, float] = (1, 1, 1)
    oblique: tuple[float, float, float] = (0, 0, 0)
    warp_mm: float = 0
    warp_scale_mm: float = 20
    edge_noise: float = 0
    seed: int = 0


CASES = (
    Case("s1", "atlas", "240x240x48"),
    Case("s2", "atlas", "240x240x48", (6, -4, 8), (1.08, 1.02, 1.1), (25, 5, -8), 9, 18, 0.05, 2),
    Case("s3", "atlas", "232x256x48", (-8, 5, -4), (0.95, 1.1, 1.0), (10, 0, 0), 12, 20, 0.1, 3),
    Case("s4", "atlas", "132x256x83", (10, 3, -6), (1.15, 1.05, 0.95), (0, 0, 0), 15, 18, 0.1, 4),
    Case("s5", "atlas", "232x256x48", (15, -8, 12), (0.9, 0.95, 1.15), (-20, 10, 5), 12, 16, 0.1, 5),
    Case("s6", "atlas", "132x256x83", (-12, 8, 10), (1.1, 1.15, 1.05), (0, 0, 0), 15, 20, 0.2, 6),
    Case("s7", "mni", "240x240x48", (5, -3, 4), (1, 1, 1), (20, 4, 0)),
    Case("s8", "mni", "232x256x48", (-6, 4, 8), (1.05, 0.97, 1.02)),
    Case("s9", "mni", "132x256x83", (12, -6, -9), (0.93, 1.06, 1.05)),
)


def triple(values: np.ndarray) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def drawn(seed: int, count: int = 6) -> tuple[Case, ...]:
    """``count`` unseen subjects: everything drawn at random within the range of `CASES`."""
    random = np.random.default_rng(seed)
    cases = []
    for number in range(1, count + 1):
        group = "mni" if number % 3 == 0 else "atlas"
        pose, stretch = random.uniform(-15, 15, 3), random.uniform(0.9, 1.15, 3)
        oblique = random.uniform(-25, 25, 3) * (random.random() < 0.5)
        warp_mm, scale_mm, noise = random.uniform(6, 15), random.uniform(16, 20), random.uniform(0, 0.2)
        if group == "mni":
            warp_mm, noise = 0.0, 0.0
        cases.append(
            Case(
                name=f"u{number}",
                group=group,
                grid=str(random.choice(list(GRIDS))),
                pose=triple(pose),
                stretch=triple(stretch),
                oblique=triple(oblique),
                warp_mm=float(warp_mm),
                warp_scale_mm=float(scale_mm),
                edge_noise=float(noise),
                seed=seed + number,
            )
        )
    return tuple(cases)


def mni(folder: Path) -> tuple[Image, Image] | None:
    """Labels and cerebral white matter (brightest of three Otsu classes) of the MNI brain, if ``folder`` has both."""
    if not (folder / MNI_T1).is_file() or not (folder / MNI_LABELS).is_file():
        return None
    regions = refine(load_labels(folder / MNI_LABELS))
    t1 = load(folder / MNI_T1)
    bright = t1.data > threshold_multiotsu(t1.data[t1.data > 0], 3)[1]
    cerebral = (regions.data > 0) & (regions.data < 35)
    return regions, t1.with_data((bright & cerebral).astype(np.uint8))


def build(case: Case, atlas: Atlas, brain: tuple[Image, Image] | None, folder: Path) -> tuple[Path, Path] | None:
    """Write white matter and true regions of ``case``; None if it needs the MNI brain and there is none."""
    if case.group == "mni" and brain is None:
        return None
    labels, wm = brain if case.group == "mni" and brain is not None else (atlas.labels, atlas.wm)
    random = np.random.default_rng(case.seed)
    shape, spacing = GRIDS[case.grid]
    affine = np.eye(4)
    affine[:3, :3] = _rotation(case.oblique) @ np.diag([-spacing[0], -spacing[1], spacing[2]])
    centre = random.uniform(-30, 30, 3)
    affine[:3, 3] = centre - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    points = affine[:3, :3] @ np.indices(shape).reshape(3, -1) + affine[:3, 3:] - centre[:, None]
    if case.warp_mm:
        points += _warp(points, case, random)
    there = _rotation(case.pose) @ np.diag(case.stretch) @ points + centre_mm(wm)[:, None]
    inverse = np.linalg.inv(labels.affine)
    index = inverse[:3, :3] @ there + inverse[:3, 3:]
    mask = (ndimage.map_coordinates(wm.data.astype(np.float32), index, order=1) >= 0.5).reshape(shape)
    if case.edge_noise:
        border = ndimage.binary_dilation(mask) & ~ndimage.binary_erosion(mask)
        mask ^= border & (random.random(shape) < case.edge_noise)
    truth = ndimage.map_coordinates(labels.data, index, order=0).reshape(shape) * mask
    wm_path = save(Image(mask.astype(np.uint8), affine), folder / f"{case.name}_wm.nii.gz")
    return wm_path, save(Image(truth.astype(np.uint8), affine), folder / f"{case.name}_truth.nii.gz")


def region_dice(labels: NDArray[Any], truth: NDArray[Any]) -> float:
    """Mean Dice over the 34 regions."""
    values = []
    for index in range(1, 35):
        ours, theirs = labels == index, truth == index
        values.append(2 * float((ours & theirs).sum()) / max(int(ours.sum()) + int(theirs.sum()), 1))
    return float(np.mean(values))


def _warp(points: NDArray[np.float64], case: Case, random: np.random.Generator) -> NDArray[np.float64]:
    """A smooth random displacement [3, points]; its longest vector in the lattice is ``warp_mm``."""
    lattice = (40, 48, 40)
    field = np.stack(
        [ndimage.gaussian_filter(random.standard_normal(lattice), case.warp_scale_mm / LATTICE_MM) for _ in range(3)]
    )
    field *= case.warp_mm / np.sqrt((field**2).sum(axis=0)).max()
    index = points / LATTICE_MM + np.array(lattice)[:, None] / 2
    return np.stack([ndimage.map_coordinates(component, index, order=1, mode="nearest") for component in field])


def _rotation(degrees: tuple[float, float, float]) -> NDArray[np.float64]:
    matrix = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        i, j = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[i, i] = turn[j, j] = np.cos(angle)
        turn[j, i], turn[i, j] = np.sin(angle), -np.sin(angle)
        matrix = turn @ matrix
    return matrix
