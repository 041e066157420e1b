"""Detect scans that end within the brain, after segmentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.notes import About, Note
from yucca_wm.imaging.field_of_view import FieldOfView
from yucca_wm.imaging.grids import to_ras
from yucca_wm.imaging.images import Image
from yucca_wm.scan.notes import CUT_OFF, ONE_ENDS

LEAST_SHARE = 1 / 3
"""Least share of the brain's largest cross-section that must lie in the outermost plane for the brain to count as cut:
for a sphere the missing cap is then under 3 % of its volume. Whole heads in thick slices (up to 7.7 mm) have up to
0.31 in the topmost plane."""

ELSEWHERE = "volumes are not those of a whole brain; regions are right, because the {others} shows all of it"
"""End of the note if another scan shows the rest, beyond the grid of the maps."""

CONSEQUENCE = "volumes are not those of a whole brain, and regions are wrong, even far from the cut"
"""With the top 15 of 48 slices removed, 11 % of a subject's lesion voxels kept their regions; with 6 removed, 88 %."""

ONE_SIDE_DEG = 30.0
"""Faces of a field of view that differ less in direction are on one side."""

OBLIQUE_DEG = 20.0
"""A side is also named if the face leans towards it by more than this."""

ON_THE_FACE_MM = 1e-3
"""Voxels this far beyond a face still lie on it: rounding."""

SIDES = (("left", "right"), ("back", "front"), ("bottom", "top"))
"""Names of the ends of each axis of a grid in the order right, front, top."""


def is_cut_off(notes: Iterable[Note]) -> bool:
    """Whether one of ``notes`` says that the brain is cut off on all scans."""
    return any(note.about is About.CUT_OFF for note in notes)


def cut_off(
    scans: Mapping[str, Image],
    tissue: NDArray[np.integer[Any]],
    lesions: NDArray[np.uint8],
    consequence: str = CONSEQUENCE,
) -> list[Note]:
    """Notes on the sides on which the brain extends beyond the field of view of all scans, or of one of them.

    Parameters
    ----------
    scans : mapping of str to Image
        Modality -> scan, all on one grid [i, j, k]; a resampled scan is 0 outside its field of view.
    tissue : ndarray, int, shape (i, j, k)
        Label map, 0 outside the brain.
    lesions : ndarray, uint8, shape (i, j, k)
        Lesion map, 1 in lesions: the notes say how much was found where only one scan shows the brain.
    consequence : str
        End of the note on a side where no scan shows the rest of the brain.

    Returns
    -------
    list of Note
        One for each cut side and scan.
    """
    first = next(iter(scans.values()))
    grid = to_ras(first)  # all in this order, so that storage changes nothing
    brain, found = (np.argwhere(to_ras(first.with_data(labels)).data) for labels in (tissue, lesions))
    shown = {modality: to_ras(image).data != 0 for modality, image in scans.items()}
    everywhere = _cuts(FieldOfView.of(np.logical_or.reduce(list(shown.values()))), brain, grid)
    said = [CUT_OFF.note(where=cut.where, consequence=consequence) for cut in everywhere]
    if len(scans) == 1:
        return said
    for modality in scans:
        others = " and ".join(other for other in scans if other != modality)
        for cut in _cuts(FieldOfView.of(shown[modality]), brain, grid):
            if not any(cut.on_the_side_of(other) for other in everywhere):
                beyond_ml = float((_depth_mm(cut.plane, found, grid) < -ON_THE_FACE_MM).sum()) * grid.voxel_volume_ml
                said.append(ONE_ENDS.note(where=cut.where, others=others, found_ml=beyond_ml).on(modality))
    return said


@dataclass(frozen=True)
class _Cut:
    """A face of a field of view through the brain.

    where : side and areas, in words. plane : [4], unit normal outwards and offset, in mm along the axes of the grid.
    area_cm2 : of the brain on it.
    """

    where: str
    plane: NDArray[np.float64]
    area_cm2: float

    def on_the_side_of(self, other: _Cut) -> bool:
        return bool(self.plane[:3] @ other.plane[:3] > np.cos(np.radians(ONE_SIDE_DEG)))


def _depth_mm(plane: NDArray[np.float64], voxels: NDArray[np.intp], like: Image) -> NDArray[np.float64]:
    """Distance of ``voxels`` [voxel, 3] from ``plane`` [4], negative beyond it."""
    return np.asarray(-(voxels * like.spacing_mm @ plane[:3] + plane[3]))


def _cuts(view: FieldOfView, brain: NDArray[np.intp], like: Image) -> list[_Cut]:
    """Faces of ``view`` in whose outermost layer of voxels much of the brain lies, the largest of each side.

    brain : brain voxels [voxel, 3]. like : defines the grid.
    """
    if not len(brain):
        return []
    planes = view.faces / np.append(like.spacing_mm, 1)
    planes /= np.linalg.norm(planes[:, :3], axis=1, keepdims=True)
    most_cm2 = _largest_sections_cm2(brain, like)[np.abs(planes[:, :3]).argmax(1)]
    faces = [
        _Cut(f"{_side(plane)} ({area:.0f} of {most:.0f} cm2 in the last plane)", plane, area)
        for plane, most in zip(planes, most_cm2, strict=True)
        if (area := _area_cm2(plane, brain, like)) >= LEAST_SHARE * most
    ]
    found: list[_Cut] = []
    for face in sorted(faces, key=lambda face: -face.area_cm2):
        if not any(face.on_the_side_of(other) for other in found):
            found.append(face)
    return found


def _area_cm2(plane: NDArray[np.float64], brain: NDArray[np.intp], like: Image) -> float:
    """Area of the brain in the outermost layer of voxels below ``plane`` [4], in mm along the axes of the grid."""
    layer_mm = np.abs(plane[:3]) @ like.spacing_mm
    depth_mm = _depth_mm(plane, brain, like)
    near = (depth_mm > -ON_THE_FACE_MM) & (depth_mm < layer_mm - ON_THE_FACE_MM)
    return float(near.sum() * like.voxel_volume_ml * 10 / layer_mm)


def _largest_sections_cm2(brain: NDArray[np.intp], like: Image) -> NDArray[np.float64]:
    """Largest cross-section of the brain perpendicular to each axis of the grid [3]; at least 1 cm2."""
    largest = [np.bincount(brain[:, axis]).max() / like.spacing_mm[axis] for axis in range(3)]
    return np.maximum(np.array(largest) * like.voxel_volume_ml * 10, 1.0)


def _side(plane: NDArray[np.float64]) -> str:
    """Side, or sides, that a face is on: ``top``, ``top and front``, ``top, front and left``, ..."""
    axes = [axis for axis in np.argsort(-np.abs(plane[:3])) if abs(plane[axis]) > np.sin(np.radians(OBLIQUE_DEG))]
    *others, last = (SIDES[axis][int(plane[axis] > 0)] for axis in axes)
    return f"{', '.join(others)} and {last}" if others else last
