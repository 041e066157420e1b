"""BIDS: raw images, and images derived from them in ``derivatives/<pipeline>/``.

::

    sub-01/[ses-1/]anat/sub-01[_ses-1]_T1w.nii.gz, ..._FLAIR.nii.gz
    derivatives/*/sub-01/[ses-1/]anat/..._label-lesion_mask.nii.gz, ..._label-WM_mask.nii.gz, ...

A subject here is a session: ``sub-01_ses-1``. Of several candidates the one with the fewest entities is taken, then
the first by name (run 2 before run 10), and that is noted (`yucca_wm.cohort.bids_files`); a derived image of another
run or acquisition than the scans taken is not used. Images in a template space (``space-MNI...``) are never taken. A
subject fails if the name of one of its files is another subject's. A column ``split`` in
``participants.tsv`` gives the split; its ids follow the rule of `yucca_wm.cohort.ids`.

Nothing is dropped silently: a folder without a scan becomes a subject with a problem; ids without a folder, files in
other formats or places, and folders of further subjects are noted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from yucca_wm.cohort.bids_files import LESIONS, WHITE_MATTER, best, candidates, choose, is_of
from yucca_wm.cohort.bids_participants import note_absent, stated_splits
from yucca_wm.cohort.remarks import images, no_scan, note_choice, note_instead, note_unread, unread
from yucca_wm.cohort.subject import Split, Subject, existing, regions_path
from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.files import natural_key
from yucca_wm.core.modality import Modality
from yucca_wm.core.tsv import composed
from yucca_wm.imaging.reading import note

OURS = "yucca_wm"
"""Folder of this package in ``derivatives``: what it made is no truth."""

ANAT = ("anat", "ses-*/anat")
"""Where the images of a person lie."""

WHOSE = {"sub": "person", "ses": "session"}
"""Prefixes of a subject's folder names, from the outside in -> what the folders stand for."""

OTHERS = ("code", "derivatives", "phenotype", "sourcedata", "stimuli")
"""BIDS folders that belong to no subject."""

OWNER = re.compile(r"(?:^|_)(sub|ses)-([^_]+)(?=_)", re.IGNORECASE)
"""Subject and session entities in a file name."""


def matches(root: Path) -> bool:
    """Whether ``root`` holds a folder ``sub-*`` with ``anat`` in it or in a session of it."""
    return root.is_dir() and any(_anat(person) for person in root.glob("sub-*"))


def subjects(root: Path) -> list[Subject]:
    """Every session with a folder ``anat``, and every other subject folder, with the reason why it is not read."""
    people = _folders(root, "sub") if root.is_dir() else []
    names = [person.name for person in people]
    splits, unknown = dict[str, Split](), None
    try:
        splits = stated_splits(root / "participants.tsv", names)
    except InputError as error:  # only training needs to know
        unknown = error
        note(str(error))
    if away := _elsewhere(root, people):
        note(f"{root}: not read, as subjects must lie in sub-.../anat: {_names(away)}")
    if loose := images(root.glob("*")):
        note(f"{root}: not read, as it lies outside every subject's folder: {_names(loose)}")
    note_absent(root / "derivatives", (path.name for path in root.glob("derivatives/*/sub-*") if path.is_dir()), names)
    several = len(masks := _lesion_pipelines(root)) > 1
    if several:
        named = ", ".join(f"{name} ({n})" for name, n in sorted(masks.items()))
        place = f"{root / 'derivatives'}: has lesion masks of several pipelines: {named}"
        note(f"{place}; none is taken: list the right ones in a table of paths")
    found = [_of_person(root, person, splits.get(person.name), several) for person in people]
    if apart := [own[0].person for own in found if _only_apart(own)]:
        said = f"{some_of(apart)}: T1 and FLAIR are in different sessions, and count as two subjects"
        note(f"{said}: list in a table of paths those that belong together")
    return [replace(subject, split_problem=unknown) for own in found for subject in own]


