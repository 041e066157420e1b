"""Write reports and pictures to files."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from urllib.parse import quote

from yucca_wm.atlas.fetch import cached_atlas
from yucca_wm.cohort.visits import further_sessions
from yucca_wm.core.errors import InputError, some_of
from yucca_wm.core.files import make_folder, write_text
from yucca_wm.core.regions import RegionTable, regions
from yucca_wm.core.stages import stage
from yucca_wm.imaging import images
from yucca_wm.jobs.cases import run_cases
from yucca_wm.localize.measures.flags import found_on_t1
from yucca_wm.localize.summary import MAPS
from yucca_wm.report.anonymise import anonymised
from yucca_wm.report.cohort_page import cohort_page
from yucca_wm.report.flagged import excluded, left_out_lines
from yucca_wm.report.folder import FIGURES, PAGES, SUBJECT_FIGURES, files_of, take_over
from yucca_wm.report.html import Pictures
from yucca_wm.report.results import Results, read_results, region_table
from yucca_wm.report.scans import find_scans, match_scans, recorded_scans
from yucca_wm.report.subject_page import subject_page


def write_report(
    results_dir: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    table: RegionTable | None = None,
    *,
    backgrounds: str | os.PathLike[str] | Mapping[str, Path] | None = None,
    atlas: str | os.PathLike[str] | None = None,
    exclude_flagged: Sequence[str] | None = None,
    subjects: bool = True,
    anonymise: bool = False,
    jobs: int | None = 1,
) -> tuple[Path, dict[str, str]]:
    """Write ``index.html`` and ``subjects/<subject>.html`` to ``out_dir``, and every picture as PNG and SVG to
    ``figures/`` and ``figures/subjects/``. For a single subject, ``index.html`` is its page, and the only one.

    results_dir : folder that `yucca_wm.localize` wrote.
    table : table of the regions (default: the results' own).
    backgrounds : scans (FLAIR) to show lesions on, by case name, or a folder of them (for one subject: the scan),
        matched by `yucca_wm.report.scans`; other grids are resampled for display. Subjects without a scan are named on
        stderr.
    atlas : label map with the regions' labels to paint mean loads on (default: the fetched one, if there is one and
        the table is the built-in one).
    exclude_flagged : exclude subjects with one of these flags from the means; empty: with any that casts doubt; None:
        no exclusion. Their own rows and pages stay.
    anonymise : numbers in place of names, and no paths.

    Returns the path of ``index.html``, and subject -> reason for pages that failed or lack their picture.
    Raises InputError for a folder without a scan of any subject, an atlas for a single subject, unknown flags, and if
    no subject is left for the means.
    """
    results = read_results(results_dir)
    of_results = region_table(results_dir)
    if table is not None and table.names != of_results.names:
        problem = "was made with another region table than the one given"
        raise InputError(results_dir, problem, "leave out --names: the names come with the results")
    table = table or of_results
    names = {name: name for name in results.subjects}
    scans = _scans_of(backgrounds, results)
    if anonymise:
        results, names = anonymised(results)
    left_out = _left_out(results, exclude_flagged)
    avoid = {names[shown] for shown in found_on_t1(results.flags)}
    further = further_sessions([name for shown, name in names.items() if shown not in left_out], avoid)
    left_out |= {shown: further[name] for shown, name in names.items() if name in further}
    one_person = subjects and len(results.subjects) == 1 and not results.failures
    if one_person and atlas is not None:
        raise InputError(atlas, "is for the mean loads of a cohort; these results are of one person", "leave it out")
    painted = None
    if not one_person and (atlas := atlas if atlas is not None else _fetched_atlas(table)) is not None:
        painted = images.load_labels(atlas)  # raises before an earlier report is removed
    folder = make_folder(out_dir)
    take_over(folder, files_of(results.subjects, pages=subjects, one_person=one_person), results.folder)
    if one_person:
        (name,) = results.subjects
        stage("drawing the page")
        problem = _write_subject((results, scans.get(names[name]), None), table, folder, folder / "index.html")
        return folder / "index.html", {name: f"no picture: {problem}"} if problem else {}
    failures: dict[str, str] = {}
    links: dict[str, str] = {}
    if subjects:
        make_folder(folder / PAGES)
        before = {name: names[rows[0].previous_visit] for name, rows in results.visits.items()}
        cases = {
            name: (results.of(name), scans.get(names[name]), scans.get(before.get(name, "")))
            for name in results.subjects
        }
        work = partial(_write_subject, table=table, folder=folder)
        outcome = run_cases(work, cases, jobs=jobs, label="pages")
        pictureless = {name: f"no picture: {problem}" for name, problem in outcome.results.items() if problem}
        failures = outcome.failures | pictureless
        links = {name: f"{PAGES}/{quote(name)}.html" for name in outcome.results}
    page = cohort_page(results, links, Pictures(folder / FIGURES), painted, left_out)
    return write_text(folder / "index.html", page), failures


def _left_out(results: Results, wanted: Sequence[str] | None) -> dict[str, str]:
    """Subject -> reason for exclusions from the means; also printed on stderr."""
    if wanted is None:
        return {}
    left_out = excluded(results.folder, results.flags, wanted, results.subjects)
    lines = left_out_lines(left_out)
    if len(left_out) == len(results.subjects):
        raise InputError(results.folder, f"no subject is left for the means: {'; '.join(lines)}", "exclude fewer flags")
    for line in lines:
        print(f"note: means: {line}", file=sys.stderr)
    return left_out


def _scans_of(backgrounds: str | os.PathLike[str] | Mapping[str, Path] | None, results: Results) -> dict[str, Path]:
    subjects = results.subjects
    if backgrounds is None:
        return {}
    if isinstance(backgrounds, Mapping):
        found = match_scans(backgrounds, subjects)
    else:
        about = results.summary["subjects"].values()
        maps = [Path(one[what]) for one in about for what in MAPS if what in one]
        found = recorded_scans(backgrounds, results)
        others = [subject for subject in subjects if subject not in found]
        if others:
            found |= find_scans(backgrounds, others, maps, needed=not found)
    if without := [subject for subject in subjects if subject not in found]:
        shown = some_of(without)
        print(f"note: no scan of {len(without)} of {len(subjects)} subjects: {shown}", file=sys.stderr)
    return found


def _write_subject(
    case: tuple[Results, Path | None, Path | None], table: RegionTable, folder: Path, page_path: Path | None = None
) -> str:
    """Write one subject's page; returns the reason if it has no picture, unless maps are missing and no scan was given.

    case : results, scan, and scan of the visit before.
    page_path : path of the only page; default: one of several, in ``subjects/``.
    """
    results, background, scan_before = case
    (name,) = results.subjects
    pictures = Pictures(folder / SUBJECT_FIGURES)
    page, problem = subject_page(name, results, table, pictures, background, scan_before, alone=page_path is not None)
    write_text(page_path or folder / PAGES / f"{name}.html", page)
    about = results.summary["subjects"][name]
    gone = not all(Path(about[what]).exists() for what in ("lesions", "regions"))
    return "" if gone and background is None else problem


def _fetched_atlas(table: RegionTable) -> Path | None:
    built_in = [(region.index, region.name) for region in regions()]
    if [(region.index, region.name) for region in table] != built_in:
        return None
    try:
        return cached_atlas()[1]
    except InputError:
        return None
