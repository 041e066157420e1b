"""Reports and pictures as files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from yucca_wm import images
from yucca_wm.cohort.run import run_cases
from yucca_wm.files import make_folder, nifti_files, write_text
from yucca_wm.localize.pairs import subject_of
from yucca_wm.regions import RegionTable
from yucca_wm.report.pages import cohort_page, subject_page
from yucca_wm.report.results import Results, read_results


def write_report(
    results_dir: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    table: RegionTable,
    *,
    backgrounds: str | os.PathLike[str] | Mapping[str, Path] | None = None,
    atlas: str | os.PathLike[str] | None = None,
    subjects: bool = True,
    jobs: int = 1,
) -> tuple[Path, dict[str, str]]:
    """Write ``index.html`` and ``subjects/<subject>.html`` to ``out_dir``.

    results_dir : folder that `yucca_wm.localize` wrote.
    backgrounds : images (FLAIR) to show lesions on, by subject, or a folder of them; another grid is resampled for
        show.
    atlas : label map with the regions' labels to paint mean loads on.

    Returns the path of the cohort's page and the subjects whose page failed (with the reason).
    """
    results = read_results(results_dir)
    painted = images.load_labels(atlas) if atlas is not None else None
    folder = make_folder(out_dir)
    failures: dict[str, str] = {}
    links: dict[str, str] = {}
    if subjects:
        make_folder(folder / "subjects")
        given = backgrounds if isinstance(backgrounds, Mapping) else nifti_files(backgrounds) if backgrounds else {}
        found = {subject_of(name): path for name, path in given.items()} | dict(given)
        cases = {name: (name, found.get(name)) for name in results.subjects}
        work = partial(_write_subject, results=results, table=table, folder=folder / "subjects")
        outcome = run_cases(work, cases, jobs=jobs, label="pages")
        failures = outcome.failures
        links = {name: f"subjects/{name}.html" for name in outcome.results}
    return write_text(folder / "index.html", cohort_page(results, links, painted)), failures


def _write_subject(case: tuple[str, Path | None], results: Results, table: RegionTable, folder: Path) -> Path:
    name, background = case
    return write_text(folder / f"{name}.html", subject_page(name, results, table, background))
