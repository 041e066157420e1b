"""The layout of the WMH segmentation challenge (doi 10.34894/AECRSD).

::

    [training|test]/<Site>/[<Scanner>/]<id>/pre/T1.nii.gz
                                            pre/FLAIR.nii.gz
                                            pre/wm.nii.gz or pre/T1_seg*.nii.gz   (white matter, made by the user)
                                            wmh.nii.gz                            (lesions: 1 WMH, 2 other)

A subject is any folder with a folder ``pre`` in it, up to four levels down, so ``<id>/pre/...`` alone works too. The
folder's name is the subject's; a bare number gets the prefix ``WMH_``, as in the published region maps. Of several
files for one purpose the first is taken, and that is noted; so are folders beside the subjects that hold no ``pre``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from yucca_wm.cohort.ids import named_by_folder
from yucca_wm.cohort.remarks import images, no_scan, note_choice, note_instead, note_unread, unread
from yucca_wm.cohort.subject import Split, Subject, existing, regions_path
from yucca_wm.core.files import IMAGE_SUFFIXES, natural_key
from yucca_wm.core.modality import Modality
from yucca_wm.imaging.reading import note

MAX_DEPTH = 4
"""Depth of a subject's folder below the cohort: split, site, scanner, subject."""

OFFICIAL_SPLITS = {"training": Split.TRAIN, "train": Split.TRAIN, "test": Split.TEST, "testing": Split.TEST}
"""Folder name (lower case; ``Train_GE3T`` counts as ``train``) -> split."""


def matches(root: Path) -> bool:
    """Whether any folder below ``root`` holds a folder ``pre``."""
    return root.is_dir() and next(_subject_folders(root), None) is not None


def subjects(root: Path) -> list[Subject]:
    """The cohort's subjects, in the order of their folders."""
    found = list(_subject_folders(root))
    if others := _without_pre(found):
        note(f"{root}: without a folder pre, not read: {', '.join(others)}")
    return [_subject(root, folder) for folder in found]


def _subject(root: Path, folder: Path) -> Subject:
    pre = folder / "pre"
    name = named_by_folder(folder.name)
    splits = [OFFICIAL_SPLITS.get(part.lower().partition("_")[0]) for part in folder.relative_to(root).parts[:-1]]
    wanted = {modality: f"{modality}.nii.gz" for modality in Modality}
    segmented = [*_files(pre / "wm"), *images(pre.glob("T1_seg*"))]
    scans: dict[str, list[Path]] = {modality: files for modality in Modality if (files := _files(pre / modality))}
    found = {**scans, "wm": segmented, "lesions": [*_files(folder / "wmh"), *_files(pre / "wmh")]}
    for what, files in found.items():
        if files:
            note_choice(name, what, files[0], files, root)
    taken = [path for files in found.values() for path in files]
    others = [path for path in images(pre.glob("*")) if path not in taken]
    if scans:
        note_instead(name, scans, others, wanted)
        note_unread(name, pre)
    return Subject(
        name=name,
        scans={modality: scans[modality][0] for modality in Modality if modality in scans},
        wm=next(iter(found["wm"]), None),
        lesions=next(iter(found["lesions"]), None),
        regions=existing(regions_path(root, name)),
        split=next((split for split in splits if split is not None), None),
        problem=None if scans else no_scan(pre, [*others, *unread(pre)], wanted),
    )


def _files(stem: Path) -> list[Path]:
    """Existing files among ``<stem>.nii.gz``, ``.nii``, ``.mgz`` and ``.mgh``."""
    return list(filter(None, (existing(stem.with_name(stem.name + suffix)) for suffix in IMAGE_SUFFIXES)))


def _without_pre(subjects: list[Path]) -> list[str]:
    """Folders beside the subjects' that are not subjects and contain none."""
    known = {folder for subject in subjects for folder in (subject, *subject.parents)}
    beside = {path for parent in {subject.parent for subject in subjects} for path in parent.iterdir()}
    names = [path.name for path in beside - known if path.is_dir() and not path.name.startswith(".")]
    return sorted((name for name in names if name != "derivatives"), key=natural_key)


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
    except (PermissionError, NotADirectoryError):
        return
    for child in children:
        if child.is_dir() and child.name != "derivatives" and not child.name.startswith("."):
            yield from _subject_folders(child, (*seen, real))
