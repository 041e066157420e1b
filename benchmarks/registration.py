"""Registration of white matter on subjects with known regions: ours, SimpleITK Mattes, ANTs Affine and greedy.

    python benchmarks/registration.py [--quick] [--json] [--atlas DIR]

Every method runs as a process of its own, one thread, one after another; CPU seconds (user + system) and peak memory
are of the whole process, imports included. SimpleITK Mattes is ``--metric mattes`` of our own command, because a plain
script with it does not converge on these masks. ANTs (antspyx) and greedy (picsl_greedy) get the unchanged masks, and
are left out if not installed; the labels of all methods are transferred, masked and filled by the same code.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from registration_cases import CASES, Case, build, drawn, mni, region_dice

from yucca_wm.atlas.fetch import REFINED, WHITE_MATTER, cached_atlas
from yucca_wm.atlas.maps import Atlas, load_atlas
from yucca_wm.imaging.images import LPS, Image, load, load_labels, save
from yucca_wm.parcellate.settings import Interpolation
from yucca_wm.parcellate.transfer import carry, keep_white_matter
from yucca_wm.registration import itk
from yucca_wm.registration.warp import Warp

OPTIONAL = {"ants affine": "ants", "greedy affine": "picsl_greedy"}
OURS = {
    "ours affine": [],
    "ours deformable": ["--transform", "deformable"],
    "SimpleITK Mattes": ["--metric", "mattes"],
}
METHODS = (*OURS, *OPTIONAL)
QUICK_CASES, QUICK_METHODS = ("s4", "s9"), ("ours affine", "ours deformable")
BARS = {"ours affine": {"atlas": 0.885, "mni": 0.825}, "ours deformable": {"atlas": 0.945, "mni": 0.865}}
"""Minimum mean region Dice."""

MAX_CPU_S = {"ours affine": 3.0, "ours deformable": 15.0}
MAX_MEMORY_MB = {"ours affine": 400.0}
MIN_AFFINE_DICE = 0.80
MIN_STILL_DICE = 0.97
"""Minimum region Dice of the deformable registration on s1, where there is nothing to deform."""

MIN_CPU_RATIO = {"ants affine": 10.0, "greedy affine": 3.0}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="ours on two subjects, under 50 s")
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    parser.add_argument("--atlas", metavar="DIR", help="folder with the published atlas (default: the fetched one)")
    parser.add_argument("--cases", nargs="+", metavar="NAME", help="some of them only (default: all)")
    parser.add_argument("--seed", type=int, help="six subjects drawn at random instead")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        WORKERS[options.worker[0]](*map(Path, options.worker[1:]))
        return 0
    cases = CASES if options.seed is None else drawn(options.seed)
    names = options.cases or (QUICK_CASES if options.quick else [case.name for case in cases])
    methods = QUICK_METHODS if options.quick else options.methods
    absent = [method for method, module in OPTIONAL.items() if method in methods and not _installed(module)]
    for method in absent:
        print(f"{method}: left out, {OPTIONAL[method]} is not installed")
    with tempfile.TemporaryDirectory() as folder:
        rows = _run(
            [case for case in cases if case.name in names],
            [method for method in methods if method not in absent],
            _atlas_files(options.atlas, Path(folder)),
            Path(options.atlas) if options.atlas else None,
            Path(folder),
        )
    figures = _summary(rows)
    failed = _failures(figures, rows)
    for line in failed:
        print(f"below the bar: {line}")
    if options.json:
        print(json.dumps({"pass": not failed, "absent": absent, "methods": figures, "rows": rows}))
    return 1 if failed else 0


def _atlas_files(folder: str | None, work: Path) -> tuple[Path, Path]:
    if folder is None:
        return cached_atlas()
    from yucca_wm.atlas.fetch import fetch

    cache = fetch(work / "atlas", offline=folder)
    return cache / WHITE_MATTER, cache / REFINED


def _run(
    cases: list[Case], methods: list[str], files: tuple[Path, Path], given: Path | None, folder: Path
) -> list[dict[str, Any]]:
    atlas = load_atlas(*files)
    brain = mni(given) if given is not None else None
    mask = save(atlas.wm, folder / "atlas_mask.nii.gz")
    rows = []
    for case in cases:
        built = build(case, atlas, brain, folder)
        if built is None:
            print(f"{case.name}: left out, needs the MNI brain and its labels in --atlas")
            continue
        wm, truth = built
        for method in methods:
            out = folder / f"{case.name}_{method.replace(' ', '_')}.nii.gz"
            if method in OURS:
                command = [sys.executable, "-m", "yucca_wm.parcellate", "--atlas-wm", files[0]]
                command += ["--atlas-labels", files[1], "--wm", wm, "--out", out, *OURS[method]]
            else:
                command = [sys.executable, __file__, "--worker", method, mask, wm, out.with_suffix("")]
            cost = _measure([str(part) for part in command], folder)
            labels, wm_dice = _result(method, out, atlas, load(wm))
            rows.append({"case": case.name, "group": case.group, "method": method, **cost})
            rows[-1] |= {"region_dice": round(region_dice(labels, load_labels(truth).data), 4), "wm_dice": wm_dice}
            print("  ".join(f"{value}" for value in rows[-1].values()), flush=True)
    return rows


LAUNCHER = """
import json, os, subprocess, sys
child = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=open(sys.argv[1], "wb"))
_, status, usage = os.wait4(child.pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime, usage.ru_maxrss]))
"""
"""A small process between this one and the measured one: its peak memory would otherwise start at ours."""


def _measure(command: list[str], folder: Path) -> dict[str, float]:
    """CPU seconds and peak memory of one process."""
    threads = {"OMP_NUM_THREADS": "1", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    launch = [sys.executable, "-S", "-c", LAUNCHER, str(folder / "log.txt"), *command]
    told = subprocess.run(launch, check=True, capture_output=True, env=os.environ | threads).stdout
    code, cpu_s, peak_kb = json.loads(told)
    if code:
        raise RuntimeError(f"{' '.join(command)} failed:\n{(folder / 'log.txt').read_text()[-2000:]}")
    return {"cpu_s": round(cpu_s, 2), "peak_mb": round(peak_kb / 1024)}


def _result(method: str, out: Path, atlas: Atlas, wm: Image) -> tuple[np.ndarray[Any, Any], float]:
    if method in OURS:
        record = json.loads(out.with_name(out.name.replace(".nii.gz", ".json")).read_text(encoding="utf-8"))
        return load_labels(out).data, record["wm_dice"]
    warp = Warp(itk.load_affine(out.with_suffix("").with_suffix(".tfm")))
    labels = carry(atlas.labels, wm, warp, Interpolation.NEAREST)
    carried = carry(atlas.wm, wm, warp, Interpolation.NEAREST)
    overlap = 2 * int((carried & wm.data).sum()) / (int(carried.sum()) + int(wm.data.sum()))
    return keep_white_matter(labels, wm, 3.0)[0], round(overlap, 4)


def ants_affine(atlas: Path, subject: Path, out: Path) -> None:
    """ants.registration(type_of_transform="Affine"), with its defaults."""
    import ants

    result = ants.registration(ants.image_read(str(subject)), ants.image_read(str(atlas)), "Affine")
    transform = ants.read_transform(result["fwdtransforms"][0])
    linear, centre = np.array(transform.parameters[:9]).reshape(3, 3), np.array(transform.fixed_parameters)
    lps = np.eye(4)
    lps[:3, :3], lps[:3, 3] = linear, np.array(transform.parameters[9:]) + centre - linear @ centre
    itk.save_affine(LPS @ lps @ LPS, out.with_suffix(".tfm"))


def greedy_affine(atlas: Path, subject: Path, out: Path) -> None:
    """The affine command of greedy's own documentation; its matrix is RAS, fixed to moving."""
    from picsl_greedy import Greedy3D

    matrix = out.with_suffix(".mat")
    command = f"-d 3 -threads 1 -a -dof 12 -m NCC 2x2x2 -i {subject} {atlas} -ia-image-centers -n 100x50x10 -o {matrix}"
    Greedy3D().execute(command)
    itk.save_affine(np.loadtxt(matrix), out.with_suffix(".tfm"))


