"""Whole heads painted on a coarse grid, with the atlas region and position of every brain voxel as targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.models.conventions import SIZE, SPACING_MM, in_units, normalised
from yucca_wm.training.synthesis import degrade
from yucca_wm.training.synthesis.contrast import draw
from yucca_wm.training.synthesis.heads import COORDINATE_STEP, Head
from yucca_wm.training.synthesis.planes import rotation
from yucca_wm.training.synthesis.scans import drawn_gamma
from yucca_wm.training.synthesis.structures import CEREBRAL_WM, CSF, atrophied, lookup

Array = NDArray[np.float32]
FINER = 2
"""Heads are painted on a grid finer by this factor, then averaged: voxels hold parts of several structures."""

KINDS, HOW_OFTEN = ("T1", "FLAIR", "T2", "random"), (0.42, 0.38, 0.1, 0.1)
LOOKUP = lookup()


@dataclass(frozen=True)
class Volume:
    """image : float32 [x, y, z]. label : uint8 [x, y, z], region. coordinates : float32 [3, x, y, z].

    Coordinates are atlas mm from `ATLAS_CENTRE_MM` in units of `COORDINATE_UNIT_MM`; they count where ``label`` is set.
    """

    image: Array
    label: NDArray[np.uint8]
    coordinates: Array


def paint_volume(head: Head, random: np.random.Generator) -> Volume:
    """Paint one head in a random pose and contrast.

    It is not mirrored: the atlas's two sides differ (mirrored, its regions overlap with their counterparts by a Dice of
    .65 to .9), and a network trained on both reproduces neither.

    Parameters
    ----------
    head : Head
        On its 1 mm grid.
    random : numpy.random.Generator
        Determines everything that is drawn.

    Returns
    -------
    Volume
        `SIZE` voxels of `SPACING_MM`.
    """
    matrix, offset = _pose(head, random)
    bend = np.stack([degrade.smooth_field(SIZE, 8, random) for _ in range(3)]) * np.float32(random.uniform(0, 3))
    fine_bend = bend.repeat(FINER, 1).repeat(FINER, 2).repeat(FINER, 3)
    voxels, inside = _sampled(head, matrix, offset, fine_bend, FINER)
    structures = np.where(inside, head.structures[voxels], np.uint8(0))
    if not head.scans and random.random() < 0.3:
        structures, _ = atrophied(structures, head.ventricle_mm(voxels), random)
    if random.random() < 0.35:  # a skull-stripped scan, tight or with the fluid around the brain
        kept = LOOKUP.brain.copy()
        kept[CSF] = random.random() < 0.6
        structures = np.where(kept[structures], structures, 0)
        stripped = structures == 0
    else:
        stripped = ~inside
    shown: NDArray[Any] | None = None
    if head.scans:
        shown = head.scans[str(random.choice(sorted(head.scans)))]
        image = _scanned(shown[voxels], stripped, random)
    else:
        image = _painted(head, voxels, structures, random)
    n = FINER
    image = image.reshape(SIZE[0], n, SIZE[1], n, SIZE[2], n).mean((1, 3, 5), dtype=np.float32)
    image = degrade.uneven(image, random)
    sigma = random.uniform(0, 0.5, 3)
    if random.random() < 0.5:
        sigma[random.integers(3)] = random.uniform(0.3, 1.2)
    image = degrade.noisy(degrade.blurred(image, sigma), random)
    middle, inside = _sampled(head, matrix, offset, bend, 1)
    label = np.where(inside, head.regions[middle], 0)
    if shown is not None:  # nothing can be found where a scan ends
        label = np.where(shown[middle] > 0, label, 0)
    coordinates = atlas_places(head, middle)
    image, label = _field_of_view(image, label, random)
    return Volume(normalised(image), label.astype(np.uint8), in_units(coordinates).astype(np.float32))


def _painted(
    head: Head, voxels: tuple[NDArray[np.int32], ...], structures: NDArray[np.uint8], random: np.random.Generator
) -> Array:
    """Intensities [x, y, z] on the finer grid, in a contrast drawn at random."""
    contrast = draw(str(random.choice(KINDS, p=HOW_OFTEN)), random)
    image = contrast.mean[structures]
    if random.random() < 0.7 and head.n_masks:
        chosen = head.some_masks(int(random.integers(1, 4)), random)
        lesions = (head.lesions[voxels] & chosen > 0) & (structures == CEREBRAL_WM)
        image = np.where(lesions, np.float32(contrast.lesion), image)
    return image + contrast.spread[structures] * random.standard_normal(image.shape, dtype=np.float32)


def _scanned(scan: NDArray[np.float16], outside: NDArray[np.bool_], random: np.random.Generator) -> Array:
    """Intensities [x, y, z] of a real scan, lighter or darker between white and black."""
    image: Array = np.where(outside, np.float16(0), scan).astype(np.float32) ** drawn_gamma(random)
    return image


def _pose(head: Head, random: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Matrix [3, 3] and offset [3], mm around the centre of the sample -> voxel of the head."""
    pitch = random.normal(0, 15) if random.random() < 0.8 else random.uniform(-40, 40)
    turn = rotation(*np.radians([pitch, *random.normal(0, [6, 8])]))
    matrix = turn * random.uniform(0.85, 1.18, 3) * random.uniform(0.95, 1.05)
    return matrix, head.brain[0] + random.uniform(-18, 18, 3)