def _only_apart(sessions: Sequence[Subject]) -> bool:
    """Whether a person has every modality, but no two in one session."""
    return len({modality for one in sessions for modality in one.scans}) > 1 == max(len(one.scans) for one in sessions)


def _elsewhere(root: Path, people: Sequence[Path]) -> list[Path]:
    """Further folders with images, or with subjects of their own (one for each site)."""
    there = [path for path in root.glob("*") if path.is_dir() and path not in people]
    return [
        path
        for path in there
        if path.name not in OTHERS
        and path.name[0] != "."
        and (images(path.glob("*")) or any(map(_anat, path.glob("sub-*"))))
    ]


def _lesion_pipelines(root: Path) -> Counter[str]:
    """Folder in ``derivatives`` -> number of lesion masks, without the folder of this package."""
    masks = candidates(images(path for anat in ANAT for path in root.glob(f"derivatives/*/sub-*/{anat}/*")), LESIONS)
    return Counter(name for path in masks if (name := _pipeline(root, path)) != OURS)


def _pipeline(root: Path, derived: Path) -> str:
    return derived.relative_to(root).parts[1]


def _anat(person: Path) -> list[Path]:
    return [folder for pattern in ANAT for folder in person.glob(pattern) if folder.is_dir()]


def _folders(folder: Path, start: str) -> list[Path]:
    """Folders ``start-...``, and misspelled ones: ``Sub-1``, ``sub1``, those with scans in ``anat``."""
    alike = re.compile(rf"{start}([-_ ]|\d)", re.IGNORECASE)
    there = [path for path in folder.iterdir() if path.is_dir() or (_leads_nowhere(path) and not path.suffix)]
    meant = (path for path in there if alike.match(path.name) or (path.name not in OTHERS and _has_scans(path)))
    return sorted(meant, key=_by_name)


def _has_scans(folder: Path) -> bool:
    return any(images(anat.iterdir()) for anat in _anat(folder))


