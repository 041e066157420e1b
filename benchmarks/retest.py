"""How much volumes differ between two scans of one person when no lesion has changed: simulated retests.

    python benchmarks/retest.py --data ../shared/data/real [--repeats 2] [--people NAME ...] [--cache DIR] [--json]

T1 and FLAIR of everybody in ``mslub_raw``, ``mslub_mni``, ``wmh_ms5`` and ``nichart`` are predicted as they are, and
again as if the person had been scanned a second time: the head lies elsewhere (turned by up to 4 degrees, moved by up
to 5 mm; in scans with slices of 2.5 mm or more, within their plane only, as the anatomy between slices is unknown), the
shading and the brightness differ, and there is fresh noise. No truth is used. Real rescans differ more: in the
position of slices, distortions and the person.

Volumes of every region in both are kept in ``--cache`` (``retest.json``), from which a stopped run resumes, and maps in
``retest/lesions`` and ``retest/regions``, for ``python -m yucca_wm.localize``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from real_scans_data import all_scans

import yucca_wm
from yucca_wm.core.errors import InputError
from yucca_wm.core.regions import OUTSIDE, TOTAL

MOST_DEGREES, MOST_MM, SHADING, BRIGHTNESS, NOISE = 4.0, 5.0, 0.1, 0.2, 0.02
"""Ranges: rotation, translation, share of brightness gained or lost across the head, factor, and standard deviation of
the noise as a share of the brightest tissue (the 98th percentile)."""

THICK_MM = 2.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the real scans")
    parser.add_argument("--people", nargs="+", metavar="NAME", help="(default: all with T1 and FLAIR)")
    parser.add_argument("--repeats", type=int, default=2, metavar="N", help="retests of each person (default: 2)")
    parser.add_argument("--cache", type=Path, default=Path("real_scans_out"), help="(default: real_scans_out)")
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    options = parser.parse_args()
    options.trained_on = True
    options.cache.mkdir(parents=True, exist_ok=True)
    kept = options.cache / "retest.json"
    volumes_ml: dict[str, list[dict[str, float]]] = json.loads(kept.read_text()) if kept.is_file() else {}
    people = {name: scans for name, scans in all_scans(options) if len(scans) == 2}
    for name in options.people or people:
        own = volumes_ml.setdefault(name, [])
        for number in range(len(own), options.repeats + 1):
            try:
                own.append(found(people[name], number, options.cache / "retest" / f"{name}_run-{number + 1}"))
            except InputError as error:  # the moved scans are refused
                print(f"{name}: {error}", file=sys.stderr)
                break
            kept.write_text(json.dumps(volumes_ml))
        print(f"{name}: {', '.join(f'{of[TOTAL]:.3f}' for of in own)} ml", flush=True)
    summary = in_short(volumes_ml)
    print("\n".join(f"{what}: {value}" for what, value in summary.items()))
    if options.json:
        print(json.dumps({"volumes_ml": volumes_ml, "summary": summary}))
    return 0


def found(scans: dict[str, Path], number: int, maps: Path) -> dict[str, float]:
    """Lesion volume in ml of every row of the table. number : of the retest; 0: the scans as they are. maps : where to
    keep lesions and regions."""
    with tempfile.TemporaryDirectory() as folder:
        if number:
            random = np.random.default_rng([number, *maps.name.encode()])
            turn_degrees, shift_mm = (random.uniform(-most, most, 3) for most in (MOST_DEGREES, MOST_MM))
            scans = {
                modality: rescanned(file, Path(folder, file.name), turn_degrees, shift_mm, random)
                for modality, file in scans.items()
            }
        result = yucca_wm.predict(t1=scans["T1"], flair=scans["FLAIR"])
    for what in ("lesions", "regions"):
        (maps.parent / what).mkdir(parents=True, exist_ok=True)
        nib.save(getattr(result, what), maps.parent / what / f"{maps.name}.nii.gz")
    rows = result.loads
    assert rows is not None, "a lesion and a region model were applied"
    return dict(zip(rows["name"], map(float, rows["lesion_volume_ml"]), strict=True))


def rescanned(
    file: Path, to: Path, turn_degrees: NDArray[np.float64], shift_mm: NDArray[np.float64], random: np.random.Generator
) -> Path:
    """Write a scan of the same head in another position, on the same grid, with other shading and noise."""
    image: Any = nib.as_closest_canonical(nib.load(file))  # T1 and FLAIR on one grid stay on each other
    grid = np.asarray(image.dataobj, np.float32)
    spacing_mm = np.array(image.header.get_zooms()[:3])
    scan = sitk.GetImageFromArray(grid.T)
    scan.SetSpacing(spacing_mm.tolist())
    turn, shift = turn_degrees.copy(), shift_mm.copy()
    if spacing_mm.max() >= THICK_MM:
        across = int(spacing_mm.argmax())
        turn[np.arange(3) != across], shift[across] = 0, 0
    move = sitk.Euler3DTransform()
    move.SetCenter(scan.TransformContinuousIndexToPhysicalPoint([(size - 1) / 2 for size in scan.GetSize()]))
    move.SetRotation(*np.radians(turn).tolist())
    move.SetTranslation(shift.tolist())
    moved = sitk.GetArrayFromImage(sitk.Resample(scan, move, sitk.sitkLanczosWindowedSinc)).T
    head = sitk.GetArrayFromImage(sitk.Resample(scan != 0, move, sitk.sitkNearestNeighbor)).T > 0
    x, y, z = (np.linspace(-1, 1, size).reshape([-1 if at == axis else 1 for at in range(3)])
               for axis, size in enumerate(moved.shape))  # fmt: skip
    a, b, c, d = random.uniform(-SHADING, SHADING, 4)
    field = 1 + a * x + b * y + c * z + d * x * y
    noise = NOISE * np.percentile(grid[grid > 0], 98) * random.standard_normal((2, *moved.shape))
    seen = np.hypot(moved * field + noise[0], noise[1]) * (1 + random.uniform(-BRIGHTNESS, BRIGHTNESS))
    nib.save(nib.Nifti1Image(np.where(head, seen, 0).astype(np.float32), image.affine), to)
    return to


def in_short(volumes_ml: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Differences between a person's scans and each retest: total (in ml, and in percent of the mean of both) and
    regions (in ml)."""
    totals = np.array([(first[TOTAL], again[TOTAL]) for first, again in _pairs(volumes_ml)])
    differ_ml = np.diff(totals).ravel()
    differ_percent = 100 * differ_ml / totals.mean(axis=1)
    regions_ml = [
        abs(again[region] - first[region])
        for first, again in _pairs(volumes_ml)
        for region in first
        if region not in (TOTAL, OUTSIDE) and max(first[region], again[region]) > 0
    ]
    largest_ml = [
        max(abs(again[region] - first[region]) for region in first if region != TOTAL)
        for first, again in _pairs(volumes_ml)
    ]

    def spread(values: Any) -> dict[str, float]:
        shares = dict(
            zip(("median", "p90", "p95", "max"), np.percentile(np.abs(values), (50, 90, 95, 100)), strict=True)
        )
        return {name: round(float(value), 3) for name, value in shares.items()}

    return {
        "retests": len(totals),
        "people": len(volumes_ml),
        "total_ml": spread(differ_ml),
        "total_percent": spread(differ_percent),
        "total_mean_percent": round(float(differ_percent.mean()), 2),
        "region_ml": spread(regions_ml),
        "largest_of_a_person_ml": spread(largest_ml),
    }


def _pairs(volumes_ml: dict[str, list[dict[str, float]]]) -> Iterator[tuple[dict[str, float], dict[str, float]]]:
    for first, *retests in volumes_ml.values():
        for again in retests:
            yield first, again


if __name__ == "__main__":
    sys.exit(main())
