"""BIDS: raw images, and what was derived from them in ``derivatives/<pipeline>/``.

::

    sub-01/[ses-1/]anat/sub-01[_ses-1]_T1w.nii.gz, ..._FLAIR.nii.gz
    derivatives/*/sub-01/[ses-1/]anat/..._label-lesion_mask.nii.gz, ..._label-WM_mask.nii.gz, ...

A subject here is a session: ``sub-01_ses-1``. Of several candidates the one with the fewest entities is taken, then the
first by name (run 1 before run 2); images in a template space (``space-MNI...``) never are. A column ``split`` in
``participants.tsv`` gives the split; its ids are read by the rule of `yucca_wm.cohort.ids`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from yucca_wm.cohort.ids import looks_like, meant
from yucca_wm.cohort.subject import Split, Subject, existing, regions_path
from yucca_wm.cohort.table import rows_of
from yucca_wm.core.errors import InputError
from yucca_wm.core.modality import Modality
from yucca_wm.core.tsv import read_columns

NATIVE_SPACES = (*(modality.bids for modality in Modality), "orig", "individual", "native")
"""Values of the entity ``space`` under which a derived image still lies on the subject's own grid."""

ANAT = ("sub-*/anat", "sub-*/ses-*/anat")
"""Where a session keeps its images."""

LESIONS = (r"label-(lesions?|WMH)_.*(mask|dseg)", r"desc-(lesions?|wmh)_.*(mask|dseg)", r"(lesions?|WMH)_(mask|dseg)")
WHITE_MATTER = (r"label-WM_.*(mask|probseg)", r"desc-(aseg|fastaid|synthseg)_dseg", r"dseg")
"""What a file's name must end with (before .nii.gz, .mgz), most specific first, upper and lower case alike."""


def matches(root: Path) -> bool:
    """Whether ``root`` holds a folder ``sub-*`` with ``anat`` in it or in a session of it."""
    return root.is_dir() and any(folder.is_dir() for pattern in ANAT for folder in root.glob(pattern))


def subjects(root: Path) -> list[Subject]:
    """Every session that has a folder ``anat``, in order."""
    sessions = _sessions(root)
    people = list(dict.fromkeys(folder.relative_to(root).parts[0] for folder in sessions))
    splits = _splits(root / "participants.tsv", people)
    return [_subject(root, folder, splits) for folder in sessions]


def _sessions(root: Path) -> list[Path]:
    """``sub-*`` and ``sub-*/ses-*`` folders with a folder ``anat``."""
    return sorted(folder.parent for pattern in ANAT for folder in root.glob(pattern) if folder.is_dir())


def _subject(root: Path, folder: Path, splits: dict[str, Split]) -> Subject:
    parts = folder.relative_to(root).parts
    name = "_".join(parts)
    raw = sorted((folder / "anat").glob("*"))
    derived = sorted(root.glob("/".join(["derivatives", "*", *map(_literal, parts), "anat", "*"])))
    lesions = _candidates(derived, LESIONS)
    return Subject(
        name=name,
        scans={modality: path for modality in Modality if (path := _choose(raw, (modality.bids,))) is not None},
        wm=_choose([path for path in derived if path not in lesions], WHITE_MATTER),
        lesions=_choose(lesions, LESIONS),
        regions=existing(regions_path(root, name)),
        split=splits.get(parts[0]),
    )


def _choose(files: Sequence[Path], endings: Sequence[str]) -> Path | None:
    """The best file whose name ends with the first of ``endings`` that any has; None when none has any."""
    found = next(filter(None, (_candidates(files, [ending]) for ending in endings)), [])
    return min(found, key=lambda path: (path.name.count("-"), path.name, str(path)), default=None)


def _candidates(files: Sequence[Path], endings: Sequence[str]) -> list[Path]:
    pattern = re.compile(rf".*_({'|'.join(endings)})(\.nii(\.gz)?|\.mg[zh])", re.IGNORECASE)
    return [path for path in files if pattern.fullmatch(path.name) and path.name[0] != "." and _is_native(path)]


def _is_native(path: Path) -> bool:
    space = re.search(r"_space-([A-Za-z0-9]+)", path.name)
    return "_hemi-" not in path.name and (space is None or space.group(1) in NATIVE_SPACES)


def _literal(part: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", part)


def _splits(participants: Path, people: Sequence[str]) -> dict[str, Split]:
    """Person -> split. Raises InputError for a line that says one of somebody who is not there, or twice of one."""
    if not participants.is_file():
        return {}
    splits: dict[str, Split] = {}
    read = read_columns(participants, ("participant_id",), ("split",), any_case=True)
    for number, row in rows_of(read) if "split" in read.cells else ():
        if not (value := row["split"].lower()):
            continue
        if value not in tuple(Split):
            raise InputError(participants, f"line {number}: split is '{value}'", f"write {' or '.join(Split)}")
        label = row["participant_id"]
        if (person := meant(label, people)) is None:
            problem = f"line {number}: '{label}' is no subject here{looks_like(label, people)}"
            raise InputError(participants, problem, "write it as its folder is called, or leave its split empty")
        if person in splits:
            raise InputError(participants, f"line {number}: {person} has a line already", "keep one of them")
        splits[person] = Split(value)
    return splits