def _sampled(
    head: Head, matrix: NDArray[np.float64], offset: NDArray[np.float64], bend: Array, finer: int
) -> tuple[tuple[NDArray[np.int32], ...], NDArray[np.bool_]]:
    """Nearest voxels of the head [x, y, z] on the sample's grid, and which of them exist."""
    axes = [
        (np.arange(n * finer, dtype=np.float32) - (n * finer - 1) / 2) * np.float32(SPACING_MM / finer) for n in SIZE
    ]
    index, inside = [], np.ones(bend.shape[1:], bool)
    for row, start, moved, n in zip(matrix.astype(np.float32), offset, bend, head.structures.shape, strict=True):
        place = row[0] * axes[0][:, None, None] + row[1] * axes[1][None, :, None] + row[2] * axes[2] + moved
        nearest = np.rint(place + np.float32(start)).astype(np.int32)
        inside &= (nearest >= 0) & (nearest < n)
        index.append(np.clip(nearest, 0, n - 1))
    return tuple(index), inside


def atlas_places(head: Head, voxels: tuple[NDArray[np.integer[Any]], ...]) -> NDArray[np.float64]:
    """Atlas mm [3, x, y, z]: the best-fitting affine of the head, plus its residual at the nearest stored voxel."""
    linear, rest = head.affine_part
    kept = tuple(np.minimum((v + 1) // COORDINATE_STEP, n - 1) for v, n in zip(voxels, rest.shape[1:], strict=True))
    place = np.stack([np.asarray(v, np.float64) for v in voxels])
    whole: NDArray[np.float64] = np.einsum("ij,j...->i...", linear[:, :3], place) + linear[:, 3, None, None, None]
    return whole + rest[(slice(None), *kept)]


def _field_of_view(image: Array, label: NDArray[Any], random: np.random.Generator) -> tuple[Array, NDArray[Any]]:
    """Cut the field of view: scans end somewhere below the brain, sometimes within it; outside it is 0."""
    image, label = image.copy(), label.copy()
    occupied = np.flatnonzero(label.any((0, 1)))
    if random.random() < 0.6 and occupied.size:
        low = max(0, int(occupied[0] + random.integers(-14, 4)))
        image[:, :, :low], label[:, :, :low] = 0, 0
    if random.random() < 0.3 and occupied.size:
        high = int(occupied[-1] + random.integers(-2, 6))
        image[:, :, high:], label[:, :, high:] = 0, 0
    return image, label
