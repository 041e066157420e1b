"""Whether scans end within the brain, seen when tissue is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from yucca_wm.imaging.images import Image

LEAST_SHARE = 1 / 3
"""Of the brain's largest cross-section, in the outermost plane: on a ball, what is missing beyond is 3 % of it. Whole
heads in thick slices (up to 7.7 mm) have up to .31 in the topmost plane."""

CUT_OFF = "the brain is cut off at the"
"""How the sentence begins."""

ELSEWHERE = "volumes are not those of a whole brain; regions are right, for the {others} shows all of it"
"""What follows where the rest is seen by another scan, beyond the grid of the maps."""

ONE_ENDS = "ends within the brain at the"
"""What a sentence about a single scan has after the scan's name."""

CONSEQUENCE = "volumes are not those of a whole brain, and regions are wrong, far from the cut too"
"""With the topmost 15 of 48 slices taken off, 11 % of a person's lesion voxels kept their regions, with 6 off 88 %."""

ENDS = {"R": "right", "L": "left", "A": "front", "P": "back", "S": "top", "I": "bottom"}
OPPOSITE = dict(zip("RLAPSI", "LRPAIS", strict=True))


def cut_off(scans: Mapping[str, Image], tissue: NDArray[np.integer[Any]], consequence: str = CONSEQUENCE) -> list[str]:
    """A sentence for each side on which the brain reaches the end of what all ``scans`` show, or of one of them.

    scans : on one grid; where one that was moved shows nothing, it is 0. tissue : label map, 0 outside the brain.
    consequence : what follows where none of them shows the rest.
    """
    brain = tissue > 0
    first = next(iter(scans.values()))
    said = []
    for axis, far in enumerate(nib.aff2axcodes(first.affine)):
        others = tuple(other for other in range(3) if other != axis)
        area_cm2 = brain.sum(others) * np.prod(first.spacing_mm[list(others)]) / 100
        most_cm2 = max(area_cm2.max(), 1.0)
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
                said.append(f"{CUT_OFF} {cut[furthest[0]]}: {consequence}")
                continue
            beyond = f"beyond, lesions were found on the {' and '.join(furthest)} alone"
            said += [f"{modality}: {ONE_ENDS} {where}; {beyond}" for modality, where in cut.items()]
    return said
