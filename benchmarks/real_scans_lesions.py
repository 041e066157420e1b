"""Parts of ``real_scans.py`` on lesions: against hand-drawn ones, between two visits, and on healthy heads."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from painted_heads import paint_healthy
from real_scans_data import found_on

from yucca_wm.evaluate.measures import lesion_measures
from yucca_wm.imaging.images import Image, load, load_labels, resample
from yucca_wm.models.segment import segment
from yucca_wm.models.shipped import networks
from yucca_wm.training.synthesis.heads import load_head

CHANGED = "p01_change_lesions.nii.gz"
NEAR_CHANGE_MM = (3.0, 6.0, 8.0)
"""Distances from drawn changes beyond which lesions count as unchanged: the approximate difference between drawn and
found borders, and more than one and two slices of 4 mm."""

HELD_OUT_HEADS, PAINTED_PER_HEAD, HEALTHY_SEED = ("h17",), 48, 20_240_000
"""The head that no training round of the shipped models has used, painted 48 times, every third time with thick
slices."""


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


def distance_to_change_mm(visit: Path) -> NDArray[np.float32]:
    """Distance of the FLAIR's voxels [i, j, k] to lesions that appeared, disappeared or grew between the two visits.

    The published transform maps points of the common space to the FLAIR.
    """
    import SimpleITK as sitk

    changed = sitk.ReadImage(str(visit.parent / CHANGED)) > 0
    distance_mm = sitk.SignedMaurerDistanceMap(changed, squaredDistance=False, useImageSpacing=True)
    to_flair = sitk.ReadTransform(str(visit / "FLAIR_to_common_space.txt"))
    flair = sitk.ReadImage(str(visit / "FLAIR.nii.gz"))
    there = sitk.Resample(distance_mm, flair, to_flair.GetInverse(), sitk.sitkLinear, 1e6)
    return np.asarray(sitk.GetArrayFromImage(there).T, np.float32)


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
