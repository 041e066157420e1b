"""Scans that end obliquely within the brain: what is found beyond the end, and what changes elsewhere.

    python benchmarks/oblique.py --data ../shared/data/real [--people p20_visit2 ...] [--json]

Of people of ``mslub_raw``, the part of the T1, of the FLAIR, or of both that lies beyond an oblique plane is set to 0.
Results of the models are compared with those of the uncut pair: white matter found beyond the plane, share of the white
matter before it that kept its region, and Dice of the lesions before it.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from yucca_wm.imaging.images import Image
from yucca_wm.models.segment import Segmentation, segment
from yucca_wm.models.shipped import networks
from yucca_wm.scan import bring_to_one_frame
from yucca_wm.scan.cut import cut_off

DIRECTIONS = {"top, left": (-0.45, 0.2, 0.87), "bottom, back": (0.1, -0.5, -0.85)}
SHARES = (0.055, 0.11)
"""Share of the brain beyond the plane."""

SHORT = (("T1",), ("FLAIR",), ("T1", "FLAIR"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with the real scans")
    parser.add_argument("--people", nargs="+", default=["p20_visit2"], metavar="NAME")
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    options = parser.parse_args()
    rows = [row for name in options.people for row in of_person(options.data / "mslub_raw" / name)]
    if options.json:
        print(json.dumps({"rows": rows}))
    return 0


def of_person(folder: Path) -> list[dict[str, Any]]:
    """A row for each direction, share and choice of scans cut."""
    frame = bring_to_one_frame({modality: folder / f"{modality}.nii.gz" for modality in ("T1", "FLAIR")})
    whole = segment(networks("cpu"), frame.images)
    grid = frame.images[frame.reference]
    world = nib.affines.apply_affine(grid.affine, np.moveaxis(np.indices(grid.shape), 0, -1))
    rows = []
    for where, direction in DIRECTIONS.items():
        height = world @ np.array(direction)
        for share in SHARES:
            beyond = height > np.quantile(height[whole.tissue > 0], 1 - share)
            for short in SHORT:
                cut = {m: _without(image, beyond) if m in short else image for m, image in frame.images.items()}
                row = {"case": folder.name, "end": where, "share": share, "short": "+".join(short)}
                rows.append(_shown(row | _compared(cut, whole, beyond, grid.voxel_volume_ml)))
    return rows


def _without(image: Image, beyond: NDArray[np.bool_]) -> Image:
    return replace(image, data=np.where(beyond, 0, image.data).astype(image.data.dtype))


def _compared(
    scans: dict[str, Image], whole: Segmentation, beyond: NDArray[np.bool_], voxel_ml: float
) -> dict[str, Any]:
    found = segment(networks("cpu"), scans)
    both = (whole.regions > 0) & (found.regions > 0) & ~beyond
    lesions, true = found.lesions[~beyond] > 0, whole.lesions[~beyond] > 0
    return {
        "white_matter_beyond_ml": round(float((found.regions[beyond] > 0).sum() * voxel_ml), 1),
        "of_ml": round(float((whole.regions[beyond] > 0).sum() * voxel_ml), 1),
        "same_region": round(float((found.regions == whole.regions)[both].mean()), 3),
        "lesion_dice": round(float(2 * (lesions & true).sum() / max(1, lesions.sum() + true.sum())), 3),
        "notes": [str(note).split(" (")[0] for note in cut_off(scans, found.tissue, found.lesions)],
    }


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    print("  ".join(f"{value}" for value in row.values()), flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