def _leads_nowhere(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _of_person(root: Path, person: Path, split: Split | None, several: bool) -> list[Subject]:
    """Subjects in one person's folder. A session without ``anat`` is one only if the person has no other session.

    several : lesion masks come from several pipelines, and none is taken.
    """
    try:
        _check_name(person, "sub")
        folders = _folders(person, "ses")
        if _has_images(person) or not folders:
            folders.insert(0, person)
        if _anat(person) and (others := [folder for folder in folders if not _has_images(folder)]):
            folders = [folder for folder in folders if folder not in others]
            note(f"{person.name}: has no folder anat, and is not read: {_names(others)}")
        return [_subject(root, folder, split, several) for folder in folders]
    except InputError as error:
        return [Subject(person.name, split=split, problem=error)]
    except OSError as error:
        return [Subject(person.name, split=split, problem=InputError(person, f"cannot be read ({error.strerror})"))]


def _has_images(folder: Path) -> bool:
    """Whether there are images, in ``anat`` or in the wrong place."""
    return (folder / "anat").is_dir() or bool(images(folder.iterdir()))


def _subject(root: Path, folder: Path, split: Split | None, several: bool) -> Subject:
    parts = folder.relative_to(root).parts
    name = "_".join(parts)
    wanted = {modality: f"{name}_{modality.bids}.nii.gz" for modality in Modality}
    raw = images(folder.glob("anat/*"))
    derived = _derived(root, parts)
    masks = candidates(derived, LESIONS)
    white_matter = candidates([path for path in derived if path not in masks], WHITE_MATTER)
    scans: dict[str, list[Path]] = {
        modality: files for modality in Modality if (files := candidates(raw, [modality.bids]))
    }
    taken = [path for files in scans.values() for path in files]
    others = [path for path in raw if path not in taken]
    try:
        if len(parts) > 1:
            _check_name(folder, "ses")
        _check_whose([*taken, *masks, *white_matter], parts)
    except InputError as error:
        return Subject(name, split=split, problem=error)
    if scans:
        note_instead(name, scans, others, wanted)
        note_unread(name, folder / "anat")
        if loose := images(folder.glob("*")):
            note(f"{name}: not read, as it lies outside the folder anat: {_names(loose)}")
    chosen = {modality: choose(name, modality, files, root) for modality, files in scans.items()}
    lesions = [] if several else [path for path in masks if _pipeline(root, path) != OURS]
    maps: dict[str, Path] = {}
    for what, files, endings in (("wm", white_matter, WHITE_MATTER), ("lesions", lesions, LESIONS)):
        own = _of_scans(name, what, files, list(chosen.values()), taken)
        if own:
            maps[what] = choose(name, what, best(own, endings), root)
        if what == "wm" and len({_pipeline(root, path) for path in own}) > 1:
            note_choice(name, what, maps[what], own, root)
    return Subject(
        name=name,
        scans={modality: chosen[modality] for modality in Modality if modality in chosen},
        wm=maps.get("wm"),
        lesions=maps.get("lesions"),
        regions=existing(regions_path(root, name)),
        split=split,
        problem=None if scans else _no_scan(folder, [*others, *unread(folder / "anat")], wanted),
    )


def _derived(root: Path, parts: Sequence[str]) -> list[Path]:
    """Images derived from those of a person or session, in folders for sessions or without them."""
    person, *ses = map(_literal, parts)
    found = images(root.glob("/".join(["derivatives", "*", person, *ses, "anat", "*"])))
    if ses:
        found += images(root.glob(f"derivatives/*/{person}/anat/*_{ses[0]}_*"))
    return found


def _of_scans(
    name: str, what: str, files: Sequence[Path], scans: Collection[Path], all_scans: Iterable[Path]
) -> list[Path]:
    """Those of the derived ``files`` that belong to the scans taken; notes if none does."""
    others = [path for path in all_scans if path not in scans]
    own = [path for path in files if not scans or is_of(path, scans, others)]
    if files and not own:
        said = f"{_names(files)} does not belong to the chosen scans ({_names(scans)}) and is ignored"
        note(f"{name}: {what}: {said}: list in a table of paths what belongs together")
    return own


def _no_scan(folder: Path, others: Iterable[Path], wanted: Mapping[Modality, str]) -> InputError:
    if (folder / "anat").is_dir():
        return no_scan(folder / "anat", others, wanted)
    if loose := images(folder.iterdir()):
        return InputError(folder, "has no folder anat", f"make it, and move {_names(loose)} there")
    there = _names(folder.iterdir())
    return InputError(
        folder, f"has no folder anat{there and f', but only {there}'}", "add a scan, or remove the folder"
    )


def _names(paths: Iterable[Path]) -> str:
    return ", ".join(path.name for path in sorted(paths, key=_by_name))


def _by_name(path: Path) -> tuple[list[str | int], str]:
    return natural_key(path.name)


def _check_name(folder: Path, start: str) -> None:
    """Raise InputError if a person's or session's folder is not named as BIDS requires."""
    if not folder.name.startswith(f"{start}-"):
        problem = f"is not named like a {WHOSE[start]}'s folder: the name must begin with {start}-"
        raise InputError(folder, problem, "rename it, and the files in it")


def _check_whose(files: Sequence[Path], parts: Sequence[str]) -> None:
    """Raise InputError for a file whose name gives another person or session than its folder, and for files of several
    sessions in one folder."""
    own = dict(zip(WHOSE, map(composed, parts), strict=False))
    for path in files:
        for start, label in OWNER.findall(path.name):
            said = f"{start.lower()}-{composed(label)}"
            if said != (known := own.setdefault(start.lower(), said)):
                problem = f"is of {said} by its name, but lies with the files of {known}"
                raise InputError(path, problem, "move it to a folder of its own, or rename it")


def _literal(part: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", part)
