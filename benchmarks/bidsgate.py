"""Independent test: lesions of known size and place that bidsgate injects into real scans, and how `predict` finds
them.

    python benchmarks/bidsgate.py --data ../shared/data/real --out DIR [--bidsgate COMMAND] [--people N] [--json]

bidsgate (PyPI, MIT) is installed separately: ``pip install bidsgate`` in an environment of its own, whose ``bidsgate``
is given with ``--bidsgate``. Scans are `mslub_mni/p07` and people of `nichart`; the T1 is first brought to the FLAIR's
grid, as bidsgate requires. It is given the brain (`nichart`'s `DLMUSE`; p07 is a brain already), because its own
estimate refuses some of these older scans; it finds the white matter itself. Twelve lesions of 30 to 1,500 mm3 are
injected into each person's T1 and FLAIR.

These people have lesions of their own, which bidsgate counts as false, and which may lie where one is injected. So the
scans are also segmented before injection: *new* lesions are those of which nothing had been found before, and Dice is
given as bidsgate computes it, and without what had been found before (*own*). A run started again in the same folder
is resumed; use an empty folder for other weights.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from real_scans_data import HELD_OUT
from scipy import ndimage

from yucca_wm.core.errors import YuccaWMError
from yucca_wm.core.files import make_folder, write_text
from yucca_wm.imaging.images import load_labels, save
from yucca_wm.imaging.labels import dice
from yucca_wm.scan import bring_to_one_frame, carry_labels

PEOPLE = HELD_OUT
"""People of `nichart` on whom the shipped models were not trained."""

LARGE_MM3 = 100.0
HEIGHTS = ("lower", "middle", "upper")
"""Thirds of the brain, as defined by bidsgate."""
WANTED = 0.85


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the real scans")
    parser.add_argument("--out", type=Path, required=True, help="folder to work in and to go on in")
    parser.add_argument("--bidsgate", default="bidsgate", help="the command (default: bidsgate)")
    parser.add_argument("--people", nargs="+", default=list(PEOPLE), help=f"of nichart (default: {' '.join(PEOPLE)})")
    parser.add_argument("--seed", default="0", help="of the places of lesions (default: 0)")
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    options = parser.parse_args()
    out = make_folder(options.out.resolve())
    people = {"p07": options.data / "mslub_mni" / "p07"}
    people |= {name: options.data / "nichart" / name for name in options.people}
    for name, folder in people.items():
        bring(name, folder, out / "before", out / "masks")
    command = shlex.split(options.bidsgate)
    masks = ("--mask", str(out / "masks" / "{subject}.nii.gz"))
    run(*command, "inject-lesions", str(out / "before"), "--out", str(out / "after"), "--seed", options.seed, *masks)
    for stage in ("before", "after"):
        predict(out / stage, people, out / f"found_{stage}")
    pattern = str(out / "found_after" / "lesions" / "{base}.nii.gz")
    scores = ("score-lesions", "--truth", str(out / "after"), "--pred", pattern, "--pipeline", "yucca-wm")
    run(*command, *scores, "--out", str(out / "scores"))
    found = json.loads((out / "scores" / "scores_lesions.json").read_text(encoding="utf-8"))["results"]
    rows = [scored(result["subject"], result["score"], out) for result in found]
    show(rows)
    summary = summed(rows) | {"refused": sorted({f"sub-{name}" for name in people} - {row["scan"] for row in rows})}
    print(json.dumps(summary, indent=1))
    passed = not summary["refused"] and summary["large_found"] >= WANTED * summary["large"]
    if options.json:
        print(json.dumps({"pass": bool(passed), "summary": summary, "rows": rows}))
    return 0 if passed else 1


def bring(name: str, folder: Path, bids: Path, masks: Path) -> None:
    """Write both on the FLAIR's grid (``sub-NAME/anat/sub-NAME_T1w.nii.gz``, ``..._FLAIR.nii.gz``), and the brain."""
    files = {m: scan(bids, name, m) for m in ("T1", "FLAIR")}
    mask_file = make_folder(masks) / f"sub-{name}.nii.gz"
    if all(file.is_file() for file in (*files.values(), mask_file)):
        return
    frame = bring_to_one_frame({m: folder / f"{m}.nii.gz" for m in files})
    for modality, file in files.items():
        make_folder(file.parent)
        image = frame.images[frame.reference].with_data(frame.images[modality].data.astype(np.float32))
        save(image, file)
    if (folder / "DLMUSE.nii.gz").is_file():
        labels = load_labels(folder / "DLMUSE.nii.gz")
        mask = carry_labels(labels, frame.transforms.get("T1", np.eye(4)), frame.images[frame.reference])
    else:
        mask = frame.images["T1"]
    save(mask.with_data(ndimage.binary_fill_holes(mask.data > 0).astype(np.uint8)), mask_file)
    write_text(bids / "dataset_description.json", json.dumps({"Name": "scans", "BIDSVersion": "1.9.0"}))


