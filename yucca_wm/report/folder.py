"""Track the files of a report, so that a new report replaces those of an earlier one and no others."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

from yucca_wm.core.files import check_ours, make_folder, sha256, write_json
from yucca_wm.core.predictions import PREDICTIONS
from yucca_wm.localize.tables import LESIONS, LOAD, VISITS

MANIFEST, PROGRAM = "report.json", "yucca_wm.report"
"""File that lists the files of a report, beside ``index.html``."""

PAGE = "index.html"
OF_GROUPS = ("clusters.json", "associations.json")
"""Files beside a page of `yucca_wm.groups`."""

PAGES, FIGURES, SUBJECT_FIGURES = "subjects", "figures", "figures/subjects"
OF_COHORT = ("heat_map", "visits", "left_right", "atlas_load", "lesion_frequency")
"""Pictures of a cohort's page."""

BOTH_VISITS = "visits"
"""Folder in that of the subjects' pictures, for those of a visit and the one before."""


def files_of(subjects: Sequence[str], *, pages: bool = True, one_person: bool = False) -> list[str]:
    """Names of all files that a report may consist of, relative to its folder.

    pages : each subject has a page. one_person : the only page is that of one subject, ``index.html``.
    """
    pictures = (
        [f"{SUBJECT_FIGURES}/{where}{subject}" for subject in subjects for where in ("", f"{BOTH_VISITS}/")]
        if pages
        else []
    )
    pictures += [] if one_person else [f"{FIGURES}/{name}" for name in OF_COHORT]
    of_subjects = [f"{PAGES}/{subject}.html" for subject in subjects] if pages and not one_person else []
    return [*of_subjects, *(picture + suffix for picture in pictures for suffix in (".png", ".svg"))]


def check_page(folder: Path, manifest: str) -> None:
    """Raise InputError if there is a page in ``folder``, but none of the files that this package leaves beside one.

    manifest : the one of these that the page to be written has.
    """
    if not any((folder / name).is_file() for name in (MANIFEST, *OF_GROUPS)):
        check_ours(folder, [PAGE], manifest)


def take_over(folder: Path, files: Collection[str], results: Path) -> None:
    """Remove an earlier report, which may show other subjects, or these with their real names, and record the
    ``files`` of this one, and the ``results`` that it shows.

    Raises InputError if there is a page that is not from this package.
    """
    check_page(folder, MANIFEST)
    for file in _earlier(folder):
        file.unlink(missing_ok=True)
    with suppress(OSError):  # if it contains other files
        (folder / PAGES).rmdir()
    write_json(
        make_folder(folder) / MANIFEST, {"program": PROGRAM, "files": sorted(files), "shows": _contents(results)}
    )


def is_outdated(folder: Path, results: Path) -> bool:
    """Whether the report in ``folder`` was made from these results, but before they were as they are."""
    try:
        return bool(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["shows"] != _contents(results))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _contents(results: Path) -> dict[str, str]:
    """Checksums of the files that pages are made from."""
    return {
        name: sha256(path) for name in (PREDICTIONS, LOAD, LESIONS, VISITS.name) if (path := results / name).is_file()
    }


def _earlier(folder: Path) -> list[Path]:
    """Pages and pictures that the manifest of an earlier report lists; nothing for another program's file."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        names = [str(name) for name in manifest["files"]] if manifest["program"] == PROGRAM else []
    except (OSError, ValueError, KeyError, TypeError):
        return []
    ours = [name for name in names if re.fullmatch(r"subjects/[^/]+\.html|figures/(subjects/)?[^/]+\.(png|svg)", name)]
    return [path for name in ours if (path := folder / name).is_file()]
