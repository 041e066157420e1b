"""Which of a BIDS subject's files is taken: by the endings of their names, and by their entities."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from yucca_wm.cohort.remarks import note_choice
from yucca_wm.core.files import natural_key
from yucca_wm.core.modality import Modality

NATIVE_SPACES = (*(modality.bids.lower() for modality in Modality), "orig", "individual", "native")
"""Values of the entity ``space`` (in lower case) under which a derived image still lies on the subject's own grid."""

LST_AI = "space-FLAIR_seg-lst"
"""The mask of LST-AI on the FLAIR; its annotated map has other labels."""

LESIONS = (
    r"label-(lesions?|WMH)_.*(mask|dseg)",
    r"desc-(lesions?|wmh)_.*(mask|dseg)",
    r"(lesions?|WMH)_(mask|dseg)",
    LST_AI,
)
WHITE_MATTER = (r"label-WM_.*(mask|probseg)", r"desc-(aseg|fastaid|synthseg)_dseg", r"dseg")
"""Endings of file names (before .nii.gz, .mgz), most specific first, in upper or lower case."""

ENTITY = re.compile(r"(?:^|_)([A-Za-z]+)-([A-Za-z0-9]+)(?=_)")

WHICH_SCAN = ("acq", "ce", "echo", "part", "rec", "run")
"""Entities that tell one scan of a modality from another in the same session."""

PLAIN = {"ce": "none", "part": "mag"}
"""Entity -> value that says the same as its absence."""


def entities(path: Path) -> dict[str, str]:
    """Entity -> value, in lower case, without leading zeros and without `PLAIN` ones."""
    found = {key.lower(): value.lower() for key, value in ENTITY.findall(path.name)}
    return {key: re.sub(r"^0+(?=\d)", "", value) for key, value in found.items() if PLAIN.get(key) != value}


def contrast_agent(path: Path) -> bool:
    """Whether a scan was made after contrast agent, by its BIDS name."""
    return path.name.startswith("sub-") and "ce" in entities(path)


def no_magnitude(path: Path) -> bool:
    """Whether an image is a phase, real or imaginary part, by its BIDS name."""
    return path.name.startswith("sub-") and "part" in entities(path)


def candidates(files: Iterable[Path], endings: Collection[str]) -> list[Path]:
    """Images on the subject's own grid whose names end like this."""
    pattern = re.compile(rf".*_({'|'.join(endings)})(\.nii(\.gz)?|\.mg[zh])", re.IGNORECASE)
    return [path for path in files if pattern.fullmatch(path.name) and path.name[0] != "." and _is_native(path)]


def best(files: Sequence[Path], endings: Sequence[str]) -> list[Path]:
    """Files whose names end with the first of ``endings`` that any file has."""
    return next(filter(None, (candidates(files, [ending]) for ending in endings)), [])


def choose(name: str, what: str, files: Sequence[Path], root: Path) -> Path:
    """The file with the fewest entities (contrast agent, phase and the like only if there is nothing else), then the
    first by name; the others are noted."""

    def rank(path: Path) -> tuple[object, ...]:
        own = len(entities(path)), natural_key(path.name), natural_key(str(path))
        return no_magnitude(path), contrast_agent(path), *own

    taken = min(files, key=rank)
    note_choice(name, what, taken, files, root)
    return taken


def is_of(derived: Path, taken: Collection[Path], others: Collection[Path]) -> bool:
    """Whether a derived image belongs to one of the scans ``taken``, by `WHICH_SCAN`: it shares at least as many values
    with one of them as with any of the ``others``; or it shares none with any scan, and contradicts none."""
    own = {key: value for key, value in entities(derived).items() if key in WHICH_SCAN}

    def shared(scan: Path) -> int:
        """Number of values in common; -1 if one differs."""
        theirs = entities(scan)
        common = own.keys() & theirs.keys()
        return len(common) if all(own[key] == theirs[key] for key in common) else -1

    ours, of_others = [shared(scan) for scan in taken], max(map(shared, others), default=0)
    return max(ours) >= max(of_others, 1) or (of_others < 1 and min(ours) == 0)


def _is_native(path: Path) -> bool:
    space = re.search(r"_space-([A-Za-z0-9]+)", path.name)
    return "_hemi-" not in path.name and (space is None or space.group(1).lower() in NATIVE_SPACES)
