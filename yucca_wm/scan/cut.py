"""Detect scans that end within the brain, after segmentation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.notes import About, Note
from yucca_wm.imaging.images import Image
from yucca_wm.scan.notes import CUT_OFF, ONE_ENDS

LEAST_SHARE = 1 / 3
"""Least share of the brain's largest cross-section that must lie in the outermost plane for the brain to count as cut:
for a sphere the missing cap is then under 3 % of its volume. Whole heads in thick slices (up to 7.7 mm) have up to
0.31 in the topmost plane."""

ELSEWHERE = "volumes are not those of a whole brain; regions are right, because the {others} shows all of it"
"""End of the note if another scan shows the rest, beyond the grid of the maps."""

CONSEQUENCE = "volumes are not those of a whole brain, and regions are wrong, far from the cut too"
"""With the top 15 of 48 slices removed, 11 % of a subject's lesion voxels kept their regions; with 6 removed, 88 %."""

ENDS = {"R": "right", "L": "left", "A": "front", "P": "back", "S": "top", "I": "bottom"}
OPPOSITE = dict(zip("RLAPSI", "LRPAIS", strict=True))


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
    brain = tissue > 0
    first = next(iter(scans.values()))
    said = []
    for axis, far in enumerate(nib.aff2axcodes(first.affine)):
        others = tuple(other for other in range(3) if other != axis)
        area_cm2 = brain.sum(others) * np.prod(first.spacing_mm[list(others)]) / 100
        most_cm2 = max(area_cm2.max(), 1.0)
        lesions_ml = lesions.sum(others) * first.voxel_volume_ml
        shown = {modality: np.flatnonzero((image.data != 0).any(others)) for modality, image in scans.items()}
        for end, side in ((min, OPPOSITE[far]), (max, far)):
            last = {modality: int(end(planes)) for modality, planes in shown.items() if planes.size}
            cut = {
                modality: f"{ENDS[side]} ({area_cm2[plane]:.0f} of {most_cm2:.0f} cm2 in the last plane)"
                for modality, plane in last.items()
                if area_cm2[plane] >= LEAST_SHARE * most_cm2
            }
            furthest = [modality for modality, plane in last.items() if plane == end(last.values())]
            if furthest[0] in cut:
                said.append(CUT_OFF.note(where=cut[furthest[0]], consequence=consequence))
                continue
            beyond = " and ".join(furthest)
            for modality, where in cut.items():
                further = slice(last[modality]) if end is min else slice(last[modality] + 1, None)
                found_ml = float(lesions_ml[further].sum())
                said.append(ONE_ENDS.note(where=where, others=beyond, found_ml=found_ml).on(modality))
    return said
