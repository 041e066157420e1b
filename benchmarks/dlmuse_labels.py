"""Convert DLMUSE's parcellations and DLWMLS's lesions to label maps with FreeSurfer's numbers at 1 mm, for training.

    python benchmarks/dlmuse_labels.py --data ../shared/data/real/nichart --people Subj1 Subj3 --out DIR

Each person's folder holds T1, FLAIR, DLMUSE (on the T1) and DLWMLS (on the FLAIR), as in `nichart`. Writes
DIR/labels/NAME.nii.gz in the space of the T1 (lesions as 77; dark voxels in and around the sulci, which DLMUSE leaves
out, as fluid, 24), DIR/wm/NAME.nii.gz, the white matter with its lesions, DIR/wm.tsv for ``parcellate --cohort``, and
DIR/scans.tsv for ``python -m yucca_wm.training.synthesis --scans``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.processing import resample_from_to, resample_to_output
from numpy.typing import NDArray
from scipy import ndimage

from yucca_wm.core.files import make_folder, write_text
from yucca_wm.imaging.images import Image, load, load_labels, save
from yucca_wm.scan import bring_to_one_frame
from yucca_wm.training.synthesis.structures import CEREBRAL_WM, FREESURFER

MUSE: dict[int, tuple[int, ...]] = {
    2: tuple(range(81, 96)),
    3: (*range(100, 208), 75, 76),
    4: (49, 50, 51, 52),
    7: (40, 41),
    8: (38, 39, 71, 72, 73),
    10: (59, 60),
    11: (36, 37),
    26: (23, 30),
    12: (57, 58),
    13: (55, 56),
    14: (4, 11),
    16: (35, 61, 62),
    17: (31, 32, 47, 48),
    24: (46,),
}
"""FreeSurfer's number -> MUSE's, left and right merged: the side of a head's voxels is determined by their position."""

FLUID, LESION = 24, 77
FURROWS_MM, AROUND_MM = 8, 2


def label_map(folder: Path) -> Image:
    """Label map with FreeSurfer's numbers on a grid of 1 mm, axes towards right, front and top."""
    muse = load_labels(folder / "DLMUSE.nii.gz")
    parts = {number: np.isin(muse.data, labels) for number, labels in MUSE.items()}
    brain = np.isin(muse.data, [label for number in parts if number != FLUID for label in MUSE[number]])
    frame = bring_to_one_frame({"T1": folder / "T1.nii.gz", "FLAIR": folder / "FLAIR.nii.gz"}, space="t1")
    t1 = frame.images["T1"]
    steps = max(1, round(FURROWS_MM / float(t1.spacing_mm.min())))
    near = ndimage.binary_dilation(brain, iterations=max(1, round(AROUND_MM / float(t1.spacing_mm.min()))))
    near |= ndimage.binary_closing(np.pad(brain, steps + 1), iterations=steps)[(slice(steps + 1, -steps - 1),) * 3]
    dark = t1.data < (np.median(t1.data[parts[4]]) + np.median(t1.data[parts[3]])) / 2
    parts[FLUID] |= near & dark & ~brain
    # a voxel takes the structure that fills most of it, so that surfaces stay smooth
    best: NDArray[np.float32] | None = None
    for number, part in parts.items():
        share = resample_to_output(nib.Nifti1Image(part.astype(np.float32), muse.affine), 1.0, order=1)
        values = np.asarray(share.dataobj, np.float32)
        if best is None:
            best, labels = np.full(values.shape, 0.5, np.float32), np.zeros(values.shape, np.int16)
        labels[values >= best] = number
        best = np.maximum(best, values)
    found = Image(labels, np.asarray(share.affine))
    lesions = load(folder / "DLWMLS.nii.gz")
    moved = frame.transforms.get("FLAIR", np.eye(4))
    image = nib.Nifti1Image((lesions.data > 0).astype(np.float32), moved @ lesions.affine)
    on_it = np.asarray(resample_from_to(image, (found.data.shape, found.affine), order=1).dataobj)
    found.data[(on_it >= 0.5) & (found.data > 0) & (found.data != FLUID)] = LESION
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with a folder for each person")
    parser.add_argument("--people", nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    labels, white_matter = (make_folder(options.out / name).resolve() for name in ("labels", "wm"))
    table, scans = ["subject\twm"], ["subject\tt1\tflair"]
    for name in options.people:
        folder, path = (options.data / name).resolve(), labels / f"{name}.nii.gz"
        found = label_map(folder)
        save(found, path)
        mask = np.isin(found.data, FREESURFER[CEREBRAL_WM]).astype(np.uint8)
        table.append(f"{name}\t{save(Image(mask, found.affine), white_matter / path.name)}")
        scans.append(f"{name}\t{folder / 'T1.nii.gz'}\t{folder / 'FLAIR.nii.gz'}")
        print(path, flush=True)
    write_text(options.out / "wm.tsv", "\n".join([*table, ""]))
    write_text(options.out / "scans.tsv", "\n".join([*scans, ""]))


if __name__ == "__main__":
    main()
