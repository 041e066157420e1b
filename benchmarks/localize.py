"""Localizing a cohort, compared with only reading its files and with a hand-written loop over regions.

``--subjects N`` (default 1,000) subjects: region maps of real subjects if available (``--regions DIR``), else
blocks of the same grid; lesions simulated. Three things are measured in the same run, on the same files and two
threads: reading and decompressing alone (Python's gzip, no image library), the whole command with its tables and heat
map, and a plain numpy loop over regions (on a sample). Times are given in wall-clock seconds and in CPU seconds of all
threads; the bar is on CPU seconds, which do not depend on other work on the machine. With ``--quick`` the command's
start-up time (measured on three subjects) is subtracted: it matters with 120 subjects, but not with 1,000. Peak memory
is measured at two cohort sizes: with a tenth of the subjects (the largest of three runs, which differ by a tenth
depending on thread timing) and with all; it must not grow (with ``--quick`` it may: the heat map of 12 subjects is
smaller).
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

READ_BAR, LOOP_BAR, MEMORY_BAR_MB, GROWTH_BAR = 1.5, 10.0, 500.0, 1.1
JOBS = 2
LOOP_SAMPLE = 8


def simulate(folder: Path, subjects: int, sources: list[Path], seed: int = 0) -> None:
    """Write ``subjects`` pairs of maps: each region map used in turn, 5 to 60 box-shaped lesions in its regions."""
    rng = np.random.default_rng(seed)
    (folder / "lesions").mkdir(parents=True)
    (folder / "regions").mkdir()
    maps = [_region_map(path) for path in sources] or [_blocks()]
    inside = [np.argwhere((labels > 0) & (labels < 35)) for labels, _, _ in maps]
    for number in range(subjects):
        labels, affine, packed = maps[number % len(maps)]
        where = inside[number % len(maps)]
        spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
        mask = np.zeros(labels.shape, dtype=np.uint8)
        for centre in where[rng.integers(0, len(where), rng.integers(5, 60))]:
            half = np.maximum(rng.uniform(1, 6) / spacing, 0.6).astype(int)
            mask[tuple(slice(max(0, c - h), c + h + 1) for c, h in zip(centre, half, strict=True))] = 1
        nib.save(nib.Nifti1Image(mask, affine), folder / "lesions" / f"s{number:04d}.nii.gz")
        (folder / "regions" / f"s{number:04d}.nii.gz").write_bytes(packed)


def _region_map(path: Path) -> tuple[NDArray[Any], NDArray[np.float64], bytes]:
    image: Any = nib.load(path)
    return np.asarray(image.dataobj), image.affine, path.read_bytes()


def _blocks() -> tuple[NDArray[Any], NDArray[np.float64], bytes]:
    labels = np.zeros((240, 240, 48), dtype=np.int16)
    for number in range(34):
        i, j = divmod(number % 17, 5)
        x = 60 + 15 * i if number < 17 else 120 + 15 * i
        labels[x : x + 13, 60 + 25 * j : 80 + 25 * j, 8:40] = number + 1
    image = nib.Nifti1Image(labels, np.diag([0.958, 0.958, 3.0, 1.0]))
    return labels, image.affine, gzip.compress(image.to_bytes())


def loop_over_regions(lesion_file: Path, region_file: Path) -> list[float]:
    """The hand-written version: one mask per region; lesions labelled once in the whole volume."""
    from scipy import ndimage

    lesions: Any = nib.load(lesion_file)
    mask = np.asarray(lesions.dataobj) == 1
    labels = np.asarray(nib.load(region_file).dataobj)  # type: ignore[attr-defined]
    numbered, _ = ndimage.label(mask, np.ones((3, 3, 3)))
    ml = abs(np.linalg.det(lesions.affine)) / 1000
    row = []
    for region in range(1, 37):
        inside = labels == region
        row += [inside.sum() * ml, (mask & inside).sum() * ml, float(len(np.unique(numbered[inside & mask])))]
    return row


READ = """
import gzip, sys
from multiprocessing.pool import ThreadPool
from pathlib import Path

def read(path):
    with gzip.open(path) as stream:
        return len(stream.read())

with ThreadPool(int(sys.argv[1])) as pool:
    pool.map(read, sorted(Path(sys.argv[2]).glob("*/*.nii.gz")))
