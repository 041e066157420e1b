"""The people and scans that ``real_scans.py`` uses, and what the shipped models find on them."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

from yucca_wm.imaging.images import Image
from yucca_wm.models.segment import Segmentation, segment
from yucca_wm.models.shipped import networks
from yucca_wm.scan import bring_to_one_frame

HELD_OUT = ("Subj2", "Subj13", "Subj14", "Subj15")
"""People of `nichart` on whom the shipped models were not trained."""


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


def found_on(scans: dict[str, Path]) -> tuple[Segmentation, Image, float]:
    """Result of the shipped models, the scan on whose grid it lies, and the seconds they took."""
    frame = bring_to_one_frame(scans)
    start = time.perf_counter()
    result = segment(networks("cpu"), frame.images)
    return result, frame.images[frame.reference], time.perf_counter() - start
