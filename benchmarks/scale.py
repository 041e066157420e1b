"""Growth of time and memory with the cohort: localize and groups on 100, 1,000 and 10,000 synthetic subjects, each
command in a process of its own, and localize once more with nothing left to do. Is time linear, and is memory flat?

The subjects are real files (.nii.gz, small volumes), each with different lesions.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

SHAPE, SPACING_MM = (40, 48, 36), 4.0
FULL, QUICK = (100, 1000, 10000), (50, 200, 400)
LESIONS = 12
COLORS = ("#0072B2", "#56B4E9", "#D55E00", "#000000")  # distinguishable by colour-blind readers
FROM_LINE, GROWTH = 0.15, 1.15
"""Bars: time within 15 % of a line; memory of the largest cohort at most 15 % above that of the middle one."""


@dataclass(frozen=True)
class Cost:
    """Wall-clock seconds, CPU seconds and peak memory of one command."""

    wall_s: float
    cpu_s: float
    memory_mb: float


LAUNCH = """
import os, sys, time
start = time.perf_counter()
child = os.posix_spawn(sys.executable, [sys.executable, *sys.argv[1:]], os.environ)
_, status, used = os.wait4(child, 0)
print()
print(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run(*command: str) -> Cost:
    launched = [sys.executable, "-S", "-c", LAUNCH, "-m", *command]
    done = subprocess.run(launched, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:])
    return Cost(*map(float, done.stdout.splitlines()[-1].split()))


def region_map() -> NDArray[np.uint8]:
    """Label map [i, j, k] with 34 regions in an ellipsoid: 17 slabs per side."""
    x, y, z = (np.arange(n)[(slice(None), *(None,) * (2 - axis))] / n - 0.5 for axis, n in enumerate(SHAPE))
    slab = np.clip(((y + 0.4) / 0.8 * 17).astype(int), 0, 16) + 1
    labels = np.where(x < 0, slab, slab + 17) * (x**2 + y**2 + z**2 < 0.16)
    return labels.astype(np.uint8)


def simulate(folder: Path, subjects: int) -> None:
    """Write folders ``lesions`` and ``regions``, and ``participants.tsv`` with a diagnosis associated with the load."""
    affine = np.diag([SPACING_MM, SPACING_MM, SPACING_MM, 1])
    labels = region_map()
    inside = np.argwhere(labels)
    rows = ["participant_id\tdiagnosis\tage"]
    for kind in ("lesions", "regions"):
        (folder / kind).mkdir(parents=True)
    for number in range(subjects):
        rng = np.random.default_rng(number)
        lesions = np.zeros(SHAPE, np.uint8)
        ill = number % 2
        for corner in inside[rng.integers(0, len(inside), LESIONS * (1 + ill))]:
            lesions[tuple(slice(at, at + int(rng.integers(1, 4))) for at in corner)] = 1
        shifted = np.roll(labels, rng.integers(-1, 2, 3), (0, 1, 2))
        for kind, data in (("lesions", lesions), ("regions", shifted)):
            nib.save(nib.Nifti1Image(data, affine), folder / kind / f"sub-{number:05d}.nii.gz")
        rows.append(f"sub-{number:05d}\t{'AD' if ill else 'HC'}\t{rng.integers(60, 90)}")
    (folder / "participants.tsv").write_text("\n".join(rows) + "\n")


def part(folder: Path, subjects: int) -> Path:
    """The first ``subjects`` of the cohort, as links."""
    own = folder / f"first_{subjects}"
    shutil.rmtree(own, ignore_errors=True)
    for kind in ("lesions", "regions"):
        (own / kind).mkdir(parents=True)
        for number in range(subjects):
            name = f"sub-{number:05d}.nii.gz"
            (own / kind / name).hardlink_to(folder / kind / name)
    lines = (folder / "participants.tsv").read_text().splitlines()[: subjects + 1]
    (own / "participants.tsv").write_text("\n".join(lines) + "\n")
    return own