WORKERS = {"ants affine": ants_affine, "greedy affine": greedy_affine}


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _summary(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    figures: dict[str, dict[str, float]] = {}
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        figure = {"cpu_s_median": float(np.median([row["cpu_s"] for row in own]))}
        figure |= {"cpu_s_max": max(row["cpu_s"] for row in own), "peak_mb": max(row["peak_mb"] for row in own)}
        figure["least_dice"] = min(row["region_dice"] for row in own)
        for group in dict.fromkeys(row["group"] for row in own):
            figure[group] = round(float(np.mean([row["region_dice"] for row in own if row["group"] == group])), 4)
        figures[method] = figure
        print(f"{method}: " + ", ".join(f"{key} {value:g}" for key, value in figure.items()))
    return figures


def _failures(figures: dict[str, dict[str, float]], rows: list[dict[str, Any]]) -> list[str]:
    """Bars that are not met, in words."""
    found = []
    for method, figure in figures.items():
        for group, least in BARS.get(method, {}).items():
            complete = {case.name for case in CASES if case.group == group} <= {row["case"] for row in rows}
            if complete and figure[group] < least:  # a mean over all subjects of its group in the table
                found.append(f"{method}, {group}: region Dice {figure[group]} < {least}")
        if figure["cpu_s_max"] > MAX_CPU_S.get(method, np.inf):
            found.append(f"{method}: {figure['cpu_s_max']} CPU s > {MAX_CPU_S[method]}")
        if figure["peak_mb"] > MAX_MEMORY_MB.get(method, np.inf):
            found.append(f"{method}: {figure['peak_mb']} MB > {MAX_MEMORY_MB[method]}")
    still = [row["region_dice"] for row in rows if row["case"] == "s1" and row["method"] == "ours deformable"]
    if still and still[0] < MIN_STILL_DICE:
        found.append(f"ours deformable, s1: region Dice {still[0]} < {MIN_STILL_DICE}")
    ours = figures.get("ours affine")
    if ours is None:
        return found
    if ours["least_dice"] < MIN_AFFINE_DICE:
        found.append(f"ours affine: a case at {ours['least_dice']} < {MIN_AFFINE_DICE}")
    for method, ratio in MIN_CPU_RATIO.items():
        if method in figures:
            if (times := figures[method]["cpu_s_median"] / ours["cpu_s_median"]) < ratio:
                found.append(f"{method} takes {times:.1f} times our CPU, not {ratio}")
            theirs, own = (
                np.mean([r["region_dice"] for r in rows if r["method"] == m]) for m in (method, "ours affine")
            )
            if own < theirs - 0.002:
                found.append(f"ours affine: mean region Dice {own:.4f} < {theirs:.4f} of {method}")
    return found


if __name__ == "__main__":
    sys.exit(main())
