"""Deviation of each step of the chain from the known truth, and the summary and figure at the end of the demo."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yucca_wm.cohort.subject import regions_path
from yucca_wm.core.files import nifti_files
from yucca_wm.core.regions import RegionTable
from yucca_wm.core.tsv import read_rows
from yucca_wm.imaging.images import Image, check_same_grid, load, load_labels

REGIONS = range(1, 35)


@dataclass(frozen=True)
class Score:
    """One line of the summary. goal : value that the demo is expected to reach, None if there is none."""

    name: str
    value: float
    goal: float | None
    what: str


@dataclass(frozen=True)
class Loads:
    """Lesion volume (ml) of test subjects in the 34 regions, [subject, region]: found and true."""

    subjects: tuple[str, ...]
    found_ml: NDArray[np.float64]
    true_ml: NDArray[np.float64]

    @property
    def correlation(self) -> float:
        """Pearson's r over all pairs of subject and region; 0 where either is constant."""
        if min(self.found_ml.std(), self.true_ml.std()) == 0:
            return 0.0
        return float(np.corrcoef(self.found_ml.ravel(), self.true_ml.ravel())[0, 1])


def dice(found: NDArray[Any], true: NDArray[Any], labels: range) -> NDArray[np.float64]:
    """Dice overlap of each label, [label]; NaN where neither map has it."""
    size = max(labels.stop, int(found.max(initial=0)) + 1, int(true.max(initial=0)) + 1)
    both = np.bincount(true[found == true].ravel(), minlength=size)
    total = np.bincount(found.ravel(), minlength=size) + np.bincount(true.ravel(), minlength=size)
    with np.errstate(invalid="ignore"):
        return np.asarray((2 * both / np.where(total == 0, np.nan, total))[list(labels)], dtype=np.float64)


def same_side_share(found: NDArray[Any], true: NDArray[Any]) -> float:
    """Share of voxels with a region in both maps that have the true side (left 1..17, right 18..34); NaN if none."""
    both = (found > 0) & (found < 35) & (true > 0) & (true < 35)
    return float(((found[both] < 18) == (true[both] < 18)).mean()) if both.any() else float("nan")


def read_loads(out: Path) -> Loads:
    """Found and true loads of the test subjects."""
    found: dict[str, dict[int, float]] = {}
    for row in read_rows(out / "localize" / "lesion_load.tsv"):
        if row["region_id"].isdecimal():
            found.setdefault(row["subject"], {})[int(row["region_id"])] = float(row["lesion_volume_ml"])
    subjects = tuple(found)
    truths = [json.loads((out / "truth" / name / "truth.json").read_text(encoding="utf-8")) for name in subjects]
    return Loads(
        subjects,
        np.array([[found[name][label] for label in REGIONS] for name in subjects]),
        np.array([[truth["lesion_ml_by_region"][str(label)] for label in REGIONS] for truth in truths]),
    )


def scores(out: Path, lesions: Path, regions: Path) -> list[Score]:
    """Compare every step with the truth. lesions, regions : folders of the merged predictions."""
    names = sorted(path.name for path in (out / "truth").iterdir())
    registered = [_compare_regions(regions_path(out / "cohort", name), out, name) for name in names]
    predicted = [_compare_regions(path, out, name) for name, path in nifti_files(regions).items()]
    lesion_dice = [_lesion_dice(path, out, name) for name, path in nifti_files(lesions).items()]
    loads = read_loads(out)
    sides = [side for _, side in registered + predicted]
    total_error = np.abs(loads.found_ml.sum(axis=1) - loads.true_ml.sum(axis=1)) / loads.true_ml.sum(axis=1)
    return [
        Score("registration", _mean(registered), 0.85, f"mean region Dice, {len(registered)} subjects"),
        Score("lesions", float(np.mean(lesion_dice)), 0.60, f"mean lesion Dice, {len(lesion_dice)} unseen subjects"),
        Score("regions", _mean(predicted), 0.40, f"mean region Dice, {len(predicted)} unseen subjects"),
        Score("regional loads", loads.correlation, 0.80, "correlation with the truth over subject x region"),
        Score("total load", float(np.mean(total_error)), None, "mean relative error of a subject's lesion volume"),
        Score("left and right", float(np.nanmean(sides)), 0.90, "share of region voxels on their true side"),
    ]


def _compare_regions(path: Path, out: Path, name: str) -> tuple[float, float]:
    """Mean Dice over the 34 regions, and the share of voxels on the true side."""
    found, true = load_labels(path), load_labels(out / "truth" / name / "regions.nii.gz")
    check_same_grid(true, found)
    return float(np.nanmean(dice(found.data, true.data, REGIONS))), same_side_share(found.data, true.data)


def _lesion_dice(path: Path, out: Path, name: str) -> float:
    found, true = load_labels(path), load_labels(next((out / "cohort").glob(f"test/*/{name}/wmh.nii.gz")))
    check_same_grid(true, found)
    return float(dice(found.data, true.data, range(1, 2))[0])


def _mean(pairs: list[tuple[float, float]]) -> float:
    return float(np.mean([value for value, _ in pairs]))


def region_table(loads: Loads, table: RegionTable) -> str:
    """34 rows: found and, in brackets, true lesion volume of each test subject, in ml."""
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
    """One line per step, with the expected value."""
    lines = ["Against the known truth:"]
    for score in scores:
        goal = "" if score.goal is None else f"  (expected: at least {score.goal:.2f})"
        lines.append(f"  {score.name:<15} {score.value:5.2f}  {score.what}{goal}")
    return "\n".join(lines)


def draw(out: Path, lesions: Path, regions: Path, loads: Loads, table: RegionTable, path: Path) -> Path:
    """Draw one row per test subject (FLAIR, lesions and regions, true and found), and loads found against true ones."""
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
