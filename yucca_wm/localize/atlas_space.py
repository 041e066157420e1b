"""One person's lesions in atlas space, and the transform that leads there: found by name, as parcellate leaves it.

Every voxel of the template takes the value of the subject's voxel that its centre lies in (nearest neighbour). Linear
interpolation cut at one half would shrink whatever is thin or small: a lesion of one voxel keeps a fifth of its volume
and one a voxel thick is lost wherever it lies between two samples. Nearest neighbour keeps volumes in expectation, and
averaging over subjects is what makes a frequency map smooth. What was gained and lost is written for each subject.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.cohort.pairing import subject_of
from yucca_wm.core.errors import InputError
from yucca_wm.core.images import Image
from yucca_wm.localize.flags import registration_record
from yucca_wm.localize.lesions import Settings, counted_lesions
from yucca_wm.registration import itk
from yucca_wm.registration.warp import Warp, to_subject

AFFINE, FIELD, RECORD = "_affine.tfm", "_warp.nii.gz", ".json"

BESIDE = "beside the region maps"
"""In place of a folder: each transform lies beside the region map that was made with it."""

IN_TEMPLATE = "none"
"""In place of a folder: the lesion maps are in the template's space already."""


@dataclass(frozen=True)
class Transforms:
    """where : folder, BESIDE or IN_TEMPLATE; files : subject -> its affine files (one, unless something is wrong)."""

    where: str
    files: Mapping[str, list[Path]]

    def inputs(self, subject: str, regions: Path | None = None) -> dict[str, Path]:
        """The files that `warp` reads, as far as there are any."""
        files = self._of(subject, regions)
        fields = [Path(str(path).removesuffix(AFFINE) + FIELD) for path in files]
        affines = {f"affine{number or ''}": path for number, path in enumerate(files)}
        return affines | {f"field{number or ''}": path for number, path in enumerate(fields) if path.is_file()}

    def _of(self, subject: str, regions: Path | None) -> list[Path]:
        if self.where == BESIDE:
            affine = Path(str(registration_record(regions)).removesuffix(RECORD) + AFFINE) if regions else None
            return [affine] if affine is not None and affine.is_file() else []
        return self.files.get(subject) or self.files.get(subject_of(subject)) or []

    def warp(self, subject: str, regions: Path | None = None) -> Warp:
        """Subject world mm -> atlas world mm.

        regions : the subject's region map, which its transform may lie beside.

        Raises InputError when the subject has no transform or several, or when a displacement field belongs to it
        and is not there.
        """
        if self.where == IN_TEMPLATE:
            return Warp(np.eye(4))
        files = self._of(subject, regions)
        if not files and self.where == BESIDE:
            raise InputError(subject, f"has no transform beside {regions}", "name their folder with --transforms")
        if not files:
            raise InputError(subject, f"has no transform in {self.where}", f"give its <subject>{AFFINE}")
        if len(files) > 1:
            raise InputError(subject, f"has {len(files)} transforms: {', '.join(map(str, files[:3]))}", "keep one")
        stem = str(files[0]).removesuffix(AFFINE)
        field = Path(stem + FIELD)
        if not field.is_file():
            if _deformable(Path(stem + RECORD)):
                raise InputError(field, "is not there, but the parcellation was deformable", "parcellate again")
            return Warp(itk.load_affine(files[0]))
        return Warp(itk.load_affine(files[0]), itk.load_field(field))


def find_transforms(where: str | os.PathLike[str]) -> Transforms:
    """Every ``*_affine.tfm`` in a folder and below, each with the ``*_warp.nii.gz`` beside it, if there is one.

    where : folder (or a file in it), or ``none`` when the lesion maps are in the template's space already.
    Raises InputError when there is no such folder or no transform in it.
    """
    if str(where) == IN_TEMPLATE:
        return Transforms(IN_TEMPLATE, {})
    folder = Path(where)
    folder = folder.parent if folder.is_file() else folder
    if not folder.is_dir():
        raise InputError(folder, "no such folder")
    files: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob(f"*{AFFINE}")):
        files[subject_of(path.name.removesuffix(AFFINE))].append(path)
    if not files:
        remedy = f"give the folder that yucca_wm.parcellate wrote, or '{IN_TEMPLATE}' for maps in template space"
        raise InputError(folder, f"holds no transform (*{AFFINE})", remedy)
    return Transforms(str(folder), dict(files))


def _deformable(record: Path) -> bool:
    try:
        return bool(json.loads(record.read_text(encoding="utf-8"))["settings"]["transform"] == "deformable")
    except (OSError, ValueError, KeyError, TypeError):
        return False


