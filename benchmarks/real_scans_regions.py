"""Parts of ``real_scans.py`` on white matter and its regions."""

from __future__ import annotations

import argparse
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
from real_scans_data import all_scans, found_on, nichart
from real_scans_lesions import CHANGED, NEAR_CHANGE_MM, distance_to_change_mm

from yucca_wm.atlas.maps import refine_file
from yucca_wm.core.files import make_folder
from yucca_wm.core.regions import regions
from yucca_wm.imaging.images import load_labels, resample
from yucca_wm.imaging.labels import dice
from yucca_wm.models.segment import segment
from yucca_wm.models.shipped import networks
from yucca_wm.predict.registered import fetched, registered_regions
from yucca_wm.scan import bring_to_one_frame

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
    volumes: dict[str, tuple[NDArray[Any], list[float]]] = {}
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
            from_change_mm = distance_to_change_mm(folder)[both.lesions > 0]
            same_ml = [float((from_change_mm > mm).sum() * ml) for mm in NEAR_CHANGE_MM]
            row |= {f"beyond_{mm:g}_mm_ml": beyond for mm, beyond in zip(NEAR_CHANGE_MM, same_ml, strict=True)}
            volumes[folder.name] = (counts, same_ml)
        yield row
    if {"p01_visit1", "p01_visit2"} <= volumes.keys():
        first, second = volumes["p01_visit1"], volumes["p01_visit2"]
        difference = np.abs(first[0] - second[0]) / ((first[0] + second[0]) / 2)
        yield {
            "scan": "visit 1 against 2",
            "r_of_34_volumes": float(np.corrcoef(first[0], second[0])[0, 1]),
            "median_difference": float(np.median(difference)),
            **{
                f"beyond_{mm:g}_mm_ratio": after / max(before, 1e-6)
                for mm, before, after in zip(NEAR_CHANGE_MM, first[1], second[1], strict=True)
            },
        }


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
