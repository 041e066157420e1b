"""Pairing of maps in folders: by name, never by position."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from yucca_wm.cohort.ids import bare, looks_like, session
from yucca_wm.cohort.subject import FIELD, UNMASKED
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import IMAGE_SUFFIXES, UNREAD, case_name, natural_key, no_such_file
from yucca_wm.core.predictions import PREDICTIONS

ENDINGS = re.compile(
    r"(_(regions?|unmasked|lesions?|dseg|mask|seg|labels?|parcellation|ventricles?|tissues?))+$", re.IGNORECASE
)
"""Suffixes that tools append to a subject's name for the kind of map."""

LESION_ENTITY = re.compile(r"(label|desc)-[a-z0-9]*(lesion|wmh)", re.IGNORECASE)
"""Entity that identifies a lesion map among the masks and segmentations of a BIDS derivative."""


def subject_of(name: str) -> str:
    """Subject (and session) in a case name: ``sub-1_ses-2_desc-x_dseg`` -> ``sub-1_ses-2``."""
    return session(name) if name.startswith("sub-") else ENDINGS.sub("", name) or name


def image_files(path: Path, failures: dict[str, str], *, lesion: bool) -> dict[str, Path]:
    """Case name -> file; duplicate cases and unreadable formats go to ``failures``."""
    if path.is_file():
        return {case_name(path): path}
    if not path.is_dir():
        raise InputError(path, "leads nowhere" if path.is_symlink() else "no such file or folder")
    inside = sorted(path.iterdir(), key=lambda file: natural_key(file.name))
    candidates = [file for file in inside if _is_image(file)]
    if not candidates:
        derivative = [file for file in sorted(path.glob("sub-*/**/*")) if _is_image(file)]
        candidates = [file for file in derivative if bool(LESION_ENTITY.search(file.name)) == lesion]
        if not lesion:
            parcellated = [file for file in sorted(path.glob("*/*_regions.nii.gz")) if not file.name.startswith(".")]
            candidates = [file for file in candidates if case_name(file).endswith("_dseg")] or parcellated
    beside = {file.with_name(case_name(file) + ending) for file in candidates for ending in (UNMASKED, FIELD)}
    candidates = [file for file in candidates if file not in beside]
    if not candidates:
        if (path / PREDICTIONS).is_file():
            remedy = f"give one of its folders, {path / 'lesions'} or {path / 'regions'}"
            raise InputError(path, "is the output of predict", remedy)
        deeper = any(found for suffix in IMAGE_SUFFIXES for found in path.glob(f"*/**/*{suffix}"))
        remedy = (
            "subfolders are not searched: put the maps into one folder, give single files, or a cohort (--cohort)"
            if deeper
            else ""
        )
        raise InputError(path, f"holds no NIfTI image ({', '.join(IMAGE_SUFFIXES)})", remedy)
    by_name: dict[str, list[Path]] = defaultdict(list)
    for file in candidates:
        by_name[case_name(file)].append(file)
    for name, files in by_name.items():
        if len(files) > 1:
            failures[name] = f"{files[1]}: case '{name}' occurs twice, also as {files[0].name}; keep one of them"
        elif not files[0].is_file():
            failures[name] = str(no_such_file(files[0]))
    for file in inside:
        if file.name.lower().endswith(UNREAD) and case_name(file) not in by_name:
            failures[case_name(file)] = f"{file}: is in a format that is not read; convert it to .nii.gz"
    return {name: files[0] for name, files in by_name.items()}


def _is_image(path: Path) -> bool:
    named = path.name.lower().endswith(IMAGE_SUFFIXES) and not path.name.startswith(".")
    return named and (path.is_file() or (path.is_symlink() and not path.exists()))


def match(
    firsts: Mapping[str, Path],
    seconds: Mapping[str, Path],
    where: Path,
    failures: dict[str, str],
    *,
    unused: str | None = None,
    lacks: str = "",
) -> dict[str, Path]:
    """Case name -> partner in ``seconds``, for every case that is not among the failures.

    The same name is preferred, then that of the same subject (`subject_of`), then that of a matching id
    (`yucca_wm.cohort.ids`).

    unused : message for a file of ``seconds`` that matches no case; None: it is passed over. lacks : message for a
    case without a partner.
    """
    if where.is_file():
        (only,) = seconds.values()
        return {name: only for name in firsts if name not in failures}
    by_id: dict[str, list[str]] = defaultdict(list)
    for name in seconds:
        if name not in firsts:
            by_id[bare(subject_of(name))].append(name)
    partners: dict[str, Path] = {}
    used: set[str] = set()
    for name, file in firsts.items():
        subject = subject_of(name)
        likely = by_id[bare(subject)]
        options = [name] if name in seconds else [one for one in likely if subject_of(one) == subject] or likely
        used.update(options)
        if name in failures:
            continue
        if not options:
            failures[name] = (lacks or f"{file}: has no partner in {where}") + looks_like(subject, seconds.keys())
        elif len(options) > 1:
            failures[name] = f"{file}: has {len(options)} possible partners in {where}: {', '.join(sorted(options))}"
        elif options[0] in failures:
            failures[name] = failures[options[0]]
        else:
            partners[name] = seconds[options[0]]
    for name in sorted(set(seconds) - used - set(failures)) if unused else ():
        failures[name] = f"{seconds[name]}: {unused}"
    return partners
