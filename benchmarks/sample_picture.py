"""Picture of the README: lesions (top) and regions (bottom) on the sample scan, from the output of ``make demo``.

make demo && python benchmarks/sample_picture.py --results demo_out --out docs/images/sample.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib
import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from yucca_wm.core.regions import read_table

SLICES, MARGIN = 6, 35
FIRST_REMAINDER = 35


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="folder of make demo")
    parser.add_argument("--out", type=Path, required=True, help="the picture")
    options = parser.parse_args()
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    folder: Path = options.results
    scan = turned(Path(__file__).parents[1] / "yucca_wm" / "data" / "sample" / "FLAIR.nii.gz")
    lesions, regions = (turned(folder / what / "sample.nii.gz") for what in ("lesions", "regions"))
    colors = {region.index: region.color for region in read_table(folder / "regions.tsv")}
    painted = np.zeros((*regions.shape, 4))
    for label, color in colors.items():
        painted[regions == label] = matplotlib.colors.to_rgba(color, 0.6)
    white_matter = (regions > 0) & (regions < FIRST_REMAINDER)
    brightest = np.percentile(scan[white_matter], 99.9)
    occupied = np.flatnonzero(white_matter.any((0, 1)))
    x, y, _ = np.nonzero(regions)
    box = slice(max(0, x.min() - MARGIN), x.max() + MARGIN), slice(max(0, y.min() - MARGIN), y.max() + MARGIN)
    chosen = np.linspace(occupied[0], occupied[-1], SLICES + 2).round().astype(int)[1:-1]
    figure, axes = plt.subplots(2, SLICES, figsize=(14, 5.4), facecolor="black")
    for above, below, k in zip(*axes, chosen, strict=True):
        for place in (above, below):
            place.imshow(scan[*box, k].T, cmap="gray", origin="lower", vmax=brightest)
            place.axis("off")
        if lesions[*box, k].any():
            above.contour(lesions[*box, k].T, [0.5], colors="red", linewidths=1.2)
        below.imshow(painted[*box, k].transpose(1, 0, 2), origin="lower")
    figure.subplots_adjust(0, 0, 1, 1, 0.02, 0.02)
    figure.savefig(options.out, dpi=80)
    return 0


def turned(path: Path) -> NDArray[np.float64]:
    """Voxels [left to right, back to front, bottom to top] of a file; the left of the head is at low indices."""
    return np.asarray(nib.as_closest_canonical(nib.load(path)).get_fdata())


if __name__ == "__main__":
    raise SystemExit(main())
