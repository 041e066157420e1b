"""The shipped models on real scans with a truth, compared with other tools' results on the same scans.

    python benchmarks/real_scans.py --data ../shared/data/real [--only PART ...] [--heads DIR] [--cache DIR] [--json]

Scans are used unprocessed, with ``yucca_wm.predict``'s own steps. Eight people of `nichart` were in the training set:
they are left out, unless ``--trained-on`` is given. Parts:

- ``lesions``: multiple sclerosis, hand-drawn lesions (`wmh_ms5`, `mslub_mni`): Dice, F1 of lesions, volume error, 95 %
  Hausdorff distance; masks of other tools if they lie beside the scan.
- ``white-matter``: 12 T1 with manual labels (`oasis_nc`): Dice of cerebral white matter; lesion volume found there.
- ``agreement``: T1 alone against FLAIR alone (`nichart`, `mslub_raw`), mean region Dice; two visits of one person,
  except for lesions that changed in between (by hand, `p01_change_lesions`).
- ``lobes``: volumes of lobar white matter compared with another tool's (`nichart`).
- ``regions``: the same 12 T1; region Dice with the atlas registered (deformable) to the manual white matter. Those maps
  are kept in ``--cache``; ``--parcellate`` passes on options such as ``--atlas-wm`` and ``--atlas-labels``. The
  network's regions, and those of ``predict --region-model atlas`` (the fetched atlas).
- ``other-tools``: the brain of MNI152, onto which others have registered the atlas with two tools (``--eve DIR``: that
  brain and both label maps, `github.com/muschellij2/Eve_Atlas`). Region Dice of all four maps, within the white matter
  that contains ours: how well one registration agrees with another.
- ``sides``: voxels of regions on their own side of the head's midplane, all scans. The plane is the scan's own plane of
  symmetry (`midplane.py`); the corpus callosum and 3 mm on either side of it do not count. Hemispheres may bend across
  that plane: where structures were labelled by hand (`oasis_nc`), also voxels in a structure of the other side.
- ``healthy``: false lesion volume on FLAIRs painted without lesions, from heads held out of training (``--heads``,
  prepared by ``python -m yucca_wm.training.synthesis``).
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from midplane import find_midplane
from numpy.typing import NDArray
from painted_heads import paint_healthy

from yucca_wm.atlas.maps import refine_file
from yucca_wm.core.files import make_folder
from yucca_wm.core.regions import regions
from yucca_wm.evaluate.measures import dice, lesion_measures
from yucca_wm.imaging.images import Image, load, load_labels, resample
from yucca_wm.models.segment import Segmentation, segment
from yucca_wm.models.shipped import networks
from yucca_wm.predict.registered import fetched, registered_regions
from yucca_wm.scan import bring_to_one_frame
from yucca_wm.training.synthesis.heads import load_head

MUSE = {"frontal": (82, 81), "occipital": (84, 83), "parietal": (86, 85), "temporal": (88, 87)}
"""DLMUSE's labels of lobar white matter (left, right)."""

GYRI = {
    "frontal": ("superior_frontal", "middle_frontal", "inferior_frontal", "orbitofrontal", "sensorimotor"),
    "occipital": ("medial_occipital", "lateral_occipital"),
    "parietal": ("parietal",),
    "temporal": ("medial_temporal", "lateral_temporal"),
}
"""Our regions that make up a lobe (around the central sulcus there is only one, the precuneus goes with the cuneus)."""

NEAR_PLANE_MM = 3.0
HAND_SIDES = {-1: (45, *range(101, 208, 2)), 1: (44, *range(100, 208, 2))}
"""Manual labels of cerebral white matter and gyri (`oasis_nc`), left (-1) and right (1)."""

CHANGED = "p01_change_lesions.nii.gz"
NEAR_CHANGE_MM = 3.0
"""Approximate difference between drawn and found borders."""

HELD_OUT = ("Subj2", "Subj13", "Subj14", "Subj15")
"""People of `nichart` on whom the shipped models were not trained."""