"""


@dataclass(frozen=True)
class Cost:
    """Wall-clock seconds, CPU seconds and peak memory of a command."""

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
"""Runs a command from a small process: a child starts with the peak memory of its parent, which here holds the maps."""


def run(command: list[str]) -> Cost:
    launched = [sys.executable, "-S", "-c", LAUNCH, *command]
    done = subprocess.run(launched, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:])
    return Cost(*map(float, done.stdout.splitlines()[-1].split()))


def localize_command(folder: Path, subjects: int) -> Cost:
    """``python -m yucca_wm.localize`` on the first ``subjects``."""
    part = Path(tempfile.mkdtemp(prefix=f"first_{subjects}_", dir=folder.parent))
    for kind in ("lesions", "regions"):
        (part / kind).mkdir(parents=True)
        for file in sorted((folder / kind).iterdir())[:subjects]:
            (part / kind / file.name).hardlink_to(file)
    inputs = ["--lesions", str(part / "lesions"), "--regions", str(part / "regions"), "--out_dir", str(part / "out")]
    return run(["-m", "yucca_wm.localize", *inputs, "--jobs", str(JOBS)])


def measure(subjects: int, sources: list[Path], *, without_start: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "cohort"
        simulate(folder, subjects, sources)
        localize_command(folder, 1)  # compiles and caches on disk
        read = run(["-c", READ, str(JOBS), str(folder)])
        start = localize_command(folder, 3)
        tenth_mb = max(localize_command(folder, max(subjects // 10, 10)).memory_mb for _ in range(3))
        whole = localize_command(folder, subjects)
        lesions, regions = (sorted((folder / kind).iterdir())[:LOOP_SAMPLE] for kind in ("lesions", "regions"))
        own_s, loop_s = _without_reading(list(zip(lesions, regions, strict=True)))
    taken_off = start if without_start else Cost(0, 0, 0)
    return {
        "subjects": subjects,
        "real_region_maps": len(sources),
        "threads": JOBS,
        "read_and_decompress_s": round(read.wall_s, 2),
        "localize_command_s": round(whole.wall_s, 2),
        "read_and_decompress_cpu_s": round(read.cpu_s, 2),
        "localize_command_cpu_s": round(whole.cpu_s, 2),
        "start_taken_off_cpu_s": round(taken_off.cpu_s, 2),
        "localize_over_reading_wall": round((whole.wall_s - taken_off.wall_s) / read.wall_s, 2),
        "localize_over_reading_cpu": round((whole.cpu_s - taken_off.cpu_s) / read.cpu_s, 2),
        "memory_mb": round(whole.memory_mb, 1),
        "memory_mb_at_a_tenth_of_the_subjects": round(tenth_mb, 1),
        "memory_growth": round(whole.memory_mb / tenth_mb, 3),
        "localize_ms_per_subject_without_reading": round(1000 * own_s, 2),
        "numpy_loop_ms_per_subject_without_reading": round(1000 * loop_s, 2),
        "times_faster_than_numpy_loop": round(loop_s / own_s, 1),
    }


def _without_reading(pairs: list[tuple[Path, Path]]) -> tuple[float, float]:
    """CPU seconds per subject, excluding reading: our tables, and the loop over regions."""
    from yucca_wm.core.regions import regions
    from yucca_wm.imaging import images
    from yucca_wm.localize.case import localize

    own: list[float] = []
    loop: list[float] = []
    for lesion_file, region_file in pairs:
        start = time.process_time()
        lesions, labels = images.load_labels(lesion_file), images.load_labels(region_file)
        reading = time.process_time() - start
        for _ in range(2):  # the first call includes one-off costs
            start = time.process_time()
            localize("s", lesions, labels, regions())
            last = time.process_time() - start
        own.append(last)
        start = time.process_time()
        loop_over_regions(lesion_file, region_file)
        loop.append(time.process_time() - start - reading)
    return float(np.median(own)), float(np.median(loop))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="120 subjects, under 50 s")
    parser.add_argument("--json", action="store_true", help="the last line is one JSON object")
    parser.add_argument("--subjects", type=int, default=1000)
    parser.add_argument("--regions", type=Path, help="folder of region maps of real subjects (searched to any depth)")
    options = parser.parse_args()
    from yucca_wm.imaging.gzip_archive import INFLATER

    default = Path(__file__).parents[2] / "shared" / "data" / "wmh_region_labels"
    sources = sorted((options.regions or default).glob("**/*.nii.gz"))
    subjects = 120 if options.quick else options.subjects
    figures = measure(subjects, sources, without_start=options.quick)
    figures["inflater"] = INFLATER.__name__
    figures["bars"] = {
        "localize_over_reading_cpu": READ_BAR,
        "times_faster_than_numpy_loop": LOOP_BAR,
        "memory_mb": MEMORY_BAR_MB,
        **({} if options.quick else {"memory_growth": GROWTH_BAR}),
    }
    figures["pass"] = all(
        figures[name] >= bar if name == "times_faster_than_numpy_loop" else figures[name] <= bar
        for name, bar in figures["bars"].items()
    )
    for name, value in figures.items():
        print(f"{name:45} {value}")
    if options.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
