"""Find the subjects of a cohort, whatever its folder layout.

To add a layout, write a module with ``matches(root)`` and ``subjects(root)`` and enter it in LAYOUTS.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from yucca_wm.cohort import bids, table, wmh_challenge
from yucca_wm.cohort.ids import check_name
from yucca_wm.cohort.subject import Subject
from yucca_wm.core.errors import InputError
from yucca_wm.core.files import natural_key
from yucca_wm.imaging.reading import note

AUTO = "auto"


@dataclass(frozen=True)
class Layout:
    """How to recognise and read one folder layout.

    looks_like : short description for users.
    matches : whether a folder or file has this layout (cheap: no image is opened).
    subjects : its subjects.
    """

    looks_like: str

    matches: Callable[[Path], bool]
    subjects: Callable[[Path], list[Subject]]


LAYOUTS: dict[str, Layout] = {
    "table": Layout("a table of paths (.tsv)", table.matches, table.subjects),
    "bids": Layout("sub-<id>/anat/ (BIDS)", bids.matches, bids.subjects),
    "wmh": Layout("<id>/pre/T1.nii.gz (WMH challenge)", wmh_challenge.matches, wmh_challenge.subjects),
}
"""Known layouts by name, in the order in which ``auto`` tries them (the first that matches is taken)."""


def check_exists(root: str | os.PathLike[str]) -> Path:
    """``root`` as a path; raises InputError if it does not exist."""
    root = Path(root)
    if not root.exists():
        raise InputError(root, "no such cohort folder or table")
    return root


def _cohort_near(root: Path) -> Path | None:
    """The BIDS folder that ``root`` is a subject of, or that is in it (``rawdata``)."""
    around = [root.absolute().parent] if root.name.startswith("sub-") else sorted(root.glob("*"))
    return next((folder for folder in around if folder.is_dir() and bids.matches(folder)), None)


def find_subjects(root: str | os.PathLike[str], layout: str = AUTO) -> list[Subject]:
    """The subjects of the cohort at ``root``, in natural order of their names; no image is opened.

    A subject whose scans are ambiguous is included, with a `problem` (which is noted) and without scans.

    Parameters
    ----------
    root : the cohort's folder, or a table of paths (.tsv).
    layout : a name in LAYOUTS, or "auto" to recognise it.

    Raises
    ------
    InputError : ``root`` is absent, holds no subject, holds one name twice, or a subject's name cannot be the name
        of a file.
    """
    root = check_exists(root)
    if layout != AUTO and layout not in LAYOUTS:
        raise InputError(root, f"unknown layout '{layout}'", f"choose one of {', '.join([AUTO, *LAYOUTS])}")
    candidates = LAYOUTS.values() if layout == AUTO else [LAYOUTS[layout]]
    reader = next((known for known in candidates if layout != AUTO or known.matches(root)), None)
    found = reader.subjects(root) if reader is not None else []
    if not found:
        *others, last = (known.looks_like for known in reversed(LAYOUTS.values()))
        expected = f"expected {', '.join(others)} or {last}"
        raise InputError(root, "holds no subject", f"give {near}" if (near := _cohort_near(root)) else expected)
    for name, times in Counter(subject.name for subject in found).items():
        if times > 1:
            raise InputError(
                root,
                f"subject '{name}' occurs {times} times",
                f"give each a name of its own (visits: {name}_visit1, ...)",
            )
        check_name(name, root)
    found.sort(key=lambda subject: natural_key(subject.name))
    note(*(subject.trouble for subject in found if subject.problem))
    return found
