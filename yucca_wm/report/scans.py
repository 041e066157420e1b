"""Match scans to subjects by name, as lesion and region maps are paired, whether or not it states a contrast, and lay
them under maps."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError

from yucca_wm.cohort import bids
from yucca_wm.cohort.ids import ENDING, meant
from yucca_wm.cohort.pairing import subject_of
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import NIFTI_SUFFIXES, case_name, nifti_files
from yucca_wm.imaging import images
from yucca_wm.imaging.grids import on_grid, reordered, share_voxels
from yucca_wm.imaging.images import Image, same_grid
from yucca_wm.imaging.kinds import refuse_label_map

if TYPE_CHECKING:
    from yucca_wm.report.results import Results

BEST_TO_SEE_LESIONS, OTHER_CONTRAST = {"flair": 1, "t1": 2}, 3
"""Order of preference among several scans; one with exactly the subject's name comes first."""

OTHER_GRID = (
    "the scan shown has a grid of its own, and was laid under the maps by the headers alone: unless it was registered, "
    "lesions seem to lie where they do not; show the scan that the maps were made on"
)
"""What to say of a picture whose scan is not the one that the maps lie on."""

Rank = tuple[int, int, str]
"""Contrast, number of endings, last ending (the channel); the smallest rank is shown."""


def find_scans(
    folder: str | os.PathLike[str], subjects: Collection[str], maps: Collection[Path] = (), *, needed: bool = True
) -> dict[str, Path]:
    """Subject -> its scan (FLAIR before T1 before any other), for subjects with a scan.

    folder : folder of scans, or of one folder per subject (BIDS too); for one subject, the scan itself. maps : files
    that are not scans, although they may be in that folder: the maps to show on them. needed : there must be one.

    Raises InputError if it contains no scan of any subject, or several of one subject with equal rank.
    """
    if Path(folder).is_file() and len(subjects) == 1:
        return dict.fromkeys(subjects, Path(folder))
    no_scans = set(map(os.path.realpath, maps))
    flairs, t1s = _of_cohort(Path(folder), subjects)
    scans: dict[str, Path] = {}
    if others := [subject for subject in subjects if subject not in flairs]:
        scans = {name: path for name, path in _scans(Path(folder)).items() if os.path.realpath(path) not in no_scans}
    found = flairs | t1s | match_scans(scans, others, t1s)
    if needed and not found:
        some = ", ".join(list(scans)[:3]) or "none"
        known = ", ".join(list(subjects)[:3])
        raise InputError(
            folder, f"holds no scan of any subject (scans: {some}; subjects: {known})",
            "name scans as the lesion maps, with _FLAIR, _T1 or _0000 behind if you like",
        )  # fmt: skip
    return found


def _of_cohort(folder: Path, subjects: Collection[str]) -> tuple[dict[str, Path], dict[str, Path]]:
    """Subject -> FLAIR of a BIDS folder, and subject -> T1 of those without a FLAIR; of several runs or acquisitions
    the one that `yucca_wm.predict` takes."""
    there = {one.name: one for one in bids.subjects(folder)} if bids.matches(folder) else {}
    whose = {subject: there[name] for subject in subjects if (name := meant(subject, there)) is not None}
    flairs = {subject: one.flair for subject, one in whose.items() if one.flair is not None}
    return flairs, {subject: one.t1 for subject, one in whose.items() if one.t1 is not None and subject not in flairs}


def recorded_scans(folder: str | os.PathLike[str], results: Results) -> dict[str, Path]:
    """Subject -> scan in ``folder`` that its maps were predicted from, by the record of yucca_wm.predict: the one on
    whose grid they lie."""
    within = {Path(os.path.realpath(folder)), Path(folder).absolute()}
    found = {}
    for subject, scans in results.scans.items():
        there = [Path(scans[name]) for name in sorted(scans, key=_rank)]
        there = [path for path in there if path.is_file() and within & {*path.parents, *path.resolve().parents}]
        if there:
            lesions = Path(results.summary["subjects"][subject]["lesions"])
            found[subject] = next((path for path in there if _one_grid(path, lesions)), there[0])
    return found