HELD_OUT_HEADS, PAINTED_PER_HEAD, HEALTHY_SEED = ("h17",), 48, 20_240_000
"""The head that no training round of the shipped models has used, painted 48 times, every third time with thick
slices."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of the real scans")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="(default: all)")
    parser.add_argument("--heads", type=Path, help="folder of prepared heads, for 'healthy'")
    parser.add_argument(
        "--held-out", nargs="+", default=list(HELD_OUT_HEADS), help="heads to paint (default: %(default)s)"
    )
    parser.add_argument("--eve", type=Path, help="folder of the atlas on MNI152's brain, for 'other-tools'")
    parser.add_argument("--trained-on", action="store_true", help="also the people of nichart who were trained on")
    parser.add_argument("--cache", type=Path, default=Path("real_scans_out"), help="(default: real_scans_out)")
    parser.add_argument("--parcellate", default="", help="options of yucca_wm.parcellate, in one argument")
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    options = parser.parse_args()
    found = {}
    for part, flag in (("healthy", "heads"), ("other-tools", "eve")):
        if getattr(options, flag) is None and part in options.only:
            options.only.remove(part)
            print(f"{part}: left out, it needs --{flag}", file=sys.stderr)
    for part in options.only:
        rows = list(PARTS[part](options))
        found[part] = rows
        show(part, rows)
    if options.json:
        print(json.dumps(found))
    return 0


def show(part: str, rows: list[dict[str, Any]]) -> None:
    """Print a table, and the mean of every number in it."""
    print(f"\n{part}")
    names = list(dict.fromkeys(name for row in rows for name in row))
    numeric = [n for n in names if any(isinstance(row.get(n), float) for row in rows)]
    mean = {n: float(np.mean([row[n] for row in rows if n in row])) for n in numeric} | {names[0]: "mean"}
    for row in [dict(zip(names, names, strict=True)), *rows, mean]:
        cells = (row.get(n, "") for n in names)
        print("\t".join(f"{c:.3f}" if isinstance(c, float) else str(c) for c in cells), flush=True)


def found_on(scans: dict[str, Path]) -> tuple[Segmentation, Image, float]:
    """Result of the shipped models, the scan on whose grid it lies, and the seconds they took."""
    frame = bring_to_one_frame(scans)
    start = time.perf_counter()
    result = segment(networks("cpu"), frame.images)
    return result, frame.images[frame.reference], time.perf_counter() - start


def lesions(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    data = options.data
    for folder in sorted((data / "wmh_ms5").iterdir()):
        scans = {"T1": folder / f"{folder.name}_T1_to_FLAIR.nii.gz", "FLAIR": folder / f"{folder.name}_FLAIR.nii.gz"}
        yield from _scored(folder, scans, folder / f"{folder.name}_abWMHmask.nii.gz")
    for folder in sorted((data / "mslub_mni").iterdir()):
        scans = {"T1": folder / "T1.nii.gz", "FLAIR": folder / "FLAIR.nii.gz"}
        yield from _scored(folder, scans, folder / "lesions.nii.gz")


def _scored(folder: Path, scans: dict[str, Path], truth_file: Path) -> Iterator[dict[str, Any]]:
    truth = load_labels(truth_file)
    for used in (("T1", "FLAIR"), ("FLAIR",)):
        result, reference, seconds = found_on({name: scans[name] for name in used})
        yield _lesion_row(folder.name, "+".join(used), reference.with_data(result.lesions), truth) | {"s": seconds}
    for peer in sorted(folder.glob("peer_*.nii.gz")):
        image = load(peer)
        mask = resample(image.with_data((image.data > 0.5).astype(np.uint8)), truth)
        yield _lesion_row(folder.name, peer.name.split("_")[1], mask, truth)


def _lesion_row(name: str, who: str, found: Image, truth: Image) -> dict[str, Any]:
    found = resample(found, truth) if found.shape != truth.shape else found
    measures = lesion_measures(found.data > 0, truth.data > 0, truth.affine, ignore=None)
    return {
        "scan": name,
        "by": who,
        "dice": measures.dice,
        "lesion_f1": measures.lesion_f1,
        "hd95_mm": float("nan") if measures.hausdorff95_mm is None else measures.hausdorff95_mm,
        "found_ml": measures.volume_pred_ml,
        "true_ml": measures.volume_true_ml,
        "volume_error": measures.volume_pred_ml / measures.volume_true_ml - 1,
    }


def white_matter(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    data = options.data
    for file in sorted((data / "oasis_nc").glob("*_T1.nii.gz")):
        truth = np.isin(load_labels(file.with_name(file.name.replace("T1", "labels"))).data, (44, 45))
        result, image, seconds = found_on({"T1": file})
        yield {
            "scan": file.name[:4],
            "wm_dice": dice((result.tissue == 1) | (result.lesions > 0), truth),
            "wm_ml": float((result.tissue == 1).sum() * image.voxel_volume_mm3 / 1000),
            "true_ml": float(truth.sum() * image.voxel_volume_mm3 / 1000),
            "lesions_ml": float(result.lesions.sum() * image.voxel_volume_mm3 / 1000),
            "regions": float(len(np.unique(result.regions[(result.regions > 0) & (result.regions < 35)]))),
            "s": seconds,
        }


def agreement(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    data = options.data
    folders = nichart(options) + sorted((data / "mslub_raw").glob("p01_visit*"))
    volumes: dict[str, tuple[NDArray[Any], float]] = {}
    for folder in folders:
        scans = {"T1": folder / "T1.nii.gz", "FLAIR": folder / "FLAIR.nii.gz"}
        frame = bring_to_one_frame(scans)
        alone = {name: segment(networks("cpu"), {name: image}) for name, image in frame.images.items()}
        both = segment(networks("cpu"), frame.images)
        labels = [region.index for region in regions().white_matter]
        ml = frame.images[frame.reference].voxel_volume_mm3 / 1000
        per_region = [dice(alone["T1"].regions == k, alone["FLAIR"].regions == k) for k in labels]
        counts = np.bincount(both.regions.ravel(), minlength=37)[labels] * ml
        found_ml = float(both.lesions.sum() * ml)
        row: dict[str, Any] = {
            "scan": folder.name,
            "region_dice": float(np.mean(per_region)),
            "wm_dice": dice(alone["T1"].tissue == 1, alone["FLAIR"].tissue == 1),
            "regions": float((counts > 0).sum()),
            "lesions_ml": found_ml,
        }
        if (data / "mslub_raw" / CHANGED).is_file() and folder.parent.name == "mslub_raw":
            same_ml = float((both.lesions.astype(bool) & ~changed_lesions(folder)).sum() * ml)
            row |= {"lesions_unchanged_ml": same_ml, "lesions_changed_ml": found_ml - same_ml}
            volumes[folder.name] = (counts, same_ml)
        yield row
    if {"p01_visit1", "p01_visit2"} <= volumes.keys():
        first, second = volumes["p01_visit1"], volumes["p01_visit2"]
        difference = np.abs(first[0] - second[0]) / ((first[0] + second[0]) / 2)
        yield {
            "scan": "visit 1 against 2",
            "r_of_34_volumes": float(np.corrcoef(first[0], second[0])[0, 1]),
            "median_difference": float(np.median(difference)),
            "unchanged_lesion_volume_ratio": second[1] / max(first[1], 1e-6),
        }


def changed_lesions(visit: Path) -> NDArray[np.bool_]:
    """Mask of lesions that appeared, disappeared or grew between the two visits, on the FLAIR's voxels, with
    `NEAR_CHANGE_MM` around them.

    The published transform maps points of the common space to the FLAIR.
    """
    import SimpleITK as sitk

    changed = sitk.ReadImage(str(visit.parent / CHANGED)) > 0
    distance_mm = sitk.SignedMaurerDistanceMap(changed, squaredDistance=False, useImageSpacing=True)
    to_flair = sitk.ReadTransform(str(visit / "FLAIR_to_common_space.txt"))
    flair = sitk.ReadImage(str(visit / "FLAIR.nii.gz"))
    there = sitk.Resample(distance_mm <= NEAR_CHANGE_MM, flair, to_flair.GetInverse(), sitk.sitkNearestNeighbor)
    return np.asarray(sitk.GetArrayFromImage(there).T > 0)


def lobes(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    table = {region.name: region.index for region in regions()}
    ours = {lobe: [[table[f"{name}_{side}"] for name in names] for side in "LR"] for lobe, names in GYRI.items()}
    pairs: list[tuple[str, float, float]] = []
    for folder in nichart(options):
        result, image, _ = found_on({"T1": folder / "T1.nii.gz"})
        muse = load_labels(folder / "DLMUSE.nii.gz")
        for lobe, sides in MUSE.items():
            for side, label in enumerate(sides):
                mine = np.isin(result.regions, ours[lobe][side]).sum() * image.voxel_volume_mm3 / 1000
                pairs.append((lobe, float(mine), float((muse.data == label).sum() * muse.voxel_volume_mm3 / 1000)))
    for lobe in [*MUSE, "all"]:
        chosen = np.array([pair[1:] for pair in pairs if lobe in ("all", pair[0])])
        yield {"lobe": lobe, "r": float(np.corrcoef(chosen.T)[0, 1]), "ours_ml": float(chosen[:, 0].mean()),
               "dlmuse_ml": float(chosen[:, 1].mean())}  # fmt: skip


def region_dice(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    labels = [region.index for region in regions().white_matter]
    for file in sorted((options.data / "oasis_nc").glob("*_T1.nii.gz")):
        truth = load_labels(_registered(file.with_name(file.name.replace("T1", "labels")), options))
        result, image, seconds = found_on({"T1": file})
        per_region = [dice(result.regions == k, truth.data == k) for k in labels]
        start = time.perf_counter()
        registered = registered_regions(fetched(), image.with_data(result.regions)).regions
        of_atlas = [dice(registered == k, truth.data == k) for k in labels]
        worst = int(np.argmin(per_region))
        yield {
            "scan": file.name[:4],
            "region_dice": float(np.mean(per_region)),
            "least": per_region[worst],
            "least_in": regions().by_index(labels[worst]).name,
            "s": seconds,
            "atlas_region_dice": float(np.mean(of_atlas)),
            "atlas_least": min(of_atlas),
            "atlas_s": time.perf_counter() - start,
        }


def _registered(manual: Path, options: argparse.Namespace) -> Path:
    """Region map of the atlas registered to the manual white matter, made once."""
    target: Path = options.cache / "regions" / manual.name
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "yucca_wm.parcellate", "--wm", str(manual), "--wm-labels", "44", "45"]
        command += ["--transform", "deformable", "--no-picture", "--out", str(target), *shlex.split(options.parcellate)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return target


def other_tools(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    labels = [region.index for region in regions().white_matter]
    result, image, _ = found_on({"T1": options.eve / "MNI152_T1_1mm_brain.nii.gz"})
    found = image.with_data(result.regions)
    maps = {"network": result.regions, "atlas": registered_regions(fetched(), found).regions}
    for tool in ("", "_DRAMMS"):
        file = f"JHU_MNI_SS_WMPM_Type-II_to_MNI_brain{tool}.nii.gz"
        refined = refine_file(options.eve / file, make_folder(options.cache / "eve") / file)
        theirs = resample(load_labels(refined), found).data
        maps[tool.strip("_") or "published"] = np.where(result.regions > 0, theirs, 0)
    for one, other in combinations(maps, 2):
        per_region = [dice(maps[one] == k, maps[other] == k) for k in labels]
        yield {"map": one, "against": other, "region_dice": float(np.mean(per_region)), "least": min(per_region)}


def sides(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    counted = {r.index: 1 if r.side == "right" else -1 for r in regions().white_matter if "callosum" not in r.name}
    for name, scans in all_scans(options):
        frame = bring_to_one_frame(scans)
        image = frame.images[frame.reference]
        plane = find_midplane(image)
        found = segment(networks("cpu"), frame.images).regions
        voxels = np.argwhere(np.isin(found, list(counted)))
        places_mm = voxels @ image.affine[:3, :3].T + image.affine[:3, 3]
        right_mm = plane.to_the_right_mm(places_mm)
        own_mm = right_mm * np.array([counted.get(k, 0) for k in range(37)])[found[tuple(voxels.T)]]
        far = np.abs(right_mm) > NEAR_PLANE_MM
        by_hand = scans["T1"].with_name(scans["T1"].name.replace("T1", "labels")) if "T1" in scans else None
        if by_hand is not None and by_hand.is_file():
            labels = load_labels(by_hand).data
            wrong = [
                np.isin(found, [k for k, own in counted.items() if own == -side]) & np.isin(labels, HAND_SIDES[side])
                for side in (-1, 1)
            ]
            astray = np.any(wrong, axis=0)[tuple(voxels.T)] & far
            hand = {"astray_by_hand_mm3": float(astray.sum() * image.voxel_volume_mm3)}
        else:
            hand = {}
        yield {
            "scan": name,
            "on_own_side": float((own_mm[far] > 0).mean()),
            "astray_mm3": float((own_mm[far] < 0).sum() * image.voxel_volume_mm3),
            "furthest_mm": float(max(0, -own_mm.min())),
            "plane_tilt_deg": float(np.degrees(np.arccos(np.clip(plane.normal[0], -1, 1)))),
            **hand,
        }


def nichart(options: argparse.Namespace) -> list[Path]:
    """The people of `nichart` to be used: those not in the training set, or all."""
    folders = sorted((options.data / "nichart").glob("Subj*"))
    return [folder for folder in folders if options.trained_on or folder.name in HELD_OUT]


def all_scans(options: argparse.Namespace) -> Iterator[tuple[str, dict[str, Path]]]:
    """Every person's scans: T1 alone in `oasis_nc`, else T1 and FLAIR."""
    data = options.data
    for folder in sorted((data / "wmh_ms5").iterdir()):
        yield folder.name, {m: folder / f"{folder.name}_{m}{e}.nii.gz" for m, e in (("T1", "_to_FLAIR"), ("FLAIR", ""))}
    for folders in (sorted(data.glob("mslub_mni/p*")), sorted(data.glob("mslub_raw/p*_visit*")), nichart(options)):
        for folder in folders:
            scans = {m: folder / f"{m}.nii.gz" for m in ("T1", "FLAIR")}
            yield folder.name, {m: file for m, file in scans.items() if file.is_file()}
    for file in sorted((data / "oasis_nc").glob("*_T1.nii.gz")):
        yield file.name[:4], {"T1": file}


def healthy(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for name in options.held_out:
        head = load_head(options.heads / f"{name}.npz")
        for number in range(PAINTED_PER_HEAD):
            image = paint_healthy(head, np.random.default_rng([HEALTHY_SEED, number]), thick=number % 3 == 2)
            start = time.perf_counter()
            result = segment(networks("cpu"), {"FLAIR": image})
            yield {
                "scan": f"{name} {number}" + (" thick" if number % 3 == 2 else ""),
                "false_ml": float(result.lesions.sum() * image.voxel_volume_mm3 / 1000),
                "brain_ml": result.brain_ml,
                "s": time.perf_counter() - start,
            }


PARTS = {
    "lesions": lesions,
    "white-matter": white_matter,
    "agreement": agreement,
    "lobes": lobes,
    "regions": region_dice,
    "other-tools": other_tools,
    "sides": sides,
    "healthy": healthy,
}


if __name__ == "__main__":
    sys.exit(main())
