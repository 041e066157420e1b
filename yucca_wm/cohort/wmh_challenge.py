"""The layout of the WMH segmentation challenge (doi 10.34894/AECRSD).

::

    [training|test]/<Site>/[<Scanner>/]<id>/pre/T1.nii.gz
                                            pre/FLAIR.nii.gz
                                            pre/wm.nii.gz or pre/T1_seg*.nii.gz   (white matter, made by the user)
                                            wmh.nii.gz                            (lesions: 1 WMH, 2 other)

A subject is any folder with a folder ``pre`` in it, up to four levels down, so ``<id>/pre/...`` alone works too. The
folder's name is the subject's; a bare number gets ``WMH_`` before it, as in the published region maps.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from yucca_wm.cohort.ids import named_by_folder
from yucca_wm.cohort.subject import Split, Subject, existing, regions_path
from yucca_wm.core.files import IMAGE_SUFFIXES
from yucca_wm.core.modality import Modality

MAX_DEPTH = 4
"""Folders between the cohort and a subject's own: split, site, scanner, subject."""

OFFICIAL_SPLITS = {"training": Split.TRAIN, "train": Split.TRAIN, "test": Split.TEST, "testing": Split.TEST}
"""Folder name (lower case; ``Train_GE3T`` counts as ``train``) -> split."""


def matches(root: Path) -> bool:
    """Whether any folder below ``root`` holds a folder ``pre``."""
    return root.is_dir() and next(_subject_folders(root), None) is not None


def subjects(root: Path) -> list[Subject]:
    """The cohort's subjects, in the order of their folders."""
    return [_subject(root, folder) for folder in _subject_folders(root)]


def _subject(root: Path, folder: Path) -> Subject:
    pre = folder / "pre"
    name = named_by_folder(folder.name)
    splits = [OFFICIAL_SPLITS.get(part.lower().partition("_")[0]) for part in folder.relative_to(root).parts[:-1]]
    return Subject(
        name=name,
        scans={modality: path for modality in Modality if (path := _image(pre / modality)) is not None},
        wm=_image(pre / "wm") or _first(pre, "T1_seg*"),
        lesions=_image(folder / "wmh") or _image(pre / "wmh"),
        regions=existing(regions_path(root, name)),
        split=next((split for split in splits if split is not None), None),
    )


def _image(stem: Path) -> Path | None:
    """``<stem>.nii.gz``, ``.nii``, ``.mgz`` or ``.mgh``, whichever is there first."""
    return next(filter(None, (existing(stem.with_name(stem.name + suffix)) for suffix in IMAGE_SUFFIXES)), None)


def _first(folder: Path, pattern: str) -> Path | None:
    found = (path for path in sorted(folder.glob(pattern)) if path.name.lower().endswith(IMAGE_SUFFIXES))
    return next(found, None)


def _subject_folders(folder: Path, seen: tuple[Path, ...] = ()) -> Iterator[Path]:
    """Folders that hold ``pre``, depth first in order of name; a link back to a parent is not followed."""
    real = folder.resolve()
    if real in seen or len(seen) > MAX_DEPTH:
        return
    if seen and (folder / "pre").is_dir():
        yield folder
        return
    try:
        children = sorted(folder.iterdir())
    except PermissionError:
        return
    for child in children:
        if child.is_dir() and child.name != "derivatives" and not child.name.startswith("."):
            yield from _subject_folders(child, (*seen, real))
