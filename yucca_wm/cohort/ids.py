"""Matching of ids: one rule wherever two lists of subjects are combined.

An id matches the name that is spelled exactly like it, or else the one that differs only by a leading ``sub-`` (and by
Unicode composition of letters, which is invisible on screen). ``1``, ``01`` and ``001`` are different subjects; their
similarity is for a message to point out (`alike`), not for a program to act on.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from yucca_wm.core.errors import InputError
from yucca_wm.core.files import case_name

if TYPE_CHECKING:
    import os

Key = TypeVar("Key")

NOBODY = "subject"
"""Name used when neither file nor folder identifies the person."""

SAYS_NOTHING = {
    "t1", "t1w", "t2", "t2w", "flair", "3d", "2d", "mprage", "pre", "anat", "mri", "wm", "wmh", "lesion", "lesions",
    "mask", "masks", "seg", "segmentation", "region", "regions", "label", "labels", "probability", "prob", "map",
    "maps", "dlwmls", "dlmuse", "aseg", "brain", "bet", "orig", "raw", "native", "reg", "registered", "to", "in",
    "space", "image", "images", "scan", "scans", "nii", "nifti", "result", "results", "final",
}  # fmt: skip
"""Words in file and folder names that say what an image is, not whose it is."""


_SCAN = "(?:FLAIR|T1w?|T2w?|PDw?)"
_CONTRAST = rf"{_SCAN}(?:[_-](?:to|in)[_-](?:{_SCAN}|MNI))?|brain"
_CHANNEL = r"0{2,3}\d"
ENDING = re.compile(rf"[_-]({_CONTRAST}|{_CHANNEL})$", re.IGNORECASE)
"""Endings of scan names: contrast (``_T1``, ``_T1_to_FLAIR``) or channel (``_0000`` of nnU-Net, ``_000`` of our
tasks)."""

_SURE_ENDING = re.compile(rf"(?:[_-](?:{_CONTRAST}))+(?:[_-]{_CHANNEL})?$|[_-]0000$", re.IGNORECASE)
"""Endings that cannot be part of an id, unlike those of ``MS_001`` and ``patient_0007``."""


VISIT = re.compile(r"ses-\w+|(ses|session|visit|timepoint|tp)[-_ ]?\d\w*|baseline|follow[-_ ]?up\w*", re.IGNORECASE)
"""Name of a folder that holds one visit of the person whom the folder above is named after."""


def bare(name: str) -> str:
    """``name`` without ``sub-``, its letters composed."""
    return unicodedata.normalize("NFC", name.strip()).removeprefix("sub-")


def meant(wanted: str, names: Iterable[str]) -> str | None:
    """The one of ``names`` that ``wanted`` refers to; None where there is none."""
    names = list(names)
    return wanted if wanted in names else next((name for name in names if bare(name) == bare(wanted)), None)


MOST_ALIKE = 3
"""At most this many names are suggested."""


def alike(wanted: str, names: Collection[str]) -> list[str]:
    """Those of ``names`` that may have been meant by ``wanted``: the same but for case, separators and leading zeros,
    or else with the same numbers in it."""
    for look in (_look, _numbers):
        if (own := look(wanted)) and (found := [name for name in names if look(name) == own]):
            return found[:MOST_ALIKE]
    return []


def looks_like(wanted: str, names: Collection[str]) -> str:
    """Result of `alike` as the end of a message: `` (sub-001 looks like it)``, or nothing."""
    found = alike(wanted, names)
    return f" ({', '.join(found)} look{'s' * (len(found) == 1)} like it)" if found else ""


def _look(name: str) -> str:
    return re.sub(r"0+(?=\d)", "", re.sub(r"[\W_]+", "", bare(name).casefold()))


def _numbers(name: str) -> str:
    return " ".join(str(int(number)) for number in re.findall(r"\d+", bare(name)))


def person_of_file(path: Path) -> str | None:
    """Id of the person whose image a file is: from its name (``sub-01_ses-2_T1w`` -> ``sub-01_ses-2``) or, if that says
    only what the image is (``T1``, ``FLAIR_brain``), from the nearest folder that says more, as in the layout of the
    WMH challenge (``7/pre/T1.nii.gz`` -> ``WMH_7``). None if neither does.
    """
    name = case_name(path)
    if name.startswith("sub-"):
        return session(name)
    if not _says_nothing(name):
        return name
    visit = ""
    for folder in path.absolute().parents:
        if not visit and VISIT.fullmatch(folder.name):
            visit = f"_{folder.name}"
        elif folder.name and not _says_nothing(folder.name):
            return named_by_folder(folder.name) + visit
    return None


def person_of_scan(path: Path) -> str | None:
    """As `person_of_file`, without the contrast at the end of a scan's name: ``anna_T1`` and ``anna_FLAIR_brain`` both
    belong to ``anna``; ``sub-001_T1w`` and ``MS_001_T1`` belong to ``sub-001`` and ``MS_001``."""
    name = person_of_file(path)
    if not name or name.startswith("sub-"):
        return name
    return _SURE_ENDING.sub("", name) or name


def called(*files: Path | None) -> str:
    """Name for the person whose images these files are (None for an image in memory without a file): from the first
    file by `person_of_scan`, else that file's own name; `NOBODY` without any file."""
    first = next(filter(None, files), None)
    return NOBODY if first is None else person_of_scan(first) or case_name(first)


def check_name(name: str, place: str | os.PathLike[str]) -> str:
    """``name``, if it can be part of a file name; else raises InputError about ``place``."""
    if not names_a_file(name):
        raise InputError(place, f"subject name {name!r} cannot be the name of a file", "rename it")
    return name


def sharers(whose: Iterable[tuple[Key, str]]) -> dict[Key, list[str]]:
    """Item that several subjects share -> their names. whose : pairs of an item (a checksum, say) and a name."""
    owners: dict[Key, list[str]] = {}
    for key, name in whose:
        owners.setdefault(key, []).append(name)
    return {key: names for key, names in owners.items() if len(names) > 1}


def with_others(whose: Iterable[tuple[Key, str]]) -> Iterator[tuple[Key, str, list[str]]]:
    """Each item that several subjects share (`sharers`), once for each of them: item, name, names of the others."""
    for key, names in sharers(whose).items():
        for name in names:
            yield key, name, [other for other in names if other != name]


def names_a_file(name: str) -> bool:
    """Whether files can be named like this."""
    return name not in ("", ".", "..") and not any(char in "/\\" or not char.isprintable() for char in name)


def session(name: str) -> str:
    """Subject, session and run of a BIDS name: ``sub-1_ses-2_desc-x_dseg`` -> ``sub-1_ses-2``."""
    return "_".join(part for part in name.split("_") if part.startswith(("sub-", "ses-", "run-")))


def named_by_folder(folder: str) -> str:
    """Subject name from a folder name: a bare number gets the prefix ``WMH_``, as in the published region maps."""
    return f"WMH_{folder}" if folder.isdecimal() else folder


def _says_nothing(name: str) -> bool:
    words = [word for word in re.split(r"[\W_]+", name.lower()) if word]
    return all(word in SAYS_NOTHING or (n and re.fullmatch(_CHANNEL, word)) for n, word in enumerate(words))