def _rank(contrast: str) -> int:
    return BEST_TO_SEE_LESIONS.get(contrast.lower(), OTHER_CONTRAST)


def _one_grid(scan: Path, other: Path) -> bool:
    """Whether two files state the same grid, in whatever order of axes; only their headers are read."""
    try:
        files = cast(list[nib.Nifti1Image], [nib.load(scan), nib.load(other)])
    except (OSError, ImageFileError):
        return False
    one, two = (Image(np.broadcast_to(np.uint8(0), file.shape[:3]), file.affine) for file in files)
    return same_grid(reordered(one, two), two)


def scan_under(path: Path, maps: Image) -> tuple[Image, bool]:
    """The scan on the grid of maps shown on it, and whether it was laid there by the headers alone (`OTHER_GRID`).

    Raises InputError if it is no scan.
    """
    scan = images.load(path)
    refuse_label_map(scan)
    return on_grid(scan, maps, resample=True), not share_voxels(maps, scan)


def match_scans(
    scans: Mapping[str, Path], subjects: Collection[str], preferred: Mapping[str, Path] | None = None
) -> dict[str, Path]:
    """Subject -> scan, from case name -> scan. Raises InputError if two scans of a subject have equal rank and neither
    is the ``preferred`` one."""
    by_name = {subject_of(subject): subject for subject in reversed(list(subjects))}
    by_name |= {subject: subject for subject in subjects}
    candidates: dict[str, list[tuple[Rank, Path]]] = defaultdict(list)
    for name, path in scans.items():
        if (fits := _fits(name, by_name)) is not None:
            candidates[fits[0]].append((fits[1], path))
    found: dict[str, Path] = {}
    for subject, options in candidates.items():
        best = min(rank for rank, _ in options)
        paths = [path for rank, path in options if rank == best]
        if (first := (preferred or {}).get(subject)) in paths:
            paths = [first]
        if len(paths) > 1:
            named = " and ".join(map(str, paths[:2]))
            raise InputError(paths[0].parent, f"{named} may both be of '{subject}'", "keep one of them there")
        found[subject] = paths[0]
    return found


def _fits(name: str, by_name: Mapping[str, str]) -> tuple[str, Rank] | None:
    """Subject of a scan, after removing as few endings as possible, and the scan's rank among that subject's."""
    if name in by_name:
        return by_name[name], (0, 0, "")
    rest, endings = name, list[str]()
    while ending := ENDING.search(rest):
        rest = rest[: ending.start()]
        endings.append(re.split("[_-]", ending[1].lower())[0])
        for known in (rest, subject_of(rest)):
            if known in by_name:
                contrast = [_rank(said.rstrip("w")) for said in endings]
                return by_name[known], (min(contrast), len(endings), endings[0])
    known = subject_of(name)
    return (by_name[known], (OTHER_CONTRAST + 1, 0, "")) if known in by_name else None


def _scans(folder: Path) -> dict[str, Path]:
    """Case name -> scan. With one folder per subject, its name is put before the scan's (``a/FLAIR.nii.gz`` is
    a_FLAIR)."""
    if scans := nifti_files(folder):
        return scans
    nested = sorted(path for path in folder.glob("*/**/*") if path.name.lower().endswith(NIFTI_SUFFIXES))
    found: dict[str, Path] = {}
    for path in nested:
        person = path.relative_to(folder).parts[0]
        name = case_name(path)
        own = name if name.startswith((f"{person}_", f"{person}-")) else f"{person}_{name}"
        if not path.name.startswith(".") and path.is_file():
            if own in found:
                problem = f"{found[own].relative_to(folder)} and {path.relative_to(folder)} may both be of '{person}'"
                raise InputError(folder, problem, "keep one of them there")
            found[own] = path
    return found