@dataclass(frozen=True)
class Carried:
    """One subject's lesions in atlas space.

    lesions : 0/1 on the template's grid.
    lesion_ml : volume in the subject's space, by the same rule as in the tables.
    transformed_ml : the same volume stretched as the transform stretches each voxel.
    outside_ml : the part of it that falls outside the template's grid.
    template_ml : volume of the map; differs from ``transformed_ml - outside_ml`` by sampling only.
    """

    lesions: Image
    lesion_ml: float
    transformed_ml: float
    outside_ml: float
    template_ml: float


def carry_lesions(lesions: Image, template: Image, warp: Warp, settings: Settings) -> Carried:
    """Carry the lesions that the tables count to the grid of ``template``.

    lesions : lesion map of a subject; template : any image in the atlas's world, for its grid; warp : subject world
    mm -> atlas world mm. Raises YuccaWMError when the transform has no inverse.
    """
    voxel_ml = lesions.voxel_volume_mm3 / 1000
    found = counted_lesions(lesions, settings).voxels.T
    carried = np.zeros(template.shape, dtype=np.uint8)
    if not found.size:
        return Carried(template.with_data(carried), 0.0, 0.0, 0.0, 0.0)
    kept = np.zeros(lesions.shape, dtype=bool)
    kept[tuple(found)] = True
    centres = _apply(lesions.affine, found)
    volumes_ml = voxel_ml * _stretch(warp, centres)
    in_template = _apply(np.linalg.inv(template.affine), warp.points_mm(centres))
    inside = np.logical_and.reduce(
        [(x > -0.5) & (x < n - 0.5) for x, n in zip(in_template, template.shape, strict=True)]
    )
    near = _candidates(lesions, found, template, warp)
    points = to_subject(warp, _apply(template.affine, near))
    index = np.floor(_apply(np.linalg.inv(lesions.affine), points) + 0.5).astype(np.intp)
    known = np.logical_and.reduce([(i >= 0) & (i < n) for i, n in zip(index, lesions.shape, strict=True)])
    carried[tuple(near[:, known])] = kept[tuple(index[:, known])]
    return Carried(
        lesions=template.with_data(carried),
        lesion_ml=found.shape[1] * voxel_ml,
        transformed_ml=float(volumes_ml.sum()),
        outside_ml=float(volumes_ml[~inside].sum()),
        template_ml=int(carried.sum()) * template.voxel_volume_mm3 / 1000,
    )


def _candidates(lesions: Image, found: NDArray[np.intp], template: Image, warp: Warp) -> NDArray[np.intp]:
    """[3, n] template voxels that a lesion voxel may cover: those about its corners, and all between them."""
    to_index = np.linalg.inv(template.affine)
    centre = _apply(to_index, warp.points_mm(_apply(lesions.affine, found)))
    reach = np.zeros(3)
    for corner in product((-0.5, 0.5), repeat=3):
        there = _apply(to_index, warp.points_mm(_apply(lesions.affine, found + np.array(corner)[:, None])))
        reach = np.maximum(reach, np.abs(there - centre).max(axis=1))
    margin = np.ceil(reach).astype(int) + 1
    low = np.maximum(np.floor(centre.min(axis=1)).astype(int) - margin, 0)
    high = np.minimum(np.ceil(centre.max(axis=1)).astype(int) + margin + 1, template.shape)
    if (high <= low).any():
        return np.zeros((3, 0), dtype=np.intp)
    # centres up to ``margin`` outside the grid still cover voxels at its border: mark them there
    box = np.zeros(high - low, dtype=np.uint8)
    reached = np.logical_and.reduce(
        [(c > a - m) & (c < b + m) for c, a, b, m in zip(centre, low, high, margin, strict=True)]
    )
    marked = np.rint(centre[:, reached]).astype(int) - low[:, None]
    box[tuple(np.clip(marked, 0, np.array(box.shape)[:, None] - 1))] = 1
    spread = ndimage.maximum_filter(box, size=tuple(2 * margin + 1), mode="constant")
    return np.array(np.nonzero(spread)) + low[:, None]


def _stretch(warp: Warp, points_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """[points] atlas volume over subject volume at subject world mm [3, points]."""
    whole = abs(float(np.linalg.det(warp.matrix[:3, :3])))
    if warp.field is None:
        return np.full(points_mm.shape[1], whole)
    index = _apply(np.linalg.inv(warp.field.affine), points_mm)
    local = ndimage.map_coordinates(warp.field.jacobian(), index, output=np.float64, order=1, mode="constant", cval=1.0)
    return np.asarray(whole * local)


def _apply(affine: NDArray[np.floating[Any]], points: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(affine[:3, :3] @ points + affine[:3, 3:])
