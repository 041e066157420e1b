"""Whose scan is whose: by name, as lesion and region maps are paired, whatever the scan's name says of its contrast."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path

from yucca_wm.cohort.ids import ENDING
from yucca_wm.cohort.pairing import subject_of
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import NIFTI_SUFFIXES, case_name, nifti_files

BEST_TO_SEE_LESIONS, OTHER_CONTRAST = {"flair": 1, "t1": 2}, 3
"""What is shown of several; a scan that is called like the subject comes first."""

Rank = tuple[int, int, str]
"""By contrast, by how many endings there are, by the last (the channel); the smallest is shown."""


def find_scans(
    folder: str | os.PathLike[str], subjects: Collection[str], maps: Collection[Path] = ()
) -> dict[str, Path]:
    """Subject -> its scan (FLAIR before T1 before any other), for those who have one.

    folder : of scans, or of a folder for each person (BIDS too); of one person, the scan itself. maps : files that are
    no scans, although they may lie there: what is to be shown on them.

    Raises InputError when it holds no scan of anyone, or several of somebody that are alike.
    """
    if Path(folder).is_file() and len(subjects) == 1:
        return dict.fromkeys(subjects, Path(folder))
    no_scans = set(map(os.path.realpath, maps))
    scans = {name: path for name, path in _scans(Path(folder)).items() if os.path.realpath(path) not in no_scans}
    found = match_scans(scans, subjects)
    if not found:
        some = ", ".join(list(scans)[:3]) or "none"
        known = ", ".join(list(subjects)[:3])
        raise InputError(
            folder, f"holds no scan of any subject (scans: {some}; subjects: {known})",
            "name scans as the lesion maps, with _FLAIR, _T1 or _0000 behind if you like",
        )  # fmt: skip
    return found


def match_scans(scans: Mapping[str, Path], subjects: Collection[str]) -> dict[str, Path]:
    """Subject -> scan out of case name -> scan. Raises InputError when two are alike."""
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
        if len(paths) > 1:
            named = " and ".join(map(str, paths[:2]))
            raise InputError(paths[0].parent, f"{named} may both be of '{subject}'", "keep one of them there")
        found[subject] = paths[0]
    return found


def _fits(name: str, by_name: Mapping[str, str]) -> tuple[str, Rank] | None:
    """Whose scan it is, as little as possible of its ending taken off, and its rank among that subject's scans."""
    if name in by_name:
        return by_name[name], (0, 0, "")
    rest, endings = name, list[str]()
    while ending := ENDING.search(rest):
        rest = rest[: ending.start()]
        endings.append(re.split("[_-]", ending[1].lower())[0])
        for known in (rest, subject_of(rest)):
            if known in by_name:
                contrast = [BEST_TO_SEE_LESIONS.get(said.rstrip("w"), OTHER_CONTRAST) for said in endings]
                return by_name[known], (min(contrast), len(endings), endings[0])
    known = subject_of(name)
    return (by_name[known], (OTHER_CONTRAST + 1, 0, "")) if known in by_name else None


def _scans(folder: Path) -> dict[str, Path]:
    """Case name -> scan. In a folder for each person, the person's name comes before a scan's (``a/FLAIR.nii.gz`` is
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
            found.setdefault(own, path)
    return found
