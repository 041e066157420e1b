"""A head to paint: its structures, lesion locations from other subjects, and its voxels' positions in the atlas."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import atomic_path
from yucca_wm.training.synthesis.scans import core_values
from yucca_wm.training.synthesis.structures import lookup

LOOKUP = lookup()

COORDINATE_STEP = 3
"""Atlas coordinates are stored at every third voxel along each axis."""

DISTANCE_UNITS_PER_MM = 4

MAX_MASKS = 32
"""Largest number of lesion masks, which are bits of a 32-bit number."""

ARRAYS = {
    "structures": np.dtype(np.uint8),
    "lesions": np.dtype(np.uint32),
    "ventricle": np.dtype(np.uint8),
    "regions": np.dtype(np.uint8),
    "coords": np.dtype(np.float16),
}
"""Arrays in a head's file, in the order of the fields of `Head`."""

SCANS = ("T1", "FLAIR")
OWN_LESIONS = "own_lesions"
SCAN_SHARE = "scan_share"
"""Key of a plan: share of the samples that are from real scans."""


@dataclass(frozen=True)
class Head:
    """One head on a 1 mm grid, axes towards right, front and top (RAS).

    structures : uint8 [x, y, z], see `yucca_wm.training.synthesis.structures`.
    lesions : uint32 [x, y, z]; bit k is set inside the k-th lesion mask of real patients.
    ventricle : uint8 [x, y, z], distance to the lateral ventricles in quarters of a millimetre (255: or more).
    regions : uint8 [x, y, z], atlas region of every brain voxel, including grey matter and ventricles; 0 elsewhere.
    coordinates_mm : float16 [3, x, y, z], position in the atlas of every `COORDINATE_STEP`-th voxel.
    n_masks : number of lesion masks; 0: lesions are only made up.
    scans : modality (of `SCANS`) -> float16 [x, y, z], the subject's own scan, its white matter about 1; 0 outside its
        field of view. None: the head is painted.
    own_lesions : bool [x, y, z], the subject's own lesions; heads with scans have them.
    """

    structures: NDArray[np.uint8]
    lesions: NDArray[np.uint32]
    ventricle: NDArray[np.uint8]
    regions: NDArray[np.uint8]
    coordinates_mm: NDArray[np.float16]
    n_masks: int = 27
    scans: Mapping[str, NDArray[np.float16]] = field(default_factory=dict)
    own_lesions: NDArray[np.bool_] | None = None

    def some_masks(self, n: int, random: np.random.Generator) -> np.uint32:
        """The bits of ``n`` masks (or of all, if there are fewer), drawn without replacement."""
        drawn = random.choice(self.n_masks, min(n, self.n_masks), replace=False)
        return np.uint32(np.bitwise_or.reduce(np.uint32(1) << drawn.astype(np.uint32)))

    def ventricle_mm(self, voxels: tuple[NDArray[Any], ...]) -> NDArray[np.float32]:
        """Distance (mm) of these voxels (an index array for each axis) to the lateral ventricles."""
        return np.asarray(self.ventricle[voxels] / np.float32(DISTANCE_UNITS_PER_MM), np.float32)

    @cached_property
    def brain(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Voxel index of the brain's centre, and the cumulative share of the brain up to each plane."""
        inside = LOOKUP.brain[self.structures]
        below = inside.sum((0, 1)).cumsum()
        return np.argwhere(inside[::4, ::4, ::4]).mean(0) * 4, below / below[-1]

    @cached_property
    def core_values(self) -> dict[str, list[NDArray[np.float32]]]:
        """Values by which each scan is scaled (`yucca_wm.training.synthesis.scans.core_values`)."""
        return {name: core_values(self.structures, scan) for name, scan in self.scans.items()}

    @cached_property
    def affine_part(self) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Best-fitting affine [3, 4], voxel -> atlas mm, of the coordinates, and its residuals [3, x, y, z]."""
        shape = self.coordinates_mm.shape[1:]
        index = np.indices(shape, dtype=np.float64).reshape(3, -1) * COORDINATE_STEP
        design = np.vstack([index, np.ones_like(index[:1])])
        place = self.coordinates_mm.reshape(3, -1).astype(np.float64)
        linear = np.asarray(np.linalg.lstsq(design[:, ::17].T, place[:, ::17].T, rcond=None)[0].T, np.float64)
        return linear, (place - linear @ design).reshape(3, *shape).astype(np.float32)


def save_head(head: Head, path: str | os.PathLike[str]) -> Path:
    """Write ``head`` as one ``.npz`` file, uncompressed because it is read at every start of a training."""
    values = (head.structures, head.lesions, head.ventricle, head.regions, head.coordinates_mm)
    arrays: dict[str, Any] = {**dict(zip(ARRAYS, values, strict=True)), "n_masks": np.int64(head.n_masks)}
    arrays |= {f"scan_{name}": scan for name, scan in head.scans.items()}
    arrays |= {} if head.own_lesions is None else {OWN_LESIONS: head.own_lesions}
    with atomic_path(path) as temporary:
        np.savez(temporary, **arrays)
    return Path(path)


def load_head(path: str | os.PathLike[str]) -> Head:
    """Read a file written by `save_head`. Raises InputError if it is something else, or damaged."""
    try:
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as found:
            arrays = {name: found[name] for name in ARRAYS}
            n_masks = int(found["n_masks"]) if "n_masks" in found else Head.n_masks
            scans = {name: found[f"scan_{name}"] for name in SCANS if f"scan_{name}" in found}
            own = found.get(OWN_LESIONS)
        wrong = [name for name, array in arrays.items() if array.dtype != ARRAYS[name]]
        more = [*scans.values(), *([] if own is None else [own])]
        shapes = {array.shape for array in (*(arrays[name] for name in arrays if name != "coords"), *more)}
        if wrong or len(shapes) != 1 or not 0 <= n_masks <= MAX_MASKS:
            raise ValueError(f"{wrong[0]} is not {ARRAYS[wrong[0]]}" if wrong else f"shapes {sorted(shapes)}")
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(path, f"is not a prepared head, or is damaged ({error})", "prepare it again") from error
    structures, lesions, ventricle, regions, coordinates = arrays.values()
    return Head(structures, lesions, ventricle, regions, coordinates, n_masks, scans, own)
