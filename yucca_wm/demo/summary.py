"""What the demo prints at its end: the region table, the distance from the truth, and one figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from yucca_wm.core.images import Image, load, load_labels
from yucca_wm.core.regions import RegionTable
from yucca_wm.demo.scores import REGIONS, Loads, Score


def region_table(loads: Loads, table: RegionTable) -> str:
    """34 rows: found lesion volume and, in brackets, the true one, in ml, of each test subject."""
    width = max(len(table.by_index(label).name) for label in REGIONS)
    head = f"{'region':>6}  {'name':<{width}}" + "".join(f"  {subject:>15}" for subject in loads.subjects)
    lines = ["Lesion volume in ml per region: found (true)", head]
    for position, label in enumerate(REGIONS):
        cells = [
            f"  {found:6.2f} ({true:6.2f})"
            for found, true in zip(loads.found_ml[:, position], loads.true_ml[:, position], strict=True)
        ]
        lines.append(f"{label:>6}  {table.by_index(label).name:<{width}}" + "".join(cells))
    sums = zip(loads.found_ml.sum(axis=1), loads.true_ml.sum(axis=1), strict=True)
    lines.append(f"{'':>6}  {'all 34':<{width}}" + "".join(f"  {found:6.2f} ({true:6.2f})" for found, true in sums))
    return "\n".join(lines)


def score_lines(scores: Sequence[Score]) -> str:
    """One line per step, with what is expected of it."""
    lines = ["Against the known truth:"]
    for score in scores:
        goal = "" if score.goal is None else f"  (expected: at least {score.goal:.2f})"
        lines.append(f"  {score.name:<15} {score.value:5.2f}  {score.what}{goal}")
    return "\n".join(lines)


def draw(out: Path, lesions: Path, regions: Path, loads: Loads, table: RegionTable, path: Path) -> Path:
    """One row per test subject (FLAIR, lesions and regions, true and found) and loads found against true."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.colors import ListedColormap

    rows = len(loads.subjects)
    figure, axes = plt.subplots(rows, 6, figsize=(15, 2.6 * rows), squeeze=False, layout="constrained")
    colors = ListedColormap(["black"] + [table.by_index(label).color for label in range(1, 37)])
    for row, subject in enumerate(loads.subjects):
        flair = _axial(load(next((out / "cohort").glob(f"test/*/{subject}/pre/FLAIR.nii.gz"))))
        truth = _axial(load_labels(next((out / "cohort").glob(f"test/*/{subject}/wmh.nii.gz"))))
        found = _axial(load_labels(lesions / f"{subject}.nii.gz"))
        slice_number = int((truth == 1).sum(axis=(0, 1)).argmax())
        _show(axes[row, 0], flair, slice_number, subject, cmap="gray")
        for column, mask, title in ((1, truth, "lesions, true"), (2, found, "lesions, found")):
            _show(axes[row, column], flair, slice_number, title, cmap="gray")
            overlay = np.ma.masked_equal(mask[:, :, slice_number].T, 0)
            axes[row, column].imshow(overlay, cmap="autumn", vmin=1, vmax=2, origin="lower")
        true_regions = _axial(load_labels(out / "truth" / subject / "regions.nii.gz"))
        found_regions = _axial(load_labels(regions / f"{subject}.nii.gz"))
        for column, labels, title in ((3, true_regions, "regions, true"), (4, found_regions, "regions, found")):
            _show(axes[row, column], labels, slice_number, title, cmap=colors, vmin=0, vmax=36, interpolation="nearest")
        plot = axes[row, 5]
        plot.scatter(loads.true_ml[row], loads.found_ml[row], s=12)
        limit = 1.05 * max(loads.true_ml[row].max(), loads.found_ml[row].max(), 0.1)
        plot.plot([0, limit], [0, limit], color="gray", linewidth=0.8)
        plot.set(xlabel="true load (ml)", ylabel="found load (ml)", xlim=(0, limit), ylim=(0, limit))
    figure.suptitle("Axial slices, the subject's left on the left of the picture")
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _axial(image: Image) -> Any:
    """Array with axes nearest to right, anterior, superior (shown with left on the left)."""
    import nibabel as nib

    return np.asarray(nib.as_closest_canonical(nib.Nifti1Image(image.data, image.affine)).dataobj)


def _show(axis: Any, volume: Any, slice_number: int, title: str, **options: Any) -> None:
    axis.imshow(volume[:, :, slice_number].T, origin="lower", **options)
    axis.set_title(title, fontsize=9)
    axis.set_axis_off()
