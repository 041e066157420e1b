"""Track the files of a report, so that a new report replaces those of an earlier one and no others."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from yucca_wm.core.files import make_folder, write_json

MANIFEST = "report.json"
"""File that lists the files of a report, beside ``index.html``."""

PAGES, FIGURES, SUBJECT_FIGURES = "subjects", "figures", "figures/subjects"
OF_COHORT = ("heat_map", "left_right", "atlas_load", "lesion_frequency")
"""Pictures of a cohort's page."""


def files_of(subjects: Sequence[str], *, pages: bool = True, one_person: bool = False) -> list[str]:
    """Names of all files that a report may consist of, relative to its folder.

    pages : each subject has a page. one_person : the only page is that of one subject, ``index.html``.
    """
    pictures = [f"{SUBJECT_FIGURES}/{subject}" for subject in subjects] if pages else []
    pictures += [] if one_person else [f"{FIGURES}/{name}" for name in OF_COHORT]
    of_subjects = [f"{PAGES}/{subject}.html" for subject in subjects] if pages and not one_person else []
    return [*of_subjects, *(picture + suffix for picture in pictures for suffix in (".png", ".svg"))]


def take_over(folder: Path, files: Collection[str]) -> None:
    """Remove an earlier report, which may show other subjects, or these with their real names, and record the
    ``files`` of this one."""
    for file in _earlier(folder):
        file.unlink(missing_ok=True)
    with suppress(OSError):  # if it contains other files
        (folder / PAGES).rmdir()
    write_json(make_folder(folder) / MANIFEST, {"program": "yucca_wm.report", "files": sorted(files)})


def _earlier(folder: Path) -> list[Path]:
    try:
        names = [str(name) for name in json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    inside = [name for name in names if not Path(name).is_absolute() and ".." not in Path(name).parts]
    return [folder / name for name in inside]