def scan(bids: Path, name: str, modality: str) -> Path:
    return bids / f"sub-{name}" / "anat" / f"sub-{name}_{ {'T1': 'T1w'}.get(modality, modality) }.nii.gz"


def predict(bids: Path, people: dict[str, Path], out: Path) -> None:
    """Run `yucca-wm predict` on all scans in ``bids``."""
    lines = ["subject\tt1\tflair"]
    for name in people:
        files = [scan(bids, name, m) for m in ("T1", "FLAIR")]
        lines += [f"sub-{name}\t{files[0]}\t{files[1]}"] if all(file.is_file() for file in files) else []
    table = make_folder(out) / "scans.tsv"
    write_text(table, "\n".join(lines) + "\n")
    run(sys.executable, "-m", "yucca_wm.predict", "--input", str(table), "--out-dir", str(out), "--no-report")


def run(*command: str) -> None:
    print("   ", shlex.join(command), flush=True)
    if subprocess.run(command, check=False).returncode != 0:
        raise YuccaWMError(f"{shlex.join(command)} failed")


def scored(base: str, score: dict[str, Any], out: Path) -> dict[str, Any]:
    """bidsgate's score of one person, and measures that need the scan without injected lesions."""
    truth = load_labels(out / "after" / base / "anat" / f"{base}_desc-lesionTruth_mask.nii.gz")
    labels = truth.data
    before, after = (
        load_labels(out / f"found_{stage}" / "lesions" / f"{base}.nii.gz").data > 0 for stage in ("before", "after")
    )
    lesions = [
        {
            "mm3": lesion["volume_mm3"],
            "height": lesion["height"],
            "found": lesion["detected"],
            "overlap": lesion["overlap_fraction"],
            "new": not before[labels == lesion["id"]].any(),
        }
        for lesion in score["per_lesion"]
    ]
    return {
        "scan": base,
        "dice": score["dice"],
        "dice_without_own": dice(after & ~(before & (labels == 0)), labels > 0),
        "own_ml": float(before.sum() * truth.voxel_volume_mm3 / 1000),
        "false_ml": score["false_positive_volume_mm3"] / 1000,
        "volume_ratio": score["volume_ratio"],
        "lesions": lesions,
    }


def show(rows: list[dict[str, Any]]) -> None:
    names = [name for name in rows[0] if name != "lesions"]
    print("\t".join([*names, "found", f"found >= {LARGE_MM3:.0f} mm3", "of them new"]))
    for row in rows:
        large = [lesion for lesion in row["lesions"] if lesion["mm3"] >= LARGE_MM3]
        cells = [f"{row[name]:.3f}" if isinstance(row[name], float) else row[name] for name in names]
        new = [lesion for lesion in large if lesion["new"]]
        print("\t".join([*cells, *(_share(part) for part in (row["lesions"], large, new))]))


def _share(lesions: list[dict[str, Any]]) -> str:
    return f"{sum(lesion['found'] for lesion in lesions)}/{len(lesions)}"


def summed(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Totals over all people: found of injected lesions, by size, by height and of new ones, and the mean Dice."""
    lesions = [lesion for row in rows for lesion in row["lesions"]]
    large = [lesion for lesion in lesions if lesion["mm3"] >= LARGE_MM3]
    sizes = {"0-100": (0, 100), "100-500": (100, 500), "500-": (500, np.inf)}
    return {
        "large": len(large),
        "large_found": sum(lesion["found"] for lesion in large),
        "large_new": _share([lesion for lesion in large if lesion["new"]]),
        "all": _share(lesions),
        "by_mm3": {name: _share([x for x in lesions if low <= x["mm3"] < high]) for name, (low, high) in sizes.items()},
        "by_height": {name: _share([x for x in lesions if x["height"] == name]) for name in HEIGHTS},
        "dice": float(np.mean([row["dice"] for row in rows])),
        "dice_without_own": float(np.mean([row["dice_without_own"] for row in rows])),
    }


if __name__ == "__main__":
    sys.exit(main())