def measure(folder: Path, subjects: int) -> dict[str, Cost]:
    own = part(folder, subjects)
    paths = ("--lesions", str(own / "lesions"), "--regions", str(own / "regions"), "--out_dir", str(own / "out"))
    localize = ("yucca_wm.localize", *paths)
    loads = ("--loads", str(own / "out"), "--participants", str(own / "participants.tsv"))
    associate = ("associate", *loads, "--outcome", "diagnosis", "--covariates", "age", "--permutations", "200")
    return {
        "localize": run(*localize),
        "localize_again": run(*localize),
        "groups_associate": run("yucca_wm.groups", *associate, "--out_dir", str(own / "associate")),
        "groups_cluster": run("yucca_wm.groups", "cluster", *loads, "--out_dir", str(own / "cluster"), "--k-max", "3"),
    }


def earlier(path: Path) -> dict[str, dict[int, Cost]]:
    """Earlier measurements in the same folder: a long series may be measured in pieces."""
    if not path.exists():
        return {}
    found = json.loads(path.read_text())
    return {name: {int(n): Cost(**cost) for n, cost in by_size.items()} for name, by_size in found.items()}


def from_line(costs: dict[int, Cost]) -> float:
    """Largest deviation of a time from the best-fitting straight line, relative to the line."""
    sizes = np.array(sorted(costs), dtype=np.float64)
    times = np.array([costs[int(n)].cpu_s for n in sizes])
    line = np.polyval(np.polyfit(sizes, times, 1, w=1 / times), sizes)
    return float(np.abs(times / line - 1).max())


def draw(costs: dict[str, dict[int, Cost]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, (time, memory) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    for (name, by_size), color in zip(costs.items(), COLORS, strict=True):
        sizes = sorted(by_size)
        label = name.replace("_", " ")
        time.plot(sizes, [by_size[n].cpu_s for n in sizes], "o-", label=label, color=color)
        memory.plot(sizes, [by_size[n].memory_mb for n in sizes], "o-", label=label, color=color)
    time.set(xlabel="subjects", ylabel="CPU seconds", xscale="log", yscale="log", ylim=(1, None))
    memory.set(xlabel="subjects", ylabel="peak memory (MB)", xscale="log", ylim=(0, None))
    memory.legend(frameon=False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} subjects, under 50 s")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")
    parser.add_argument("--sizes", type=int, nargs="+", metavar="N", help=f"(default: {FULL})")
    parser.add_argument("--figure", type=Path, metavar="PNG", help="draw the curves")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="keep cohort and figures here, and go on from them")
    options = parser.parse_args()
    sizes = options.sizes or (QUICK if options.quick else FULL)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / "participants.tsv").exists():
            simulate(folder, max(sizes))
        costs = earlier(folder / "costs.json")
        for size in sizes:
            for name, cost in measure(folder, size).items():
                costs.setdefault(name, {})[size] = cost
                spent = f"{cost.wall_s:8.1f} s  {cost.cpu_s:8.1f} CPU s  {cost.memory_mb:6.0f} MB"
                print(f"{size:6} subjects  {name:18} {spent}", flush=True)
        (folder / "costs.json").write_text(json.dumps(costs, default=vars))
    print(json.dumps(summary(costs), indent=None if options.json else 2))
    if options.figure:
        draw(costs, options.figure)


def summary(costs: dict[str, dict[int, Cost]]) -> dict[str, Any]:
    localize = costs["localize"]
    middle, largest = sorted(localize)[-2], max(localize)
    found = {
        "localize_from_line": round(from_line(localize), 3),
        "localize_memory_growth": round(localize[largest].memory_mb / localize[middle].memory_mb, 3),
    }
    bars = {"localize_from_line": FROM_LINE, "localize_memory_growth": GROWTH}
    return {
        "processors": os.cpu_count(),
        "voxels": int(np.prod(SHAPE)),
        "costs": {name: {n: asdict(cost) for n, cost in by_size.items()} for name, by_size in costs.items()},
        **found,
        "bars": bars,
        "pass": all(found[name] <= bar for name, bar in bars.items()),
    }


if __name__ == "__main__":
    main()
